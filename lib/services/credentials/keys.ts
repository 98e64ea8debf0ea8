/**
 * Where each record is in the store. Names are in the clear in their keys; URLs and issuers, which have any length, by
 * their SHA-256.
 *
 * @module
 */
import { sha256Hex } from "../../primitives/crypto/digest.ts";
import type { KvKey } from "../../primitives/system/kv.ts";

/** What all keys of the store begin with; the number is the schema of the keys. */
export const KEY_PREFIX: KvKey = ["mcp-auth", 1];
/** The wrapped data key and what describes it. */
export const KEYSTORE_KEY: KvKey = [...KEY_PREFIX, "keystore"];
/** A change of keystore that is under way; what it leaves behind when it is interrupted is tidied up by the next one. */
export const KEYSTORE_CHANGE_KEY: KvKey = [...KEY_PREFIX, "keystore-change"];
/** What the keys of the leases begin with; only where the store is remote. */
export const LEASES: KvKey = [...KEY_PREFIX, "lease"];
/** What the keys of the counted sign-in attempts begin with. */
export const ATTEMPTS: KvKey = [...KEY_PREFIX, "attempt"];
/** What the keys of the remembered eras of servers begin with. */
export const ERAS: KvKey = [...KEY_PREFIX, "era"];
/** What the keys of all entries begin with. */
export const SERVERS: KvKey = [...KEY_PREFIX, "server"];
/** What the keys of all tokens begin with. */
export const CREDENTIALS: KvKey = [...KEY_PREFIX, "credential"];
/** What the keys of all client registrations begin with. */
export const CLIENTS: KvKey = [...KEY_PREFIX, "client"];
/** What the keys of the providers that the user has defined begin with. */
export const PROVIDERS: KvKey = [...KEY_PREFIX, "provider"];

/** The key of an entry, by its name. */
export function serverKey(name: string): KvKey {
  return [...SERVERS, name];
}

/** The key of an entry's tokens, by the entry's name. */
export function credentialKey(name: string): KvKey {
  return [...CREDENTIALS, name];
}

/** The key of the sign-in attempts on an entry, by the entry's name. */
export function attemptKey(name: string): KvKey {
  return [...ATTEMPTS, name];
}

/** The key of what is remembered of the protocol of an entry's server, by the entry's name. */
export function eraKey(name: string): KvKey {
  return [...ERAS, name];
}

/** The key of a client registration, by its issuer, byte for byte, and its redirect shape. */
export async function clientKey(issuer: string, redirectShape: string): Promise<KvKey> {
  return [...CLIENTS, await sha256Hex(issuer), redirectShape];
}

/**
 * The redirect shape of a client that belongs to one entry alone, such as one that its user registered by hand: it
 * moves and goes with the entry.
 *
 * @param name The entry's name.
 */
export function entryShape(name: string): string {
  return `entry:${name}`;
}
