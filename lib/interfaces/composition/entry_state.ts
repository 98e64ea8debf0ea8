/**
 * The state of an entry, as the command line and the library call it.
 *
 * @module
 */
import type { Clock } from "../../primitives/system/clock.ts";
import type { CredentialRecord, ServerRecord } from "../../services/credentials/mod.ts";
import { freshnessOf, isRenewable } from "../../services/tokens/mod.ts";

/** What state an entry is in. Stable: `--json` gives it. */
export type EntryState =
  | "no-sign-in-needed"
  | "not-signed-in"
  | "signed-in"
  /** It has a token that was given by hand. */
  | "token-given"
  | "expired"
  | "refresh-failed";

/**
 * Judges an entry. An expired token that can be renewed counts as signed in: the next use renews it, unless the server
 * has refused to.
 *
 * @param server The entry.
 * @param credential Its tokens, where it has some.
 * @param clock The time.
 */
export function entryState(
  server: ServerRecord,
  credential: CredentialRecord | undefined,
  clock: Clock,
): EntryState {
  if (credential === undefined) return server.signIn === "none" ? "no-sign-in-needed" : "not-signed-in";
  if (freshnessOf(credential, clock.now()) !== "expired") {
    return server.signIn === "token" ? "token-given" : "signed-in";
  }
  const isRefused = credential.refreshToken === undefined &&
    credential.lastError?.code === "TOKEN_REFRESH_FAILED";
  if (isRenewable(credential) && !isRefused) return "signed-in";
  return credential.lastError === undefined ? "expired" : "refresh-failed";
}
