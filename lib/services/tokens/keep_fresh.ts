/**
 * Refreshes tokens ahead of time in a command that runs for long, so that none of its requests has to wait for it. The
 * wall clock is looked at after each short sleep: neither a laptop that slept nor a clock that was set makes it late by
 * more than one. What fails is left to the pause that the failure has brought about.
 *
 * @see behaviours row 5
 * @module
 */
import { asMcpAuthError, type ErrorCode } from "../../primitives/errors.ts";
import { KEEP_FRESH_TICK_MIN_MS, KEEP_FRESH_TICK_MS } from "../../primitives/limits.ts";
import { type Clock, pauseIdly } from "../../primitives/system/clock.ts";
import type { CredentialRecord } from "../credentials/mod.ts";
import type { TokenAuthority } from "./authority.ts";
import { dueAt } from "./expiry.ts";

/** What {@linkcode keepFresh} takes. */
export interface KeepFreshOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Gets one line for the first of some failures in a row. */
  readonly log: (message: string) => void;
  /** Sleeps; without keeping the process alive when left out. */
  readonly pause?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** Nobody is signed in: there is nothing to keep fresh yet. */
const NOTHING_YET: ReadonlySet<ErrorCode> = new Set(["AUTH_REQUIRED", "NOT_FOUND"]);

/**
 * Keeps tokens fresh until the signal fires, and resolves then; never rejects.
 *
 * @param authority Who refreshes.
 * @param clock The time.
 * @param names The entries.
 * @param options When to stop, and where to say what fails.
 */
export async function keepFresh(
  authority: Pick<TokenAuthority, "current">,
  clock: Clock,
  names: readonly string[],
  options: KeepFreshOptions,
): Promise<void> {
  const { signal, log, pause = pauseIdly } = options;
  const failing = new Set<string>();
  const look = async (name: string): Promise<number> => {
    try {
      const record = await authority.current(name, { signal });
      failing.delete(name);
      return sleepFor(record, clock.now(), Math.random());
    } catch (error) {
      const { code, message } = asMcpAuthError(error, "TOKEN_REFRESH_FAILED", `keep "${name}" fresh`);
      if (!NOTHING_YET.has(code) && !failing.has(name) && !signal.aborted) log(message);
      failing.add(name);
      return KEEP_FRESH_TICK_MS;
    }
  };
  while (!signal.aborted) {
    const sleeps = await Promise.all(names.map(look));
    const sleepMs = Math.min(KEEP_FRESH_TICK_MS * (1 - Math.random() / 5), ...sleeps);
    if (!signal.aborted) await pause(sleepMs, signal).catch(() => {});
  }
}

/** How long to sleep: until the token is due, or until it ends where it is due already and could not be refreshed. */
function sleepFor(record: CredentialRecord, now: number, random: number): number {
  const due = dueAt(record);
  const next = (due > now ? due : record.expiresAt ?? Infinity) - now;
  // A little later, each process at another moment: whoever comes second finds the first one's token.
  return Math.max(KEEP_FRESH_TICK_MIN_MS, next) + random * KEEP_FRESH_TICK_MIN_MS;
}
