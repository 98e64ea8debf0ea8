/**
 * What the servers of a host become: each with the sign-in that mcp-remote has for it, with the token that stood in the
 * configuration, or as a server that is asked whether it wants a sign-in at all.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import {
  HOST_PROBE_MS,
  HOST_PROBES_AT_ONCE_MAX,
  MCP_REMOTE_LIST_MAX,
} from "../../../../primitives/limits.ts";
import type { Http } from "../../../../primitives/http/http.ts";
import { pathIn } from "../../../../primitives/system/paths.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { expandHeaders, type Remark } from "../../../../services/config/mod.ts";
import type { ServerRecord, WholeEntry } from "../../../../services/credentials/mod.ts";
import { givenCredential, probeServer } from "../../../../services/signin/mod.ts";
import {
  notedIssuer,
  readRemoteFolder,
  recognize,
  type RecognizedState,
  type RemoteState,
  toEntry,
} from "../../../../services/transfer/mod.ts";
import { type CliContext, warningText } from "../../context.ts";
import type { ImportFlags } from "./action.ts";
import type { FoundEntry } from "./found_entry.ts";
import { currentServer } from "./mcp_remote.ts";

/** A server that is to be an entry. */
export interface Candidate {
  readonly entry: FoundEntry;
  readonly name: string;
  /** The entry of that name. */
  readonly existing: ServerRecord | undefined;
  /** Whether another of them becomes the same entry. */
  readonly isSecond: boolean;
}

/** What becomes of it. */
export interface Judged {
  readonly candidate: Candidate;
  /** What is stored; undefined where there is an entry for it already. */
  readonly whole: WholeEntry | undefined;
  /** What is known of its sign-in. */
  readonly state: "signed-in" | "token" | "no-sign-in-needed" | "not-signed-in" | "exists";
  /** What is left behind: a bridge would not do what the host's entry does. */
  readonly left: readonly Remark[];
  /** Why a sign-in of mcp-remote was not taken over; undefined where there was none. */
  readonly withoutTokens?: string;
}

/** Judges all servers, some at a time. */
export async function judgeAll(
  context: CliContext,
  flags: ImportFlags,
  candidates: readonly Candidate[],
): Promise<readonly Judged[]> {
  const states = claimed(candidates, await remoteStates(context, candidates), flags);
  const { signal } = await context.services(flags).interruption();
  const judged: Judged[] = [];
  for (let at = 0; at < candidates.length; at += HOST_PROBES_AT_ONCE_MAX) {
    const some = candidates.slice(at, at + HOST_PROBES_AT_ONCE_MAX);
    judged.push(
      ...await Promise.all(
        some.map((each) => judge(context, flags, each, states.get(each), signal)),
      ),
    );
  }
  return judged;
}

/** Whether there is an entry for a server already, or another server becomes it. */
function isThere({ entry, existing, isSecond }: Candidate, { force }: ImportFlags): boolean {
  return isSecond || existing?.url === entry.url && !force;
}

/** What the host says of a server, and the entry that is there for it does not. */
function lacking({ entry, name, existing, isSecond }: Candidate): readonly Remark[] {
  if (isSecond || existing === undefined) return [];
  const why = `the entry "${name}" has not got it: bring it up to date with --force`;
  const { headers, ...options } = entry.options;
  const differs = (a: unknown, b: unknown) => JSON.stringify(a) !== JSON.stringify(b);
  const known = new Map(Object.entries(existing.options.headers ?? {}));
  return [
    ...Object.entries(headers ?? {}).filter(([header, value]) => known.get(header) !== value)
      .map(([header]) => ({ option: `header ${safeText(header, 80)}`, why })),
    ...Object.entries(options)
      .filter(([option, value]) => differs(value, existing.options[option as keyof typeof options]))
      .map(([option]) => ({ option, why })),
  ];
}

