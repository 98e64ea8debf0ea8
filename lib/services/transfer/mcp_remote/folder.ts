/**
 * The folder of mcp-remote: `mcp-remote-v1` since version 0.3, before that one for each version that ever ran, and the
 * files themselves in the very first ones. Every upgrade of the early versions began with nothing, so the newest folder
 * that has tokens for a server is the one that counts.
 *
 * @see behaviours, data model 9
 * @module
 */
import { asMcpAuthError } from "../../../primitives/errors.ts";
import {
  MCP_REMOTE_FILE_MAX_BYTES,
  MCP_REMOTE_FOLDERS_MAX,
  MCP_REMOTE_LOG_MAX_BYTES,
  MCP_REMOTE_READS_MAX,
} from "../../../primitives/limits.ts";
import type { ForeignFile, ForeignFolder } from "../../../primitives/system/foreign_folder.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { readClient, readTokens, type RemoteClient, type RemoteTokens } from "./state.ts";

/** What one version's folder has for one server. */
export interface RemoteState {
  /** What its files are named after. */
  readonly hash: string;
  /** The folder that they are in, such as `mcp-remote-v1`; empty for the files of the first versions. */
  readonly folder: string;
  readonly tokens: RemoteTokens | undefined;
  readonly client: RemoteClient | undefined;
  /** URLs that its debug log names; nobody vouches for them. */
  readonly loggedUrls: readonly string[];
}

/** What was found. */
export interface RemoteFolder {
  /** For each server the state that counts: of the newest folder with tokens, else of the newest. */
  readonly states: readonly RemoteState[];
  /** What could not be read, in words. */
  readonly problems: readonly string[];
}

/**
 * Reads the folder.
 *
 * @param folder Where mcp-remote keeps its files.
 * @param now In ms since the epoch.
 * @throws {McpAuthError} What listing the folder itself throws.
 */
export async function readRemoteFolder(folder: ForeignFolder, now: number): Promise<RemoteFolder> {
  const problems: string[] = [];
  const top = await folder.list();
  const newest = top.folders.filter((name) => VERSION.test(name)).sort(byVersion).slice(
    0,
    MCP_REMOTE_FOLDERS_MAX,
  );
  if (top.truncated) problems.push(MORE);
  let reads = 0;
  const states = new Map<string, RemoteState>();
  for (const name of [...newest, ""]) {
    try {
      const { files, truncated } = name === "" ? top : await folder.list(name);
      if (truncated && name !== "") problems.push(MORE);
      for (const hash of hashesOf(files)) {
        const known = states.get(hash);
        if (known?.tokens !== undefined) continue;
        if (reads++ >= MCP_REMOTE_READS_MAX) {
          return { states: [...states.values()], problems: [...problems, MORE] };
        }
        const state = await readState(folder, name, hash, files, now, problems);
        if (known === undefined || state.tokens !== undefined) states.set(hash, state);
      }
    } catch (error) {
      problems.push(asMcpAuthError(error, "CONFIG_INVALID", `read "${name}"`).message);
    }
  }
  return { states: [...states.values()], problems };
}

const MORE = "There are more files than were looked at";
const VERSION = /^mcp-remote-(?:v\d{1,4}|\d{1,6}\.\d{1,6}\.\d{1,6}(?:-[\w.]{1,40})?)$/;
const FILE = /^([0-9a-f]{32})_(?:tokens|client_info)\.json$/;

function hashesOf(files: readonly string[]): ReadonlySet<string> {
  return new Set(files.flatMap((name) => FILE.exec(name)?.[1] ?? []));
}

async function readState(
  folder: ForeignFolder,
  name: string,
  hash: string,
  files: readonly string[],
  now: number,
  problems: string[],
): Promise<RemoteState> {
  const read = async (suffix: string, options: { readonly maxBytes: number; readonly head?: boolean }) => {
    const file = `${hash}_${suffix}`;
    if (!files.includes(file)) return undefined;
    try {
      return await folder.read(name === "" ? [file] : [name, file], options);
    } catch (error) {
      problems.push(asMcpAuthError(error, "CONFIG_INVALID", `read "${file}"`).message);
      return undefined;
    }
  };
  const parsed = <T>(
    file: ForeignFile | undefined,
    suffix: string,
    what: string,
    parse: (file: ForeignFile) => T | undefined,
  ) => {
    const value = file && parse(file);
    if (file !== undefined && value === undefined) {
      problems.push(
        `Cannot use "${name === "" ? "" : `${name}/`}${hash}_${suffix}": there is no ${what} in it`,
      );
    }
    return value;
  };
  const tokens = await read("tokens.json", { maxBytes: MCP_REMOTE_FILE_MAX_BYTES });
  const client = await read("client_info.json", { maxBytes: MCP_REMOTE_FILE_MAX_BYTES });
  const log = await read("debug.log", { maxBytes: MCP_REMOTE_LOG_MAX_BYTES, head: true });
  return {
    hash,
    folder: name,
    tokens: parsed(
      tokens,
      "tokens.json",
      "access token",
      ({ text, writtenAt }) => readTokens(text, writtenAt, now),
    ),
    client: parsed(client, "client_info.json", "client id", ({ text }) => readClient(text)),
    loggedUrls: [...log?.text.matchAll(/server URL: (https?:\/\/\S{1,2000})/g) ?? []]
      .slice(0, 20).map(([, url = ""]) => url),
  };
}

/** Newest first: a numbered store is newer than any version's own folder, and a release newer than its candidates. */
function byVersion(a: string, b: string): number {
  const [x, y] = [rank(a), rank(b)];
  for (let index = 0; index < Math.max(x.length, y.length); index++) {
    const order = (y[index] ?? 0) - (x[index] ?? 0);
    if (order !== 0) return order;
  }
  return safeText(b).localeCompare(safeText(a));
}

function rank(name: string): readonly number[] {
  const store = /-v(\d+)$/.exec(name)?.[1];
  if (store !== undefined) return [1, Number(store)];
  const [, numbers = "", candidate] = /^mcp-remote-([\d.]+)(-.*)?$/.exec(name) ?? [];
  return [0, ...numbers.split(".").map(Number), candidate === undefined ? 1 : 0];
}
