/**
 * `mcp-auth bridge`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { parseWebUrl } from "../../../../primitives/web_url.ts";
import { entryNameFor, expandHeaders } from "../../../../services/config/mod.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";
import { requireMcpServer } from "../../add_target.ts";
import { wayOf, withOptions } from "../../callback_flags.ts";
import type { Action, StoreFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry, type SignInFlags, signInWithBrowser } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, givenClient, signInOptions } from "../../entry_flags.ts";
import { loginCommand, NEW_TOKEN_COMMAND } from "../../client_flags.ts";
import { type GrantFlags, grantKind, grantOptions, type KeyFlags } from "../../grant_flags.ts";

/** The flags of the command. */
export type BridgeFlags = StoreFlags & SignInFlags & EntryFlags & ClientFlags & GrantFlags & KeyFlags & {
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

/** The flags that describe a sign-in: without `--login` there is none. */
const SIGN_IN_FLAGS = {
  scope: "--scope",
  resource: "--resource",
  clientId: "--client-id",
  clientSecretFile: "--client-secret-file",
  privateKey: "--private-key",
  signingAlgorithm: "--signing-algorithm",
  keyId: "--key-id",
  assertionAudience: "--assertion-audience",
  clientMetadataUrl: "--client-metadata-url",
  callbackPort: "--callback-port",
  callbackHost: "--callback-host",
  redirectUri: "--redirect-uri",
  listen: "--listen",
  allowMetadataOrigin: "--allow-metadata-origin",
  assumePkce: "--assume-pkce",
  dpop: "--dpop",
  provider: "--provider",
  providerParam: "--provider-param",
  authorizationServer: "--authorization-server",
  quirk: "--quirk",
  authorizeParam: "--authorize-param",
  clientName: "--client-name",
  browser: "--browser",
  device: "--device",
  timeout: "--timeout",
} as const;

/** Runs the bridge until the host closes standard input. */
export const action: Action<BridgeFlags, [string]> = async (context, flags, nameOrUrl) => {
  checkSignInFlags(context, flags, nameOrUrl);
  const target = await findTarget(context, flags, nameOrUrl);
  const { server, stored, byGrant, signInCommand } = target;
  const services = context.services(flags);
  const { signal } = await services.interruption({ parent: true });
  /** A new entry must not take the place of another that got its name meanwhile. */
  let expected: null | undefined = stored ? undefined : null;
  const authorizer = services.authorizer(server, {
    anonymous: server.signIn === "none" || !stored,
    signInCommand,
    ...((flags.login || byGrant) && server.signIn !== "token"
      ? {
        signIn: async (need) => {
          const given = await givenClient(context, flags, server.options.clientId);
          await signInWithBrowser(
            context,
            { ...flags, inputTaken: true, command: signInCommand },
            { server, expected, ...need },
            given,
          );
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
function checkSignInFlags(context: CliContext, flags: BridgeFlags, nameOrUrl: string): void {
  wayOf(flags);
  if (
    [flags.clientSecretFile, flags.privateKey, flags.idpClientSecretFile].includes("-")
  ) {
    throw new McpAuthError("USAGE", "Cannot read a secret from standard input: the host speaks there", {
      hint: "Name a file",
    });
  }
  if (flags.login || grantKind(flags, isUrl(nameOrUrl) ? context.env : undefined) !== undefined) return;
  for (const [name, flag] of Object.entries(SIGN_IN_FLAGS)) {
    if (flags[name as keyof typeof SIGN_IN_FLAGS] === undefined) continue;
    throw new McpAuthError("USAGE", `Cannot use "${flag}" without --login: it describes a sign-in`, {
      hint: "Add --login, or leave it out",
    });
  }
}

/** An entry by its name, the one entry of a URL, or a URL that is no entry yet. */
async function findTarget(context: CliContext, flags: BridgeFlags, nameOrUrl: string): Promise<Target> {
  const options = {
    ...await signInOptions(context, flags),
    ...await grantOptions(context, flags, undefined),
  };
  const byGrant = options.grant !== undefined;
  const target = (record: ServerRecord, stored: boolean, signInCommand: string): Target => ({
    server: { ...record, options: withOptions(record.options, options) },
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
