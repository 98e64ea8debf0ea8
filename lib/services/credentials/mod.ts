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
export type { ProviderRecords } from "./provider_records.ts";
export type {
  AssertionSource,
  CallbackHost,
  ClientRecord,
  CredentialRecord,
  GivenServer,
  Grant,
  IdentityProvider,
  PendingRefresh,
  ProviderRecord,
  RefreshFailure,
  ServerOptions,
  ServerRecord,
  Site,
  TokenEndpointAuthMethod,
  Versioned,
} from "./records.ts";
export { CredentialStore, type ServerWithCredential, type SignedIn } from "./store.ts";
export type { EntryVersions, EntryWrite, WholeEntry } from "./whole_entries.ts";
