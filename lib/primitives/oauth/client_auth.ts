/**
 * How a client proves itself at the token, revocation and refresh requests. One method for each request, chosen in the
 * order: a private key, what the registration said, what the server's metadata lists, HTTP Basic.
 *
 * @see RFC 6749 section 2.3.1, RFC 7523 section 2.2
 * @see RFC 8414 section 2 (`token_endpoint_auth_methods_supported`)
 * @see behaviours rows 22 and 23; X3, X6
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Http } from "../http/http.ts";
import {
  type AssertingClient,
  chooseSigningAlgorithm,
  privateKeyJwt,
  readSigningKey,
} from "./client_assertion.ts";
import { ASSERTION_CLOCK_OFF_MIN_MS } from "../limits.ts";
import { isObject } from "./json.ts";
import type { ServerMetadata } from "./server_metadata.ts";

/** The methods of a client with a secret, or without one. */
export const CLIENT_AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post"] as const;

/** One of {@linkcode CLIENT_AUTH_METHODS}. */
export type ClientAuthMethod = typeof CLIENT_AUTH_METHODS[number];

/** The part of a client registration that authenticates it. */
export interface ClientIdentity extends AssertingClient {
  /** Empty where no client speaks, but an assertion that says by itself who asks (RFC 7523 section 2.1). */
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly tokenEndpointAuthMethod: ClientAuthMethod | "private_key_jwt";
}

/** A client as its user gave it: with a secret, a private key, or neither. */
export interface GivenIdentity {
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  /** PKCS #8 in PEM, or a JWK. */
  readonly privateKey?: string | undefined;
  /** The JWS algorithm, in place of the one that follows from the key and the server. */
  readonly signingAlgorithm?: string | undefined;
  /** The `kid` that the server knows the key by, in place of the one in the JWK. */
  readonly keyId?: string | undefined;
  /** The `aud` of its assertions; the issuer when left out. */
  readonly assertionAudience?: string | undefined;
}

/**
 * What a client that its user gave is at a server.
 *
 * @param given The client; of a secret and a key, the key is used.
 * @param server Where it signs in.
 * @throws {McpAuthError} `CONFIG_INVALID` for a key that cannot be used, or not there.
 */
export async function clientIdentity(
  given: GivenIdentity,
  server: Pick<
    ServerMetadata,
    | "issuer"
    | "token_endpoint_auth_methods_supported"
    | "token_endpoint_auth_signing_alg_values_supported"
  >,
): Promise<ClientIdentity> {
  const { clientId, clientSecret, privateKey, assertionAudience } = given;
  if (privateKey === undefined) {
    return {
      clientId,
      ...(clientSecret === undefined ? {} : { clientSecret }),
      tokenEndpointAuthMethod: chooseAuthMethod(
        clientSecret !== undefined,
        undefined,
        server.token_endpoint_auth_methods_supported,
      ),
    };
  }
  const key = await readSigningKey(privateKey);
  const keyId = given.keyId ?? key.keyId;
  return {
    clientId,
    privateKey: key.pem,
    signingAlgorithm: chooseSigningAlgorithm(
      key,
      given.signingAlgorithm,
      server.token_endpoint_auth_signing_alg_values_supported,
      server.issuer,
    ),
    ...(keyId === undefined ? {} : { keyId }),
    ...(assertionAudience === undefined ? {} : { assertionAudience }),
    tokenEndpointAuthMethod: "private_key_jwt",
  };
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
 * The method to try once where the server does not accept the client by the one that it said (quirk
 * `wrong-auth-method`); undefined for a client without a secret, which has no other.
 *
 * @param client The client as it was refused.
 * @see behaviours row 22
 */
export function otherAuthMethod(client: ClientIdentity): ClientAuthMethod | undefined {
  if (client.clientSecret === undefined || client.tokenEndpointAuthMethod === "private_key_jwt") {
    return undefined;
  }
  return client.tokenEndpointAuthMethod === "client_secret_post"
    ? "client_secret_basic"
    : "client_secret_post";
}

/** Says whether a method is one that this product can do. */
export function isAuthMethod(method: string): method is ClientAuthMethod {
  return (CLIENT_AUTH_METHODS as readonly string[]).includes(method);
}

/** The client as `oauth4webapi` takes it, which wants an id even where there is none to send. */
export function toOAuthClient(client: ClientIdentity): oauth.Client {
  return { client_id: client.clientId === "" ? NOBODY : client.clientId };
}

/** Stands for the id of no client; never sent. */
const NOBODY = "-";

/**
 * The authentication of a client's requests.
 *
 * @param client The client.
 * @param options.withClientId Whether a request with a client assertion names the client as well (RFC 7521 section 4.2).
 * @throws {McpAuthError} When the request is made: `CONFIG_INVALID` for a private key that cannot be used.
 */
export function clientAuthentication(
  client: ClientIdentity,
  { withClientId = true }: { readonly withClientId?: boolean } = {},
): oauth.ClientAuth {
  const { clientId, clientSecret, tokenEndpointAuthMethod } = client;
  if (clientId === "") return () => {};
  if (tokenEndpointAuthMethod === "private_key_jwt") return privateKeyJwt(client, withClientId);
  if (clientSecret === undefined || tokenEndpointAuthMethod === "none") return oauth.None();
  if (tokenEndpointAuthMethod === "client_secret_post") return oauth.ClientSecretPost(clientSecret);
  return (_server, { client_id }, _body, headers) => {
    headers.set("authorization", `Basic ${encodeBasic(client_id, clientSecret)}`);
  };
}

/**
 * A fetch for one request of a client, which signs its assertion anew where the request is sent again: servers take each
 * only once, and a request without the nonce that they want has spent the first (RFC 7523 section 3, point 7). One that
 * is refused by a server whose clock differs is signed once more by that clock, as it may have been over, or not yet
 * begun, there: the server has done nothing else with the request then.
 *
 * @param http The one fetch.
 * @param server Where the request goes.
 * @param client Who sends it; one without a private key gets the fetch as it is.
 */
export function withFreshAssertions(http: Http, server: ServerMetadata, client: ClientIdentity): Http {
  if (client.tokenEndpointAuthMethod !== "private_key_jwt") return http;
  let wasSent = false;
  let aheadS = 0;
  return async (url, request = {}) => {
    const { body } = request;
    if (!(body instanceof URLSearchParams)) return await http(url, request);
    const sign = async () => {
      const authenticate = privateKeyJwt(client, body.has("client_id"), aheadS);
      await authenticate(server, toOAuthClient(client), body, new Headers());
    };
    if (wasSent) await sign();
    wasSent = true;
    const response = await http(url, request);
    if (aheadS !== 0) return response;
    aheadS = await clockAhead(response);
    if (aheadS === 0) return response;
    await response.body?.cancel();
    await sign();
    return await http(url, request);
  };
}

/** How far the clock of a server that refuses the client is ahead of ours, in seconds; 0 where it is no reason. */
async function clockAhead(response: Response): Promise<number> {
  if (response.status !== 400 && response.status !== 401) return 0;
  const aheadMs = Date.parse(response.headers.get("date") ?? "") - Date.now();
  if (!(Math.abs(aheadMs) >= ASSERTION_CLOCK_OFF_MIN_MS)) return 0;
  const body: unknown = await response.clone().json().catch(() => undefined);
  return isObject(body) && body.error === "invalid_client" ? Math.round(aheadMs / 1000) : 0;
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
