/**
 * Flags that describe an entry (`add`, `set`) or a sign-in (`add`, `login`, `bridge`), and how they become options.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { CALLBACK_TIMEOUT_S, CLIENT_NAME_MAX_CHARS } from "../../primitives/limits.ts";
import { parseAuthorizeParameter } from "../../primitives/oauth/authorize_parameters.ts";
import { checkClientMetadataUrl } from "../../primitives/oauth/client_metadata.ts";
import { unionScopes } from "../../primitives/oauth/scope.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { parseHeader } from "../../services/config/mod.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";
import type { GivenClient } from "../../services/signin/mod.ts";
import type { CliContext } from "./context.ts";
import { listFlag, numberFlag, portsFlag, switchFlag, valueFlag } from "./flags.ts";

/** What describes an entry. */
export type EntryFlags = {
  readonly scope?: readonly string[] | undefined;
  readonly resource?: string | undefined;
  readonly clientMetadataUrl?: string | undefined;
  readonly callbackPort?: readonly number[] | undefined;
  readonly header?: readonly string[] | undefined;
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
  clientMetadataUrl: valueFlag("Client ID metadata document to sign in with", "url"),
  callbackPort: portsFlag("Port of the redirect URI; the first free one is taken"),
  header: listFlag("Header for every request to the server; ${VAR} is read from the environment", "header"),
  allowPrivateHost: listFlag("Host on a private network that this server may name", "host"),
  assumePkce: switchFlag("Take for granted that the server supports PKCE with S256"),
  ...serverWishFlags,
} as const;

/** The options that `--unset` forgets, by the names of their flags. */
export const UNSETTABLE = [
  "scope",
  "resource",
  "client-id",
  "client-metadata-url",
  "callback-port",
  "header",
  "allow-private-host",
  "assume-pkce",
  "authorize-param",
  "client-name",
] as const;

/** Names the client of a sign-in; a client is bound to the server that it signs in at, so only a sign-in takes one. */
export type ClientFlags = { readonly clientId?: string | undefined };

/** The grammar of {@linkcode ClientFlags}. */
export const clientFlags = { clientId: valueFlag("Client that you registered by hand", "id") } as const;

/** The grammar of a sign-in with the browser. */
export const signInFlags = {
  browser: { kind: "boolean", brief: "Open the browser (--no-browser: only print the URL)", optional: true },
  timeout: numberFlag(`Seconds to wait for the browser (${CALLBACK_TIMEOUT_S})`, "seconds", 1, 86_400),
} as const;

/**
 * The options for a sign-in: those of the flags, and what the environment says where no flag does.
 *
 * @throws {McpAuthError} As {@linkcode entryOptions} does.
 */
export function signInOptions(context: CliContext, flags: EntryFlags): ServerOptions {
  const clientMetadataUrl = flags.clientMetadataUrl ?? context.env.get("MCP_AUTH_CLIENT_METADATA_URL");
  return entryOptions({ ...flags, clientMetadataUrl });
}

/**
 * The options that the flags stand for.
 *
 * @throws {McpAuthError} `USAGE` or `CONFIG_INVALID` for a value that cannot be used.
 */
export function entryOptions(flags: EntryFlags): ServerOptions {
  const metadataUrl = flags.clientMetadataUrl;
  return {
    ...(flags.scope === undefined ? {} : { scopes: readScopes(flags.scope) }),
    ...(flags.resource === undefined ? {} : { resource: readResource(flags.resource) }),
    ...(metadataUrl === undefined ? {} : { clientMetadataUrl: checkClientMetadataUrl(metadataUrl) }),
    ...(flags.callbackPort === undefined ? {} : { callbackPorts: flags.callbackPort }),
    ...(flags.header === undefined ? {} : { headers: Object.fromEntries(flags.header.map(parseHeader)) }),
    ...(flags.allowPrivateHost === undefined ? {} : { allowPrivateHosts: flags.allowPrivateHost }),
    ...(flags.assumePkce ? { allowMissingPkceMetadata: true } : {}),
    ...(flags.authorizeParam === undefined
      ? {}
      : { authorizeParameters: Object.fromEntries(flags.authorizeParam.map(parseAuthorizeParameter)) }),
    ...(flags.clientName === undefined ? {} : { clientName: readClientName(flags.clientName) }),
  };
}

/**
 * The client given with a command: its id by flag or `MCP_AUTH_CLIENT_ID`, its secret from a file, standard input or
 * `MCP_AUTH_CLIENT_SECRET`, never from the command line. A file alone is for the client that the entry has; the secret in
 * the environment is never sent with another id than the one beside it.
 *
 * @param entryClientId The client that the entry has already.
 * @throws {McpAuthError} `USAGE` for a secret without an id, `CONFIG_MISSING` for a file that is not there.
 */
export async function givenClient(
  context: CliContext,
  flags: ClientFlags & { readonly clientSecretFile?: string | undefined },
  entryClientId?: string,
): Promise<GivenClient | undefined> {
  const environment = {
    clientId: context.env.get("MCP_AUTH_CLIENT_ID"),
    clientSecret: context.env.get("MCP_AUTH_CLIENT_SECRET"),
  };
  const clientId = flags.clientId ?? environment.clientId ??
    (flags.clientSecretFile === undefined ? undefined : entryClientId);
  if (clientId === undefined) {
    if (flags.clientSecretFile === undefined) return undefined;
    throw new McpAuthError("USAGE", "Cannot use --client-secret-file without a client", {
      hint: "Add --client-id <id>",
    });
  }
  const isOurs = environment.clientId === undefined || environment.clientId === clientId;
  const clientSecret = await readSecret(context, flags.clientSecretFile) ??
    (isOurs ? environment.clientSecret : undefined);
  return { clientId, clientSecret };
}

async function readSecret(context: CliContext, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = path === "-"
    ? await new Response(context.terminal.input()).text()
    : await context.world.readTextFile(path);
  if (text === undefined) {
    throw new McpAuthError(
      "CONFIG_MISSING",
      `Cannot read the client secret: there is no file "${safeText(path)}"`,
    );
  }
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "") {
    throw new McpAuthError("CONFIG_INVALID", `Cannot read the client secret: "${safeText(path)}" is empty`);
  }
  return secret;
}

function readScopes(given: readonly string[]): readonly string[] {
  const words = given.flatMap((each) => each.split(/[\s,]+/)).filter((each) => each !== "");
  const scopes = unionScopes(words, []);
  if (scopes.length > 0 && scopes.length === new Set(words).size) return scopes;
  throw new McpAuthError("USAGE", `Cannot use --scope "${safeText(given.join(" "))}": not a list of scopes`, {
    hint: 'Write them as --scope "files:read files:write"',
  });
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
