/**
 * What the state of a credential and the failure of a refresh mean: whether to send the refresh token, whether it has
 * been spent, and when to try again. The state is in the record, so that all processes follow one rule. Pure: the time
 * and the dice are passed in.
 *
 * @see RFC 6749 section 5.2; behaviours rows 1, 3 and 33
 * @module
 */
import { ERROR_CODES, McpAuthError } from "../../primitives/errors.ts";
import { UnsentError } from "../../primitives/http/http.ts";
import {
  REFRESH_BACKOFF_MAX_MS,
  REFRESH_BACKOFF_MS,
  REFRESH_RETRIES,
  RETRY_AFTER_MAX_MS,
  RETRY_AFTER_SHORT_MS,
  RETRY_PAUSE_MS,
  TOKEN_RESPONSES_MAX,
  TOKEN_RESPONSES_WINDOW_MS,
} from "../../primitives/limits.ts";
import { endsCredential, OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord, PendingRefresh, RefreshFailure } from "../credentials/mod.ts";
import { admit, type RateRule, tooMany } from "../rate_limit/mod.ts";
import { freshnessOf, isRenewable } from "./expiry.ts";

/**
 * Why a new access token is wanted: `ahead` of its expiry, `needed` because it is over or nearly so, because the
 * server `refused` it, or because a person `asked`.
 */
export type RefreshReason = "ahead" | "needed" | "refused" | "asked";

/** A wish for a new access token. */
export interface RefreshWish {
  /** The entry. */
  readonly name: string;
  /** The access token to replace. */
  readonly rejected: string;
  readonly reason: RefreshReason;
  /** When the wish came up, in ms since the epoch: a try of a sibling that failed later is the answer to it. */
  readonly since: number;
}

/** What to do about a wish: the stored token is what was wished for, or it cannot be had now, or it has to be fetched. */
export type Verdict =
  | { readonly kind: "serve" }
  | { readonly kind: "fail"; readonly error: McpAuthError }
  | { readonly kind: "refresh" };

const TOKEN_RESPONSES: RateRule = { limit: TOKEN_RESPONSES_MAX, windowMs: TOKEN_RESPONSES_WINDOW_MS };
const SERVE: Verdict = { kind: "serve" };

/**
 * Decides about a wish.
 *
 * A refresh token of which nobody knows whether it is spent is not sent again as long as the access token works and is
 * not about to expire.
 *
 * @param record The credential as it is stored now.
 * @param wish What is wished for.
 * @param now Milliseconds since the epoch.
 */
export function judge(record: CredentialRecord, wish: RefreshWish, now: number): Verdict {
  const freshness = freshnessOf(record, now);
  const forUse = wish.reason === "ahead" || wish.reason === "needed";
  if (freshness !== "expired" && record.accessToken !== wish.rejected) return SERVE;
  if (forUse && freshness === "fresh") return SERVE;
  const works = forUse && freshness === "due";
  if (works && wish.reason === "ahead" && record.pendingRefresh !== undefined) return SERVE;
  const error = obstacle(record, wish, now);
  if (error === undefined) return { kind: "refresh" };
  return works ? SERVE : { kind: "fail", error };
}

function obstacle(record: CredentialRecord, wish: RefreshWish, now: number): McpAuthError | undefined {
  const { name } = wish;
  const { lastError, tokenResponses = [] } = record;
  if (!isRenewable(record)) return notRefreshable(record);
  if (lastError !== undefined) {
    const waitMs = waitOf(lastError, wish, now);
    if (waitMs > 0) return lastTryFailed(name, lastError, waitMs);
    if (lastError.at > wish.since && lastError.at <= now) return lastTryFailed(name, lastError);
  }
  // Times further ahead than the window were written before the clock was set back.
  const times = tokenResponses.filter((time) => time - now < TOKEN_RESPONSES.windowMs);
  const admission = admit(TOKEN_RESPONSES, times, now);
  return admission.admitted
    ? undefined
    : tooMany(`refresh "${name}"`, TOKEN_RESPONSES, admission.retryAfterMs);
}

