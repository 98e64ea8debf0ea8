/**
 * Flags that describe an entry (`add`, `set`) or a sign-in (`add`, `login`, `bridge`), and how they become options.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { CALLBACK_TIMEOUT_S, CLIENT_NAME_MAX_CHARS } from "../../primitives/limits.ts";
import { parseAuthorizeParameter } from "../../primitives/oauth/authorize_parameters.ts";
import { unionScopes } from "../../primitives/oauth/scope.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";
import type { GivenClient } from "../../services/signin/mod.ts";
import { type ConnectionFlags, connectionFlags, connectionOptions } from "./connection_flags.ts";
import {
  type CallbackFlags,
  callbackFlags,
  callbackOptions,
  UNSETTABLE_CALLBACK,
  wayFlags,
  withCallbackEnvironment,
} from "./callback_flags.ts";
import type { CliContext } from "./context.ts";
import { type DiscoveryFlags, discoveryFlags, discoveryOptions } from "./discovery_flags.ts";
import { dpopFlag, type DpopFlags, dpopFlags, dpopOptions } from "./dpop_flags.ts";
import { givenKey, type KeyFlags, readGiven } from "./grant_flags.ts";
import { listFlag, numberFlag, switchFlag, valueFlag } from "./flags.ts";
import {
  type BridgeWishFlags,
  bridgeWishFlags,
  bridgeWishOptions,
  UNSETTABLE_BRIDGE,
} from "./bridge_flags.ts";
import { type TransportFlags, transportFlags, transportOptions } from "./transport_flags.ts";
import { type WebSocketFlags, webSocketFlags, webSocketOptions } from "./websocket_flags.ts";
import { providerEnvironment, type ProviderFlags, providerFlags, providerOptions } from "./provider_flags.ts";

/** What describes an entry. */
export type EntryFlags =
  & CallbackFlags
  & ConnectionFlags
  & DiscoveryFlags
  & ProviderFlags
  & DpopFlags
  & TransportFlags
  & WebSocketFlags
  & BridgeWishFlags
  & {
    readonly scope?: readonly string[] | undefined;
    readonly resource?: string | undefined;
    readonly clientMetadataUrl?: string | undefined;
    readonly allowPrivateHost?: readonly string[] | undefined;
    readonly assumePkce?: boolean | undefined;
    readonly authorizeParam?: readonly string[] | undefined;
    readonly clientName?: string | undefined;
  };

/** The grammar of what a server may want of a sign-in beside the standard. */
export const serverWishFlags = {
  authorizeParam: listFlag(
    "Parameter for the authorization request, such as access_type=offline",
    "name=value",
  ),
  clientName: valueFlag("Name to register a client under, in place of mcp-auth", "name"),
} as const;

/** The grammar of {@linkcode EntryFlags}. */
export const entryFlags = {
  scope: listFlag("Scope to ask for, in place of what the server names", "scope"),
  resource: valueFlag("Resource indicator, in place of the advertised one", "uri"),
  clientMetadataUrl: valueFlag(
    "Client ID metadata document to sign in with; none for no document at all",
    "url",
  ),
  ...callbackFlags,
  ...connectionFlags,
  ...transportFlags,
  ...webSocketFlags,
  ...bridgeWishFlags,
  allowPrivateHost: listFlag("Host on a private network that this server may name", "host"),
  ...discoveryFlags,
  ...providerFlags,
  assumePkce: switchFlag("Take for granted that the server supports PKCE with S256"),
  ...dpopFlags,
  ...serverWishFlags,
} as const;

/** The options that `--unset` forgets, by the names of their flags. */
export const UNSETTABLE = [
  "scope",
  "resource",
  "client-id",
  "client-metadata-url",
  ...UNSETTABLE_CALLBACK,
  "header",
  "ca-file",
  "client-cert",
  "transport",
  "websocket-auth",
  ...Object.keys(UNSETTABLE_BRIDGE) as (keyof typeof UNSETTABLE_BRIDGE)[],
  "allow-private-host",
  "allow-metadata-origin",
  "assume-pkce",
  "dpop",
  "authorize-param",
  "client-name",
  "provider",
  "provider-param",
  "authorization-server",
  "quirk",
  "site",
  "grant",
  "assertion-audience",
] as const;

/** Names the client of a sign-in; a client is bound to the server that it signs in at, so only a sign-in takes one. */
export type ClientFlags = { readonly clientId?: string | undefined };

/** The grammar of {@linkcode ClientFlags}. */
export const clientFlags = { clientId: valueFlag("Client that you registered by hand", "id") } as const;

/** The grammar of a sign-in with the browser. */
export const signInFlags = {
  ...wayFlags,
  timeout: numberFlag(`Seconds to wait for you to approve (${CALLBACK_TIMEOUT_S})`, "seconds", 1, 86_400),
} as const;

/**
 * The options for a sign-in: those of the flags, and what the environment says where no flag does.
 *
 * @throws {McpAuthError} As {@linkcode entryOptions} does.
 */
