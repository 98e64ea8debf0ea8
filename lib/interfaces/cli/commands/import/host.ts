/**
 * `mcp-auth import <host>`: makes entries of the remote servers of a host, and with `--move` puts the bridge in their
 * place there. Entries come first and the host's file last, in one piece: whatever fails before leaves the host as it was.
 *
 * @see behaviours rows 5, 47 and 48
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { ownCommand } from "../../../../primitives/system/own_command.ts";
import { SHARED_FILE_MAX_BYTES } from "../../../../primitives/limits.ts";
import { readSharedFile } from "../../../../primitives/system/shared_file.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { checkEntryName } from "../../../../services/config/mod.ts";
import type { ServerRecord, WholeEntry } from "../../../../services/credentials/mod.ts";
import {
  type BridgedServer,
  type ConfiguredServer,
  findServers,
  type PassedServer,
  readServers,
  sameValue,
  shownChange,
  withBridges,
} from "../../../../services/hosts/mod.ts";
import { importEntries } from "../../../../services/transfer/mod.ts";
import type { CliContext } from "../../context.ts";
import {
  bridgeTo,
  changeConfig,
  type Changed,
  type HostConfig,
  hostConfig,
  isStoreThere,
  requireHost,
} from "../../host_config.ts";
import { transferPorts } from "../../transfer.ts";
import { type ImportFlags, newNames, warnOfVariables } from "./action.ts";
import { foundEntry } from "./found_entry.ts";
import { type Candidate, judgeAll, type Judged } from "./host_entries.ts";
import { reportHost } from "./host_report.ts";

/**
 * Imports what a host has.
 *
 * @param context What the command runs on.
 * @param flags Its flags.
 * @param id The host.
 * @param wanted The names of its servers; all remote ones where there are none.
 */
export async function importFromHost(
  context: CliContext,
  flags: ImportFlags,
  id: string,
  wanted: readonly string[],
): Promise<void> {
  const host = requireHost(id);
  const config = await hostConfig(context, flags, host);
  const { file } = config;
  const text = (await readSharedFile(file, SHARED_FILE_MAX_BYTES)).text;
  if (text === undefined) throw noFile(config);
  const there = { host, file, text };
  const { servers } = await readServers(there);
  const chosen = choose(servers, wanted, host.title);
  const found = await findServers(host, chosen, ownCommand(context.env));
  const passed: PassedServer[] = [...found.passed];
  const entries = [];
  for (const each of found.remote) {
    try {
      entries.push(await foundEntry(each, flags.withHeaders === true));
    } catch (error) {
      if (!(error instanceof McpAuthError) || error.code !== "UNSAFE_URL") throw error;
      passed.push({ server: each.server, kind: "unusable", why: error.message });
    }
  }
  const stored = await isStoreThere(context) ? await context.store(flags).servers() : [];
  const records = stored.map(({ record }) => record);
  const candidates = nameAll(entries, records, newNames(flags));
  if (!flags.force) refuseTaken(candidates);
  const judged = await judgeAll(context, flags, candidates);
  if (flags.scope === "project") warnOfVariables(context, judged.flatMap(({ whole }) => whole ?? []));
  const store = () => storeAll(context, flags, judged, host.title);
  const moving = judged.filter(({ left }) => left.length === 0);
  let moved: Changed | undefined;
  let bridged: readonly BridgedServer[] = [];
  if (flags.move) {
    const bridges = bridged = await bridgesOf(context, flags, moving);
    if (flags.dryRun) {
      const { text: diff } = await shownChange(there, await withBridges(there, bridges));
      if (diff !== undefined) context.say(diff);
    } else {
      moved = await changeConfig(context, flags, {
        config,
        force: false,
        make: async (text) => await withBridges(text, bridged = await still(text, bridges)),
        before: store,
      });
    }
  } else if (!flags.dryRun) await store();
  const placed = moving.filter(({ candidate: { entry } }) =>
    bridged.some(({ server }) => server === entry.found.server)
  );
  await reportHost(context, flags, { config, judged, passed, moving: placed, moved });
}

function choose(
  servers: readonly ConfiguredServer[],
  wanted: readonly string[],
  title: string,
): readonly ConfiguredServer[] {
  if (wanted.length === 0) return servers;
  const missing = wanted.find((name) => !servers.some((each) => each.name === name));
  if (missing === undefined) return servers.filter(({ name }) => wanted.includes(name));
  const names = [...new Set(servers.map(({ name }) => name))].join(", ");
  throw new McpAuthError(
    "NOT_FOUND",
    `Cannot import "${safeText(missing, 80)}": ${title} has no such server`,
    { hint: `It has: ${safeText(names) || "none"}` },
  );
}

