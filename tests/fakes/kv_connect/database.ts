/**
 * A database as a KV Connect server has it: keys are bytes in their order, each write has a greater version, and a
 * write is refused whole when one of its checks fails. It knows the limits of the real servers, and nothing of what
 * keys and values mean.
 *
 * @see https://github.com/denoland/denokv/blob/main/proto/limits.rs
 * @module
 */

/** A record: everything is bytes. */
export interface StoredRecord {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly value: Uint8Array<ArrayBuffer>;
  readonly encoding: number;
  readonly version: Uint8Array<ArrayBuffer>;
}

/** A stretch of keys, from start to before end. */
export interface Stretch {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
  readonly reverse: boolean;
}

/** A write; an empty version in a check stands for nothing stored. */
export interface AtomicWrite {
  readonly checks: readonly { readonly key: Uint8Array; readonly version: Uint8Array }[];
  readonly sets: readonly Omit<StoredRecord, "version">[];
  readonly deletes: readonly Uint8Array[];
}

/** What the real servers answer with 400. */
export class LimitExceeded extends Error {}

/** The records, for as long as the test holds on to them: they survive the server. */
export class KvDatabase {
  readonly #records = new Map<string, StoredRecord>();
  #version = 0n;

  /** How many records there are. */
  get size(): number {
    return this.#records.size;
  }

  /** Reads some stretches in one consistent look. */
  read(stretches: readonly Stretch[]): readonly (readonly StoredRecord[])[] {
    limit(stretches.length <= 10, "Too many read ranges requested in one read request.");
    limit(stretches.every(({ limit }) => limit > 0), "The read range limit is invalid.");
    limit(stretches.reduce((sum, { limit }) => sum + limit, 0) <= 1_000, "The read request is too large.");
    const keys = [...this.#records.keys()].sort();
    return stretches.map((stretch) => {
      const [start, end] = [stretch.start.toHex(), stretch.end.toHex()];
      const found = keys.filter((key) => key >= start && key < end);
      return (stretch.reverse ? found.reverse() : found).slice(0, stretch.limit).map((key) =>
        this.#records.get(key)!
      );
    });
  }

  /** Writes; the version of all that was written, or undefined where a check failed. */
  write({ checks, sets, deletes }: AtomicWrite): Uint8Array<ArrayBuffer> | undefined {
    limit(checks.length <= 10, "Too many checks included in atomic write.");
    limit(sets.length + deletes.length <= 1_000, "Too many mutations included in atomic write.");
    const keys = [...checks.map(({ key }) => key), ...sets.map(({ key }) => key), ...deletes];
    limit(keys.every(({ length }) => length <= 2_048), "A key exceeds the key size limit.");
    limit(sets.every(({ value }) => value.length <= 65_536), "A value exceeds the value size limit.");
    const size = [...keys, ...sets.map(({ value }) => value)].reduce((sum, { length }) => sum + length, 0);
    limit(size <= 819_200, "The total size of the atomic write is too large.");
    const holds = checks.every(({ key, version }) =>
      (this.#records.get(key.toHex())?.version.toHex() ?? "") === version.toHex()
    );
    if (!holds) return undefined;
    const version = new Uint8Array(10);
    new DataView(version.buffer).setBigUint64(0, ++this.#version);
    for (const { key, value, encoding } of sets) {
      this.#records.set(key.toHex(), { key, value, encoding, version });
    }
    for (const key of deletes) this.#records.delete(key.toHex());
    return version;
  }
}

function limit(holds: boolean, message: string): void {
  if (!holds) throw new LimitExceeded(message);
}
