/**
 * What `install` and `import` do with the configuration of a host: find it, say how the bridge is started from it, show
 * what would change, ask, and write. In a terminal the person is asked; elsewhere nothing is written without `--yes`.
 *
 * @see behaviours row 47
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import {
  SHARED_FILE_LOCK_MS,
  SHARED_FILE_MAX_BYTES,
  SHARED_FILE_TRIES_MAX,
} from "../../primitives/limits.ts";
import { absolutePath } from "../../primitives/system/named_file.ts";
import { thisOs } from "../../primitives/system/os.ts";
import { ownCommand } from "../../primitives/system/own_command.ts";
import { dataFolder, folderOf } from "../../primitives/system/paths.ts";
import {
  isFolder,
  makeFolder,
  readSharedFile,
  replaceSharedFile,
  requireWritable,
  type SharedFile,
  SharedFileChanged,
  workingFolder,
} from "../../primitives/system/shared_file.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import {
  type BridgeCommand,
  type ConfigPlace,
  type ConfigText,
  type Host,
  HOST_IDS,
  type HostMachine,
  hostOf,
  type HostScope,
  isHostId,
  projectConfig,
  shownChange,
  userConfig,
} from "../../services/hosts/mod.ts";
import type { StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";
import type { HostFileFlags } from "./host_flags.ts";

/** A configuration that was found. */
export interface HostConfig extends ConfigPlace {
  readonly host: Host;
  readonly scope: HostScope;
}

/**
 * The host of a name.
 *
 * @throws {McpAuthError} `USAGE`, with the names that may have been meant.
 */
export function requireHost(word: string | undefined): Host {
  if (isHostId(word)) return hostOf(word);
  const all = `Hosts are ${HOST_IDS.join(", ")}`;
  if (word === undefined) throw new McpAuthError("USAGE", "Cannot go on: no host is named", { hint: all });
  const near = HOST_IDS.filter((id) => isNear(word.toLowerCase(), id)).map((id) => `"${id}"`);
  throw new McpAuthError("USAGE", `Cannot find the host "${safeText(word, 80)}": it is not known`, {
    hint: near.length === 0 ? all : `Did you mean ${near.join(" or ")}? ${all}`,
  });
}

/** The machine, as the table of hosts wants it. */
export async function hostMachine(context: CliContext): Promise<HostMachine> {
  const { homeFolder } = await import("../../primitives/system/foreign_folder.ts");
  return { env: context.env, os: thisOs(), home: homeFolder(context.env) };
}

/**
 * Finds the configuration of a host.
 *
 * @throws {McpAuthError} `USAGE` for a project's where the host has none, `CONFIG_MISSING` where the home folder is not
 *   known.
 */
export async function hostConfig(
  context: CliContext,
  { scope = "user", configFile }: HostFileFlags,
  host: Host,
): Promise<HostConfig> {
  if (configFile !== undefined) {
    const file = absolutePath(configFile);
    return { host, scope, file, folder: folderOf(file) };
  }
  if (scope === "user") {
    return { host, scope, ...await userConfig(host, await hostMachine(context), isFolder) };
  }
  const place = projectConfig(host, workingFolder());
  if (place !== undefined) return { host, scope, ...place };
  throw new McpAuthError(
    "USAGE",
    `Cannot use --scope project: ${host.title} has no configuration for projects`,
    {
      hint: "Leave it out",
    },
  );
}

/** How a bridge is started, with what the person has to know of it. */
export interface OwnBridge extends BridgeCommand {
  readonly notes: readonly string[];
}

/**
 * How a host starts the bridge to an entry of this store.
 *
 * @param context The command.
 * @param flags Its flags.
 * @param name The entry.
 * @param more Arguments behind the name.
 */
export async function bridgeTo(
  context: CliContext,
  flags: StoreFlags,
  name: string,
  more: readonly string[] = [],
): Promise<OwnBridge> {
  const { command, args } = ownCommand(context.env);
  const { env, notes } = await storeVariables(context, flags);
  return { command, args: [...args, "bridge", name, ...more], env, notes };
}

/** Whether there is a store already: opening one makes it, which is not for what only looks. */
export async function isStoreThere({ env }: CliContext): Promise<boolean> {
  return env.get("MCP_AUTH_STORE") !== undefined || await isFolder(dataFolder(env));
}

/** What leads another process to the store that this one uses; never what opens it. */
async function storeVariables(context: CliContext, flags: StoreFlags) {
  const { env } = context;
  const variables: Record<string, string> = {};
  const home = env.get("MCP_AUTH_HOME") ??
    (env.get("XDG_DATA_HOME") === undefined ? undefined : dataFolder(env));
  if (home !== undefined) variables.MCP_AUTH_HOME = home;
  const remote = env.get("MCP_AUTH_STORE");
  if (remote !== undefined) variables.MCP_AUTH_STORE = remote;
  const keystore = flags.keystore ?? env.get("MCP_AUTH_KEYSTORE");
  if (keystore !== undefined) variables.MCP_AUTH_KEYSTORE = keystore;
  const kind = await isStoreThere(context) ? await context.store(flags).keystoreKind() : keystore;
  const wanted = [
    ...(remote === undefined ? [] : ["DENO_KV_ACCESS_TOKEN"]),
    ...(kind === "env" ? ["MCP_AUTH_KEY"] : kind === "passphrase" ? ["MCP_AUTH_PASSPHRASE"] : []),
  ];
  const notes = wanted.length === 0 ? [] : [
    `The host has to have ${
      wanted.join(" and ")
    } in its environment: secrets are not written into its configuration`,
  ];
  return { env: variables, notes };
}

