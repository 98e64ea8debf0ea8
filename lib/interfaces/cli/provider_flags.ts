/**
 * Flags and variables that say where an entry signs in and what its provider is known for, and how they become options. A
 * flag wins over a variable, and both over what is known of the provider.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Env } from "../../primitives/system/env.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import type { GivenServer, ServerOptions } from "../../services/credentials/mod.ts";
import { listFlag, valueFlag } from "./flags.ts";

/** What describes where an entry signs in. */
export type ProviderFlags = {
  readonly provider?: string | undefined;
  readonly providerParam?: readonly string[] | undefined;
  readonly authorizationServer?: string | undefined;
  readonly quirk?: readonly string[] | undefined;
};

/** The grammar of {@linkcode ProviderFlags}. */
export const providerFlags = {
  provider: valueFlag(
    "Provider whose known ways are followed (see: provider list); none for no provider",
    "name",
  ),
  providerParam: listFlag(
    "What a placeholder of the provider stands for, such as domain=example.okta.com",
    "name=value",
  ),
  authorizationServer: valueFlag("Issuer to sign in at, in place of the one that the server names", "issuer"),
  quirk: listFlag("Deviation of the server to allow for (see: help quirks)", "name"),
} as const;

/** Which of an account's sites an entry is for. */
export type SiteFlags = { readonly site?: string | undefined };

/** The grammar of {@linkcode SiteFlags}. */
export const siteFlags = {
  site: valueFlag("Site of the account, by its name, id or URL, where the provider has several", "site"),
} as const;

/** The options that `--unset` forgets, by the names of their flags. */
export const UNSETTABLE_PROVIDER = {
  "provider": "provider",
  "provider-param": "providerParameters",
  "authorization-server": "authorizationServer",
  "quirk": "quirks",
  "site": "site",
} as const satisfies Readonly<Record<string, keyof ServerOptions>>;

/**
 * The options that the flags stand for.
 *
 * @throws {McpAuthError} `USAGE` or `UNSAFE_URL` for a value that cannot be used.
 */
export async function providerOptions(flags: ProviderFlags): Promise<ServerOptions> {
  const { provider, providerParam, authorizationServer, quirk } = flags;
  if ([provider, providerParam, authorizationServer, quirk].every((flag) => flag === undefined)) return {};
  const { checkProviderName, checkQuirk, NO_PROVIDER, parseProviderParameter } = await import(
    "../../services/providers/mod.ts"
  );
  return {
    ...(provider === undefined
      ? {}
      : { provider: provider === NO_PROVIDER ? provider : checkProviderName(provider) }),
    ...(providerParam === undefined
      ? {}
      : { providerParameters: Object.fromEntries(providerParam.map(parseProviderParameter)) }),
    ...(authorizationServer === undefined
      ? {}
      : { authorizationServer: { issuer: checkIssuerUrl(authorizationServer) } }),
    ...(quirk === undefined ? {} : { quirks: [...new Set(quirk.map(checkQuirk))] }),
  };
}

/**
 * What the environment says of a sign-in, where no flag does: `MCP_AUTH_SCOPE`, `MCP_AUTH_AUTH_ENDPOINT` and
 * `MCP_AUTH_TOKEN_ENDPOINT`.
 *
 * @param env The environment.
 * @param flags The flags, which win.
 * @throws {McpAuthError} `UNSAFE_URL` for an endpoint that is not https (or http on loopback).
 */
export function providerEnvironment(
  env: Env,
  flags: ProviderFlags & { readonly scope?: readonly string[] | undefined },
): {
  readonly scope: readonly string[] | undefined;
  readonly server: Pick<ServerOptions, "authorizationServer">;
} {
  const scope = env.get("MCP_AUTH_SCOPE");
  const endpoints: Record<string, string | undefined> = {
    authorizationEndpoint: env.get("MCP_AUTH_AUTH_ENDPOINT") || undefined,
    tokenEndpoint: env.get("MCP_AUTH_TOKEN_ENDPOINT") || undefined,
  };
  const given = Object.entries(endpoints).flatMap(([name, url]) => {
    if (url === undefined) return [];
    parseWebUrl(url, name === "tokenEndpoint" ? "MCP_AUTH_TOKEN_ENDPOINT" : "MCP_AUTH_AUTH_ENDPOINT");
    return [[name, url] as const];
  });
  const isNamed = flags.authorizationServer !== undefined || given.length === 0;
  return {
    scope: flags.scope ?? (scope === undefined || scope.trim() === "" ? undefined : [scope]),
    server: isNamed ? {} : { authorizationServer: Object.fromEntries(given) as GivenServer },
  };
}

/**
 * Refuses what cannot be an issuer.
 *
 * @returns The same text: issuers are compared byte for byte.
 * @throws {McpAuthError} `USAGE` or `UNSAFE_URL`.
 * @see RFC 8414 section 2
 */
function checkIssuerUrl(issuer: string): string {
  parseWebUrl(issuer, "issuer");
  if (!/[?#]/.test(issuer)) return issuer;
  throw new McpAuthError("USAGE", "Cannot use the issuer: it has a query or a fragment");
}