/** Each sign-in is for one entry alone: two that refresh with one token end each other. */
function claimed(
  candidates: readonly Candidate[],
  states: readonly RecognizedState[],
  flags: ImportFlags,
): ReadonlyMap<Candidate, RecognizedState> {
  const free = new Set(states.filter(({ state }) => state.tokens !== undefined));
  const found = new Map<Candidate, RecognizedState>();
  for (const candidate of candidates) {
    const { found: server, url, options } = candidate.entry;
    // With headers, mcp-remote keeps a sign-in of its own, which cannot be told from others.
    if (isThere(candidate, flags) || server.by === "mcp-remote" && server.headers.length > 0) continue;
    const state = [...free].find((each) => each.url === url && each.resource === options.resource);
    if (state === undefined) continue;
    free.delete(state);
    found.set(candidate, state);
  }
  return found;
}

async function judge(
  context: CliContext,
  flags: ImportFlags,
  candidate: Candidate,
  state: RecognizedState | undefined,
  signal: AbortSignal,
): Promise<Judged> {
  const { entry, name } = candidate;
  const { url } = entry;
  const { left } = entry;
  if (isThere(candidate, flags)) {
    return { candidate, whole: undefined, state: "exists", left: [...left, ...lacking(candidate)] };
  }
  const server: ServerRecord = {
    name,
    url,
    createdAt: context.clock.now(),
    signIn: "oauth",
    options: entry.options,
  };
  if (entry.token !== undefined) {
    const credential = givenCredential(server, { accessToken: entry.token }, context.clock.now());
    return {
      candidate,
      whole: { server: { ...server, signIn: "token" }, credential, clients: [] },
      state: "token",
      left,
    };
  }
  const taken = state === undefined ? undefined : await takeOver(context, flags, server, state, signal);
  if (taken?.whole !== undefined) return { candidate, whole: taken.whole, state: "signed-in", left };
  const needsNone = await needsNoSignIn(context, flags, server, signal);
  return {
    candidate,
    whole: { server: { ...server, signIn: needsNone ? "none" : "oauth" }, clients: [] },
    state: needsNone ? "no-sign-in-needed" : "not-signed-in",
    left,
    ...(taken?.why === undefined ? {} : { withoutTokens: taken.why }),
  };
}

async function takeOver(
  context: CliContext,
  flags: ImportFlags,
  server: ServerRecord,
  recognized: RecognizedState,
  signal: AbortSignal,
): Promise<{ readonly whole?: WholeEntry; readonly why?: string }> {
  try {
    const preferred = flags.issuer ?? notedIssuer(recognized);
    const current = await currentServer(context, { ...flags, issuer: preferred }, recognized, signal);
    const { name } = server;
    const now = context.clock.now();
    const { entry, withoutTokens } = toEntry({ name, recognized, current, issuer: flags.issuer, now });
    if (withoutTokens !== undefined) return { why: withoutTokens };
    return {
      whole: {
        ...entry,
        server: { ...entry.server, options: { ...server.options, ...entry.server.options } },
      },
    };
  } catch (error) {
    const coded = asMcpAuthError(error, "SERVER_ERROR", `ask "${server.name}"`);
    if (coded.code === "AUTH_CANCELLED" || coded.code === "PERMISSION_DENIED") throw coded;
    return { why: coded.message };
  }
}

/**
 * Whether a server answers without a sign-in. One that cannot be asked is taken to want one, unless it has headers of its
 * own: those are a sign-in mostly.
 */
