/**
 * The userinfo endpoint: asked once, at sign-in, for the name of the account where the ID token does not say it.
 *
 * @see OpenID Connect Core 1.0 section 5.3; behaviours row 45
 * @module
 */
import { readJson } from "../http/body.ts";
import type { Http } from "../http/http.ts";
import { USERINFO_TIMEOUT_MS } from "../limits.ts";
import type { DpopProver } from "./dpop.ts";
import { type Claims, claimsOf } from "./id_token.ts";
import { isObject } from "./json.ts";
import { provenHttp } from "./proven_http.ts";

/**
 * Asks who signed in.
 *
 * @param http The one fetch.
 * @param endpoint The `userinfo_endpoint` of the server that issued the token.
 * @param accessToken The token.
 * @param options.proof Proves the possession of the key that the token is bound to; undefined for a bearer token.
 * @param options.signal Ends the wait, which is 5 s at most.
 * @returns The claims, of a signed answer unverified: for showing only. Undefined where the server gives none.
 * @throws {McpAuthError} what the fetch throws.
 */
export async function fetchUserinfo(
  http: Http,
  endpoint: string,
  accessToken: string,
  { proof, signal }: {
    readonly proof?: DpopProver | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<Claims | undefined> {
  const authorization = proof === undefined ? { authorization: `Bearer ${accessToken}` } : {};
  const response = await provenHttp(http, proof, accessToken)(endpoint, {
    headers: { accept: "application/json", ...authorization },
    timeoutMs: USERINFO_TIMEOUT_MS,
    signal,
  });
  if (response.status !== 200) return undefined;
  const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/jwt") return claimsOf(await response.text());
  if (type !== "application/json") return undefined;
  const claims = await readJson(response);
  return isObject(claims) ? claims : undefined;
}
