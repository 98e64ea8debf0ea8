/**
 * Token revocation.
 *
 * @see RFC 7009
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Http } from "../http/http.ts";
import { REFRESH_TIMEOUT_MS } from "../limits.ts";
import { clientAuthentication, type ClientIdentity, toOAuthClient } from "./client_auth.ts";
import { overHttp } from "./fetch_adapter.ts";
import { endpointError } from "./response_error.ts";
import type { ServerMetadata } from "./server_metadata.ts";

/** Which token is revoked; sent as `token_type_hint`. */
export type RevocableToken = "refresh_token" | "access_token";

/**
 * Revokes one token.
 *
 * @param http The one fetch.
 * @param server Metadata with a `revocation_endpoint`.
 * @param client The client that the token was issued to.
 * @param token The token.
 * @param kind Which of the two it is.
 * @param signal Ends the wait.
 * @throws {McpAuthError} `SERVER_ERROR` when the server does not revoke it, or what the fetch throws.
 */
export async function revokeToken(
  http: Http,
  server: ServerMetadata,
  client: ClientIdentity,
  token: string,
  kind: RevocableToken,
  signal?: AbortSignal,
): Promise<void> {
  const response = await oauth.revocationRequest(
    server,
    toOAuthClient(client),
    clientAuthentication(client),
    token,
    {
      ...overHttp(http, signal, REFRESH_TIMEOUT_MS),
      additionalParameters: { token_type_hint: kind },
    },
  );
  if (response.status >= 200 && response.status < 300) return;
  throw await endpointError(response, {
    code: "SERVER_ERROR",
    action: `revoke the ${kind === "refresh_token" ? "refresh" : "access"} token`,
    endpoint: server.revocation_endpoint ?? "",
    secrets: [token, client.clientSecret],
  });
}