/** How much of the pause after a failure is left for this wish, in ms; a pause that was begun in the future is over. */
function waitOf({ at, retryAt, byServer }: RefreshFailure, wish: RefreshWish, now: number): number {
  if (retryAt === undefined || (wish.reason === "asked" && byServer !== true)) return 0;
  const left = retryAt - now;
  const longest = Math.min(retryAt - at, RETRY_AFTER_MAX_MS) + REFRESH_BACKOFF_MAX_MS;
  return left <= longest ? Math.max(0, left) : 0;
}

function lastTryFailed(name: string, lastError: RefreshFailure, waitMs = 0): McpAuthError {
  const code = ERROR_CODES.find((known) => known === lastError.code) ?? "SERVER_ERROR";
  const why = lastError.message.replace(/^Cannot (refresh the access token|get an? [a-z ]+): /, "");
  const seconds = Math.ceil(waitMs / 1000);
  const next = waitMs === 0 ? "" : `; the next one is due in ${seconds} s`;
  return new McpAuthError(code, `Cannot refresh "${name}": the last try failed: ${why}${next}`, {
    hint: code === "TOKEN_REFRESH_FAILED"
      ? `Run: mcp-auth login ${name}`
      : waitMs === 0
      ? "Try again"
      : lastError.byServer
      ? `Try again in ${seconds} s: the server asks for this pause`
      : `Try again in ${seconds} s, or now with: mcp-auth refresh ${name}`,
  });
}

/** What became of the refresh token: it is dead, it was not spent, or nobody knows. */
export type RefreshOutcome = "ended" | "unspent" | "unanswered";

/**
 * Says what a failure tells about the refresh token.
 *
 * @param error What the refresh failed with.
 */
export function outcomeOf(error: McpAuthError): RefreshOutcome {
  if (endsCredential(error)) return "ended";
  if (error instanceof UnsentError) return "unspent";
  if (!(error instanceof OAuthResponseError)) return "unanswered";
  // A server that has failed inside may have spent it before; a page is not the server's answer.
  const refused = error.oauthError !== undefined && error.status < 500;
  return refused || error.status === 429 ? "unspent" : "unanswered";
}

/**
 * How long to wait before the same refresh is tried again on the spot.
 *
 * @param error What the last try failed with.
 * @param retries How many tries came after the first.
 * @param random From 0 to 1.
 * @param repeatable Whether the try spent nothing, so that a lost answer is no reason not to ask again.
 * @returns Milliseconds; undefined where it must not be tried again.
 */
export function retryPause(
  error: McpAuthError,
  retries: number,
  random: number,
  repeatable = false,
): number | undefined {
  if (retries >= REFRESH_RETRIES) return undefined;
  const jitterMs = RETRY_PAUSE_MS * (0.5 + random);
  if (repeatable && error.code === "NETWORK_ERROR") return jitterMs;
  if (error instanceof UnsentError) return error.code === "NETWORK_ERROR" ? jitterMs : undefined;
  // A 503 asks for a pause as well, but a gateway may have written it after the server behind it has spent the token.
  if (outcomeOf(error) !== "unspent") return undefined;
  const askedMs = askedPause(error);
  return askedMs !== undefined && askedMs <= RETRY_AFTER_SHORT_MS ? askedMs + jitterMs : undefined;
}

/**
 * What to remember of a failure.
 *
 * A request that never left sets no time: a laptop that is online again works at once.
 *
 * @param error The failure.
 * @param before The failure before it, since the last success.
 * @param now Milliseconds since the epoch.
 * @param random From 0 to 1.
 */
export function failureAfter(
  error: McpAuthError,
  before: RefreshFailure | undefined,
  now: number,
  random: number,
): RefreshFailure {
  const failures = (before?.failures ?? 0) + 1;
  const failure = { code: error.code, message: error.message, at: now, failures };
  if (error instanceof UnsentError) return failure;
  const askedMs = askedPause(error);
  if (askedMs !== undefined) {
    const pauseMs = Math.min(Math.max(askedMs, REFRESH_BACKOFF_MS), RETRY_AFTER_MAX_MS);
    return { ...failure, retryAt: now + pauseMs, byServer: true };
  }
  const ceilingMs = Math.min(REFRESH_BACKOFF_MS * 2 ** Math.min(failures, 16), REFRESH_BACKOFF_MAX_MS);
  return { ...failure, retryAt: Math.round(now + ceilingMs * (0.5 + random / 2)) };
}

