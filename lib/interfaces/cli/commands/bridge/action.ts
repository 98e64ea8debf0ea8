/**
 * `mcp-auth bridge`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { parseWebUrl } from "../../../../primitives/web_url.ts";
import { entryNameFor, expandHeaders } from "../../../../services/config/mod.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";
import type { Action, StoreFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry, type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, givenClient, signInOptions } from "../../entry_flags.ts";

/** The flags of the command. */
export type BridgeFlags = StoreFlags & SignInFlags & EntryFlags & ClientFlags & {
  readonly login?: boolean | undefined;
};

/** What is bridged to. */
interface Target {
  readonly server: ServerRecord;
  /** Whether the store has it. */
  readonly stored: boolean;
  /** The command that a person has to run when a sign-in is needed. */
  readonly signInCommand: string;
}

/** The flags that describe a sign-in: without `--login` there is none. */
const SIGN_IN_FLAGS = {
  scope: "--scope",
  resource: "--resource",
  clientId: "--client-id",
  clientMetadataUrl: "--client-metadata-url",
  callbackPort: "--callback-port",
  assumePkce: "--assume-pkce",
  authorizeParam: "--authorize-param",
  clientName: "--client-name",
  browser: "--browser",
  timeout: "--timeout",
} as const;

/** Runs the bridge until the host closes standard input. */
export const action: Action<BridgeFlags, [string]> = async (context, flags, nameOrUrl) => {
  checkSignInFlags(flags);
  const services = context.services(flags);
  const { signal } = await services.interruption({ parent: true });
  const target = await findTarget(context, flags, nameOrUrl);
  const { server, stored, signInCommand } = target;
  /** A new entry must not take the place of another that got its name meanwhile. */
  let expected: null | undefined = stored ? undefined : null;
  const authorizer = services.authorizer(server, {
    anonymous: server.signIn === "none" || !stored,
    signInCommand,
    ...(flags.login
      ? {
        signIn: async (need) => {
          const given = await givenClient(context, flags);
          await signInWithBrowser(context, flags, { server, expected, ...need }, given);
          expected = undefined;
        },
      }
      : {}),
  });
  const { runBridge } = await import("../../../../services/bridge/mod.ts");
  const log = (message: string) => context.say(message);
  const ended = new AbortController();
  let keeping: Promise<void> | undefined;
  try {
    await runBridge({
      url: server.url,
      http: services.http(server),
      authorizer,
      headers: expandHeaders(server.options.headers, (name) => context.env.get(name)),
      input: context.terminal.input(),
      output: {
        write: async (chunk) => {
          await context.terminal.write(chunk);
          // Not before the host has its first answer: the first timer of a process costs what an answer does.
          keeping ??= services.authority.keepFresh([server.name], { signal: ended.signal, log });
        },
      },
      log,
      signal,
    });
  } finally {
    ended.abort();
    await keeping;
  }
};

/** Refuses a flag that would have no effect. */
function checkSignInFlags(flags: BridgeFlags): void {
  if (flags.login) return;
  for (const [name, flag] of Object.entries(SIGN_IN_FLAGS)) {
    if (flags[name as keyof typeof SIGN_IN_FLAGS] === undefined) continue;
    throw new McpAuthError("USAGE", `Cannot use "${flag}" without --login: it describes a sign-in`, {
      hint: "Add --login, or leave it out",
    });
  }
}

/** An entry by its name, the one entry of a URL, or a URL that is no entry yet. */
async function findTarget(context: CliContext, flags: BridgeFlags, nameOrUrl: string): Promise<Target> {
  const options = signInOptions(context, flags);
  const target = (record: ServerRecord, stored: boolean, signInCommand: string): Target => ({
    server: { ...record, options: { ...record.options, ...options } },
    stored,
    signInCommand,
  });
  if (!/^https?:/i.test(nameOrUrl)) {
    const { record } = await requireEntry(context, flags, nameOrUrl);
    return target(record, true, `mcp-auth login ${record.name}`);
  }
  parseWebUrl(nameOrUrl, "server URL");
  const entries = await context.store(flags).servers();
  const known = entries.find(({ record }) => record.url === nameOrUrl)?.record;
  if (known !== undefined) return target(known, true, `mcp-auth login ${known.name}`);
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
  return target(record, false, `mcp-auth add ${name} ${nameOrUrl}`);
}
