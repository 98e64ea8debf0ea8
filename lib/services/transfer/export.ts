/**
 * Takes entries out of the store, sealed by a passphrase. A refresh token that rotates is good for one holder: after a
 * copy two machines hold it, so an export says for each entry what became of its tokens, and a move takes them away
 * here, once the file is written and only if nobody has changed them since.
 *
 * @see RFC 9700 section 4.14; behaviours row 1
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { EXPORT_ENTRIES_MAX } from "../../primitives/limits.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Audit } from "../audit/mod.ts";
import type { CredentialRecord, CredentialStore, EntryVersions, WholeEntry } from "../credentials/mod.ts";
import { noSuchEntry, type TokenAuthority } from "../tokens/mod.ts";
import { sealDocument } from "./document.ts";

/** What moving entries runs on. */
export interface TransferPorts {
  readonly store: CredentialStore;
  readonly authority: Pick<TokenAuthority, "exclusive">;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** What {@linkcode exportEntries} takes. */
export interface ExportRequest {
  /** Which entries; each once. */
  readonly names: readonly string[];
  /** What seals the document; at least 12 characters. */
  readonly passphrase: string;
  /** `copy`: the tokens go along and stay here. `move`: they are removed here. `none`: they stay here alone. */
  readonly tokens: "copy" | "move" | "none";
  /** Puts the document where it is to be. Where it throws, nothing has changed here. */
  readonly write: (document: string) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** What became of an entry. */
export interface ExportedEntry {
  readonly name: string;
  /**
   * What became of its tokens. `none`: none were exported. `copied`: they are in two places. `moved`: they are in the
   * document alone. `changed`: they were to be moved, and were replaced here meanwhile: those in the document are dead.
   */
  readonly tokens: "none" | "copied" | "moved" | "changed";
  /** Whether a refresh token is among those in the document. */
  readonly refreshable: boolean;
}

interface Read {
  readonly entry: WholeEntry;
  readonly versions: EntryVersions;
}

/**
 * Exports entries. Each is read while nobody refreshes it, so that no pair is half spent; in a move nobody does until the
 * tokens are removed.
 *
 * @throws {McpAuthError} `NOT_FOUND` for a name that is none, `CONFIG_INVALID` for a passphrase that is too short, and
 *   what the store, the lock and `write` throw; nothing has changed here then.
 */
export async function exportEntries(
  ports: TransferPorts,
  request: ExportRequest,
): Promise<readonly ExportedEntry[]> {
  const { tokens, signal } = request;
  const names = [...new Set(request.names)].sort();
  if (names.length > EXPORT_ENTRIES_MAX) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot export ${names.length} entries at once: at most ${EXPORT_ENTRIES_MAX}`,
      {
        hint: "Export them by name, in several files",
      },
    );
  }
  if (tokens === "move") {
    return await exclusively(ports, names, async () => {
      const reads: Read[] = [];
      for (const name of names) reads.push(await read(ports, name, signal));
      return await finish(ports, request, reads);
    }, signal);
  }
  const reads: Read[] = [];
  for (const name of names) {
    reads.push(await ports.authority.exclusive(name, () => read(ports, name, signal), signal));
  }
  return await finish(ports, request, reads);
}

/**
 * Runs an operation while nobody refreshes any of some entries. The locks are taken in the order of the names, so that
 * two that want the same ones cannot wait for each other.
 */
export async function exclusively<T>(
  ports: TransferPorts,
  names: readonly string[],
  operation: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const hold = (left: readonly string[]): Promise<T> => {
    const [name, ...rest] = left;
    return name === undefined ? operation() : ports.authority.exclusive(name, () => hold(rest), signal);
  };
  return await hold([...new Set(names)].sort());
}

async function read({ store }: TransferPorts, name: string, signal: AbortSignal | undefined): Promise<Read> {
  const found = await store.wholeEntry(name, signal);
  if (found === undefined) throw noSuchEntry(name);
  return found;
}

async function finish(
  ports: TransferPorts,
  request: ExportRequest,
  reads: readonly Read[],
): Promise<readonly ExportedEntry[]> {
  const { tokens } = request;
  const entries = reads.map(({ entry }) => tokens === "none" ? withoutTokens(entry) : portable(entry));
  const document = await sealDocument({ exportedAt: ports.clock.now(), entries }, request.passphrase);
  await request.write(document);
  const gone = tokens === "move" ? await removeTokens(ports, reads) : new Set<string>();
  return entries.map(({ server, credential }): ExportedEntry => {
    const { name } = server;
    const became = credential === undefined
      ? "none"
      : tokens === "copy"
      ? "copied"
      : gone.has(name)
      ? "moved"
      : "changed";
    ports.audit.record({
      event: "exported",
      name,
      issuer: credential?.issuer,
      outcome: "done",
      detail: became === "none" ? "without tokens" : `tokens ${became}`,
      secrets: {
        access_token: credential?.accessToken,
        refresh_token: credential?.refreshToken,
        client_id: credential?.client.clientId,
      },
    });
    return { name, tokens: became, refreshable: credential?.refreshToken !== undefined };
  });
}

async function removeTokens(ports: TransferPorts, reads: readonly Read[]): Promise<ReadonlySet<string>> {
  try {
    return await forgetTokens(ports, reads);
  } catch (error) {
    const { code, message } = asMcpAuthError(error, "STORE_UNAVAILABLE", "remove the tokens here");
    throw new McpAuthError(code, `${message}; the export is written, and some tokens may be in both places`, {
      hint: "Where an entry is signed in here still, run: mcp-auth logout --local-only <name>",
      cause: error,
    });
  }
}

/**
 * Removes the exported tokens, as many at once as one commit takes, so that a process that is killed leaves no few of
 * them behind.
 *
 * @returns The names of the entries whose tokens are gone; all others have been changed since.
 */
async function forgetTokens(
  { store }: TransferPorts,
  reads: readonly Read[],
): Promise<ReadonlySet<string>> {
  let left = reads.flatMap(({ entry, versions }) =>
    versions.credential === null ? [] : [{ name: entry.server.name, version: versions.credential }]
  );
  const gone = new Set<string>();
  while (left.length > 0) {
    const group = left.slice(0, store.checksMax);
    if (await store.forgetCredentials(group)) {
      for (const { name } of group) gone.add(name);
      left = left.slice(group.length);
      continue;
    }
    const now = await Promise.all(
      group.map(async (each) => (await store.credential(each.name))?.version === each.version),
    );
    // A version never comes back, so each round leaves fewer.
    left = [...group.filter((_each, index) => now[index]), ...left.slice(group.length)];
  }
  return gone;
}

function withoutTokens(entry: WholeEntry): WholeEntry {
  return { server: entry.server, clients: entry.clients };
}

/** The entry without what is about this machine's refreshes alone. */
function portable(entry: WholeEntry): WholeEntry {
  if (entry.credential === undefined) return withoutTokens(entry);
  const { tokenResponses: _counted, lastError, ...credential } = entry.credential;
  const { code, message, at } = lastError ?? {};
  const error = code === undefined || message === undefined || at === undefined
    ? {}
    : { lastError: { code, message, at } };
  return { ...entry, credential: { ...credential, ...error } satisfies CredentialRecord };
}