/** What a person has to know of a file that others get as well. */
export function sharedNotes({ scope, file }: HostConfig): readonly string[] {
  return scope === "project"
    ? [
      `${safeText(file)} has paths of this machine in it now: others who get the project have none like them`,
    ]
    : [];
}

/** A change of a configuration. */
export interface WantedChange {
  readonly config: HostConfig;
  /** Whether the file may be made where nothing tells that the host is there. */
  readonly force: boolean;
  /** Makes the text that is wanted of the one that is there; the same where nothing has to change. */
  readonly make: (config: ConfigText) => Promise<string>;
  /** Done once the person has agreed, before the file is written. */
  readonly before?: () => Promise<void>;
}

/** What became of it. */
export interface Changed {
  readonly changed: boolean;
  /** What was there before, as a file of its own. */
  readonly backup: string | undefined;
}

/**
 * Changes a configuration: shows how, asks, and writes. Where the host writes it at the same time the change is made anew
 * on what is there then; the person is asked again only where it is another change.
 *
 * @throws {McpAuthError} `USAGE` where nobody can be asked, `AUTH_CANCELLED` for a no, and what reading and writing throw;
 *   the configuration is as it was then.
 */
export async function changeConfig(
  context: CliContext,
  flags: HostFileFlags,
  { config, force, make, before }: WantedChange,
): Promise<Changed> {
  const { host, scope } = config;
  let agreed: string | undefined;
  for (let attempt = 1;; attempt++) {
    const file = await readConfig(config, force);
    const text: ConfigText = { host, file: config.file, text: file.text ?? "" };
    const after = await make(text);
    const changed = after !== text.text;
    if (changed) {
      requireWritable(file);
      const diff = await shownChange(text, after);
      if (diff.changes !== agreed) {
        context.say(diff.text ?? "Only line ends differ");
        await agree(context, flags, config.file);
        agreed = diff.changes;
      }
    }
    if (attempt === 1) await before?.();
    if (!changed) return { changed: false, backup: undefined };
    const [mode, folderMode] = scope === "project" ? [0o644, 0o755] : [0o600, 0o700];
    if (file.text === undefined) await makeFolder(folderOf(file.place), folderMode);
    try {
      const now = context.clock.now();
      const backup = await locked(context, file.place, () => replaceSharedFile(file, after, { now, mode }));
      return { changed: true, backup };
    } catch (error) {
      if (!(error instanceof SharedFileChanged) || attempt === SHARED_FILE_TRIES_MAX) throw error;
    }
  }
}

/**
 * Reads the configuration of a host.
 *
 * @param config Where it is.
 * @param force Whether one may be made where nothing tells that the host is there.
 * @throws {McpAuthError} `CONFIG_MISSING` where the host is not there, and what reading throws.
 */
async function readConfig(config: HostConfig, force: boolean): Promise<SharedFile> {
  const { host, file, folder } = config;
  const found = await readSharedFile(file, SHARED_FILE_MAX_BYTES);
  if (found.text !== undefined || force || await isFolder(folder)) return found;
  throw new McpAuthError(
    "CONFIG_MISSING",
    `Cannot find ${host.title}: there is no folder "${safeText(folder)}"`,
    { hint: `Start ${host.title} once, name its file with --config-file, or add --force to make it` },
  );
}

async function agree(context: CliContext, { yes }: HostFileFlags, file: string): Promise<void> {
  if (yes) return;
  if (context.terminal.isInteractive()) {
    const { askAgreement } = await import("./output/agreement.ts");
    return await askAgreement(`Change ${safeText(file)} like this?`);
  }
  throw new McpAuthError("USAGE", `Cannot change "${safeText(file)}": nobody is there to agree to it`, {
    hint: "Add --yes to change it like this, or --print to see what would be put there",
  });
}

/** Two processes of this program do not change one configuration at the same time. */
async function locked<T>(context: CliContext, path: string, operation: () => Promise<T>): Promise<T> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(path));
  const locks = await context.world.ports.locks(dataFolder(context.env));
  const name = `host-${new Uint8Array(digest).slice(0, 16).toHex()}`;
  await using _lock = await locks.acquire(name, SHARED_FILE_LOCK_MS);
  return await operation();
}

/** One within the other, or at most two letters apart. */
function isNear(word: string, id: string): boolean {
  if (word.length >= 3 && (id.includes(word) || word.includes(id))) return true;
  let row = Array.from({ length: id.length + 1 }, (_, at) => at);
  for (const letter of word.slice(0, 40)) {
    const next = [row[0]! + 1];
    for (let at = 1; at <= id.length; at++) {
      const same = id[at - 1] === letter ? 0 : 1;
      next.push(Math.min(next[at - 1]! + 1, row[at]! + 1, row[at - 1]! + same));
    }
    row = next;
  }
  return row[id.length]! <= 2;
}
