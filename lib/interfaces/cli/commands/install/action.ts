/**
 * `mcp-auth install`: the action.
 *
 * @see behaviours rows 47 and 48
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { ownCommand } from "../../../../primitives/system/own_command.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";
import {
  bridgeEntry,
  bridgeFragment,
  type Host,
  readServers,
  withBridge,
  withoutBridge,
} from "../../../../services/hosts/mod.ts";
import { requireMcpServer } from "../../add_target.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry } from "../../entry.ts";
import {
  bridgeTo,
  changeConfig,
  type Changed,
  type HostConfig,
  hostConfig,
  requireHost,
  sharedNotes,
} from "../../host_config.ts";
import type { HostFileFlags } from "../../host_flags.ts";

/** The flags of the command. */
export type InstallFlags = CommonFlags & HostFileFlags & {
  readonly as?: string | undefined;
  readonly login?: boolean | undefined;
  readonly print?: boolean | undefined;
  readonly remove?: boolean | undefined;
  readonly force?: boolean | undefined;
};

/** Puts a bridge into the configuration of a host, or takes it out. */
export const action: Action<InstallFlags, [string?, string?]> = async (context, flags, word, name) => {
  const host = requireHost(word);
  checkFlags(flags);
  if (name === undefined) throw await unnamed(context, flags, host);
  const key = nameAt(host, flags.as, name);
  const config = await hostConfig(context, flags, host);
  if (flags.remove) return await uninstall(context, flags, config, key);
  const { record } = await requireEntry(context, flags, name);
  requireMcpServer(record);
  const bridge = await bridgeTo(context, flags, record.name, flags.login ? ["--login"] : []);
  const json = {
    host: host.id,
    file: config.file,
    entry: record.name,
    name: key,
    server: bridgeEntry(host, bridge).members,
    notes: bridge.notes,
  };
  if (flags.print) {
    for (const note of bridge.notes) context.say(`Note: ${note}`);
    context.say(`For ${safeText(config.file)}:`);
    context.print(flags, json, (await bridgeFragment(host, key, bridge)).trimEnd());
    return;
  }
  let relaxed = false;
  const outcome = await changeConfig(context, flags, {
    config,
    force: flags.force === true,
    make: async (text) => {
      relaxed = (await readServers(text)).relaxed;
      return await withBridge(text, key, bridge, flags.force === true);
    },
  });
  const notes = [...bridge.notes, ...(outcome.changed ? sharedNotes(config) : [])];
  for (const note of notes) context.say(`Note: ${note}`);
  if (relaxed && host.format === "json") {
    context.say(
      `Warning: ${host.title} itself reads no comments: it may not accept ${safeText(config.file)}`,
    );
  }
  await saySignIn(context, flags, record);
  const what = outcome.changed
    ? `✓ ${host.title} has "${key}" now${kept(outcome)}. ${host.next}`
    : `"${key}" is in ${safeText(config.file)} already`;
  context.print(flags, { ...json, ...outcomeJson(outcome), next: host.next }, what);
};

async function uninstall(
  context: CliContext,
  flags: InstallFlags,
  config: HostConfig,
  key: string,
): Promise<void> {
  const { host, file } = config;
  const outcome = await changeConfig(context, flags, {
    config,
    force: false,
    make: (text) => withoutBridge(text, key, ownCommand(context.env), flags.force === true),
  });
  context.print(
    flags,
    { host: host.id, file, name: key, removed: outcome.changed, ...outcomeJson(outcome), next: host.next },
    `✓ ${host.title} has "${key}" no more${kept(outcome)}. ${host.next}`,
  );
}

function kept({ backup }: Changed): string {
  return backup === undefined ? "" : ` (before: ${safeText(backup)})`;
}

function outcomeJson({ changed, backup }: Changed) {
  return { changed, backup: backup ?? null };
}

/** The name that the host knows the server by. */
function nameAt({ title, names }: Host, as: string | undefined, name: string): string {
  // A dot is for entries alone: hosts make names of tools of it.
  const key = as ?? name.replaceAll(".", "-");
  const fits = key !== "" && !/\p{Cc}/u.test(key) && key.length <= 64;
  if (fits && (names === undefined || names.test(key))) return key;
  throw new McpAuthError(
    "USAGE",
    `Cannot use the name "${safeText(key, 80)}": ${title} takes no such names`,
    {
      hint: "Take letters, digits, dash and underscore",
    },
  );
}

function checkFlags({ print, remove, login, yes }: InstallFlags): void {
  const useless = remove && print
    ? "--print with --remove"
    : remove && login
    ? "--login with --remove"
    : print && yes
    ? "--yes with --print"
    : undefined;
  if (useless === undefined) return;
  throw new McpAuthError("USAGE", `Cannot use ${useless}: one has no meaning beside the other`, {
    hint: "Leave out one of them",
  });
}

async function unnamed(context: CliContext, flags: InstallFlags, host: Host): Promise<McpAuthError> {
  const names = flags.remove ? [] : (await context.store(flags).servers()).map(({ record }) => record.name);
  return new McpAuthError("USAGE", "Cannot install: no entry is named", {
    hint: flags.remove
      ? `Run: mcp-auth install ${host.id} <name> --remove`
      : names.length === 0
      ? "There is no entry yet: mcp-auth add <name> <url>"
      : `Run: mcp-auth install ${host.id} <name>; entries are ${names.join(", ")}`,
  });
}

/** The bridge answers without a sign-in, but has nothing behind it. */
async function saySignIn(context: CliContext, flags: InstallFlags, record: ServerRecord): Promise<void> {
  const { name, signIn, options } = record;
  if (flags.login || signIn !== "oauth" || options.grant !== undefined) return;
  if (await context.store(flags).credential(name) !== undefined) return;
  context.say(`Nobody is signed in to "${name}" yet: mcp-auth login ${name}`);
}
