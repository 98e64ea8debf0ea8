/**
 * Looks into a store's database from below, and checks that what cannot be opened is not touched.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { CredentialStore } from "../../../lib/services/credentials/mod.ts";
import type { Home } from "./homes.ts";
import { credentialRecord, serverRecord } from "./records.ts";

/** What a store that cannot be used throws. */
export const UNAVAILABLE = { code: "STORE_UNAVAILABLE" };

/** Stores an entry and its tokens. */
export async function signIn(store: CredentialStore, name: string): Promise<void> {
  const credential = credentialRecord(name);
  assert.ok(await store.saveSignedIn({ server: serverRecord(name), credential, client: credential.client }));
}

/** Makes a store with the entry "a" and closes it. */
export async function makeStore(home: Home, options: Parameters<Home["open"]>[0] = {}): Promise<void> {
  using store = home.open(options);
  await signIn(store, "a");
}

/** All that is in the database, by key. */
export async function contents(home: Home): Promise<Map<string, { value: unknown; versionstamp: string }>> {
  using kv = await home.raw();
  const entries = await Array.fromAsync(kv.list({ prefix: [] }));
  return new Map(
    entries.map(({ key, value, versionstamp }) => [JSON.stringify(key), { value, versionstamp }]),
  );
}

/** Every way to use a store; each must end in the same error where the store cannot be opened. */
export function uses(store: CredentialStore): Readonly<Record<string, () => Promise<unknown>>> {
  return {
    server: () => store.server("a"),
    servers: () => store.servers(),
    serverWithCredential: () => store.serverWithCredential("a"),
    putServer: () => store.putServer(serverRecord("b"), null),
    changeCredential: () => store.changeCredential("a", null, undefined),
    saveSignedIn: () => signIn(store, "a"),
    putClient: () => store.putClient(credentialRecord("a").client),
    rename: () => store.rename("a", "b"),
    removeEntry: () => store.removeEntry("a"),
  };
}

/** Uses a store in every way, and checks that each ends in the error and none changes a byte. */
export async function assertUnusable(
  home: Home,
  error: object,
  options: Parameters<Home["open"]>[0] = {},
): Promise<void> {
  const before = await contents(home);
  using store = home.open(options);
  for (const [name, use] of Object.entries(uses(store))) await assert.rejects(use(), error, name);
  assert.deepEqual(await contents(home), before);
}
