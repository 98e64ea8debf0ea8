/**
 * The rules that the product is held to, as pure functions over what was seen: so that they can be tried on what a bad
 * product would do.
 *
 * @module
 */
import { exitCodeOf } from "../../lib/interfaces/cli/exit_code.ts";
import { ERROR_CODES, type ErrorCode } from "../../lib/primitives/errors.ts";
import type { RefreshRequest } from "./ledger.ts";
import type { Run } from "./process.ts";
import type { Failure } from "./result.ts";

/** What a judgement says of a round. */
export type Objection = Pick<Failure, "kind" | "what">;

/** An error as the program printed it. */
export interface SaidError {
  readonly code: ErrorCode;
  /** The message, the hint included. */
  readonly text: string;
}

/** The access token that a run of `token` printed, in any of its forms; undefined when there is none. */
export function tokenOf({ code, stdout }: Pick<Run, "code" | "stdout">): string | undefined {
  if (code !== 0) return undefined;
  const text = stdout.trim();
  if (text.startsWith("{")) {
    const json = parsed(text) as { access_token?: unknown } | undefined;
    return typeof json?.access_token === "string" ? json.access_token : undefined;
  }
  const token = text.replace(/^Authorization: Bearer /i, "");
  return /^[\w.~+/=-]+$/.test(token) ? token : undefined;
}

/** The error that a run ended with, from standard output with `--json`, else from standard error. */
export function errorOf({ stdout, stderr }: Pick<Run, "stdout" | "stderr">): SaidError | undefined {
  const json = parsed(stdout) as { error?: Record<string, unknown> } | undefined;
  if (typeof json?.error === "object") {
    const { code, message, hint } = json.error;
    if (!isCode(code) || typeof message !== "string" || message === "") return undefined;
    return { code, text: `${message} ${hint ?? ""}`.trim() };
  }
  const said = [...stderr.matchAll(/^Error: (.+) \[([A-Z_]+)\]$/gm)].at(-1);
  if (said === undefined || !isCode(said[2])) return undefined;
  const hint = /^Hint: (.+)$/m.exec(stderr.slice(said.index))?.[1];
  return { code: said[2], text: `${said[1]} ${hint ?? ""}`.trim() };
}

/** Objects to a run that did not end as any run has to: in time, and with a code that fits its exit code. */
export function objectionsToEnd(run: Run): readonly Objection[] {
  const command = run.args.slice(0, 2).join(" ");
  const broken = (what: string): readonly Objection[] => [{ kind: "broken", what: `"${command}" ${what}` }];
  if (run.hung) return broken(`did not end within ${run.ms.toFixed(0)} ms`);
  if (/^error: Uncaught|^Stack trace:|panicked at/m.test(run.stderr)) return broken("crashed");
  if (run.code === undefined) return broken("was ended by a signal");
  if (run.code === 0) return [];
  const error = errorOf(run);
  if (error === undefined) return broken(`ended with ${run.code} and no code of the closed list`);
  if (exitCodeOf(error.code) !== run.code) return broken(`ended with ${run.code} and ${error.code}`);
  return [];
}

/** Whether an error says that only a sign-in helps. */
export function needsSignIn(run: Run): boolean {
  return run.code === 4;
}

/** One round in which many asked at the same moment. */
export interface Race {
  readonly runs: readonly Run[];
  readonly refreshes: readonly RefreshRequest[];
  /** The tokens that the server takes. */
  readonly good: ReadonlySet<string>;
  /** Whether the server takes the last refresh token that it issued. */
  readonly sessionAlive: boolean;
}

/** Objects to a race: each has to get a good token, and all of them together one refresh. */
export function objectionsToRace({ runs, refreshes, good, sessionAlive }: Race): readonly Objection[] {
  const objections = runs.flatMap((run) => [...objectionsToEnd(run)]);
  const without = runs.filter((run) => !good.has(tokenOf(run) ?? ""));
  if (without.length > 0) {
    objections.push({ kind: "broken", what: `${without.length} of ${runs.length} got no good token` });
  }
  if (refreshes.length !== 1) {
    objections.push({ kind: "broken", what: `${refreshes.length} refresh requests instead of 1` });
  }
  if (!sessionAlive) objections.push({ kind: "loss", what: "the server has ended the session" });
  if (runs.some(needsSignIn)) objections.push({ kind: "loss", what: "a sign-in is asked for" });
  return [...objections, ...objectionsToReuse(refreshes)];
}

