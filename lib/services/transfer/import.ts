/**
 * Takes entries into the store. A document is judged as a whole before anything is written: a name that exists is
 * refused, and where entries are to be replaced nobody refreshes them meanwhile.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { EXPORT_ENTRIES_MAX } from "../../primitives/limits.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { checkEntryName } from "../config/mod.ts";
import { entryShape, type WholeEntry } from "../credentials/mod.ts";
import { openDocument } from "./document.ts";
import { readEntry } from "./entry_fields.ts";
import { exclusively, type TransferPorts } from "./export.ts";
import { Fields, unfit } from "./fields.ts";

/** What {@linkcode importEntries} takes. */
export interface ImportRequest {
  /** The entries, of which no two have one name. */
  readonly entries: readonly WholeEntry[];
  /** Replaces entries that exist. */
  readonly replace: boolean;
  /**
   * Makes what is stored of an entry that is replaced and the one that comes; when left out it is the latter, with the
   * sign-in of the former where it brings none and is for the same server.
   */
  readonly merge?: ((before: WholeEntry, entry: WholeEntry) => WholeEntry) | undefined;
  /** Where they come from, in a few words of ours, for the audit log. */
  readonly source: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens an export and checks every member of every entry in it.
 *
 * @param text The text of the file.
 * @param passphrase What it was sealed with.
 * @returns The entries, ordered as in the file.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export async function readExport(text: string, passphrase: string): Promise<readonly WholeEntry[]> {
  const document = new Fields(await openDocument(text, passphrase), "");
  const entries = document.list("entries", EXPORT_ENTRIES_MAX).map((entry, index) =>
    readEntry(entry, `entries[${index}]`)
  );
  const seen = new Set<string>();
  for (const [index, { server }] of entries.entries()) {
    if (seen.has(server.name)) throw unfit(`entries[${index}].server.name`, "occurs twice");
    seen.add(server.name);
  }
  return entries;
}

/**
 * Gives entries other names.
 *
 * @param entries The entries.
 * @param names New names by the old ones; an entry that is not named keeps its own.
 * @throws {McpAuthError} `USAGE` for a name that no entry has, that cannot be one, or that two would have.
 */
export function renameEntries(
  entries: readonly WholeEntry[],
  names: ReadonlyMap<string, string>,
): readonly WholeEntry[] {
  for (const old of names.keys()) {
    if (entries.some(({ server }) => server.name === old)) continue;
    throw new McpAuthError(
      "USAGE",
      `Cannot rename "${safeText(old, 80)}": there is no such entry in what is imported`,
      {
        hint: `There are: ${entries.map(({ server }) => server.name).join(", ")}`,
      },
    );
  }
  const renamed = entries.map((entry) => renameEntry(entry, names.get(entry.server.name)));
  const all = renamed.map(({ server }) => server.name);
  const twice = all.find((name, index) => all.indexOf(name) !== index);
  if (twice === undefined) return renamed;
  throw new McpAuthError("USAGE", `Cannot import two entries as "${twice}"`, {
    hint: "Give them different names with --name old=new",
  });
}

/**
 * Stores entries: all of them where they fit into one commit, as they do unless there are dozens; in a remote store,
 * whose servers take fewer checks, four at a time.
 *
 * @returns The names of those that replaced an entry.
 * @throws {McpAuthError} `CONFIG_INVALID` when a name exists and is not to be replaced, or an entry was changed
 *   meanwhile; the message says which entries were stored nevertheless, if any were. And what the store throws.
 */
export async function importEntries(
  ports: TransferPorts,
  request: ImportRequest,
): Promise<readonly string[]> {
  const { entries, replace, signal } = request;
  const names = entries.map(({ server }) => server.name);
  const existing = await existingNames(ports, names, signal);
  if (existing.length > 0 && !replace) throw taken(existing);
  await exclusively(ports, existing, async () => {
    const writes = [];
    for (const entry of entries) {
      const found = existing.includes(entry.server.name)
        ? await ports.store.wholeEntry(entry.server.name, signal)
        : undefined;
      writes.push({
        entry: found === undefined ? entry : (request.merge ?? keepingSignIn)(found.entry, entry),
        expected: found?.versions ?? { server: null, credential: null },
      });
    }
    const written = await ports.store.putWholeEntries(writes, signal);
    for (const entry of entries.filter(({ server }) => written.includes(server.name))) {
      audited(ports, entry, request.source);
    }
    if (written.length < entries.length) throw interrupted(names, written);
  }, signal);
  return existing;
}

/** What comes without tokens takes none away, as long as it is for the same server. */
function keepingSignIn(found: WholeEntry, entry: WholeEntry): WholeEntry {
  if (entry.credential !== undefined || entry.server.url !== found.server.url) return entry;
  const { credential } = found;
  if (credential === undefined) return entry;
  const shapes = new Set(entry.clients.map(({ redirectShape, issuer }) => `${redirectShape} ${issuer}`));
  const kept = found.clients.filter(({ redirectShape, issuer }) => !shapes.has(`${redirectShape} ${issuer}`));
  return { ...entry, credential, clients: [...entry.clients, ...kept] };
}

function renameEntry(entry: WholeEntry, to: string | undefined): WholeEntry {
  const from = entry.server.name;
  if (to === undefined || to === from) return entry;
  const name = checkEntryName(to);
  const shaped = <T extends { readonly redirectShape: string }>(client: T): T =>
    client.redirectShape === entryShape(from) ? { ...client, redirectShape: entryShape(name) } : client;
  const { credential } = entry;
  return {
    server: { ...entry.server, name },
    ...(credential === undefined
      ? {}
      : { credential: { ...credential, name, client: shaped(credential.client) } }),
    clients: entry.clients.map(shaped),
  };
}

async function existingNames(
  { store }: TransferPorts,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const stored = new Set((await store.servers(signal)).map(({ record }) => record.name));
  return names.filter((name) => stored.has(name));
}

function audited({ audit }: TransferPorts, { server, credential }: WholeEntry, source: string): void {
  audit.record({
    event: "imported",
    name: server.name,
    issuer: credential?.issuer,
    outcome: "done",
    detail: `from ${source}, ${credential === undefined ? "without" : "with"} tokens`,
    secrets: {
      access_token: credential?.accessToken,
      refresh_token: credential?.refreshToken,
      client_id: credential?.client.clientId,
    },
  });
}

function taken(names: readonly string[]): McpAuthError {
  const words = names.map((name) => `"${name}"`).join(", ");
  return new McpAuthError("CONFIG_INVALID", `Cannot import ${words}: entries of these names exist`, {
    hint: "Give them other names with --name old=new, or add --force to replace them; nothing was changed",
  });
}

function interrupted(names: readonly string[], written: readonly string[]): McpAuthError {
  const list = (some: readonly string[]) => some.map((name) => `"${name}"`).join(", ");
  const left = names.filter((name) => !written.includes(name));
  const done = written.length === 0 ? "nothing was imported" : `imported were only ${list(written)}`;
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot import ${list(left)}: entries were changed by another command meanwhile; ${done}`,
    { hint: written.length === 0 ? "Run the command again" : "Run the command again with --force" },
  );
}
