/**
 * Deno KV in a local file as a {@linkcode Kv}. The file is SQLite: it is created private before it is opened, and a
 * database that other processes hold is tried again, with jitter and a bound, because Deno KV itself gives up at once.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../errors.ts";
import { STORE_RETRY_PAUSE_MAX_MS, STORE_RETRY_TOTAL_MS } from "../limits.ts";
import { pause } from "./clock.ts";
import { ensurePrivateFile } from "./files.ts";
import { checkValueSizes, type Kv, type KvChange, type KvEntry, type KvKey, showKey } from "./kv.ts";
import { folderOf } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/** How {@linkcode openLocalKv} opens a store. */
export interface LocalKvOptions {
  /** Ends the wait for a database that other processes hold. */
  readonly signal?: AbortSignal | undefined;
  /** How long each operation waits for such a database, in milliseconds. */
  readonly busyMs?: number;
}

/**
 * Opens the store in a file; a missing one is created with mode 0600, and its folder with 0700.
 *
 * @param path The file.
 * @param options The wait for a busy database.
 * @throws {McpAuthError} `PERMISSION_DENIED` when Deno runs without `--unstable-kv` or without access to the file;
 * `STORE_UNAVAILABLE` when the file cannot be opened.
 */
export async function openLocalKv(path: string, options: LocalKvOptions = {}): Promise<Kv> {
  if (typeof Deno.openKv !== "function") {
    throw new McpAuthError(
      "PERMISSION_DENIED",
      "Cannot open the store: Deno runs without its key-value store",
      {
        hint: "Run again with --unstable-kv",
      },
    );
  }
  await ensurePrivateFile(path);
  const busyMs = options.busyMs ?? STORE_RETRY_TOTAL_MS;
  const kv = await whenFree("open", path, busyMs, options.signal, () => Deno.openKv(path));
  return new LocalKv(kv, path, busyMs);
}

class LocalKv implements Kv {
  readonly #kv: Deno.Kv;
  readonly #path: string;
  readonly #busyMs: number;
  #closed = false;

  constructor(kv: Deno.Kv, path: string, busyMs: number) {
    this.#kv = kv;
    this.#path = path;
    this.#busyMs = busyMs;
  }

  get(keys: readonly KvKey[], signal?: AbortSignal): Promise<readonly KvEntry[]> {
    return this.#run("read", signal, async () => (await this.#kv.getMany<unknown[]>([...keys])).map(toEntry));
  }

  list(prefix: KvKey, signal?: AbortSignal): Promise<readonly KvEntry[]> {
    return this.#run("read", signal, () => Array.fromAsync(this.#kv.list<unknown>({ prefix }), toEntry));
  }

  async commit(change: KvChange, signal?: AbortSignal): Promise<string | undefined> {
    checkValueSizes(change);
    const result = await this.#run("write to", signal, () => {
      const atomic = this.#kv.atomic();
      for (const { key, version } of change.checks ?? []) atomic.check({ key, versionstamp: version });
      for (const { key, value } of change.sets ?? []) atomic.set(key, value);
      for (const key of change.deletes ?? []) atomic.delete(key);
      return atomic.commit();
    });
    return result.ok ? result.versionstamp : undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#kv.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #run<T>(verb: string, signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    return whenFree(verb, this.#path, this.#busyMs, signal, () => {
      if (this.#closed) throw new McpAuthError("STORE_UNAVAILABLE", `Cannot ${verb} the store: it is closed`);
      return operation();
    });
  }
}

function toEntry({ key, value, versionstamp }: Deno.KvEntryMaybe<unknown>): KvEntry {
  if (value !== null && !(value instanceof Uint8Array)) {
    throw new McpAuthError(
      "STORE_UNAVAILABLE",
      `Cannot read the record ${showKey(key as KvKey)}: it is not ours`,
    );
  }
  return { key: key as KvKey, value: (value ?? undefined) as KvEntry["value"], version: versionstamp };
}

async function whenFree<T>(
  verb: string,
  path: string,
  busyMs: number,
  signal: AbortSignal | undefined,
  operation: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + busyMs;
  for (let ceilingMs = 4;; ceilingMs = Math.min(ceilingMs * 2, STORE_RETRY_PAUSE_MAX_MS)) {
    try {
      return await operation();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw storeError(error, verb, path);
    }
    await pause(Math.random() * ceilingMs, signal).catch((reason) => {
      throw asMcpAuthError(reason, "STORE_UNAVAILABLE", `${verb} the store`);
    });
  }
}

// SQLite's conditions have no codes in Deno KV: their messages are all there is, and this is the one place they are read.
const BUSY = "database is locked";
const CONDITIONS: readonly (readonly [message: RegExp, detail: string, hint: string])[] = [
  [/^database is locked$/, "other processes keep it busy", "Try again; end mcp-auth processes that hang"],
  [
    /disk is full|disk I\/O error/,
    "the disk is full or fails",
    "Free some space on the disk, then try again",
  ],
  [/readonly|read-only/, "it is read-only", "Make it writable, or set MCP_AUTH_HOME to a folder that is"],
  [
    /unable to open database file/,
    "its folder cannot be written to",
    "Make the folder writable, or set MCP_AUTH_HOME to another folder",
  ],
  [
    /not a database|malformed/,
    "the file is damaged",
    "Restore it from a backup, or move it away to begin with an empty store",
  ],
];

function isBusy(error: unknown): boolean {
  return error instanceof TypeError && error.message === BUSY;
}

function storeError(thrown: unknown, verb: string, path: string): McpAuthError {
  const action = `${verb} the store "${path}"`;
  const denied = permissionDenied(thrown, action, folderOf(path));
  if (denied !== undefined) return denied;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const condition = CONDITIONS.find(([pattern]) => pattern.test(message));
  if (condition === undefined) return asMcpAuthError(thrown, "STORE_UNAVAILABLE", action);
  return new McpAuthError("STORE_UNAVAILABLE", `Cannot ${action}: ${condition[1]}`, {
    hint: condition[2],
    cause: thrown,
  });
}
