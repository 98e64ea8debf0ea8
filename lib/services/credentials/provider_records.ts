/**
 * The providers that the user has defined, in the sealed store: they say where tokens and secrets are sent, so nobody but
 * the user may change them.
 *
 * @module
 */
import type { KvKey } from "../../primitives/system/kv.ts";
import { PROVIDERS } from "./keys.ts";
import type { ProviderRecord } from "./records.ts";
import { damaged, type SealedKv } from "./sealed_kv.ts";

/** Reads and writes them. All throw what the store throws. */
export interface ProviderRecords {
  /** One, by its name. */
  read(name: string, signal?: AbortSignal): Promise<ProviderRecord | undefined>;
  /** All, ordered by name. */
  list(signal?: AbortSignal): Promise<readonly ProviderRecord[]>;
  /** Writes a new one; says whether there was none of that name. */
  add(record: ProviderRecord, signal?: AbortSignal): Promise<boolean>;
  /** Writes one in place of whatever has its name. */
  replace(record: ProviderRecord, signal?: AbortSignal): Promise<void>;
  /** Removes one, also where it is damaged; says whether it was there. */
  remove(name: string, signal?: AbortSignal): Promise<boolean>;
}

/** The providers in a store. */
export function providerRecords(records: SealedKv): ProviderRecords {
  const at = (name: string): KvKey => [...PROVIDERS, name];
  return {
    read: async (name, signal) => {
      const [found] = await records.read([at(name)], signal);
      const record = found?.record as ProviderRecord | undefined;
      if (record !== undefined && record.name !== name) throw damaged(at(name));
      return record;
    },
    list: async (signal) =>
      (await records.list(PROVIDERS, signal)).map(({ record }) => record as ProviderRecord),
    add: async (record, signal) => {
      const key = at(record.name);
      const change = { checks: [{ key, version: null }], sets: [{ key, record }] };
      return await records.commit(change, signal) !== undefined;
    },
    replace: async (record, signal) => {
      await records.commit({ sets: [{ key: at(record.name), record }] }, signal);
    },
    remove: async (name, signal) => {
      const keys = await records.keys(PROVIDERS, signal);
      if (!keys.some((key) => key.at(-1) === name)) return false;
      await records.commit({ deletes: [at(name)] }, signal);
      return true;
    },
  };
}
