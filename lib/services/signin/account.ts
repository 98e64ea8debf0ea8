/**
 * Who signed in: what the ID token calls them, else what the userinfo endpoint does, else the server's identifier. It is
 * shown and decides nothing, so that no failure of it can fail a sign-in.
 *
 * @see OpenID Connect Core 1.0 sections 5.1 and 5.3; behaviours row 45
 * @module
 */
import type { Http } from "../../primitives/http/http.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import { accountName, accountSubject, type Claims, claimsOf } from "../../primitives/oauth/id_token.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import { fetchUserinfo } from "../../primitives/oauth/userinfo.ts";

/** What {@linkcode findAccount} takes. */
export interface AccountQuestion {
  readonly http: Http;
  readonly server: ServerMetadata;
  readonly tokens: TokenSet;
  /** The scopes that were asked for. */
  readonly scopes: readonly string[];
  /** Proves the possession of the key that the tokens are bound to, where they are. */
  readonly proof?: DpopProver | undefined;
  /** The endpoint was named, as one that answers any token: it is no OpenID provider's. */
  readonly isNamed?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds out who signed in; never throws.
 *
 * @returns At most 100 characters, fit to be shown; undefined where the server does not say.
 */
export async function findAccount(question: AccountQuestion): Promise<string | undefined> {
  const claims = claimsOf(question.tokens.idToken);
  const name = accountName(claims);
  if (name !== undefined) return name;
  const info = await userinfo(question);
  // OpenID Connect Core 1.0 section 5.3.2: an answer about somebody else is not used.
  const other = claims?.sub !== undefined && info?.sub !== claims.sub;
  return (other ? undefined : accountName(info)) ?? accountSubject(claims) ??
    (other ? undefined : accountSubject(info));
}

async function userinfo(question: AccountQuestion): Promise<Claims | undefined> {
  const { http, server, tokens, scopes, signal } = question;
  const proof = tokens.tokenType === "dpop" ? question.proof : undefined;
  const endpoint = server.userinfo_endpoint;
  if (endpoint === undefined) return undefined;
  if (!question.isNamed && !(tokens.scopes ?? scopes).includes("openid")) return undefined;
  try {
    return await fetchUserinfo(http, endpoint, tokens.accessToken, { proof, signal });
  } catch {
    return undefined;
  }
}
