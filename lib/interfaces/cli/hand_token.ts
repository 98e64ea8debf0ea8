/**
 * Access tokens that are given by hand: from standard input for `add` and `login`, or in `MCP_AUTH_ACCESS_TOKEN` for
 * `add` and for commands that name a URL in place of an entry. A token in the environment is for a URL alone: it is sent
 * to that origin, kept in memory, and never takes the place of what an entry is signed in with. Nothing here opens a
 * browser: whoever brings tokens is asked for another one.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import { entryNameFor } from "../../services/config/mod.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { GivenToken } from "../../services/signin/mod.ts";
import type { Authorizer, Refusal } from "../../services/tokens/mod.ts";
import type { HandTokenFlags } from "./client_flags.ts";
import type { CommonFlags, StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";
import { requireEntry } from "./entry.ts";
import { isoTime } from "./output/time.ts";

/** Flags that describe a sign-in; they have no meaning beside a token. */
const SIGN_IN_FLAGS: readonly string[] = [
  "clientId",
  "clientSecretFile",
  "privateKey",
  "signingAlgorithm",
  "keyId",
  "clientMetadataUrl",
  "clientName",
  "reRegister",
  "scope",
  "resource",
  "authorizationServer",
  "allowMetadataOrigin",
  "quirk",
  "site",
  "authorizeParam",
  "assumePkce",
  "dpop",
  "callbackPort",
  "callbackHost",
  "redirectUri",
  "listen",
  "browser",
  "device",
  "timeout",
  "clientCredentials",
  "workloadIdentity",
  "enterprise",
  "idpClientId",
  "idpClientSecretFile",
  "idToken",
  "assertionAudience",
];

/** Flags that say what is added; for an entry that is there they describe a sign-in, too. */
const TARGET_FLAGS: readonly string[] = ["provider", "providerParam"];

const VARIABLE = "MCP_AUTH_ACCESS_TOKEN";

/** The flag of commands that print more than their result. */
type ExchangeFlags = CommonFlags & HandTokenFlags;

/**
 * The token that is given with a command.
 *
 * @param context Where it is read.
 * @param flags The flags of the command.
 * @param options.fromEnvironment Whether the variable counts as well; a command line that describes a sign-in goes before.
 * @throws {McpAuthError} `USAGE` for flags that do not go together, `CONFIG_INVALID` for what is no token.
 */
