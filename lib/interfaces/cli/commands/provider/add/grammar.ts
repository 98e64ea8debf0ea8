/**
 * `mcp-auth provider add`: the grammar.
 *
 * @module
 */
import { NAMEABLE_QUIRKS } from "../../../../../primitives/oauth/quirks/table.ts";
import { CALLBACK_HOSTS } from "../../../../../primitives/oauth/redirect_uri.ts";
import { defineCommand } from "../../../command.ts";
import { jsonFlag, listFlag, portsFlag, storeFlags, switchFlag, valueFlag } from "../../../flags.ts";
import type { ProviderAddFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<ProviderAddFlags, [string]>({
  brief: "Define a provider",
  description:
    "Defines a provider, or takes the place of one that comes with the program. URLs may have placeholders such as " +
    "{domain}, for which each entry says --provider-param domain=<value>. The definition is kept sealed.",
  examples: [
    [
      "mcp-auth provider add corp --issuer https://sso.example.com --url https://api.example.com",
      "by its issuer",
    ],
    [
      "mcp-auth provider add old --authorization-endpoint https://a.example/authorize --token-endpoint https://a.example/token",
      "by its endpoints",
    ],
    ["mcp-auth provider add gitea --like github --issuer https://git.example.com", "like one that is known"],
    [
      "mcp-auth provider add corp --issuer https://sso.example.com --host '*.mcp.example.com'",
      "for MCP servers",
    ],
  ],
  parameters: {
    flags: {
      like: valueFlag("Known provider that this one is like, but for what is said here", "provider"),
      title: valueFlag("Name that people know", "title"),
      issuer: valueFlag("Issuer, of which the rest is read", "url"),
      authorizationEndpoint: valueFlag("Where the browser is sent", "url"),
      tokenEndpoint: valueFlag("Where tokens are had", "url"),
      deviceEndpoint: valueFlag("Where a device code is had", "url"),
      revocationEndpoint: valueFlag("Where tokens are revoked", "url"),
      userinfoEndpoint: valueFlag("Where the account's name is asked for", "url"),
      tokenAuthMethod: {
        kind: "enum",
        values: ["basic", "post"],
        brief: "How a client with a secret authenticates",
        optional: true,
      },
      url: valueFlag("URL of the API", "url"),
      host: listFlag("Host of its MCP servers, to recognize them by; *. for all below", "host"),
      scope: listFlag("Scope to ask for", "scope"),
      authorizeParam: listFlag("Parameter for the authorization request", "name=value"),
      quirk: listFlag(`Deviation to allow for: ${NAMEABLE_QUIRKS.join(", ")}`, "name"),
      callbackHost: {
        kind: "enum",
        values: CALLBACK_HOSTS,
        brief: "Host of the redirect URI that is registered there",
        optional: true,
      },
      callbackPort: portsFlag("Port of the redirect URI that is registered there"),
      setUpPage: valueFlag("Page where clients are registered by hand", "url"),
      sitesUrl: valueFlag(
        "Where the sites of an account are listed, as JSON objects with id, name and url",
        "url",
      ),
      force: switchFlag("Replace a definition of yours"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Name of the provider", parse: String, placeholder: "provider" }],
    },
  },
  load: () => import("./action.ts"),
});
