/**
 * Changes of a host's configuration, worked out on its text: what it would say then. Nothing is written here.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { type BridgeCommand, bridgedName, bridgeEntry, commandOf } from "./bridge_entry.ts";
import { type ConfiguredServer, readDocument, sameValue, serversOf } from "./document.ts";
import { type ShownDiff, unifiedDiff } from "./diff.ts";
import type { Host } from "./host.ts";
import { secretMask } from "./secrets.ts";

/** A configuration that is to be changed. */
export interface ConfigText {
  readonly host: Host;
  /** The file, for messages. */
  readonly file: string;
  /** What it holds; empty where there is none. */
  readonly text: string;
}

/** A server of a configuration that becomes a bridge. */
export interface BridgedServer {
  /** Undefined for one that is new. */
  readonly server: Pick<ConfiguredServer, "container" | "name">;
  readonly bridge: BridgeCommand;
}

/**
 * Reads the servers of a configuration.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` where it cannot be read.
 */
export async function readServers(
  { host, file, text }: ConfigText,
): Promise<{ readonly servers: readonly ConfiguredServer[]; readonly relaxed: boolean }> {
  const document = await readDocument(text, host.format, file);
  return { servers: serversOf(document, host, file), relaxed: document.relaxed };
}

/**
 * Puts a bridge into a configuration.
 *
 * @param config The configuration.
 * @param name The name of the server there.
 * @param bridge How it is started.
 * @param force Whether a server of that name that is something else is replaced.
 * @returns The whole text then; the same where it is there already.
 * @throws {McpAuthError} `CONFIG_INVALID` where the configuration cannot be read or changed, or the name is taken.
 */
export async function withBridge(
  config: ConfigText,
  name: string,
  bridge: BridgeCommand,
  force: boolean,
): Promise<string> {
  const { host, file, text } = config;
  const there = (await readServers(config)).servers.find((each) => isOwn(host, each, name));
  const changed = await withBridges(config, [{ server: { container: host.servers, name }, bridge }]);
  if (there === undefined || changed === text || force || replaces(bridge, there)) return changed;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot install: "${safeText(name, 80)}" is another server of ${host.title} already, in "${
      safeText(file)
    }"`,
    { hint: "Take another name with --as <name>, or add --force to replace it" },
  );
}

/**
 * Makes bridges of servers.
 *
 * @returns The whole text then.
 * @throws {McpAuthError} As {@linkcode withBridge}.
 */
export async function withBridges(
  { host, file, text }: ConfigText,
  bridged: readonly BridgedServer[],
): Promise<string> {
  let now = text;
  for (const { server, bridge } of bridged) {
    const { members, drop } = bridgeEntry(host, bridge);
    now = (await readDocument(now, host.format, file)).put(server.container, server.name, members, drop);
  }
  return now;
}

/**
 * Takes a bridge out of a configuration.
 *
 * @param config The configuration.
 * @param name The name of the server there.
 * @param own How this program is started.
 * @param force Whether a server that is no bridge of this program is taken out, too.
 * @returns The whole text then.
 * @throws {McpAuthError} `NOT_FOUND` where there is none of that name, `CONFIG_INVALID` otherwise.
 */
export async function withoutBridge(
  config: ConfigText,
  name: string,
  own: Pick<BridgeCommand, "command" | "args">,
  force: boolean,
): Promise<string> {
  const { host, file, text } = config;
  const { servers } = await readServers(config);
  const there = servers.find((each) => isOwn(host, each, name));
  const where = `${host.title} has no such server in "${safeText(file)}"`;
  if (there === undefined) {
    throw new McpAuthError("NOT_FOUND", `Cannot remove "${safeText(name, 80)}": ${where}`, {
      hint: `It has: ${safeText(servers.map((each) => each.name).join(", ")) || "none"}`,
    });
  }
  if (bridgedName(there, own) === undefined && !force) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot remove "${safeText(name, 80)}": it is no bridge of mcp-auth`,
      { hint: "Add --force to remove it nevertheless" },
    );
  }
  return (await readDocument(text, host.format, file)).remove(there.container, name);
}

/**
 * The difference between what a configuration says and what it is to say, without the secrets in it; the command lines that
 * come are shown whole.
 *
 * @see C77
 * @param config The configuration.
 * @param after What it is to say.
 */
export async function shownChange({ host, file, text }: ConfigText, after: string): Promise<ShownDiff> {
  const [old, wanted] = [
    await readDocument(text, host.format, file),
    await readDocument(after, host.format, file),
  ];
  const before = serversOf(old, host, file);
  const words = serversOf(wanted, host, file).filter((server) =>
    !before.some((each) => sameValue(each, server))
  )
    .flatMap(({ value }) => value === undefined ? [] : commandOf(value) ?? []);
  return unifiedDiff(text, after, file, secretMask([old.root, wanted.root], words));
}

/**
 * A configuration that has nothing but one bridge in it, as an example for a person.
 *
 * @param host The host.
 * @param name The name of the server there.
 * @param bridge How it is started.
 */
export async function bridgeFragment(host: Host, name: string, bridge: BridgeCommand): Promise<string> {
  return await withBridge({ host, file: "", text: "" }, name, bridge, false);
}

function isOwn(host: Host, server: ConfiguredServer, name: string): boolean {
  return server.name === name && sameValue(server.container, host.servers);
}

/** Whether an entry is a bridge of ours to the same name: it may be brought up to date. */
function replaces(bridge: BridgeCommand, there: ConfiguredServer): boolean {
  const { command, args } = bridge;
  const own = { command, args: args.slice(0, args.indexOf("bridge")) };
  const name = bridgedName({ value: { command, args } }, own);
  return name !== undefined && bridgedName(there, own) === name;
}
