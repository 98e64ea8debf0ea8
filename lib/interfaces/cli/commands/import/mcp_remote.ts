/**
 * `mcp-auth import mcp-remote`: takes over the sign-ins of that program. Each server is asked who authorizes access to it
 * now, before anything is stored.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import { MCP_REMOTE_LIST_MAX } from "../../../../primitives/limits.ts";
import { summarizeChallenges } from "../../../../primitives/oauth/challenge.ts";
import { pathIn } from "../../../../primitives/system/paths.ts";
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../../../primitives/web_url.ts";
import { checkEntryName, entryNameFor } from "../../../../services/config/mod.ts";
import type { ServerRecord, WholeEntry } from "../../../../services/credentials/mod.ts";
import { discover, probeChallenge } from "../../../../services/signin/mod.ts";
import {
  type BoundEntry,
  type CurrentServer,
  importEntries,
  notedIssuer,
  readRemoteFolder,
  recognize,
  type RecognizedState,
  toEntry,
} from "../../../../services/transfer/mod.ts";
import { type CliContext, warningText } from "../../context.ts";
import { exitCodeOf } from "../../exit_code.ts";
import { isoTime } from "../../output/time.ts";
import { transferPorts } from "../../transfer.ts";
import { type ImportFlags, newNames } from "./action.ts";

/** A server to take over. */
interface Candidate {
  readonly recognized: RecognizedState;
  readonly name: string;
  /** Whether its URL is that of an entry already. */
  readonly exists: boolean;
}

/** What became of a server. */
type Asked =
  | { readonly candidate: Candidate; readonly bound: BoundEntry; readonly error?: undefined }
  | { readonly candidate: Candidate; readonly bound?: undefined; readonly error: McpAuthError };

/**
 * Imports what mcp-remote has.
 *
 * @param context What the command runs on.
 * @param flags Its flags.
 * @param given The URLs of servers, as mcp-remote was given them.
 * @returns The exit code: not 0 where a server could not be asked.
 */
export async function importMcpRemote(
  context: CliContext,
  flags: ImportFlags,
  given: readonly string[],
): Promise<number> {
  const names = newNames(flags);
  const urls = [...new Set([...given, ...names.keys()])];
  for (const url of urls) parseWebUrl(url, "server URL");
  for (const name of names.values()) checkEntryName(name);
  const { foreignFolder, homeFolder } = await import("../../../../primitives/system/foreign_folder.ts");
  const { md5Hex } = await import("../../../../primitives/system/md5.ts");
  const path = context.env.get("MCP_REMOTE_CONFIG_DIR") ?? pathIn(homeFolder(context.env), ".mcp-auth");
  const { states, problems } = await readRemoteFolder(
    foreignFolder(path, MCP_REMOTE_LIST_MAX),
    context.clock.now(),
  );
  for (const problem of problems) context.say(`Warning: ${problem}`);
  const entries = (await context.store(flags).servers()).map(({ record }) => record);
  const { recognized, unknown } = recognize(states, [...urls, ...entries.map(({ url }) => url)], md5Hex);
  const missing = urls.filter((url) => !recognized.some((each) => each.url === url));
  if (missing.length > 0) throw notThere(missing, path);
  const wanted = recognized.filter(({ url, state }) =>
    urls.length === 0 ? state.tokens !== undefined : urls.includes(url)
  );
  const candidates = name(wanted, entries, names);
  const taken = candidates.filter(({ exists }) => exists && !flags.force);
  if (taken.length > 0 && urls.length > 0) throw existing(taken);
  const asked = await askAll(
    context,
    flags,
    candidates.filter(({ exists }) => !exists || flags.force === true),
  );
  const taking = asked.filter(({ candidate, bound }) => bound !== undefined && !isKept(candidate, bound));
  if (!flags.dryRun && taking.length > 0) {
    const { signal } = await context.services(flags).interruption();
    await importEntries(transferPorts(context, flags), {
      entries: taking.map(({ bound }) => bound!.entry),
      replace: flags.force === true,
      merge,
      source: "mcp-remote",
      signal,
    });
  }
  report(context, flags, path, asked, taken, unknown.filter(({ tokens }) => tokens !== undefined).length);
  const failed = asked.find(({ error }) => error !== undefined)?.error;
  return failed === undefined ? 0 : exitCodeOf(failed.code);
}

/** Chooses the names: the one given, the one that the entry of this URL has, else one after its host. */
function name(
  wanted: readonly RecognizedState[],
  entries: readonly ServerRecord[],
  given: ReadonlyMap<string, string>,
): readonly Candidate[] {
  const used = new Set<string>();
  return wanted.map((recognized) => {
    const { url } = recognized;
    const same = entries.find((entry) => entry.url === url && !used.has(entry.name));
    const asked = given.get(url);
    const base = entryNameFor(url);
    let chosen = asked ?? same?.name ?? base;
    if (asked === undefined && same === undefined) {
      const isFree = (name: string) => !used.has(name) && !entries.some((entry) => entry.name === name);
      for (let number = 2; !isFree(chosen); number++) chosen = `${base.slice(0, 60)}-${number}`;
    }
    if (used.has(chosen)) {
      throw new McpAuthError("USAGE", `Cannot import two servers as "${chosen}"`, {
        hint: "Give them different names with --name url=name",
      });
    }
    used.add(chosen);
    return { recognized, name: chosen, exists: entries.some((entry) => entry.name === chosen) };
  });
}

/** An entry is not replaced by one that nobody is signed in to. */
function isKept({ exists }: Candidate, { withoutTokens }: BoundEntry): boolean {
  return exists && withoutTokens !== undefined;
}

