/**
 * `mcp-auth add`: the action. The first exchange with the server decides whether a sign-in is needed at all; nothing is
 * stored before tokens are there, or the server has answered without them.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import { ACCOUNT_MAX_CHARS } from "../../../../primitives/limits.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerRecord } from "../../../../services/credentials/mod.ts";
import { addTarget, type ApiFlags } from "../../add_target.ts";
import { isRenewable } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { commandAgain, type HandTokenFlags } from "../../client_flags.ts";
import { type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, givenClient, signInOptions } from "../../entry_flags.ts";
import { firstExchange } from "../../first_exchange.ts";
import { type GrantFlags, grantOptions, type KeyFlags } from "../../grant_flags.ts";
import { connectWithToken, givenToken } from "../../hand_token.ts";
import { isoTime } from "../../output/time.ts";
import type { SiteFlags } from "../../provider_flags.ts";
import { readWebSocketUrl } from "../../websocket_flags.ts";

/** The flags of the command. */
export type AddFlags =
  & CommonFlags
  & SignInFlags
  & EntryFlags
  & ClientFlags
  & GrantFlags
  & KeyFlags
  & ApiFlags
  & SiteFlags
  & HandTokenFlags
  & {
    readonly force?: boolean | undefined;
    readonly clientSecretFile?: string | undefined;
  };

/** Adds an entry. */
export const action: Action<AddFlags, [string, string?]> = async (context, typed, ...typedWords) => {
  const { flags, words: [first, second] } = readWebSocketUrl(typed, ...typedWords);
  const { name, url, kind, named } = await addTarget(context, flags, first, second);
  const before = await context.store(flags).server(name);
  if (before !== undefined && !flags.force) throw taken(name, before.record.url);
  if (!named) context.say(`The entry is named "${name}"`);
  const token = await givenToken(context, flags, { fromEnvironment: true });
  const given = token === undefined ? await givenClient(context, flags) : undefined;
  const options = {
    ...await signInOptions(context, flags),
    ...(token === undefined ? await grantOptions(context, flags, context.env) : {}),
  };
  const server: ServerRecord = {
    name,
    url,
    createdAt: context.clock.now(),
    signIn: token === undefined ? "oauth" : "token",
    ...(kind === undefined ? {} : { kind }),
    options: given === undefined ? options : { ...options, clientId: given.clientId },
  };
  const expected = before?.version ?? null;
  const signIn = {
    ...flags,
    command: commandAgain(kind === "api" ? ["add", name] : ["add", name, url], flags),
  };
  const outcome = token !== undefined
    ? await connectWithToken(context, flags, server, token, expected)
    : kind === "api"
    ? await signInToApi(context, signIn, server, expected, given)
    : await connect(context, signIn, server, expected, given);
  const { credential, tools } = outcome;
  if (credential === undefined && token === undefined) {
    await storeOpen(context, flags, { ...server, signIn: "none" }, expected);
  }
  const count = tools === undefined ? "" : `${tools} ${tools === 1 ? "tool" : "tools"}`;
  const remarks = [
    ...(token !== undefined
      ? ["token given by hand"]
      : credential === undefined
      ? ["no sign-in needed"]
      : []),
    ...(count === "" ? [] : [count]),
  ];
  const connectedText = `✓ Connected to ${name}${remarks.length === 0 ? "" : ` (${remarks.join(", ")})`}`;
  const stored = (await context.store(flags).server(name))?.record.options;
  context.print(flags, {
    name,
    url,
    kind: kind ?? "mcp",
    sign_in: token !== undefined ? "token" : credential === undefined ? "none" : "oauth",
    issuer: credential?.issuer ?? null,
    account: credential?.account ?? null,
    scope: credential?.grantedScopes.join(" ") ?? null,
    expires_at: isoTime(token?.expiresAt ?? credential?.expiresAt),
    can_refresh: credential !== undefined && isRenewable(credential),
    tools: tools ?? null,
    provider: stored?.provider ?? null,
    site: stored?.site ?? null,
  }, kind === "api" ? signedInText(server, credential, stored) : connectedText);
  if (context.store(flags).inMemory) {
    context.say("Nothing is kept: the memory keystore ends with this command");
  }
};

interface Outcome {
  /** Undefined where the server needs no sign-in. */
  readonly credential: CredentialRecord | undefined;
  readonly tools: number | undefined;
}

/** Signs in for an API, where no exchange proves that it works. */
async function signInToApi(
  context: CliContext,
  flags: AddFlags & { readonly command: string },
  server: ServerRecord,
  expected: string | null,
  given: Awaited<ReturnType<typeof givenClient>>,
): Promise<Outcome> {
  const credential = await signInWithBrowser(context, flags, { server, expected, challenge: {} }, given);
  return { credential, tools: undefined };
}

function signedInText(
  { name }: ServerRecord,
  credential: CredentialRecord | undefined,
  options: ServerRecord["options"] | undefined,
): string {
  const { account } = credential ?? {};
  const { site } = options ?? {};
  return `✓ Signed in to ${name}${
    account === undefined ? "" : ` as ${safeText(account, ACCOUNT_MAX_CHARS)}`
  }${site === undefined ? "" : ` (site ${safeText(site.name)})`}`;
}

/** Runs the first exchange, signing in when the server asks for it. */
async function connect(
  context: CliContext,
  flags: AddFlags & { readonly command: string },
  server: ServerRecord,
  expected: string | null,
  given: Awaited<ReturnType<typeof givenClient>>,
): Promise<Outcome> {
  let credential: CredentialRecord | undefined;
  const authorizer = context.services(flags).authorizer(server, {
    anonymous: true,
    // A token of the entry that is replaced must not go to the new server.
    credential: async () =>
      credential === undefined ? undefined : (await context.store(flags).credential(server.name))?.record,
    signIn: async (need) => {
      credential = await signInWithBrowser(context, flags, {
        server,
        expected: credential === undefined ? expected : undefined,
        ...need,
      }, given);
    },
  });
  try {
    const tools = await firstExchange(context, flags, server, authorizer);
    return { credential, tools };
  } catch (error) {
    const coded = asMcpAuthError(error, "SERVER_ERROR", `connect to "${server.name}"`);
    if (credential === undefined) throw coded;
    context.say(`"${server.name}" is saved and signed in, but the first exchange with it failed`);
    throw coded;
  }
}

/**
 * Stores an entry that needs no sign-in. The tokens of an entry that it replaces go first: they were issued for another
 * server and must not be sent to this one.
 */
async function storeOpen(
  context: CliContext,
  flags: AddFlags,
  server: ServerRecord,
  expected: string | null,
): Promise<void> {
  const store = context.store(flags);
  const replace = async () => {
    const credential = await store.credential(server.name);
    const isUnchanged = (await store.server(server.name))?.version === (expected ?? undefined);
    if (isUnchanged && credential !== undefined) {
      await store.changeCredential(server.name, credential.version, undefined);
    }
    return isUnchanged && await store.putServer(server, expected) !== undefined;
  };
  const stored = expected === null
    ? await replace()
    : await context.services(flags).authority.exclusive(server.name, replace);
  if (!stored) throw taken(server.name, server.url);
  const detail = expected === null ? undefined : "in place of another";
  context.services(flags).audit.record({ event: "entry_added", name: server.name, outcome: "done", detail });
}

function taken(name: string, url: string): McpAuthError {
  return new McpAuthError("CONFIG_INVALID", `Cannot add "${name}": an entry of that name exists (${url})`, {
    hint: `To sign in again run: mcp-auth login ${name}; to replace it add --force`,
  });
}
