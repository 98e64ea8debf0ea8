/**
 * What a person is told where a server wants more scopes than the token has: the command that asks for them, and where a
 * sign-in has asked already, or they are there, who can grant what is missing. To name the same command again would send
 * a person in a circle.
 *
 * @see MCP 2026-07-28 authorization, Step-Up Authorization Flow (C63-C66); behaviours row 32
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { unionScopes } from "../../primitives/oauth/scope.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord } from "../credentials/mod.ts";

/** A request that was refused for its scopes. */
export interface ScopeRefusal {
  /** The entry's name. */
  readonly name: string;
  /** The command that signs in to it. */
  readonly signInCommand: string;
  /** What was attempted; it may hold text of the server's. */
  readonly operation: string;
  /** The scopes that the server named; untrusted. */
  readonly asked: readonly string[];
}

/**
 * The errors for such a refusal.
 *
 * @param refusal What was refused.
 * @param credential The entry's credential; undefined where nobody is signed in.
 * @returns `error` while a sign-in can still bring the scopes, `inVain` once sign-ins have not.
 */
export function scopeErrors(
  { name, signInCommand, operation, asked }: ScopeRefusal,
  credential: CredentialRecord | undefined,
): { readonly error: McpAuthError; readonly inVain: McpAuthError } {
  const earlier = unionScopes(credential?.requestedScopes ?? [], credential?.grantedScopes ?? []);
  const missing = asked.filter((scope) => !credential?.grantedScopes.includes(scope));
  const message = `Cannot use "${name}" for "${safeText(operation, 100)}": the server wants more scopes${
    missing.length === 0 ? "" : `: ${safeText(missing.join(" "))}`
  }`;
  const withHint = (hint: string) => new McpAuthError("INSUFFICIENT_SCOPE", message, { hint });
  if (credential === undefined && missing.length === 0) {
    const error = withHint(`Run: ${signInCommand}`);
    return { error, inVain: error };
  }
  const inVain = withHint(whoGrants(credential, missing));
  // What a sign-in has asked for already, the next one would ask for in vain.
  if (!missing.some((scope) => !earlier.includes(scope))) return { error: inVain, inVain };
  const all = unionScopes(earlier, asked).join(" ");
  return { error: withHint(`Run: ${signInCommand} --scope ${quoted(all)}`), inVain };
}

function whoGrants(credential: CredentialRecord | undefined, missing: readonly string[]): string {
  const whose = credential?.grant === undefined ? "your account" : "the client";
  if (missing.length > 0) {
    const who = credential === undefined ? "The authorization server" : `"${safeUrl(credential.issuer)}"`;
    return `${who} was asked for them and did not grant them: its administrator has to allow them for ${whose}; ` +
      "sign in again after that";
  }
  const has = credential?.grantedScopes ?? [];
  return `The sign-in has all scopes that the server names${
    has.length === 0 ? "" : ` (${safeText(has.join(" "))})`
  }, and another would bring the same: the server's operator has to say what ${whose} lacks`;
}

/** As one word for a shell: the scopes came from a server. */
function quoted(scopes: string): string {
  const text = safeText(scopes);
  return /^[\w .:/@+=,-]*$/.test(text) ? `"${text}"` : `'${text.replaceAll("'", `'\\''`)}'`;
}
