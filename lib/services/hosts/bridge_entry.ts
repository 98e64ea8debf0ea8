/**
 * The entry that starts the bridge, as each host wants it. A secret never stands in it: the bridge finds its sign-in in
 * the store, and the entry says at most where that is.
 *
 * @see behaviours row 47
 * @module
 */
import { type ConfigTable, type ConfiguredServer, memberOf } from "./document.ts";
import type { Host } from "./host.ts";

/** How the bridge is started. */
export interface BridgeCommand {
  /** An absolute path; no shell is between. */
  readonly command: string;
  readonly args: readonly string[];
  /** Variables that the host has to set. */
  readonly env: Readonly<Record<string, string>>;
}

/** Members that say how else a server is reached; beside a command, hosts refuse them or take them first. */
const WAYS: readonly string[] = [
  "url",
  "serverUrl",
  "httpUrl",
  "type",
  "transport",
  "transportType",
  "headers",
  "http_headers",
  "env_http_headers",
  "headersHelper",
  "bearer_token",
  "bearer_token_env_var",
  "oauth",
  "oauth_resource",
  "scopes",
  "auth",
  "authProviderType",
  "targetAudience",
  "targetServiceAccount",
  "env",
  "envFile",
];

/** What an entry becomes: members to put, and those to take out. */
export interface EntryChange {
  readonly members: ConfigTable;
  readonly drop: readonly string[];
}

/**
 * The entry of a bridge.
 *
 * @param host Whose configuration it goes into.
 * @param bridge How the bridge is started.
 */
export function bridgeEntry(host: Host, { command, args, env }: BridgeCommand): EntryChange {
  const members: ConfigTable = {
    ...(host.saysStdio ? { type: "stdio" } : {}),
    command,
    args,
    ...(Object.keys(env).length === 0 ? {} : { env }),
  };
  return { members, drop: WAYS.filter((name) => !Object.hasOwn(members, name)) };
}

/**
 * The name or URL that an entry bridges to, where it starts a bridge of this program.
 *
 * @param server The entry.
 * @param own How this program is started.
 * @returns Undefined for any other.
 */
export function bridgedName(
  { value }: Pick<ConfiguredServer, "value">,
  own: Pick<BridgeCommand, "command" | "args">,
): string | undefined {
  const words = value === undefined ? undefined : commandOf(value);
  if (words === undefined) return undefined;
  const at = words.indexOf("bridge", 1);
  if (at === -1) return undefined;
  const start = [own.command, ...own.args];
  const isOwn = start.length === at && start.every((word, index) => words[index] === word);
  const isNamed = words.slice(0, at).some((word) => PROGRAM.test(word));
  if (!isOwn && !isNamed) return undefined;
  return words.slice(at + 1).find((word) => !word.startsWith("-"));
}

/** `mcp-auth`, `/opt/mcp-auth.exe`, `jsr:@x/mcp-auth@1.2.3`, `https://jsr.io/@x/mcp-auth/1.2.3/main.ts`. */
const PROGRAM = /(?:^|[\\/])mcp-auth(?:$|\.exe$|[@\\/])/i;

/** The program of an entry and its arguments; undefined where it starts none. */
export function commandOf(value: ConfigTable): readonly string[] | undefined {
  const command = memberOf(value, "command");
  const args = memberOf(value, "args") ?? [];
  if (typeof command !== "string" || !Array.isArray(args)) return undefined;
  return args.every((each) => typeof each === "string") ? [command, ...args] : undefined;
}
