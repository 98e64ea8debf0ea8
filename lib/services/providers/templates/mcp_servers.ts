/**
 * Vendors whose MCP servers are discovered like all others: what discovery does not say of them.
 *
 * @module
 */
import type { ProviderTemplate } from "../template.ts";

const CHECKED = "2026-11-21";

/** The templates. */
export const MCP_SERVERS: readonly ProviderTemplate[] = [
  {
    name: "figma",
    title: "Figma",
    source: {
      url: "https://help.figma.com/hc/en-us/articles/35281350665623",
      also: [
        "https://www.figma.com/mcp-catalog/",
        "https://github.com/NousResearch/hermes-agent/issues/73141", // The method.
      ],
      checked: CHECKED,
    },
    quirks: ["client-allow-list", "wrong-auth-method"],
    mcp: { hosts: ["mcp.figma.com"] },
    notes: [
      "Figma registers clients of a list alone, by their names. If yours is on it, say so with --client-name.",
    ],
  },
  {
    name: "hubspot",
    title: "HubSpot",
    source: {
      url:
        "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/integrate-with-hubspot-mcp-server",
      checked: CHECKED,
    },
    setUpPage: "https://app.hubspot.com/l/mcp-auth-apps/",
    mcp: { hosts: ["mcp.hubspot.com"] },
    notes: [
      "HubSpot registers no clients by itself: create an MCP auth app, which has a secret.",
      "The MCP server is at https://mcp.hubspot.com.",
    ],
  },
  {
    name: "notion",
    title: "Notion",
    source: { url: "https://developers.notion.com/guides/mcp/build-mcp-client", checked: CHECKED },
    mcp: { hosts: ["mcp.notion.com"] },
  },
  {
    name: "linear",
    title: "Linear",
    source: { url: "https://linear.app/docs/mcp", checked: CHECKED },
    mcp: { hosts: ["mcp.linear.app"] },
  },
  {
    name: "sentry",
    title: "Sentry",
    source: { url: "https://docs.sentry.io/ai/mcp/", checked: CHECKED },
    mcp: { hosts: ["mcp.sentry.dev"] },
  },
  {
    name: "vercel",
    title: "Vercel",
    source: {
      url: "https://vercel.com/docs/cli/mcp",
      also: ["https://github.com/UsefulSoftwareCo/executor/issues/1950"], // offline_access.
      checked: CHECKED,
    },
    mcp: { hosts: ["mcp.vercel.com"] },
    notes: [
      "Its resource asks for openid alone; offline_access is added, since its authorization server lists it.",
      "The MCP server is at https://mcp.vercel.com.",
    ],
  },
  {
    name: "supabase",
    title: "Supabase",
    source: {
      url: "https://github.com/supabase-community/supabase-mcp/pull/172",
      also: ["https://github.com/anthropics/claude-code/issues/84614"], // Clients that are forgotten.
      checked: CHECKED,
    },
    mcp: { hosts: ["mcp.supabase.com"] },
    notes: ["Supabase forgets clients that are not used; another is registered when that happens."],
  },
  {
    name: "cloudflare",
    title: "Cloudflare",
    source: {
      url: "https://developers.cloudflare.com/agents/model-context-protocol/mcp-servers-for-cloudflare/",
      also: ["https://github.com/cloudflare/mcp-server-cloudflare"],
      checked: CHECKED,
    },
    mcp: { hosts: ["mcp.cloudflare.com", "*.mcp.cloudflare.com"] },
  },
];
