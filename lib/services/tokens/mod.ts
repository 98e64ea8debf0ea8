/**
 * The one token authority and the authorizer that transports ask.
 *
 * @module
 */
export {
  noSuchEntry,
  type RefreshRequestOptions,
  signInNeeded,
  TokenAuthority,
  type TokenOptions,
  type TokenPorts,
} from "./authority.ts";
export {
  type Authorizer,
  bearer,
  entryAuthorizer,
  isBound,
  type Presented,
  type ProofWanted,
  type Refusal,
  type RequestTarget,
} from "./authorizer.ts";
export type { EntryAuthorizerOptions, SignInNeed } from "./entry_authorizer.ts";
export type { KeepFreshOptions } from "./keep_fresh.ts";
export { type Freshness, freshnessOf, isRenewable, type Lifetime } from "./expiry.ts";
