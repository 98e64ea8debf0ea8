/**
 * The ID token of an entry, as who is signed in there is presented to others: an identity provider gives it for minutes,
 * and gives another one at a refresh (OpenID Connect Core 1.0 section 12.2).
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { ID_TOKEN_AHEAD_MS } from "../../primitives/limits.ts";
import { claimsOf } from "../../primitives/oauth/id_token.ts";
import type { CredentialRecord } from "../credentials/mod.ts";
import { noSuchEntry, notSignedIn, type TokenAuthority, type TokenPorts } from "./authority.ts";

/**
 * The tokens of an entry with an ID token that has not expired.
 *
 * @param authority Who refreshes.
 * @param ports The store and the time.
 * @param name The entry.
 * @param signal Ends the wait.
 * @throws {McpAuthError} As `TokenAuthority.identity`.
 */
export async function freshIdentity(
  authority: Pick<TokenAuthority, "refresh">,
  { store, clock }: Pick<TokenPorts, "store" | "clock">,
  name: string,
  signal?: AbortSignal,
): Promise<CredentialRecord> {
  const found = await store.serverWithCredential(name, signal);
  if (found === undefined) throw noSuchEntry(name);
  const server = found.server.record;
  if (found.credential === undefined) throw notSignedIn(server);
  const { record } = found.credential;
  // Two entries could otherwise wait for each other.
  if (server.options.grant !== undefined) throw unusable(name, "a machine is signed in there, not a person");
  if (record.idToken === undefined) throw unusable(name, "its sign-in brought no ID token");
  if (lasts(record.idToken, clock.now())) return record;
  const renewed = await authority.refresh(name, record.accessToken, { because: "refused", signal });
  if (renewed.idToken !== undefined && lasts(renewed.idToken, clock.now())) return renewed;
  throw new McpAuthError(
    "TOKEN_EXPIRED",
    `Cannot use the identity of "${name}": its ID token has expired, and a refresh brings no other`,
    { hint: `Run: mcp-auth login ${name}` },
  );
}

/** One that says nothing of its end is the identity provider's to judge. */
function lasts(idToken: string, now: number): boolean {
  const exp = claimsOf(idToken)?.exp;
  return typeof exp !== "number" || exp * 1000 - now > ID_TOKEN_AHEAD_MS;
}

function unusable(name: string, why: string): McpAuthError {
  return new McpAuthError("AUTH_REQUIRED", `Cannot use the identity of "${name}": ${why}`, {
    hint: `Sign in there as a person with the scope openid: mcp-auth login ${name} --scope openid`,
  });
}