/** Chooses the names: the one given, that of an entry with this URL, else that of the server in the host. */
function nameAll(
  entries: readonly Candidate["entry"][],
  records: readonly ServerRecord[],
  names: ReadonlyMap<string, string>,
): readonly Candidate[] {
  for (const old of names.keys()) {
    if (entries.some(({ found }) => found.server.name === old)) continue;
    throw new McpAuthError("USAGE", `Cannot rename "${safeText(old, 80)}": it is not imported`, {
      hint: "Name a remote server as the host names it: --name old=new",
    });
  }
  const used = new Map<string, string>();
  return entries.map((entry): Candidate => {
    const { url, found: { server } } = entry;
    const given = names.get(server.name);
    const base = given === undefined ? slug(server.name) : checkEntryName(given);
    const same = records.filter((each) => each.url === url && each.kind === undefined);
    const known = given !== undefined
      ? undefined
      : same.find(({ name }) => name === base) ?? (same.length === 1 ? same[0] : undefined);
    // The same server twice, as in two projects, is one entry; one that was not imported whole is another server.
    const key = JSON.stringify([url, entry.options, entry.token, entry.left]);
    const first = [...used].find(([, each]) => each === key)?.[0];
    const isSecond = first !== undefined && given === undefined;
    const name = isSecond ? first : freeName(known?.name ?? base, base, used, records);
    used.set(name, key);
    const existing = records.find((each) => each.name === name);
    return { entry, name, existing, isSecond };
  });
}

/** The first of some names that no other server has: as wanted, as in the host, or with a number. */
function freeName(
  wanted: string,
  base: string,
  used: ReadonlyMap<string, string>,
  records: readonly ServerRecord[],
): string {
  const name = [wanted, base].find((each) => !used.has(each));
  if (name !== undefined) return name;
  for (let number = 2;; number++) {
    const numbered = `${base.slice(0, 60)}-${number}`;
    if (!used.has(numbered) && !records.some((each) => each.name === numbered)) return numbered;
  }
}

function refuseTaken(candidates: readonly Candidate[]): void {
  const taken = candidates.filter(({ entry, existing }) =>
    existing !== undefined && existing.url !== entry.url
  );
  if (taken.length === 0) return;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot import ${
      taken.map(({ name }) => `"${name}"`).join(", ")
    }: there are other entries of these names`,
    {
      hint: "Give them other names with --name old=new, or add --force to replace them; nothing was changed",
    },
  );
}

/** A name by our rule, of whatever the host has. */
function slug(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+|-+$/g, "").slice(0, 60) ||
    "server";
}

async function storeAll(
  context: CliContext,
  flags: ImportFlags,
  judged: readonly Judged[],
  source: string,
): Promise<void> {
  const entries = judged.flatMap(({ whole }) => whole ?? []);
  if (entries.length === 0) return;
  const { signal } = await context.services(flags).interruption();
  await importEntries(transferPorts(context, flags), {
    entries,
    replace: flags.force === true,
    merge,
    source,
    signal,
  });
}

/** An entry of the same URL keeps its sign-in and what its user chose for it, as far as nothing else is said. */
function merge(before: WholeEntry, entry: WholeEntry): WholeEntry {
  if (before.server.url !== entry.server.url) return entry;
  const { server, credential } = entry.credential === undefined && before.credential !== undefined
    ? before
    : entry;
  const options = { ...before.server.options, ...entry.server.options };
  return {
    server: { ...before.server, signIn: server.signIn, options },
    credential,
    clients: before.clients,
  };
}

/** A server that a bridge takes the place of, as it was when it was imported. */
interface MovedServer extends BridgedServer {
  readonly server: ConfiguredServer;
}

async function bridgesOf(
  context: CliContext,
  flags: ImportFlags,
  moving: readonly Judged[],
): Promise<readonly MovedServer[]> {
  return await Promise.all(moving.map(async ({ candidate: { name, entry } }) => {
    const bridge = await bridgeTo(context, flags, name, flags.login ? ["--login"] : []);
    return {
      server: entry.found.server,
      bridge: { ...bridge, env: { ...connectionVariables(entry), ...entry.variables, ...bridge.env } },
    };
  }));
}

/** What the host sets so that the server can be reached at all: proxies, and certificates to trust. */
function connectionVariables({ found }: Candidate["entry"]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(found.variables).filter(([name]) => CONNECTION.test(name)));
}

const CONNECTION = /^((https?|all|no)_proxy|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|DENO_CERT)$/i;

/** Those that are in the configuration as they were: the host may have changed it meanwhile. */
async function still(
  config: Parameters<typeof readServers>[0],
  bridges: readonly MovedServer[],
): Promise<readonly BridgedServer[]> {
  const { servers } = await readServers(config);
  const key = (server: Pick<ConfiguredServer, "container" | "name">) =>
    JSON.stringify([...server.container, server.name]);
  const there = new Map(servers.map((each) => [key(each), each.value]));
  return bridges.filter(({ server }) => sameValue(there.get(key(server)), server.value));
}

function noFile({ host, file }: HostConfig): McpAuthError {
  return new McpAuthError(
    "CONFIG_MISSING",
    `Cannot import from ${host.title}: there is no file "${safeText(file)}"`,
    { hint: "Name it with --config-file where it is elsewhere; --scope project takes that of this folder" },
  );
}
