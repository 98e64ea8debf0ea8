/**
 * Command lines of mcp-remote as ours, so that a host's configuration, a command line that somebody has in their fingers
 * and the documentation say the same. Nothing is read or expanded: what is in files and variables stays there.
 *
 * @module
 */
import { type Draft, readCallback, readPing, RULES } from "./mcp_remote_options.ts";

/** One option of ours: a flag, and its value where it takes one. */
export type OwnOption = readonly [flag: `--${string}`, value?: string];

/** An option of theirs, and what is to be said of it. */
export interface Remark {
  /** The option, such as `--ipv4`; never its value, which may be a secret. */
  readonly option: string;
  /** A sentence without its period, for people. */
  readonly why: string;
}

/** The client of `--static-oauth-client-info`. */
export type StaticClient =
  | {
    readonly from: "text";
    /** As written; both may have `${VARIABLE}` in them. */
    readonly clientId: string;
    /** A secret: not to be shown, and not to be put on a command line. */
    readonly clientSecret?: string;
  }
  | { readonly from: "file"; readonly path: string };

/** A command line of mcp-remote, understood. */
export interface McpRemoteLine {
  /** The server, as written. */
  readonly url: string;
  /** What means the same to `mcp-auth bridge <url>`, and to `add` and `set` as far as they know the flag; without `--login`. */
  readonly options: readonly OwnOption[];
  /** Whether it may open a browser, as `bridge --login` does. */
  readonly interactive: boolean;
  /** The value of an `Authorization` header, as written; a secret. Here it is a token given by hand, and no header. */
  readonly authorization?: string;
  /** The client that was registered by hand. */
  readonly client?: StaticClient;
  /** Options that need nothing here. */
  readonly needless: readonly Remark[];
  /** Options that are lost, or that a person has to see to. */
  readonly lost: readonly Remark[];
}

/**
 * Reads a command line of mcp-remote.
 *
 * @param args What follows the program's name.
 * @returns Undefined where it names no server.
 */
export function readMcpRemoteLine(args: readonly string[]): McpRemoteLine | undefined {
  const draft: Draft = { options: [], needless: [], lost: [], interactive: true, pinned: false };
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (!word.startsWith("--")) words.push(word);
    else {
      const rule = Object.hasOwn(RULES, word) ? RULES[word] : undefined;
      // Whatever is in one word with an option may be a secret, as in `--header=Authorization: ...`.
      const option = /^[^=\s]*/.exec(word)![0];
      if (rule === undefined) draft.lost.push({ option, why: "it is not known what it does" });
      else if (!rule.takes) rule.read(draft, "", word);
      else if (at + 1 < args.length) rule.read(draft, args[++at]!, word);
    }
  }
  const [url, port] = words;
  if (url === undefined || !URL.canParse(url)) return undefined;
  if (port !== undefined && /^\d{1,5}$/.test(port)) draft.port = port;
  readCallback(draft);
  if (draft.pingSeconds !== undefined) readPing(draft, draft.pingSeconds);
  const { options, interactive, authorization, client } = draft;
  const plain = isPlainHttp(url);
  return {
    url,
    options,
    interactive: interactive && authorization === undefined,
    ...(authorization === undefined ? {} : { authorization }),
    ...(client === undefined ? {} : { client }),
    needless: [...draft.needless, ...draft.lost.filter(({ option }) => option === "--allow-http" && !plain)],
    lost: draft.lost.filter(({ option }) => option !== "--allow-http" || plain),
  };
}

/**
 * The arguments of mcp-remote in a command that starts it: `npx -y mcp-remote@latest <url>`, `bunx`, `pnpm dlx`,
 * `deno run npm:mcp-remote`, `node .../mcp-remote/dist/proxy.js`, `cmd /c npx ...`, or mcp-remote itself.
 *
 * @param command The program and its arguments.
 * @returns Undefined where it starts something else.
 */
export function mcpRemoteArguments(command: readonly string[]): readonly string[] | undefined {
  const at = command.findIndex((word) =>
    /^(npm:)?mcp-remote(@[^/\s]*)?$/.test(word) || /[\\/]mcp-remote(\.cmd|\.exe|\.ps1)?$/i.test(word) ||
    /[\\/]mcp-remote[\\/]dist[\\/]proxy\.js$/i.test(word)
  );
  if (at === -1) return undefined;
  // `npx -p mcp-remote mcp-remote <url>` and `npx --package=mcp-remote ...` name it twice.
  const isPackage = at > 0 && /^(-p|--package)$/.test(command[at - 1]!);
  const rest = command.slice(at + 1);
  if (isPackage) return mcpRemoteArguments(rest);
  // `npm exec mcp-remote -- <url>`
  return rest[0] === "--" ? rest.slice(1) : rest;
}

/**
 * What to do about an option that a command line of ours has from mcp-remote.
 *
 * @param args The arguments of `mcp-auth bridge`.
 * @param known Tells the flags that `mcp-auth bridge` has.
 * @returns The first such option, in words; undefined where there is none.
 */
export function mcpRemoteRemark(
  args: readonly string[],
  known: (flag: string) => boolean,
):
  | { readonly option: string; readonly here: string | undefined; readonly why: string | undefined }
  | undefined {
  for (const [at, word] of args.entries()) {
    if (word === "--") return undefined;
    const rule = Object.hasOwn(RULES, word) ? RULES[word] : undefined;
    if (rule === undefined) continue;
    const differs = word === "--keep-alive" && !/^\d+$/.test(args[at + 1] ?? "");
    if (!known(word) || differs) return { option: word, here: rule.here, why: rule.why };
  }
  return undefined;
}

function isPlainHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && hostname !== "localhost" && hostname !== "[::1]" && !/^127\./.test(hostname);
}