async function needsNoSignIn(
  context: CliContext,
  flags: ImportFlags,
  server: ServerRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const given = Object.entries(server.options.headers ?? {});
  // Whoever wrote the configuration of a project shall have nothing of this machine for the asking.
  const sent = flags.scope === "project" ? given.filter(([, value]) => !value.includes("${")) : given;
  const headers = Object.assign({}, ...sent.map(([name, value]) => expanded(context, name, value)));
  const isWhole = Object.keys(headers).length === given.length;
  if (server.options.clientId !== undefined || server.options.transport === "websocket") return false;
  const ended = AbortSignal.any([signal, AbortSignal.timeout(HOST_PROBE_MS)]);
  try {
    const response = await probed(context.services(flags).http(server), server, headers, ended);
    const isRefused = response.status === 401 || response.status === 403;
    const asksForToken = /\b(bearer|dpop)\b/i.test(response.headers.get("www-authenticate") ?? "");
    // Without all of its headers, a refusal that asks for no token says nothing.
    return isRefused ? !isWhole && !asksForToken : response.ok || given.length > 0;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof McpAuthError && error.code === "PERMISSION_DENIED") throw error;
    context.say(warningText(asMcpAuthError(error, "NETWORK_ERROR", `ask "${server.name}"`)));
    return given.length > 0;
  }
}

/** The answer of a server to somebody without a token; an older one has a stream to read and takes no message there. */
async function probed(
  http: Http,
  { url, options }: ServerRecord,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const response = options.transport === "sse"
    ? undefined
    : await probeServer(http, url, { headers, signal });
  await response?.body?.cancel();
  if (response !== undefined && response.status !== 404 && response.status !== 405) return response;
  const stream = await http(url, {
    headers: { ...headers, accept: "text/event-stream" },
    signal,
    stream: true,
  });
  await stream.body?.cancel();
  return stream;
}

/** A header as it is sent; nothing where its variable is not set here. */
function expanded(context: CliContext, name: string, value: string): Readonly<Record<string, string>> {
  try {
    return expandHeaders({ [name]: value }, (variable) => context.env.get(variable));
  } catch {
    return {};
  }
}

/** The sign-ins of mcp-remote for these servers; none where it was never used. */
async function remoteStates(
  context: CliContext,
  candidates: readonly Candidate[],
): Promise<readonly RecognizedState[]> {
  const urls = candidates.flatMap(({ entry: { url, options } }) => [
    url,
    ...(options.resource === undefined ? [] : [options.resource]),
  ]);
  if (urls.length === 0) return [];
  const { md5Hex } = await import("../../../../primitives/system/md5.ts");
  const usual = context.env.get("MCP_REMOTE_CONFIG_DIR") ?? await remoteHome(context);
  const own = candidates.flatMap(({ entry }) => entry.found.variables.MCP_REMOTE_CONFIG_DIR ?? []);
  const found: RecognizedState[] = [];
  for (const path of new Set([...(usual === undefined ? [] : [usual]), ...own])) {
    found.push(
      ...await statesIn(context, path, (states) => recognize(states, [...new Set(urls)], md5Hex).recognized),
    );
  }
  return found;
}

/** Where mcp-remote keeps its sign-ins unless told otherwise; a configuration that was named is read without a home, too. */
async function remoteHome(context: CliContext): Promise<string | undefined> {
  const { homeFolder } = await import("../../../../primitives/system/foreign_folder.ts");
  try {
    return pathIn(homeFolder(context.env), ".mcp-auth");
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code !== "CONFIG_MISSING") throw error;
    context.say(`Warning: sign-ins of mcp-remote are not looked for: ${error.message}`);
    return undefined;
  }
}

async function statesIn(
  context: CliContext,
  path: string,
  recognized: (states: readonly RemoteState[]) => readonly RecognizedState[],
): Promise<readonly RecognizedState[]> {
  const { foreignFolder } = await import("../../../../primitives/system/foreign_folder.ts");
  try {
    const folder = foreignFolder(path, MCP_REMOTE_LIST_MAX);
    const { states, problems } = await readRemoteFolder(folder, context.clock.now());
    for (const problem of problems) context.say(`Warning: ${problem}`);
    return recognized(states);
  } catch (error) {
    if (error instanceof McpAuthError && error.code === "CONFIG_MISSING") return [];
    throw error;
  }
}
