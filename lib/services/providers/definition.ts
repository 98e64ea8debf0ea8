/**
 * Makes the template of a provider that the user has defined: what they said, over what is known of the provider that it
 * is like.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { isQuirk, NAMEABLE_QUIRKS, type QuirkName } from "../../primitives/oauth/quirks/table.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import type { GivenServer, ProviderRecord } from "../credentials/mod.ts";
import { NO_PROVIDER, type ProviderTemplate } from "./template.ts";

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const HOST = /^(\*\.)?[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:\d{1,5})?$/;

/**
 * Refuses what cannot name a provider.
 *
 * @throws {McpAuthError} `USAGE`.
 */
export function checkProviderName(name: string): string {
  if (NAME.test(name) && name !== NO_PROVIDER) return name;
  throw new McpAuthError(
    "USAGE",
    `Cannot use "${safeText(name, 80)}" as the name of a provider: it does not match ${NAME.source}${
      name === NO_PROVIDER ? ', or is "none"' : ""
    }`,
  );
}

/**
 * Refuses a quirk that no entry or provider may name.
 *
 * @throws {McpAuthError} `USAGE`.
 */
export function checkQuirk(name: string): QuirkName {
  if (isQuirk(name) && NAMEABLE_QUIRKS.includes(name)) return name;
  throw new McpAuthError("USAGE", `Cannot use quirk "${safeText(name, 60)}": there is none to name so`, {
    hint: `Use one of: ${NAMEABLE_QUIRKS.join(", ")}`,
  });
}

/**
 * Refuses a definition that cannot work.
 *
 * @param record What the user said.
 * @param like The template that it is like, where they named one.
 * @throws {McpAuthError} `USAGE` or `CONFIG_INVALID`; `UNSAFE_URL` for a URL that is not https (or http on loopback).
 */
export function checkDefinition(record: ProviderRecord, like: ProviderTemplate | undefined): void {
  checkProviderName(record.name);
  for (const quirk of record.quirks ?? []) checkQuirk(quirk);
  for (const host of record.hosts ?? []) {
    if (HOST.test(host)) continue;
    throw new McpAuthError("USAGE", `Cannot use --host "${safeText(host, 80)}": not a host`, {
      hint: "Write it as --host mcp.example.com, or --host '*.mcp.example.com' for all below it",
    });
  }
  const { tokenEndpointAuthMethod: _method, ...endpoints } = record.server ?? {};
  const urls = {
    ...endpoints,
    "API": record.apiUrl,
    "sites": record.sitesUrl,
    "set-up page": record.setUpPage,
  };
  for (const [what, url] of Object.entries(urls)) {
    // A placeholder stands for a host or a word.
    if (url !== undefined) parseWebUrl(url.replaceAll(/\{[a-z][a-z0-9_-]*\}/g, "x"), what);
  }
  const { issuer, authorizationEndpoint, tokenEndpoint } = record.server ?? {};
  const isServer = issuer !== undefined ||
    (authorizationEndpoint !== undefined && tokenEndpoint !== undefined);
  if (isServer || (record.server === undefined && like !== undefined)) return;
  if (record.server === undefined && record.hosts !== undefined) return;
  throw new McpAuthError(
    "USAGE",
    `Cannot define provider "${record.name}": it is not said where to sign in`,
    {
      hint: "Give --issuer, or --authorization-endpoint and --token-endpoint, or --like a known provider",
    },
  );
}

/**
 * The template that a definition stands for.
 *
 * @param record What the user said.
 * @param like The template that it is like; undefined where they named none.
 */
export function definedTemplate(
  record: ProviderRecord,
  like: ProviderTemplate | undefined,
): ProviderTemplate {
  const server: GivenServer | undefined = record.server ?? like?.api?.server;
  const mcpServer = record.server ?? like?.mcp?.server;
  const url = record.apiUrl ?? like?.api?.url ?? server?.issuer ?? originOf(server?.tokenEndpoint);
  const hosts = record.hosts ?? like?.mcp?.hosts;
  const scopes = record.scopes ?? like?.api?.scopes;
  const authorizeParameters = record.authorizeParameters ?? like?.api?.authorizeParameters;
  const sitesUrl = record.sitesUrl ?? like?.api?.sitesUrl;
  const wishes = {
    ...(scopes === undefined ? {} : { scopes }),
    ...(authorizeParameters === undefined ? {} : { authorizeParameters }),
  };
  const redirect = {
    ...like?.redirect,
    ...(record.callbackHost === undefined ? {} : { host: record.callbackHost }),
    ...(record.callbackPorts === undefined ? {} : { ports: record.callbackPorts }),
  };
  const quirks = record.quirks?.filter(isQuirk) ?? like?.quirks;
  const setUpPage = record.setUpPage ?? like?.setUpPage;
  return {
    name: record.name,
    title: record.title ?? like?.title ?? record.name,
    source: undefined,
    redirect,
    ...(setUpPage === undefined ? {} : { setUpPage }),
    ...(like?.parameters === undefined ? {} : { parameters: like.parameters }),
    ...(quirks === undefined ? {} : { quirks }),
    ...(hosts === undefined ? {} : {
      // The user has said who signs people in there; otherwise it is discovered.
      mcp: { hosts, ...wishesOf(record), ...(mcpServer === undefined ? {} : { server: mcpServer }) },
    }),
    ...(server === undefined || url === undefined
      ? {}
      : { api: { url, server, ...wishes, ...(sitesUrl === undefined ? {} : { sitesUrl }) } }),
  };
}

/** Of a URL that may have placeholders. */
function originOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : /^https?:\/\/[^/?#]+/i.exec(url)?.[0];
}

function wishesOf({ scopes, authorizeParameters }: ProviderRecord) {
  return {
    ...(scopes === undefined ? {} : { scopes }),
    ...(authorizeParameters === undefined ? {} : { authorizeParameters }),
  };
}
