/**
 * An OAuth client written out by hand, so that the tests of the demo servers do not rest on the product they serve.
 * It knows one authorization server's paths and checks nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { browse, type BrowseOptions } from "../../scripts/demo/browser/scripted_browser.ts";
import type { AuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";

/** An endpoint's answer: its status and the JSON it says. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A client registered at one authorization server. */
export interface HandWrittenClient {
  readonly clientId: string;
  /** Asks for authorization in the browser; gives the callback's parameters and the `redirect_uri` it used. */
  authorize(parameters: Record<string, string>, options?: BrowseOptions): Promise<URLSearchParams>;
  /** Asks for authorization in the browser and exchanges the code. */
  signIn(parameters: Record<string, string>, options?: BrowseOptions): Promise<Answer>;
  /** Presents a refresh token. */
  refresh(refreshToken: unknown): Promise<Answer>;
  /** Posts a form to an endpoint as this client. */
  post(path: string, parameters: Record<string, string>): Promise<Answer>;
}

/** RFC 7636 appendix B. */
const PKCE = {
  verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
  challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
};

/**
 * Registers a public native client.
 *
 * @param server the authorization server
 * @param metadata registration metadata to add or to replace
 * @returns the client
 */
export async function registerClient(
  server: AuthorizationServer,
  metadata: Record<string, unknown> = {},
): Promise<HandWrittenClient> {
  const { origin } = new URL(server.issuer);
  const registration = await fetch(origin + server.paths.registration, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "Hand-written client",
      application_type: "native",
      redirect_uris: ["http://127.0.0.1/callback"],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
      ...metadata,
    }),
  });
  const { client_id: clientId } = await registration.json();
  assert.equal(registration.status, 201);

  async function post(path: string, parameters: Record<string, string>): Promise<Answer> {
    // Deno 2.9 sends a request again when a kept-alive connection closes before the answer: keep none alive.
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    const body = new URLSearchParams({ client_id: clientId, ...parameters });
    const answer = await fetch(origin + path, { method: "POST", body, client });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? {} : JSON.parse(text) };
  }

  async function authorize(parameters: Record<string, string>, options: BrowseOptions = {}) {
    const callback = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("The client has its answer"),
    );
    try {
      const redirectUri = `http://127.0.0.1:${callback.addr.port}/callback`;
      const query = new URLSearchParams({
        client_id: clientId,
        response_type: "code",
        redirect_uri: redirectUri,
        code_challenge: PKCE.challenge,
        code_challenge_method: "S256",
        state: "the-state",
        ...parameters,
      });
      const visit = await browse(`${origin}${server.paths.authorization}?${query}`, options);
      assert.ok(visit.url.startsWith(redirectUri), `ended at ${visit.url}: ${visit.text}`);
      const answer = new URL(visit.url).searchParams;
      answer.set("redirect_uri", redirectUri);
      return answer;
    } finally {
      await callback.shutdown();
    }
  }

  return {
    clientId,
    authorize,
    post,
    async signIn(parameters, options) {
      const answer = await authorize(parameters, options);
      return await post(server.paths.token, {
        grant_type: "authorization_code",
        code: answer.get("code") ?? "",
        code_verifier: PKCE.verifier,
        redirect_uri: answer.get("redirect_uri") ?? "",
      });
    },
    refresh: (refreshToken) =>
      post(server.paths.token, { grant_type: "refresh_token", refresh_token: String(refreshToken) }),
  };
}
