/**
 * A token endpoint that refreshes, over real HTTP: each refresh token is good for one use, a second one ends them all,
 * as servers with reuse detection do (RFC 9700 section 4.14.2). It counts what it was shown.
 *
 * @module
 */

/** What one request presents. */
export interface Presented {
  readonly refreshToken: string;
  readonly form: URLSearchParams;
  /** The `DPoP` header; null where there was none. */
  readonly proof: string | null;
  /** How many requests came before. */
  readonly index: number;
}

/** Answers in place of the endpoint; undefined leaves it to the endpoint. */
export type Script = (presented: Presented) => Response | undefined | Promise<Response | undefined>;

/** A running token endpoint. */
export interface TokenEndpoint extends AsyncDisposable {
  readonly issuer: string;
  /** The refresh tokens that were presented, in order. */
  readonly presented: string[];
  /** Answers the requests from now on. */
  script: Script | undefined;
}

/** Starts the endpoint; the first refresh token that it takes is `rt-0`, and the pair that it gives then `at-1`, `rt-1`. */
export function startTokenEndpoint(script?: Script, port = 0): TokenEndpoint {
  let live = "rt-0";
  let issued = 0;
  const presented: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
    const form = new URLSearchParams(await request.text());
    const refreshToken = form.get("refresh_token") ?? "";
    presented.push(refreshToken);
    const proof = request.headers.get("dpop");
    const answer = await endpoint.script?.({ refreshToken, form, proof, index: presented.length - 1 });
    if (answer !== undefined) return answer;
    if (form.get("grant_type") !== "refresh_token" || refreshToken !== live) {
      live = "none";
      return refusal("invalid_grant");
    }
    issued++;
    live = `rt-${issued}`;
    return tokens({ access_token: `at-${issued}`, refresh_token: live });
  });
  const endpoint: TokenEndpoint = {
    issuer: `http://127.0.0.1:${server.addr.port}`,
    presented,
    script,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return endpoint;
}

/** A success: a bearer token of an hour, changed as the test wants; undefined leaves a member out. */
export function tokens(members: Readonly<Record<string, unknown>>): Response {
  return Response.json({ access_token: "at-x", token_type: "Bearer", expires_in: 3600, ...members });
}

/** An error of RFC 6749 section 5.2. */
export function refusal(error: string, status = 400): Response {
  return Response.json({ error }, { status });
}
