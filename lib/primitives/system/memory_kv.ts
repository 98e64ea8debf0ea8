/**
 * A {@linkcode Kv} that keeps everything in this process and nothing anywhere else: the store of whoever asked for the
 * `memory` keystore, such as a CI job that gets its credentials from the environment.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import {
  checkValueSizes,
  type Kv,
  KV_GET_MAX_KEYS,
  type KvChange,
  type KvEntry,
  type KvKey,
  showKey,
} from "./kv.ts";

interface Stored {
  readonly key: KvKey;
  readonly value: Uint8Array<ArrayBuffer>;
  readonly version: string;
}

/** Returns a new, empty store. */
export function openMemoryKv(): Kv {
  return new MemoryKv();
}

class MemoryKv implements Kv {
  readonly #stored = new Map<string, Stored>();
  #commits = 0;
  #closed = false;

  get(keys: readonly KvKey[]): Promise<readonly KvEntry[]> {
    return this.#run(() => {
      if (keys.length > KV_GET_MAX_KEYS) {
        throw new McpAuthError("STORE_UNAVAILABLE", `Cannot read ${keys.length} records at once`);
      }
      return keys.map((key) => this.#entry(key));
    });
  }

  list(prefix: KvKey): Promise<readonly KvEntry[]> {
    return this.#run(() =>
      [...this.#stored.values()]
        .filter(({ key }) => key.length > prefix.length && prefix.every((part, index) => part === key[index]))
        .sort((a, b) => compareKeys(a.key, b.key))
        .map(({ key }) => this.#entry(key))
    );
  }

  commit(change: KvChange): Promise<string | undefined> {
    return this.#run(() => {
      checkValueSizes(change);
      if (change.checks?.some(({ key, version }) => this.#entry(key).version !== version)) return undefined;
      const version = (++this.#commits).toString(16).padStart(20, "0");
      for (const { key, value } of change.sets ?? []) {
        this.#stored.set(showKey(key), { key: [...key], value: value.slice(), version });
      }
      for (const key of change.deletes ?? []) this.#stored.delete(showKey(key));
      return version;
    });
  }

  close(): void {
    this.#closed = true;
    this.#stored.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #entry(key: KvKey): KvEntry {
    const stored = this.#stored.get(showKey(key));
    return { key, value: stored?.value.slice(), version: stored?.version ?? null };
  }

  // deno-lint-ignore require-await -- what is thrown inside must reject
  async #run<T>(operation: () => T): Promise<T> {
    if (this.#closed) throw new McpAuthError("STORE_UNAVAILABLE", "Cannot use the store: it is closed");
    return operation();
  }
}

/** Orders keys as Deno KV does: part by part, strings by their UTF-8 form and before numbers. */
function compareKeys(a: KvKey, b: KvKey): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const order = compareParts(a[index]!, b[index]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareParts(a: string | number, b: string | number): number {
  if (typeof a === "number" || typeof b === "number") {
    return typeof a === typeof b ? Number(a) - Number(b) : typeof a === "string" ? -1 : 1;
  }
  const [left, right] = [Array.from(a, codePoint), Array.from(b, codePoint)];
  const at = left.findIndex((point, index) => point !== right[index]);
  return at < 0 ? left.length - right.length : left[at]! - (right[at] ?? -1);
}

function codePoint(character: string): number {
  return character.codePointAt(0)!;
}
