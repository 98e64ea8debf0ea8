/**
 * What a diagnosis is made of: checks, each with a verdict, the rule behind it and what to do. A check never throws:
 * what it meets is its result.
 *
 * @module
 */
import { asMcpAuthError, type ErrorCode } from "../../primitives/errors.ts";
import { redact } from "../../primitives/http/redaction.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";

/** How a check ended: `warn` hinders nothing, `skip` could not be looked at, or need not be. */
export type CheckStatus = "ok" | "warn" | "fail" | "skip";

/** The parts of a diagnosis, in their order. */
export type CheckGroup = "machine" | "server" | "discovery" | "authorization-server" | "sign-in";

/** What one URL answered. */
export interface CheckStep {
  /** The URL, without its query. */
  readonly url: string;
  /** The status of the answer; undefined where none came. */
  readonly status: number | undefined;
  /** Its content type. */
  readonly type: string | undefined;
  /** In a few words. */
  readonly verdict: string;
  /** The requirement by which it was asked. */
  readonly rule: string | undefined;
}

/** What a check found. */
export interface Finding {
  /** How it ended. */
  readonly status: CheckStatus;
  /** What was found, without a final period. */
  readonly detail: string;
  /** What to do, where there is something to do. */
  readonly hint?: string | undefined;
  /** The code that the same failure has elsewhere; with `fail` alone. */
  readonly code?: ErrorCode | undefined;
  /** What was asked, in order. */
  readonly steps?: readonly CheckStep[] | undefined;
}

/** One check. */
export interface Check extends Finding {
  /** Stable, such as `server-metadata`. */
  readonly id: string;
  /** The part of the diagnosis that it is in. */
  readonly group: CheckGroup;
  /** A few words for people. */
  readonly title: string;
  /** The origin that it is about, where a diagnosis has several of the kind. */
  readonly subject?: string | undefined;
  /** The requirement that it holds something to, such as `C19, RFC 8414 section 3.3`. */
  readonly rule?: string | undefined;
  /** How long it took. */
  readonly ms: number;
}

/** Which check it is. */
export type CheckHead = Pick<Check, "id" | "group" | "title" | "subject" | "rule">;

/** All is well. */
export const fine = (detail: string, more: Pick<Finding, "steps" | "hint"> = {}): Finding => ({
  status: "ok",
  detail,
  ...more,
});

/** It works, and yet. */
export const warning = (detail: string, hint?: string, more: Pick<Finding, "steps"> = {}): Finding => ({
  status: "warn",
  detail,
  hint,
  ...more,
});

/** It does not work. */
export const failure = (
  code: ErrorCode,
  detail: string,
  hint?: string,
  more: Pick<Finding, "steps"> = {},
): Finding => ({ status: "fail", detail, hint, code, ...more });

/** It was not looked at, because of this. */
export const skipped = (because: string): Finding => ({ status: "skip", detail: because });

/** The failure that an error is. */
export function failureOf(error: unknown, more: Pick<Finding, "steps"> = {}): Finding {
  const { code, message, hint } = asMcpAuthError(error, "SERVER_ERROR", "check it");
  return failure(code, message, hint, more);
}

/**
 * Runs a check.
 *
 * @param head Which it is.
 * @param look What it looks at; what it throws is a failure.
 */
export async function check(head: CheckHead, look: () => Finding | Promise<Finding>): Promise<Check> {
  const started = performance.now();
  const finding = await (async () => await look())().catch(failureOf);
  return checkOf(head, finding, performance.now() - started);
}

/** A check that is done. */
export function checkOf(head: CheckHead, finding: Finding, ms = 0): Check {
  const { detail, hint } = finding;
  return {
    ...head,
    ...finding,
    ...(head.subject === undefined ? {} : { subject: safeUrl(head.subject) }),
    detail: redact(detail),
    hint: hint === undefined ? undefined : redact(hint),
    ms: Math.round(ms),
  };
}
