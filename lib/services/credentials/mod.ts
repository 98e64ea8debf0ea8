/**
 * The credentials of all entries: what they are, and the sealed store that keeps them.
 *
 * @module
 */
export { type AskPassphrase, KEYSTORE_KINDS, type KeystoreKind } from "./keystore.ts";
export type { KeystoreChanged } from "./keystore_change.ts";
export type { KeystoreState } from "./keystore_state.ts";
export { entryShape } from "./keys.ts";
export type { StoreLocation } from "./location.ts";
export { openStore, type StoreOptions } from "./open_store.ts";
export {
  type AssertionSource,
  CALLBACK_HOSTS,
  type CallbackHost,
  type ClientRecord,
  type CredentialRecord,
  type GivenServer,
  type Grant,
  type IdentityProvider,
  type PendingRefresh,
  type RefreshFailure,
  type ServerOptions,
  type ServerRecord,
  type Site,
  type TokenEndpointAuthMethod,
  type Versioned,
} from "./records.ts";
export { CredentialStore, type ServerWithCredential, type SignedIn } from "./store.ts";
export type { EntryVersions, EntryWrite, WholeEntry } from "./whole_entries.ts";
