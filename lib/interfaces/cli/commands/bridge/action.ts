/**
 * `mcp-auth bridge`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { parseWebUrl } from "../../../../primitives/web_url.ts";
import { entryNameFor, expandHeaders } from "../../../../services/config/mod.ts";
import type { ServerOptions, ServerRecord } from "../../../../services/credentials/mod.ts";
import type { SignInNeed } from "../../../../services/tokens/mod.ts";
import { requireMcpServer } from "../../add_target.ts";
import { wayOf, withOptions } from "../../callback_flags.ts";
import type { LogFlags } from "../../bridge_flags.ts";
import type { Action, StoreFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry, type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, givenClient, signInOptions } from "../../entry_flags.ts";
import { loginCommand, NEW_TOKEN_COMMAND } from "../../client_flags.ts";
import { type GrantFlags, grantKind, grantOptions, type KeyFlags } from "../../grant_flags.ts";
import { withoutTransport } from "../../transport_flags.ts";
import { readWebSocketUrl } from "../../websocket_flags.ts";
import { BridgePerson } from "./person.ts";

/** The flags of the command. */
export type BridgeFlags =
  & StoreFlags
  & SignInFlags
  & EntryFlags
  & ClientFlags
  & GrantFlags
  & KeyFlags
  & LogFlags
  & {
    readonly login?: boolean | undefined;
    readonly clientSecretFile?: string | undefined;
  };

/** What is bridged to. */
interface Target {
  readonly server: ServerRecord;
  /** Whether the store has it. */
  readonly stored: boolean;
  /** Whether this command line, or the environment, says how a machine signs in to it. */
  readonly byGrant: boolean;
  /** The command that a person has to run when a sign-in is needed. */
  readonly signInCommand: string;
}

/** Runs the bridge until the host closes standard input. */
export const action: Action<BridgeFlags, string[]> = async (context, flags, ...words) => {
  if (flags.logFile === undefined) return await bridge(context, flags, words);
  const { withBridgeLog } = await import("../../bridge_log.ts");
  await withBridgeLog(context, flags.logFile, (record) => bridge(context, flags, words, record));
};

async function bridge(
  context: CliContext,
  typed: BridgeFlags,
  typedWords: readonly string[],
  record?: (line: string) => void,
): Promise<void> {
  if (context.args.includes("--")) {
    const { bridgeToProgram } = await import("./command_target.ts");
    return await bridgeToProgram(context, typed, typedWords, record);
  }
  const [named, port] = typedWords;
  const hasPort = named !== undefined && isUrl(named) && /^\d{1,5}$/.test(port ?? "");
  if (named === undefined || typedWords.length > (hasPort ? 2 : 1)) throw unclear(typedWords);
  const { flags, words: [nameOrUrl] } = readWebSocketUrl(
    hasPort ? withPort(typed, Number(port)) : typed,
    named,
  );
  checkSignInFlags(context, flags, nameOrUrl);
  const target = await findTarget(context, flags, nameOrUrl);
  const { server, stored, byGrant, signInCommand } = target;
  const services = context.services(flags);
  const { signal } = await services.interruption({ parent: true });
  context.sayWithoutWaiting();
  /** A new entry must not take the place of another that got its name meanwhile. */
  let expected: null | undefined = stored ? undefined : null;
  const isMachine = byGrant || server.options.grant !== undefined;
  const person = new BridgePerson({
    context,
    flags,
    server,
    stored,
    command: signInCommand,
    unable: whyNobody(server, isMachine),
    opensBrowser: flags.login === true && server.signIn !== "token" && !isMachine,
  });
  const bySelf = async (need: SignInNeed) => {
    const given = await givenClient(context, flags, server.options.clientId);
    const manner = { ...flags, inputTaken: true, command: signInCommand };
    await signInWithBrowser(context, manner, { server, expected, ...need }, given);
    expected = undefined;
  };
  const signIn = server.signIn === "token" || !(flags.login || byGrant)
    ? undefined
    : isMachine
    ? bySelf
    : (need: SignInNeed) => person.signInFor(need);
  const { authorizer, http, headers } = person.reach((entry) => ({
    http: services.http(entry),
    headers: expandHeaders(entry.options.headers, (name) => context.env.get(name)),
    authorizer: services.authorizer(entry, {
      anonymous: entry.signIn === "none" || (entry === server && !stored),
      signInCommand: entry === server ? signInCommand : loginCommand(entry),
      signIn,
    }),
  }));
  const { runBridge } = await import("../../../../services/bridge/mod.ts");
  const log = (message: string) => context.say(message);
  const ended = new AbortController();
  let keeping: Promise<void> | undefined;
  try {
    await runBridge({
      url: server.url,
      transport: server.options.transport,
      openSocket: services.openSocket(server),
      webSocketAuth: server.options.websocketAuth,
      http,
      authorizer,
      headers,
      person,
      tools: { allow: server.options.allowTools, ignore: server.options.ignoreTools },
      keepAliveMs: keepAliveMs(server.options),
      lines: {
        renew: async () => (await services.network()).renew(),
        isReachable: async (timeoutMs) => await (await services.network()).isReachable(server.url, timeoutMs),
      },
      input: context.terminal.input(),
      output: {
        write: async (chunk) => {
          await context.terminal.write(chunk);
          // Not before the host has its first answer: the first timer of a process costs what an answer does.
          keeping ??= services.authority.keepFresh([server.name], { signal: ended.signal, log });
        },
      },
      log,
      record,
      signal,
    });
  } finally {
    ended.abort();
    await Promise.all([keeping, person.close()]);
  }
}

