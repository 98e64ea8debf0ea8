/**
 * Deno KV in a local file as a {@linkcode Kv}. The file is SQLite: it is created private before it is opened. When
 * another process holds the database, Deno KV gives up at once, after 5 s, or never, as it happens. What gives up is
 * tried again, with jitter and one bound; a commit that does not come back is given up at that bound. A read is not
 * timed: readers wait for writers only as the database is opened, and the first timer of a process costs it 5 ms.
 *
 * What was given up is still pending inside Deno KV, whose `close` would block this thread: closing waits for it.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../errors.ts";
import { STORE_RETRY_PAUSE_MAX_MS, STORE_RETRY_TOTAL_MS } from "../limits.ts";
import { pause } from "./clock.ts";
import { ensurePrivateFile } from "./files.ts";
import { checkValueSizes, type Kv, type KvChange, type KvEntry, type KvKey, type KvValue } from "./kv.ts";
import { folderOf } from "./paths.ts";
import { permissionDenied } from "./permissions.ts";

/** How {@linkcode openLocalKv} opens a store. */
export interface LocalKvOptions {
  /** Ends the wait for the opening. */
  readonly signal?: AbortSignal | undefined;
  /** How long an operation is tried while other processes hold the database, in milliseconds. */
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
  const wait = { path, busyMs, verb: "open", timed: false, signal: options.signal };
  const kv = await whenFree(wait, () => Deno.openKv(path), (late) => late.then((kv) => kv.close(), () => {}));
  return new LocalKv(kv, path, busyMs);
}

class LocalKv implements Kv {
  readonly #kv: Deno.Kv;
  readonly #path: string;
  readonly #busyMs: number;
  readonly #givenUp = new Set<Promise<unknown>>();
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
    if (this.#givenUp.size === 0) return this.#kv.close();
    void Promise.all(this.#givenUp).then(() => this.#kv.close());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #run<T>(verb: string, signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    const wait = { path: this.#path, busyMs: this.#busyMs, verb, timed: verb === "write to", signal };
    return whenFree(wait, () => {
      if (this.#closed) throw new McpAuthError("STORE_UNAVAILABLE", `Cannot ${verb} the store: it is closed`);
      return operation();
    }, (late) => {
      const settled = late.then(() => {}, () => {}).finally(() => this.#givenUp.delete(settled));
      this.#givenUp.add(settled);
    });
  }
}

/** A value that is no bytes was not written through this port: it reads as empty, for its reader to find it damaged. */
function toEntry({ key, value, versionstamp }: Deno.KvEntryMaybe<unknown>): KvEntry {
  const bytes = value instanceof Uint8Array ? value as KvValue : new Uint8Array();
  return { key: key as KvKey, value: versionstamp === null ? undefined : bytes, version: versionstamp };
}

interface Wait {
  readonly path: string;
  readonly busyMs: number;
  readonly verb: string;
  /** Whether an attempt that does not come back is given up when the time is over. */
  readonly timed: boolean;
  readonly signal: AbortSignal | undefined;
}

async function whenFree<T>(
  wait: Wait,
  operation: () => Promise<T>,
  onGivenUp: (late: Promise<T>) => unknown,
): Promise<T> {
  if (wait.signal?.aborted) throw storeError(wait.signal.reason, wait);
  const deadline = performance.now() + wait.busyMs;
  for (let ceilingMs = 4;; ceilingMs = Math.min(ceilingMs * 2, STORE_RETRY_PAUSE_MAX_MS)) {
    try {
      const pending = operation();
      return await within(pending, wait, deadline, () => onGivenUp(pending));
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw storeError(error, wait);
    }
    await pause(Math.random() * ceilingMs, wait.signal).catch((reason) => {
      throw storeError(reason, wait);
    });
  }
}

/** Settles as the operation does, unless the deadline or the signal comes first. */
function within<T>(operation: Promise<T>, wait: Wait, deadline: number, onGivenUp: () => void): Promise<T> {
  const { signal, timed } = wait;
  if (signal === undefined && !timed) return operation;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const giveUp = (reason: unknown) => {
    onGivenUp();
    reject(storeError(reason, wait));
  };
  const onAbort = () => giveUp(signal?.reason);
  const onTime = () => giveUp(new TypeError(BUSY));
  const timer = timed ? setTimeout(onTime, Math.max(0, deadline - performance.now())) : undefined;
  signal?.addEventListener("abort", onAbort, { once: true });
  operation.then(resolve, reject).finally(() => {
    if (timer !== undefined) clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  });
  return promise;
}

// SQLite's conditions have no codes in Deno KV: their messages are all there is, and this is the one place they are read.
const BUSY = "database is locked";
const CONDITIONS: readonly (readonly [message: RegExp, detail: string, hint: string])[] = [
  [/^database is locked$/, "other processes keep it busy", "Try again; end mcp-auth processes that hang"],
  [/disk is full/, "the disk is full", "Free some space on the disk, then try again"],
  [/disk I\/O error/, "the disk fails", "Check the disk, or set MCP_AUTH_HOME to a folder on another one"],
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

function storeError(thrown: unknown, { verb, path }: Wait): McpAuthError {
  if (thrown instanceof McpAuthError) return thrown;
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
