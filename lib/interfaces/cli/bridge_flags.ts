/**
 * Flags that say how a bridge behaves towards its host and its server: which tools are shown, whether the server is asked
 * for signs of life, and where a log goes. The first two are remembered with an entry.
 *
 * @see behaviours rows 37 and 47
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import {
  KEEP_ALIVE_MAX_S,
  TOOL_PATTERN_MAX_CHARS,
  TOOL_PATTERNS_MAX,
} from "../../primitives/bridge_limits.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";
import { listFlag, numberFlag, valueFlag } from "./flags.ts";

/** What an entry remembers for its bridges. */
export type BridgeWishFlags = {
  readonly allowTool?: readonly string[] | undefined;
  readonly ignoreTool?: readonly string[] | undefined;
  readonly keepAlive?: number | undefined;
};

/** The grammar of {@linkcode BridgeWishFlags}. */
export const bridgeWishFlags = {
  allowTool: listFlag("Tool that bridges show, such as get_*; all when none is named", "pattern"),
  ignoreTool: listFlag(
    "Tool that bridges hide and refuse, whatever is allowed; other commands do not",
    "pattern",
  ),
  keepAlive: numberFlag(
    "Have bridges ask a silent server for a sign of life after so many seconds; 0 for never",
    "seconds",
    0,
    KEEP_ALIVE_MAX_S,
  ),
} as const;

/** The flags of the bridge itself. */
export type LogFlags = { readonly logFile?: string | undefined };

/** The grammar of {@linkcode LogFlags}. */
export const logFlags = {
  logFile: valueFlag(
    "File for what --verbose says and a line for each message, without its contents",
    "file",
  ),
} as const;

/** The options that `--unset` forgets. */
export const UNSETTABLE_BRIDGE = {
  "allow-tool": "allowTools",
  "ignore-tool": "ignoreTools",
  "keep-alive": "keepAliveSeconds",
} as const satisfies Readonly<Record<string, keyof ServerOptions>>;

/**
 * The options that the flags stand for.
 *
 * @throws {McpAuthError} `USAGE` for what is no pattern.
 */
export function bridgeWishOptions({ allowTool, ignoreTool, keepAlive }: BridgeWishFlags): ServerOptions {
  return {
    ...(allowTool === undefined ? {} : { allowTools: readPatterns("--allow-tool", allowTool) }),
    ...(ignoreTool === undefined ? {} : { ignoreTools: readPatterns("--ignore-tool", ignoreTool) }),
    ...(keepAlive === undefined ? {} : { keepAliveSeconds: keepAlive }),
  };
}

function readPatterns(flag: string, patterns: readonly string[]): readonly string[] {
  const isUnfit = (pattern: string) =>
    pattern === "" || pattern.length > TOOL_PATTERN_MAX_CHARS ||
    safeText(pattern, TOOL_PATTERN_MAX_CHARS) !== pattern;
  const unfit = patterns.find(isUnfit);
  if (unfit === undefined && patterns.length <= TOOL_PATTERNS_MAX) return patterns;
  throw new McpAuthError(
    "USAGE",
    `Cannot use ${flag} "${safeText(unfit ?? "", 80)}": not a name or a pattern`,
    {
      hint: `Write it as ${flag} 'delete_*', with * for anything and ? for one character`,
    },
  );
}
