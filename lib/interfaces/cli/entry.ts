/**
 * What commands do with entries: find one by name, and sign in to it while telling the person what happens.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerRecord, Versioned } from "../../services/credentials/mod.ts";
import type { GivenClient, StoredSignInRequest } from "../../services/signin/mod.ts";
import { noSuchEntry } from "../../services/tokens/mod.ts";
import { mannerOf } from "../composition/sign_in_way.ts";
import { type WayFlags, wayOf } from "./callback_flags.ts";
import { PROGRAM_NAME } from "./client_flags.ts";
import type { StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";
import type { SiteFlags } from "./provider_flags.ts";

/** How a person signs in. */
export type SignInFlags = WayFlags & {
  readonly timeout?: number | undefined;
};

/**
 * The entry of a name.
 *
 * @throws {McpAuthError} `NOT_FOUND`, with the name that may have been meant.
 */
export async function requireEntry(
  context: CliContext,
  flags: StoreFlags,
  name: string,
): Promise<Versioned<ServerRecord>> {
  const found = await context.store(flags).server(name);
  if (found !== undefined) return found;
  const names = (await context.store(flags).servers()).map(({ record }) => record.name);
  const near = names.find((each) =>
    each.startsWith(name) || name.startsWith(each) || nearlyEqual(each, name)
  );
  if (near === undefined) throw noSuchEntry(name);
  throw new McpAuthError("NOT_FOUND", `Cannot find "${safeText(name, 80)}": there is no such entry`, {
    hint: `Did you mean "${near}"? See all entries with: mcp-auth list`,
  });
}

/**
 * Signs in to an entry and stores the result, telling on standard error what happens.
 *
 * @param flags.inputTaken Standard input is for something else: nothing can be pasted.
 * @param flags.command The command line to repeat once a client is registered by hand.
 * @throws {McpAuthError} whatever the sign-in met; nothing was stored then.
 */
export async function signInWithBrowser(
  context: CliContext,
  flags: StoreFlags & SignInFlags & SiteFlags & {
    readonly reRegister?: boolean | undefined;
    readonly clientSecretFile?: string | undefined;
    readonly inputTaken?: boolean | undefined;
    readonly command?: string | undefined;
  },
  request: Omit<StoredSignInRequest, "signal">,
  given?: GivenClient,
): Promise<CredentialRecord> {
  const services = context.services(flags);
  const { signal } = await services.interruption();
  const prompts = context.terminal.isInteractive() ? await import("./output/prompt.ts") : undefined;
  const { CLIENT_METADATA_URL } = await import("../../primitives/oauth/client_metadata.ts");
  const { showSignIn } = await import("./sign_in_screen.ts");
  const way = wayOf(flags);
  const surroundings = way === "auto" ? await services.ports.surroundings() : undefined;
  const screen = { server: request.server, verbose: flags.verbose === true, surroundings };
  // A pipe is read only where somebody has said that the answer comes by hand.
  const inputTaken = flags.inputTaken === true || flags.clientSecretFile === "-";
  const canPaste = !inputTaken && (context.terminal.isInteractive() || way === "url");
  const readLine = canPaste ? await context.terminal.lineReader() : undefined;
  return await services.signIn({
    ...await mannerOf(way, services.ports.surroundings),
    paste: readLine && ((_, signal) => readLine(signal)),
    tell: (event) => showSignIn(context, screen, event),
    ask: prompts?.askClient,
    askSite: prompts?.askSite,
    site: flags.site,
    given,
    reRegister: flags.reRegister,
    clientName: PROGRAM_NAME,
    document: CLIENT_METADATA_URL,
    command: flags.command ?? `mcp-auth login ${request.server.name}`,
    timeoutS: flags.timeout,
  }, { ...request, signal });
}

/**
 * The exit code of a command that did the same to several entries: that of the worst, which is the one that is least
 * likely to be gone when the command is run again.
 *
 * @param codes The exit codes of those that failed; 0 where there are none.
 */
export function worstExitCode(codes: readonly number[]): number {
  return WORST_FIRST.find((code) => codes.includes(code)) ?? codes[0] ?? 0;
}

/** Cancelled, failed, mistaken, missing, a sign-in is needed, temporary. */
const WORST_FIRST: readonly number[] = [130, 1, 2, 5, 4, 3];

/** One letter more, less or other, or two neighbours swapped. */
function nearlyEqual(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  return (x.length <= 1 && y.length <= 1) || (x.length === 2 && x === `${y[1]}${y[0]}`);
}