/** An entry of the same URL keeps what its user chose for it. */
function merge(before: WholeEntry, { server, credential, clients }: WholeEntry): WholeEntry {
  if (before.server.url !== server.url) return { server, credential, clients };
  const options = { ...before.server.options, ...server.options };
  return { server: { ...before.server, signIn: "oauth", options }, credential, clients: before.clients };
}

async function askAll(
  context: CliContext,
  flags: ImportFlags,
  candidates: readonly Candidate[],
): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  const { signal } = await context.services(flags).interruption();
  for (const candidate of candidates) {
    try {
      const current = await currentServer(context, flags, candidate.recognized, signal);
      const now = context.clock.now();
      asked.push({ candidate, bound: toEntry({ ...candidate, current, issuer: flags.issuer, now }) });
    } catch (error) {
      const coded = asMcpAuthError(error, "SERVER_ERROR", `ask "${safeUrl(candidate.recognized.url)}"`);
      if (coded.code === "AUTH_CANCELLED" || coded.code === "PERMISSION_DENIED") throw coded;
      asked.push({ candidate, error: coded });
    }
  }
  return asked;
}

/** Asks a server who authorizes access to it now. */
export async function currentServer(
  context: CliContext,
  flags: ImportFlags,
  recognized: RecognizedState,
  signal: AbortSignal,
): Promise<CurrentServer> {
  const { url } = recognized;
  const http = context.services(flags).http({ url, options: {} });
  return await discover({
    http,
    serverUrl: url,
    challenge: summarizeChallenges(await probeChallenge(http, url, { signal })),
    preferredIssuer: flags.issuer ?? notedIssuer(recognized),
    signal,
  });
}

function report(
  context: CliContext,
  flags: ImportFlags,
  path: string,
  asked: readonly Asked[],
  taken: readonly Candidate[],
  unknown: number,
): void {
  const done = asked.flatMap(({ candidate, bound }) => bound === undefined ? [] : [{ candidate, bound }]);
  const imported = done.filter(({ candidate, bound }) => !isKept(candidate, bound));
  for (const { candidate, bound } of done.filter((each) => !imported.includes(each))) {
    context.say(`"${candidate.name}" is left as it is: no tokens can be taken over: ${bound.withoutTokens}`);
  }
  for (const { name, recognized } of taken) {
    context.say(
      `"${name}" is an entry for ${safeUrl(recognized.url)} already; --force takes over the sign-in`,
    );
  }
  for (const { error } of asked) if (error !== undefined) context.say(warningText(error));
  if (unknown > 0) {
    context.say(
      `${
        unknown === 1 ? "One sign-in is" : `${unknown} sign-ins are`
      } for servers that the folder does not name: ` +
        "give their URLs, as mcp-remote was given them: mcp-auth import mcp-remote <url>",
    );
  }
  if (!flags.dryRun && imported.some(({ bound }) => bound.entry.credential?.refreshToken !== undefined)) {
    context.say(
      "Warning: mcp-remote has the same refresh tokens still. Stop using it for these servers: where they rotate " +
        "refresh tokens, the first refresh of one program ends the sign-in of the other",
    );
  }
  if (asked.length === 0 && taken.length === 0 && unknown === 0) {
    context.say(`There is no sign-in in "${safeText(path)}"`);
  }
  context.print(flags, {
    folder: path,
    dry_run: flags.dryRun === true,
    imported: imported.map(({ candidate, bound }) => json(candidate, bound)),
    exists: taken.map(({ name, recognized }) => ({ name, url: recognized.url })),
    failed: asked.flatMap(({ candidate, error }) =>
      error === undefined ? [] : [{ name: candidate.name, url: candidate.recognized.url, ...error.toJSON() }]
    ),
    unknown,
  }, imported.map(({ candidate, bound }) => line(candidate, bound, flags)).join("\n"));
}

function line(
  { name, recognized }: Candidate,
  { withoutTokens }: BoundEntry,
  { dryRun }: ImportFlags,
): string {
  const what = `${name} (${safeUrl(recognized.url)})`;
  const how = withoutTokens === undefined
    ? ", signed in"
    : `, without tokens: ${withoutTokens}. Sign in with: mcp-auth login ${name}`;
  return dryRun ? `Would import ${what}${how}` : `✓ Imported ${what}${how}`;
}

function json({ name, recognized }: Candidate, { entry: { credential }, withoutTokens }: BoundEntry) {
  return {
    name,
    url: recognized.url,
    from: recognized.state.folder,
    tokens: credential !== undefined,
    without_tokens: withoutTokens ?? null,
    issuer: credential?.issuer ?? null,
    can_refresh: credential?.refreshToken !== undefined,
    expires_at: isoTime(credential?.expiresAt),
  };
}

function existing(taken: readonly Candidate[]): McpAuthError {
  const words = taken.map(({ name }) => `"${name}"`).join(", ");
  return new McpAuthError("CONFIG_INVALID", `Cannot import ${words}: entries of these names exist`, {
    hint: "Give them other names with --name url=name, or add --force to replace them; nothing was changed",
  });
}

function notThere(urls: readonly string[], path: string): McpAuthError {
  const words = urls.map((url) => `"${safeUrl(url)}"`).join(", ");
  return new McpAuthError(
    "NOT_FOUND",
    `Cannot import ${words}: there is no sign-in for it in "${safeText(path)}"`,
    {
      hint:
        "Write the URL as mcp-remote was given it, to the letter; one that was used with --header or other flags " +
        "cannot be found: sign in with mcp-auth add <url>",
    },
  );
}