export async function signInOptions(context: CliContext, flags: EntryFlags): Promise<ServerOptions> {
  const clientMetadataUrl = flags.clientMetadataUrl ?? context.env.get("MCP_AUTH_CLIENT_METADATA_URL");
  const { scope, server } = providerEnvironment(context.env, flags);
  return {
    ...await entryOptions({
      ...withCallbackEnvironment(flags, context.env),
      ...dpopFlag(flags, context.env),
      clientMetadataUrl,
      scope,
    }),
    ...server,
  };
}

/**
 * The options that the flags stand for.
 *
 * @throws {McpAuthError} `USAGE` or `CONFIG_INVALID` for a value that cannot be used.
 */
export async function entryOptions(flags: EntryFlags): Promise<ServerOptions> {
  const metadataUrl = flags.clientMetadataUrl;
  return {
    ...(flags.scope === undefined ? {} : { scopes: readScopes(flags.scope) }),
    ...(flags.resource === undefined ? {} : { resource: readResource(flags.resource) }),
    ...(metadataUrl === undefined ? {} : { clientMetadataUrl: await readDocumentChoice(metadataUrl) }),
    ...callbackOptions(flags),
    ...connectionOptions(flags),
    ...transportOptions(flags),
    ...webSocketOptions(flags),
    ...bridgeWishOptions(flags),
    ...(flags.allowPrivateHost === undefined ? {} : { allowPrivateHosts: flags.allowPrivateHost }),
    ...discoveryOptions(flags),
    ...await providerOptions(flags),
    ...(flags.assumePkce ? { allowMissingPkceMetadata: true } : {}),
    ...dpopOptions(flags),
    ...(flags.authorizeParam === undefined
      ? {}
      : { authorizeParameters: Object.fromEntries(flags.authorizeParam.map(parseAuthorizeParameter)) }),
    ...(flags.clientName === undefined ? {} : { clientName: readClientName(flags.clientName) }),
  };
}

/**
 * The client given with a command: its id by flag or `MCP_AUTH_CLIENT_ID`, its secret from a file, standard input or
 * `MCP_AUTH_CLIENT_SECRET`, its private key likewise or from `MCP_AUTH_PRIVATE_KEY`, never from the command line. A file alone is for the client that the entry has; the secret in
 * the environment is never sent with another id than the one beside it.
 *
 * @param entryClientId The client that the entry has already.
 * @throws {McpAuthError} `USAGE` for a secret without an id, `CONFIG_MISSING` for a file that is not there.
 */
export async function givenClient(
  context: CliContext,
  flags: ClientFlags & KeyFlags & { readonly clientSecretFile?: string | undefined },
  entryClientId?: string,
): Promise<GivenClient | undefined> {
  const environment = {
    clientId: context.env.get("MCP_AUTH_CLIENT_ID"),
    clientSecret: context.env.get("MCP_AUTH_CLIENT_SECRET"),
  };
  const clientId = flags.clientId ?? environment.clientId ??
    (flags.clientSecretFile === undefined && flags.privateKey === undefined ? undefined : entryClientId);
  if (flags.clientSecretFile !== undefined && flags.privateKey !== undefined) {
    throw new McpAuthError("USAGE", "Cannot use --client-secret-file with --private-key: a client has one", {
      hint: "Leave out one of them",
    });
  }
  if (clientId === undefined) {
    if (flags.clientSecretFile === undefined && flags.privateKey === undefined) return undefined;
    const flag = flags.privateKey === undefined ? "--client-secret-file" : "--private-key";
    throw new McpAuthError("USAGE", `Cannot use ${flag} without a client`, {
      hint: "Add --client-id <id>",
    });
  }
  const isOurs = environment.clientId === undefined || environment.clientId === clientId;
  if (flags.clientSecretFile !== undefined) {
    return { clientId, clientSecret: await readGiven(context, flags.clientSecretFile, "client secret") };
  }
  const key = await givenKey(context, flags, isOurs ? context.env : undefined);
  return { clientId, clientSecret: isOurs ? environment.clientSecret : undefined, ...key };
}

/**
 * Reads scopes, separated by spaces or commas.
 *
 * @throws {McpAuthError} `USAGE`.
 */
export function readScopes(given: readonly string[]): readonly string[] {
  const words = given.flatMap((each) => each.split(/[\s,]+/)).filter((each) => each !== "");
  const scopes = unionScopes(words, []);
  if (scopes.length > 0 && scopes.length === new Set(words).size) return scopes;
  throw new McpAuthError("USAGE", `Cannot use --scope "${safeText(given.join(" "))}": not a list of scopes`, {
    hint: 'Write them as --scope "files:read files:write"',
  });
}

async function readDocumentChoice(url: string): Promise<string> {
  const { checkDocumentChoice } = await import("../../primitives/oauth/client_metadata.ts");
  return checkDocumentChoice(url);
}

function readClientName(name: string): string {
  if (name !== "" && safeText(name, CLIENT_NAME_MAX_CHARS) === name) return name;
  throw new McpAuthError(
    "USAGE",
    `Cannot use --client-name "${
      safeText(name, 80)
    }": not 1 to ${CLIENT_NAME_MAX_CHARS} characters to be shown`,
  );
}

function readResource(resource: string): string {
  if (URL.canParse(resource) && !resource.includes("#")) return resource;
  throw new McpAuthError(
    "USAGE",
    `Cannot use --resource "${safeText(resource)}": not an absolute URI without a fragment`,
  );
}
