/**
 * `mcp-auth add`: the action. The first exchange with the server decides whether a sign-in is needed at all; nothing is
 * stored before tokens are there, or the server has answered without them.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import { parseWebUrl } from "../../../../primitives/web_url.ts";
import { checkEntryName, entryNameFor } from "../../../../services/config/mod.ts";
import type { CredentialRecord, ServerRecord } from "../../../../services/credentials/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, givenClient, signInOptions } from "../../entry_flags.ts";
import { firstExchange } from "../../first_exchange.ts";
import { isoTime } from "../../output/time.ts";

/** The flags of the command. */
export type AddFlags = CommonFlags & SignInFlags & EntryFlags & ClientFlags & {
  readonly force?: boolean | undefined;
  readonly clientSecretFile?: string | undefined;
};

/** Adds an entry. */
export const action: Action<AddFlags, [string, string?]> = async (context, flags, first, second) => {
  const url = second ?? first;
  parseWebUrl(url, "server URL");
  if (url.includes("#")) throw new McpAuthError("USAGE", "Cannot use the server URL: it has a fragment");
  const name = checkEntryName(second === undefined ? entryNameFor(url) : first);
  const before = await context.store(flags).server(name);
  if (before !== undefined && !flags.force) throw taken(name, before.record.url);
  if (second === undefined) context.say(`The entry is named "${name}"`);
  const given = await givenClient(context, flags);
  const options = signInOptions(context, flags);
  const server: ServerRecord = {
    name,
    url,
    createdAt: context.clock.now(),
    signIn: "oauth",
    options: given === undefined ? options : { ...options, clientId: given.clientId },
  };
  const expected = before?.version ?? null;
  const outcome = await connect(context, flags, server, expected, given);
  const { credential, tools } = outcome;
  if (credential === undefined) await storeOpen(context, flags, { ...server, signIn: "none" }, expected);
  const count = tools === undefined ? "" : `${tools} ${tools === 1 ? "tool" : "tools"}`;
  const remarks = [
    ...(credential === undefined ? ["no sign-in needed"] : []),
    ...(count === "" ? [] : [count]),
  ];
  context.print(flags, {
    name,
    url,
    sign_in: credential === undefined ? "none" : "oauth",
    issuer: credential?.issuer ?? null,
    account: credential?.account ?? null,
    scope: credential?.grantedScopes.join(" ") ?? null,
    expires_at: isoTime(credential?.expiresAt),
    can_refresh: credential?.refreshToken !== undefined,
    tools: tools ?? null,
  }, `✓ Connected to ${name}${remarks.length === 0 ? "" : ` (${remarks.join(", ")})`}`);
  if (context.store(flags).inMemory) {
    context.say("Nothing is kept: the memory keystore ends with this command");
  }
};

interface Outcome {
  /** Undefined where the server needs no sign-in. */
  readonly credential: CredentialRecord | undefined;
  readonly tools: number | undefined;
}

/** Runs the first exchange, signing in when the server asks for it. */
async function connect(
  context: CliContext,
  flags: AddFlags,
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
