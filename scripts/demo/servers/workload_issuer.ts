/**
 * Who signs what a CI runs: the endpoint of GitHub Actions that a job asks for a token, with the job's own request token,
 * and the keys to check such tokens with.
 *
 * @module
 * @see GitHub, "OpenID Connect reference"
 */

import { type DemoServer, sendResponse, startHttpFront } from "./http_front.ts";
import { type Claims, makeJwtKeys, type SigningOptions } from "./jwt_keys.ts";

/** The running issuer. */
export interface WorkloadIssuer extends DemoServer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** `ACTIONS_ID_TOKEN_REQUEST_URL`, with a query of its own as the real one has. */
  readonly requestUrl: string;
  /** `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. */
  readonly requestToken: string;
  /** Signs a token for a workload, as a CI puts it into a file or a variable. */
  token(audience: string, claims?: Claims, options?: SigningOptions): Promise<string>;
}

/**
 * Starts the issuer on 127.0.0.1.
 *
 * @returns the running issuer; close it when done
 */
export async function startWorkloadIssuer(): Promise<WorkloadIssuer> {
  const requestToken = `request-token-${crypto.randomUUID()}`;
  const front = await startHttpFront(async ({ recorded, response, signal }) => {
    await sendResponse(response, await answer(recorded), signal);
  });
  const issuer = front.origin;
  const keys = await makeJwtKeys(() => issuer);
  const token: WorkloadIssuer["token"] = (audience, claims = {}, options = {}) =>
    keys.sign({ sub: "repo:octo/demo:ref:refs/heads/main", aud: audience, ...claims }, options);

  async function answer({ path, query, headers }: typeof front.log[number]): Promise<Response> {
    if (path === "/jwks") return Response.json(keys.jwks);
    if (path !== "/token-request") return new Response("Not Found", { status: 404 });
    if (headers.get("authorization")?.toLowerCase() !== `bearer ${requestToken}`) {
      const message = `wrong token: ${headers.get("authorization")}`;
      return Response.json({ message }, { status: 401 });
    }
    return Response.json({
      count: 1,
      value: await token(query.get("audience") ?? "https://github.com/octo"),
    });
  }

  return Object.assign(front, {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    requestUrl: `${issuer}/token-request?api-version=2.0`,
    requestToken,
    token,
  });
}
