/**
 * How a client proves itself at the token, revocation and refresh requests. One method for each request, chosen in the
 * order: what the registration said, what the server's metadata lists, HTTP Basic.
 *
 * @see RFC 6749 section 2.3.1
 * @see RFC 8414 section 2 (`token_endpoint_auth_methods_supported`)
 * @see behaviours rows 22 and 23
 * @module
 */
import * as oauth from "oauth4webapi";

/** The methods of a client with a secret, or without one. */
export const CLIENT_AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post"] as const;

/** One of {@linkcode CLIENT_AUTH_METHODS}. */
export type ClientAuthMethod = typeof CLIENT_AUTH_METHODS[number];

/** The part of a client registration that authenticates it. */
export interface ClientIdentity {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly tokenEndpointAuthMethod: ClientAuthMethod | "private_key_jwt";
}

/**
 * Chooses the method of a client.
 *
 * @param hasSecret Whether the client has a secret.
 * @param registered The method of its registration response, where there is one.
 * @param supported `token_endpoint_auth_methods_supported`; RFC 8414 makes `client_secret_basic` its default.
 */
export function chooseAuthMethod(
  hasSecret: boolean,
  registered: string | undefined,
  supported: readonly string[] | undefined,
): ClientAuthMethod {
  if (!hasSecret) return "none";
  if (registered !== undefined && registered !== "none" && isAuthMethod(registered)) return registered;
  const listed = supported?.filter((method) =>
    method === "client_secret_basic" || method === "client_secret_post"
  );
  if (listed === undefined || listed.length === 0) {
    // A server that lists "none" alone yet gave a secret wants no authentication (its registration said so, too).
    return supported?.includes("none") === true && registered === "none" ? "none" : "client_secret_basic";
  }
  return listed.includes("client_secret_basic") ? "client_secret_basic" : "client_secret_post";
}

/**
 * The method to try once where the server does not accept the client by the one that it said; undefined for a client
 * without a secret, which has no other.
 *
 * @param client The client as it was refused.
 * @see behaviours row 22
 */
export function otherAuthMethod(client: ClientIdentity): ClientAuthMethod | undefined {
  if (client.clientSecret === undefined) return undefined;
  return client.tokenEndpointAuthMethod === "client_secret_post"
    ? "client_secret_basic"
    : "client_secret_post";
}

/** Says whether a method is one that this product can do. */
export function isAuthMethod(method: string): method is ClientAuthMethod {
  return (CLIENT_AUTH_METHODS as readonly string[]).includes(method);
}

/** The client as `oauth4webapi` takes it. */
export function toOAuthClient(client: ClientIdentity): oauth.Client {
  return { client_id: client.clientId };
}

/** The authentication of a client's requests. */
export function clientAuthentication(client: ClientIdentity): oauth.ClientAuth {
  const { clientSecret, tokenEndpointAuthMethod } = client;
  if (clientSecret === undefined || tokenEndpointAuthMethod === "none") return oauth.None();
  if (tokenEndpointAuthMethod === "client_secret_post") return oauth.ClientSecretPost(clientSecret);
  return (_server, { client_id }, _body, headers) => {
    headers.set("authorization", `Basic ${encodeBasic(client_id, clientSecret)}`);
  };
}

/**
 * The credentials of HTTP Basic: each part form-encoded, so that a colon or a non-ASCII character survives. Characters
 * that the form encoding leaves alone (`-`, `_`, `.`) stay, for servers that do not decode.
 *
 * @see RFC 6749 section 2.3.1 and appendix B
 */
export function encodeBasic(clientId: string, clientSecret: string): string {
  const encode = (text: string) => new URLSearchParams([["", text]]).toString().slice(1);
  return btoa(`${encode(clientId)}:${encode(clientSecret)}`);
}