export async function givenToken(
  context: CliContext,
  flags: HandTokenFlags & Readonly<Record<string, unknown>>,
  options: { readonly fromEnvironment: boolean },
): Promise<GivenToken | undefined> {
  const { tokenStdin, expiresIn } = flags;
  const refused = options.fromEnvironment ? SIGN_IN_FLAGS : [...SIGN_IN_FLAGS, ...TARGET_FLAGS];
  const other = refused.find((name) => flags[name] !== undefined);
  const given = async (text: string, source: string) => {
    const { readToken } = await import("../../services/signin/mod.ts");
    return withExpiry(context, flags, readToken(text, source));
  };
  const flag = `--${other?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (tokenStdin) {
    if (other === undefined) {
      return await given(await readStdin(context), "standard input");
    }
    throw new McpAuthError("USAGE", `Cannot use ${flag} with --token-stdin: it describes a sign-in`, {
      hint: "Leave out one of them",
    });
  }
  const value = options.fromEnvironment ? context.env.get(VARIABLE) : undefined;
  if (value && other === undefined) return await given(value, VARIABLE);
  if (expiresIn !== undefined) {
    throw new McpAuthError(
      "USAGE",
      "Cannot use --expires-in without a token: servers say how long theirs live",
      { hint: "Add --token-stdin, or leave it out" },
    );
  }
  if (value) context.say(`${VARIABLE} is not used: ${flag} describes a sign-in`);
  return undefined;
}

/** What adding an entry with a token came to. */
export interface TokenExchange {
  /** No server has issued it to a client of ours. */
  readonly credential: undefined;
  /** Undefined where the server has no tools to list, or is no MCP server. */
  readonly tools: number | undefined;
}

/**
 * Proves that a token works, and stores the entry with it; nothing is stored where it does not.
 *
 * @param context The command.
 * @param flags Its flags.
 * @param server The entry as it is to be.
 * @param token Its token.
 * @param expected The version of the entry that it replaces; null for a new one.
 * @throws {McpAuthError} `AUTH_REQUIRED` where the server refuses the token; what the exchange or the store met.
 */
export async function connectWithToken(
  context: CliContext,
  flags: ExchangeFlags,
  server: ServerRecord,
  token: GivenToken,
  expected: string | null,
): Promise<TokenExchange> {
  const { firstExchange } = await import("./first_exchange.ts");
  const tools = server.kind === "api"
    ? undefined
    : await firstExchange(context, flags, server, handAuthorizer(server, token));
  await context.services(flags).giveToken(server, token, expected);
  return { credential: undefined, tools };
}

/**
 * Replaces the token of an entry.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` for an entry that is signed in otherwise; see {@linkcode connectWithToken}.
 */
export async function loginWithToken(
  context: CliContext,
  flags: ExchangeFlags,
  { record, version }: { readonly record: ServerRecord; readonly version: string },
  token: GivenToken,
): Promise<void> {
  const { name } = record;
  const isOther = record.signIn !== "token" && await context.store(flags).credential(name) !== undefined;
  if (isOther) {
    throw new McpAuthError("CONFIG_INVALID", `Cannot give "${name}" a token: it is signed in`, {
      hint: `Run first: mcp-auth logout ${name}`,
    });
  }
  await connectWithToken(context, flags, record, token, version);
  context.print(flags, {
    name,
    sign_in: "token",
    expires_at: isoTime(token.expiresAt),
    can_refresh: false,
  }, `✓ ${name} has a new token`);
}

/**
 * Refuses to sign in to an entry that has its token by hand: on a machine without a person, a browser would only hang.
 *
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function refuseSignIn({ name, url, kind, signIn, options }: ServerRecord): void {
  if (signIn !== "token") return;
  const provider = options.provider === undefined ? "" : ` --provider ${options.provider}`;
  const target = kind === "api" ? `--api ${url}${provider}` : url;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot sign in to "${name}": it has a token that was given by hand`,
    {
      hint:
        `For a new token run: mcp-auth login ${name} --token-stdin; to sign in with the browser from now on: ` +
        `mcp-auth add ${name} ${target} --force`,
    },
  );
}

/**
 * The entry of a name, or the one that a URL stands for: an entry with this very URL, else one that the environment makes,
 * for this command alone.
 *
 * @throws {McpAuthError} `NOT_FOUND` where there is none.
 */
export async function targetEntry(
  context: CliContext,
  flags: StoreFlags,
  nameOrUrl: string,
): Promise<ServerRecord> {
  if (!/^https?:/i.test(nameOrUrl)) return (await requireEntry(context, flags, nameOrUrl)).record;
  parseWebUrl(nameOrUrl, "server URL");
  const entries = (await context.store(flags).servers()).map(({ record }) => record);
  const known = entries.find(({ url }) => url === nameOrUrl);
  if (known !== undefined) {
    sayUnused(context, known);
    return known;
  }
  const made = await entryForUrl(context, flags, nameOrUrl);
  if (made !== undefined) return made;
  throw new McpAuthError("NOT_FOUND", `Cannot find an entry for "${safeUrl(nameOrUrl)}": there is none`, {
    hint: `Run: mcp-auth add ${safeUrl(nameOrUrl)}; or set ${VARIABLE} to a token for it`,
  });
}

/** The name of {@linkcode targetEntry}; a name is taken as it is. */
export async function targetName(context: CliContext, flags: StoreFlags, nameOrUrl: string): Promise<string> {
  return /^https?:/i.test(nameOrUrl) ? (await targetEntry(context, flags, nameOrUrl)).name : nameOrUrl;
}

/** Says that the environment's token is not for an entry, which has its own. */
export function sayUnused(context: CliContext, { name }: ServerRecord): void {
  if (context.env.get(VARIABLE)) {
    context.say(`${VARIABLE} is not used: "${name}" is an entry for this URL, with a sign-in of its own`);
  }
}

/**
 * An entry for a URL that none is stored for, made of what the environment brings, in a store that ends with the command.
 *
 * @param context The command; its services are those of that store from here on.
 * @param flags Its flags.
 * @param url The URL, checked already.
 * @returns Undefined where the environment brings nothing; the services are as before then.
 * @throws {McpAuthError} `CONFIG_INVALID` for what is no token.
 */
async function entryForUrl(
  context: CliContext,
  flags: StoreFlags,
  url: string,
): Promise<ServerRecord | undefined> {
  const made = await entryByToken(context, flags, url);
  if (made !== undefined) return made;
  const { entryByGrant } = await import("./environment_entry.ts");
  return await entryByGrant(context, flags, url);
}

/**
 * As {@linkcode entryForUrl}, of a token alone.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` for what is no token.
 */
export async function entryByToken(
  context: CliContext,
  flags: StoreFlags,
  url: string,
): Promise<ServerRecord | undefined> {
  const token = await givenToken(context, {}, { fromEnvironment: true });
  if (token === undefined) return undefined;
  const server: ServerRecord = {
    name: entryNameFor(url),
    url,
    createdAt: context.clock.now(),
    signIn: "token",
    options: {},
  };
  await context.servicesInMemory(flags).giveToken(server, token, null);
  return server;
}

/** Hands out one token, and knows nothing to do about its refusal. */
function handAuthorizer({ name }: ServerRecord, { accessToken }: GivenToken): Authorizer {
  return {
    headers: () => Promise.resolve({ authorization: `Bearer ${accessToken}` }),
    noteNonce: () => {},
    refused: (refusal) => Promise.reject(refusalOf(name, refusal)),
  };
}

function refusalOf(name: string, { status, wwwAuthenticate }: Refusal): McpAuthError {
  const { error, errorDescription, scopes } = summarizeChallenges(wwwAuthenticate);
  const words = errorDescription === undefined ? "" : `: ${safeText(errorDescription)}`;
  if (status === 401) {
    return new McpAuthError(
      "AUTH_REQUIRED",
      `Cannot use "${name}": the server does not accept this token${words}`,
      { hint: "Get a new one, for this very server, and repeat the command with it" },
    );
  }
  if (error !== "insufficient_scope") {
    return new McpAuthError("AUTH_FAILED", `Cannot use "${name}": the server forbids it (403)${words}`);
  }
  const wanted = scopes === undefined ? "" : `: ${safeText(scopes.join(" "))}`;
  return new McpAuthError("INSUFFICIENT_SCOPE", `Cannot use "${name}": the token lacks scopes${wanted}`, {
    hint: "Get one with these scopes, and repeat the command with it",
  });
}

function withExpiry(context: CliContext, { expiresIn }: HandTokenFlags, accessToken: string): GivenToken {
  return {
    accessToken,
    ...(expiresIn === undefined ? {} : { expiresAt: context.clock.now() + expiresIn * 1000 }),
  };
}

async function readStdin(context: CliContext): Promise<string> {
  if (context.terminal.isInteractive()) return await (await import("./output/prompt.ts")).askToken();
  return await new Response(context.terminal.input()).text();
}
