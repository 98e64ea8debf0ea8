/**
 * A diagnosis as a whole: its checks, what a sign-in would do, and where to begin.
 *
 * @module
 */
import type { Check } from "./check.ts";

/** What `add` or `login` would do. */
export interface Plan {
  /** The command, such as `mcp-auth login heptabase`. */
  readonly command: string;
  /** How tokens would be had: `none` where the server needs no sign-in. */
  readonly way:
    | "none"
    | "browser"
    | "device"
    | "paste-back"
    | "client-credentials"
    | "workload-identity"
    | "enterprise"
    | "token";
  /** Where; undefined where no sign-in is needed. */
  readonly issuer: string | undefined;
  /** The client, in words. */
  readonly client: string | undefined;
  /** The scopes to ask for; empty: none are named. */
  readonly scopes: readonly string[];
  /** The resource to name, verbatim; undefined for none. */
  readonly resource: string | undefined;
  /** Where the browser would end; undefined where none is used. */
  readonly redirectUri: string | undefined;
  /** The steps in words, in order. */
  readonly steps: readonly string[];
}

/** A diagnosis of one server. */
export interface Diagnosis {
  /** The entry; undefined for a URL without one. */
  readonly name: string | undefined;
  /** The URL of the MCP server; undefined where the machine alone was looked at. */
  readonly url: string | undefined;
  /** In the order of the way to a token. */
  readonly checks: readonly Check[];
  /** The first check that fails: where to begin; undefined where none does. */
  readonly firstToFix: Check | undefined;
  /** Undefined where a check fails that comes before. */
  readonly plan: Plan | undefined;
}

/**
 * The check to begin with: the first that fails.
 *
 * @param checks In their order.
 */
export function firstFailure(checks: readonly Check[]): Check | undefined {
  return checks.find(({ status }) => status === "fail");
}