/** Objects to a refresh token that was exchanged and presented again. */
export function objectionsToReuse(refreshes: readonly RefreshRequest[]): readonly Objection[] {
  const exchanged = new Set<string>();
  for (const { presented, issued } of refreshes) {
    if (exchanged.has(presented)) {
      return [{ kind: "broken", what: "a refresh token was presented again after its exchange" }];
    }
    if (issued !== undefined) exchanged.add(presented);
  }
  return [];
}

/** Requests to a server that fails, and what it asked for. */
export interface Storm {
  /** When the requests arrived, in ms; in order. */
  readonly times: readonly number[];
  /** What the server asked for in each answer, in ms; 0 where it asked for nothing. */
  readonly retryAfterMs: number;
}

/** A server that fails has at most so many requests within {@linkcode STORM_WINDOW_MS}, however many ask. */
const STORM_MAX = 3;
const STORM_WINDOW_MS = 900;

/** Objects to a storm on a server that fails, and to requests sooner than it asked for. */
export function objectionsToStorm({ times, retryAfterMs }: Storm): readonly Objection[] {
  const objections: Objection[] = [];
  const most = Math.max(
    0,
    ...times.map((start) => times.filter((at) => at >= start && at < start + STORM_WINDOW_MS).length),
  );
  if (most > STORM_MAX) {
    objections.push({
      kind: "broken",
      what: `${most} requests within ${STORM_WINDOW_MS} ms to a server that fails`,
    });
  }
  const pauses = times.slice(1).map((at, index) => at - times[index]!);
  const shortest = Math.min(...pauses);
  if (shortest < retryAfterMs) {
    objections.push({
      kind: "broken",
      what: `a request came ${shortest} ms after the server had asked for ${retryAfterMs} ms`,
    });
  }
  return objections;
}

/** Objects to runs that met a server that fails: temporary is what they have to say. */
export function objectionsToFailing(runs: readonly Run[]): readonly Objection[] {
  const objections = runs.flatMap((run) => [...objectionsToEnd(run)]);
  if (runs.some(needsSignIn)) objections.push({ kind: "loss", what: "a sign-in is asked for" });
  const odd = runs.find(({ code }) => code !== 0 && code !== 3 && code !== 4);
  if (odd !== undefined) {
    objections.push({ kind: "broken", what: `ended with ${odd.code} where "try again" is meant` });
  }
  return objections;
}

/** How a message says that a refresh was interrupted, and what that means. */
const SAYS_INTERRUPTED =
  /a refresh begun at \S+ (was interrupted before its answer could be stored|got no answer)/;

/** What a credential came to after its refresh was cut short. */
export type CredentialVerdict = "kept" | "spent in flight" | Objection;

/**
 * Judges what is left of a credential whose refresh was killed, or whose answer was lost.
 *
 * @param next The next run that needed the refresh token.
 * @param inFlight Whether the server had exchanged it, and the answer was not stored.
 * @param good Whether the token that came is good; for a run that ended well.
 */
export function judgeCredential(next: Run, inFlight: boolean, good: boolean): CredentialVerdict {
  const [objection] = objectionsToEnd(next);
  if (objection !== undefined) return objection;
  if (next.code === 0) {
    return good ? "kept" : { kind: "loss", what: "the token that is handed out is dead" };
  }
  const error = errorOf(next)!;
  if (!needsSignIn(next)) {
    return { kind: "broken", what: `${error.code} where nothing stands in the way: ${error.text}` };
  }
  if (!inFlight) return { kind: "loss", what: `the refresh token was not spent, and yet: ${error.text}` };
  if (SAYS_INTERRUPTED.test(error.text)) return "spent in flight";
  return { kind: "broken", what: `what happened is not said: ${error.text}` };
}

function isCode(code: unknown): code is ErrorCode {
  return (ERROR_CODES as readonly unknown[]).includes(code);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