/** The port after the URL, as mcp-remote takes it. */
function withPort(flags: BridgeFlags, port: number): BridgeFlags {
  if (port <= 65_535) return { ...flags, callbackPort: [...flags.callbackPort ?? [], port] };
  throw new McpAuthError("USAGE", `Cannot use port ${port}: there are none above 65535`);
}

function keepAliveMs({ keepAliveSeconds }: ServerOptions): number | undefined {
  return keepAliveSeconds ? keepAliveSeconds * 1_000 : undefined;
}

/** The command-line library counts no words that may be a command. */
function unclear(words: readonly string[]): McpAuthError {
  return new McpAuthError(
    "USAGE",
    `Cannot read the command line: ${
      words.length === 0 ? "expected the name of an entry, or a URL" : "there are too many arguments"
    }`,
    { hint: "A server that is a program comes after --: mcp-auth bridge -- <command> <argument>..." },
  );
}

/** Why nobody can sign in to an entry through the host; undefined where a person can. */
function whyNobody(server: ServerRecord, isMachine: boolean): string | undefined {
  if (server.signIn === "token") return "its token is given by hand";
  return isMachine ? "it signs in by itself, as a machine" : undefined;
}

/** Refuses a flag that would have no effect. */
function checkSignInFlags(context: CliContext, flags: BridgeFlags, nameOrUrl: string): void {
  wayOf(flags);
  if (
    [flags.clientSecretFile, flags.privateKey, flags.idpClientSecretFile].includes("-")
  ) {
    throw new McpAuthError("USAGE", "Cannot read a secret from standard input: the host speaks there", {
      hint: "Name a file",
    });
  }
  // The others describe the sign-in of the login tool too.
  if (flags.login || flags.browser === undefined) return;
  if (grantKind(flags, isUrl(nameOrUrl) ? context.env : undefined) !== undefined) return;
  throw new McpAuthError("USAGE", 'Cannot use "--browser" without --login: no browser is opened then', {
    hint: "Add --login, or leave it out",
  });
}

/** An entry by its name, the one entry of a URL, or a URL that is no entry yet. */
async function findTarget(context: CliContext, flags: BridgeFlags, nameOrUrl: string): Promise<Target> {
  const options = {
    ...await signInOptions(context, flags),
    ...await grantOptions(context, flags, undefined),
  };
  const byGrant = options.grant !== undefined;
  const target = (record: ServerRecord, stored: boolean, signInCommand: string): Target => ({
    server: { ...record, options: withOptions(withoutTransport(record.options, flags), options) },
    stored,
    byGrant,
    signInCommand,
  });
  if (!isUrl(nameOrUrl)) {
    const { record } = await requireEntry(context, flags, nameOrUrl);
    requireMcpServer(record);
    return target(record, true, loginCommand(record));
  }
  parseWebUrl(nameOrUrl, "server URL");
  const { entryByToken, sayUnused } = await import("../../hand_token.ts");
  const entries = await context.store(flags).servers();
  const known = entries.find(({ record }) => record.url === nameOrUrl && record.kind === undefined)?.record;
  if (known !== undefined) {
    sayUnused(context, known);
    return target(known, true, loginCommand(known));
  }
  const passing = flags.login || byGrant ? undefined : await entryByToken(context, flags, nameOrUrl);
  if (passing !== undefined) return target(passing, true, NEW_TOKEN_COMMAND);
  const taken = new Set(entries.map(({ record }) => record.name));
  const base = entryNameFor(nameOrUrl);
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}-${number}`;
  const record: ServerRecord = {
    name,
    url: nameOrUrl,
    createdAt: context.clock.now(),
    signIn: "oauth",
    options: {},
  };
  const made = target(record, false, `mcp-auth add ${name} ${nameOrUrl}`);
  const fromEnvironment = byGrant ? {} : await grantOptions(context, flags, context.env);
  if (fromEnvironment.grant === undefined) return made;
  // Where the environment says how, it says so each time: nothing is kept, unless that was asked for.
  if (!flags.login && flags.keystore === undefined) context.servicesInMemory(flags);
  return {
    ...made,
    server: { ...made.server, options: { ...made.server.options, ...fromEnvironment } },
    byGrant: true,
  };
}

function isUrl(nameOrUrl: string): boolean {
  return /^https?:/i.test(nameOrUrl);
}
