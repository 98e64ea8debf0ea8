/**
 * A token endpoint for one test, and the two requests that it gets.
 *
 * @module
 */
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { validateAuthorizationResponse } from "../../../lib/primitives/oauth/authorization.ts";
import type { ClientIdentity } from "../../../lib/primitives/oauth/client_auth.ts";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import {
  exchangeCode,
  refreshTokens,
  type TokenRequest,
  type TokenSet,
} from "../../../lib/primitives/oauth/token.ts";
import { type LocalServer, type Received, serve } from "../http/local_server.ts";

/** A client without a secret. */
export const PUBLIC: ClientIdentity = { clientId: "client", tokenEndpointAuthMethod: "none" };

/** A token endpoint on loopback. */
export interface TokenServer extends LocalServer {
  readonly metadata: ServerMetadata;
  /** Exchanges the code `abc`. */
  exchange(changes?: Partial<TokenRequest>): Promise<TokenSet>;
  /** Refreshes with the token `old`. */
  refresh(changes?: Partial<TokenRequest>): Promise<TokenSet>;
}

/**
 * Starts a token endpoint.
 *
 * @param answer Makes each response.
 */
export function serveTokens(answer: (request: Received) => Response | Promise<Response>): TokenServer {
  const server = serve(answer);
  const { origin } = server;
  const metadata: ServerMetadata = {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token?tenant=1`,
    revocation_endpoint: `${origin}/revoke`,
  };
  const request: TokenRequest = { http: createHttp(), server: metadata, client: PUBLIC };
  const response = validateAuthorizationResponse(new URLSearchParams("code=abc&state=s"), {
    server: metadata,
    clientId: "client",
    state: "s",
  });
  return Object.defineProperties(server as TokenServer, {
    metadata: { value: metadata },
    exchange: {
      value: (changes: Partial<TokenRequest> = {}) =>
        exchangeCode({ ...request, ...changes }, {
          response,
          redirectUri: "http://127.0.0.1:8456/callback",
          codeVerifier: "verifier",
        }),
    },
    refresh: {
      value: (changes: Partial<TokenRequest> = {}) => refreshTokens({ ...request, ...changes }, "old"),
    },
  });
}
