/**
 * The credentials of all entries: what they are, and the sealed store that keeps them.
 *
 * @module
 */
export { KEYSTORE_KINDS, type KeystoreKind } from "./keystore.ts";
export { entryShape } from "./keys.ts";
export { openStore, type StoreOptions } from "./open_store.ts";
export type {
  ClientRecord,
  CredentialRecord,
  ServerOptions,
  ServerRecord,
  TokenEndpointAuthMethod,
  Versioned,
} from "./records.ts";
export { CredentialStore, type ServerWithCredential, type SignedIn } from "./store.ts";
