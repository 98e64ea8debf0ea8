/**
 * What commands do with entries: find one by name, and sign in to it while telling the person what happens.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerRecord, Versioned } from "../../services/credentials/mod.ts";
import type { GivenClient, SignInEvent, StoredSignInRequest } from "../../services/signin/mod.ts";
import { noSuchEntry } from "../../services/tokens/mod.ts";
import type { StoreFlags } from "./command.ts";
import { type CliContext, warningText } from "./context.ts";

/** How a person signs in. */
export type SignInFlags = {
  readonly browser?: boolean | undefined;
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
 * Signs in to an entry with the browser and stores the result, telling on standard error what happens.
 *
 * @throws {McpAuthError} whatever the sign-in met; nothing was stored then.
 */
export async function signInWithBrowser(
  context: CliContext,
  flags: StoreFlags & SignInFlags & { readonly reRegister?: boolean | undefined },
  request: Omit<StoredSignInRequest, "signal">,
  given?: GivenClient,
): Promise<CredentialRecord> {
  const services = context.services(flags);
  const { signal } = await services.interruption();
  const ask = context.terminal.isInteractive() ? (await import("./output/prompt.ts")).askClient : undefined;
  return await services.signIn({
    openBrowser: flags.browser !== false,
    tell: (event) => tellSignIn(context, flags.verbose === true, request.server, event),
    ask,
    given,
    reRegister: flags.reRegister,
    clientName: "mcp-auth",
    timeoutS: flags.timeout,
  }, { ...request, signal });
}

function tellSignIn(context: CliContext, verbose: boolean, server: ServerRecord, event: SignInEvent): void {
  switch (event.kind) {
    case "discovered":
      if (verbose) context.say(`Discovered: ${event.steps}`);
      return;
    case "issuer-changed":
      return context.say(
        `Warning: "${server.name}" was signed in at ${safeUrl(event.from)}; its server now names ${
          safeUrl(event.to)
        }`,
      );
    case "registered":
      if (verbose) context.say(`Client: ${event.source} at ${safeUrl(event.issuer)}`);
      return;
    case "client-forgotten":
      return context.say(`"${safeUrl(event.issuer)}" no longer knows this client; registering again`);
    case "authorize":
      context.say(`Sign in to "${server.name}" (${safeUrl(server.url)}) at ${safeUrl(event.issuer)}`);
      context.say(
        event.opened ? "Opening the browser. If nothing opens, visit:" : "Open this URL in a browser:",
      );
      return context.say(`  ${event.url}`);
    case "no-browser":
      return context.say(warningText(event.error));
    case "received":
      if (verbose) context.say("Received the answer of the authorization server");
  }
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