/** The pause that a server asks for, where it is one that asks: 429 and 503 (RFC 9110 section 10.2.3). */
function askedPause(error: McpAuthError): number | undefined {
  const asks = error instanceof OAuthResponseError && (error.status === 429 || error.status === 503);
  return asks ? error.retryAfterMs : undefined;
}

/**
 * When the token responses came that count, with one more.
 *
 * @param times When the earlier ones came.
 * @param now Milliseconds since the epoch.
 */
export function withTokenResponse(times: readonly number[] | undefined, now: number): readonly number[] {
  const recent = (times ?? []).filter((time) => Math.abs(time - now) < TOKEN_RESPONSES_WINDOW_MS);
  return [...recent, now].slice(-TOKEN_RESPONSES_MAX);
}

/**
 * Why a sign-in has come to its end, for people: the server's words, and what happened before.
 *
 * @param error The refusal; {@linkcode endsCredential} holds for it.
 * @param record The credential as it was before this refresh.
 */
export function endOf(error: McpAuthError, { client, pendingRefresh }: CredentialRecord): string {
  const words = error instanceof OAuthResponseError ? error.words : error.message;
  if (isClientLost(error)) {
    return client.source === "dynamic"
      ? `${words}; it no longer knows the client that was registered there`
      : `${words}; it does not accept the client "${safeText(client.clientId, 100)}"`;
  }
  return pendingRefresh === undefined ? words : `${words}; ${lostRefresh(pendingRefresh)}`;
}

function lostRefresh({ at, state }: PendingRefresh): string {
  return `a refresh begun at ${new Date(at).toISOString()} ${
    state === "sent" ? "was interrupted before its answer could be stored" : "got no answer"
  }`;
}

/**
 * What the failure of a grant is to a renewal. What a server has refused it refuses again, until somebody has changed
 * something, and the end of a sign-in that the grant leans on is no end of this one; any other answer that is no token may
 * be a proxy's.
 *
 * @param error What the run failed with.
 * @see RFC 6749 section 5.2
 */
export function renewalFailure(error: McpAuthError): McpAuthError {
  const { code, message, hint, cause } = error;
  if (code === "AUTH_REQUIRED" || code === "NOT_FOUND" || code === "TOKEN_EXPIRED") {
    return new McpAuthError("TOKEN_REFRESH_FAILED", message, { hint, cause });
  }
  if (!(error instanceof OAuthResponseError)) return error;
  const isRefused = outcomeOf(error) !== "unanswered" && error.status !== 429;
  const told = isRefused ? "TOKEN_REFRESH_FAILED" : code === "AUTH_FAILED" ? "SERVER_ERROR" : code;
  return new OAuthResponseError(told, message, error, { hint, cause });
}

/** Whether the server has refused the client, and not the refresh token (behaviours row 9). */
export function isClientLost(error: McpAuthError): boolean {
  return error instanceof OAuthResponseError && error.oauthError === "invalid_client";
}

/**
 * The error of a sign-in that the server has ended.
 *
 * @param name The entry.
 * @param why As {@linkcode endOf} says.
 * @param cause The refusal.
 */
export function signInEnded(name: string, why: string, cause?: McpAuthError): McpAuthError {
  return new McpAuthError(
    "TOKEN_REFRESH_FAILED",
    `Cannot refresh "${name}": the server ended the sign-in: ${why}`,
    { hint: `Run: mcp-auth login ${name}`, cause },
  );
}

function notRefreshable({ name, lastError, client }: CredentialRecord): McpAuthError {
  if (lastError !== undefined) return signInEnded(name, lastError.message);
  // Without a client and a grant it was given by hand.
  if (client.source === "none") {
    return new McpAuthError("TOKEN_EXPIRED", `Cannot refresh "${name}": its token was given by hand`, {
      hint: `Run: mcp-auth login ${name} --token-stdin`,
    });
  }
  return new McpAuthError(
    "TOKEN_EXPIRED",
    `Cannot refresh "${name}": the server gave no refresh token`,
    { hint: `Run: mcp-auth login ${name}` },
  );
}
