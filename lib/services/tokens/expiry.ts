/**
 * When a token counts as fresh. Expiry is absolute wall-clock time; an unknown expiry means "until the server refuses
 * it", never "expired" and never "valid for ever". Pure: the time is passed in.
 *
 * @see design: refresh on use when under 5 minutes are left, or under a fifth of a shorter life; behaviours rows 5 and 7
 * @module
 */
import { REFRESH_AHEAD_MS, REFRESH_AHEAD_SHARE } from "../../primitives/limits.ts";
import type { CredentialRecord } from "../credentials/mod.ts";

/** The times of a token, in ms since the epoch. */
export interface Lifetime {
  readonly obtainedAt: number;
  readonly expiresAt?: number | undefined;
}

/** How far a token is. `due`: usable still, and to be refreshed before use. */
export type Freshness = "fresh" | "due" | "expired";

/**
 * Judges a token.
 *
 * @param lifetime Its times.
 * @param now Milliseconds since the epoch.
 */
export function freshnessOf({ obtainedAt, expiresAt }: Lifetime, now: number): Freshness {
  if (expiresAt === undefined) return "fresh";
  if (now >= expiresAt) return "expired";
  const life = Math.max(0, expiresAt - obtainedAt);
  const ahead = aheadOf(life);
  const left = expiresAt - now;
  // More left than it ever had: the clock was set back, and nobody knows how much is left in truth.
  return left < ahead || left > life + ahead ? "due" : "fresh";
}

/**
 * When a token gets due, in ms since the epoch; `Infinity` where its expiry is not known.
 *
 * @param lifetime Its times.
 */
export function dueAt({ obtainedAt, expiresAt = Infinity }: Lifetime): number {
  return expiresAt - aheadOf(Math.max(0, expiresAt - obtainedAt));
}

/**
 * Whether new tokens can be had without a person: by a refresh token, or by the grant that brought these, once more.
 *
 * @param credential The tokens.
 */
export function isRenewable(
  { refreshToken, grant }: Pick<CredentialRecord, "refreshToken" | "grant">,
): boolean {
  return refreshToken !== undefined || grant !== undefined;
}

function aheadOf(life: number): number {
  return Math.min(REFRESH_AHEAD_MS, life * REFRESH_AHEAD_SHARE);
}
