/**
 * Scope selection. The order is the specification's: what the user asked for, else what the challenge names, else the
 * resource's metadata, else no scope parameter at all; never the authorization server's whole list.
 *
 * @see MCP 2026-07-28 authorization, Scope Selection Strategy (C43-C46, C61)
 * @module
 */
import { SCOPES_MAX } from "../limits.ts";

/** Where scopes can come from, in order. */
export interface ScopeSources {
  /** `--scope`: beats all. */
  readonly asked?: readonly string[] | undefined;
  /** `scope` of the challenge. */
  readonly challenged?: readonly string[] | undefined;
  /** `scopes_supported` of the protected resource metadata. */
  readonly resource?: readonly string[] | undefined;
  /** `scopes_supported` of the authorization server: only to see whether it lists `offline_access`. */
  readonly server?: readonly string[] | undefined;
  /** Scopes requested or granted before: kept in a step-up. */
  readonly earlier?: readonly string[] | undefined;
}

/** A scope-token of RFC 6749 section 3.3. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * Chooses the scopes of an authorization request.
 *
 * @returns Scopes without repetition; empty means: send no `scope` parameter.
 */
export function selectScopes(sources: ScopeSources): readonly string[] {
  const { asked, challenged, resource, server, earlier } = sources;
  if (earlier === undefined && asked !== undefined) return unionScopes(asked, []);
  const scopes = unionScopes(earlier ?? [], challenged ?? resource ?? []);
  return scopes.length > 0 && server?.includes("offline_access")
    ? unionScopes(scopes, ["offline_access"])
    : scopes;
}

/** The scopes of both lists, each once, in the order met; what is not a scope-token is left out. */
export function unionScopes(first: readonly string[], second: readonly string[]): readonly string[] {
  return [...new Set([...first, ...second])].filter((scope) => SCOPE_TOKEN.test(scope)).slice(0, SCOPES_MAX);
}

/** Splits a `scope` value. */
export function splitScope(scope: string | undefined): readonly string[] {
  return scope === undefined ? [] : unionScopes(scope.split(/\s+/), []);
}
