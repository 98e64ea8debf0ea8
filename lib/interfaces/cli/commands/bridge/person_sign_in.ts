/**
 * Signs the person of a bridge in. Standard input is the host's: nothing is asked there, and what the person hands in
 * comes through the login tool. A browser is opened only where requests have started the sign-in, which they do with
 * `--login` alone. Loaded when it happens.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { CALLBACK_TIMEOUT_S } from "../../../../primitives/limits.ts";
import { CLIENT_METADATA_URL } from "../../../../primitives/oauth/client_metadata.ts";
import type { Lock } from "../../../../primitives/system/lock.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";
import type { SignInEvent } from "../../../../services/signin/mod.ts";
import type { SignInNeed } from "../../../../services/tokens/mod.ts";
import { mannerOf } from "../../../composition/sign_in_way.ts";
import { wayOf } from "../../callback_flags.ts";
import { PROGRAM_NAME } from "../../client_flags.ts";
import type { CliContext } from "../../context.ts";
import { givenClient } from "../../entry_flags.ts";
import { showSignIn } from "../../sign_in_screen.ts";
import type { BridgeFlags } from "./action.ts";
import type { PersonSignIn } from "./running_sign_in.ts";

/** What {@linkcode runSignIn} takes. */
export interface BridgeSignIn {
  readonly server: ServerRecord;
  /** Null for a new entry; undefined for the one that is there. */
  readonly expected: null | undefined;
  readonly need: SignInNeed;
  /** The command that does the same in a terminal. */
  readonly command: string;
  /** Whether a browser may be opened. */
  readonly opens: boolean;
  /** Is told what happens, and hands in what the person gives. */
  readonly running: PersonSignIn;
  /** Whether somebody else has signed in meanwhile. */
  readonly isDone: () => Promise<boolean>;
}

/**
 * Signs in and stores the result. Of bridges that open a browser for one entry, one does; the others wait for it, and open
 * their own where it has brought nothing: its person may have closed that host. Whoever is killed waits for nobody.
 *
 * @throws {McpAuthError} Whatever the sign-in met; nothing was stored then.
 */
export async function runSignIn(
  context: CliContext,
  flags: BridgeFlags,
  wanted: BridgeSignIn,
): Promise<void> {
  if (!wanted.opens) return await signIn(context, flags, wanted);
  await using turn = await browserTurn(context, flags, wanted);
  if (turn !== undefined && await wanted.isDone()) return;
  await signIn(context, flags, { ...wanted, opens: turn !== undefined });
}

/** Undefined where the person wants the address before it is this bridge's turn. */
async function browserTurn(
  context: CliContext,
  flags: BridgeFlags,
  { server, running }: BridgeSignIn,
): Promise<Lock | undefined> {
  const services = context.services(flags);
  const { signal } = await services.interruption();
  const either = AbortSignal.any([signal, running.signal, running.hurried]);
  const waitMs = (flags.timeout ?? CALLBACK_TIMEOUT_S) * 1_000;
  try {
    return await services.browserTurn(server.name, waitMs, either);
  } catch (error) {
    if (running.hurried.aborted && !running.signal.aborted && !signal.aborted) return undefined;
    if (!(error instanceof McpAuthError) || error.code !== "TIMEOUT") throw error;
    throw new McpAuthError(
      "TIMEOUT",
      `Cannot sign in: a sign-in to "${server.name}" that another bridge has begun was not finished in time`,
      { cause: error },
    );
  }
}

async function signIn(
  context: CliContext,
  flags: BridgeFlags,
  { server, expected, need, command, opens, running }: BridgeSignIn,
): Promise<void> {
  const services = context.services(flags);
  const { signal } = await services.interruption();
  const way = wayOf(flags);
  const surroundings = way === "auto" ? await services.ports.surroundings() : undefined;
  const manner = await mannerOf(way, services.ports.surroundings);
  const screen = { server, verbose: flags.verbose === true, surroundings };
  const tell = (event: SignInEvent) => {
    running.tell(event);
    // Nobody can paste at standard error's end.
    showSignIn(context, screen, event.kind === "authorize" ? { ...event, pasting: false } : event);
  };
  const given = await givenClient(context, flags, server.options.clientId);
  await services.signIn({
    ...manner,
    openBrowser: opens && manner.openBrowser,
    paste: (_, ended) => running.paste(ended),
    tell,
    given,
    clientName: PROGRAM_NAME,
    document: CLIENT_METADATA_URL,
    command,
    timeoutS: flags.timeout,
  }, { server, expected, ...need, signal: AbortSignal.any([signal, running.signal]) });
}
