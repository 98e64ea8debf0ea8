/**
 * From the demo's options to the configuration of `oidc-provider`. Every function the package would otherwise warn
 * about is set, and the keys are made at start, so that nothing is printed and nothing is shared between servers.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { exportJWK, generateKeyPair } from "jose";
import { InvalidTarget } from "oidc-provider/lib/helpers/errors.js";
import type { AuthorizationServerOptions } from "./authorization_server.ts";
import type { OidcStore } from "./oidc_store.ts";
import type { Json } from "./oidc_types.ts";
import { devicePages, errorPage } from "./pages.ts";

const CODE_LIFETIME_S = 60;
const SIGN_IN_LIFETIME_S = 3600;
const REFRESH_TOKEN_LIFETIME_S = 14 * 24 * 3600;

/** The paths of the endpoints below the issuer: `oidc-provider`'s own. */
export const ROUTES = {
  authorization: "/auth",
  code_verification: "/device",
  device_authorization: "/device/auth",
  introspection: "/token/introspection",
  jwks: "/jwks",
  pushed_authorization_request: "/request",
  registration: "/reg",
  revocation: "/token/revocation",
  token: "/token",
  userinfo: "/me",
} as const;

/** How a resource server asks about opaque tokens. RFC 7662. */
export interface IntrospectionAccess {
  /** The introspection endpoint. */
  readonly url: string;
  /** The client it authenticates as, registered in advance. */
  readonly clientId: string;
  /** That client's secret; not sent with `"none"`. */
  readonly clientSecret: string;
  /** How the client authenticates. */
  readonly authMethod: "client_secret_basic" | "client_secret_post" | "none";
}

/** The ways to authenticate at the token endpoint unless an option says otherwise. */
export const DEFAULT_AUTH_METHODS: readonly string[] = ["none", "client_secret_basic", "client_secret_post"];

/**
 * Builds the configuration.
 *
 * @param options what the test or the demo asked for
 * @param store where the server keeps its records
 * @param introspection a client that may only introspect: the resource server
 * @param mountPath the path of the issuer, `""` at the origin
 * @returns the configuration object for `oidc-provider`
 */
export async function oidcConfiguration(
  options: AuthorizationServerOptions,
  store: OidcStore,
  introspection: IntrospectionAccess,
  mountPath: string,
): Promise<Json> {
  const registration = options.registration ?? {};
  const lifetime = options.accessTokenLifetime ?? 3600;
  const accessTokenLifetime = typeof lifetime === "function" ? lifetime : () => lifetime;
  const scopes = options.scopes ?? ["mcp:read", "mcp:write"];
  const authMethods = options.tokenEndpointAuthMethods ?? DEFAULT_AUTH_METHODS;
  return {
    adapter: (model: string) => store.adapter(model),
    jwks: { keys: [await signingKey()] },
    cookies: { keys: [crypto.randomUUID()] },
    clientAuthMethods: authMethods,
    clientDefaults: {
      id_token_signed_response_alg: "ES256",
      token_endpoint_auth_method: authMethods.includes("client_secret_basic")
        ? "client_secret_basic"
        : authMethods[0],
    },
    clients: [
      {
        client_id: introspection.clientId,
        ...introspection.authMethod === "none" ? {} : { client_secret: introspection.clientSecret },
        token_endpoint_auth_method: introspection.authMethod,
        grant_types: [],
        response_types: [],
        redirect_uris: [],
      },
      ...options.clients ?? [],
    ],
    scopes: ["openid", ...(options.offlineAccess ?? true) ? ["offline_access"] : [], ...scopes],
    claims: { openid: ["sub"], profile: ["name"] },
    findAccount: (_context: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, name: sub }),
    }),
    ...options.clientDocuments === undefined
      ? {}
      : { fetch: (url: string | URL) => options.clientDocuments!(String(url)) },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `${mountPath}/interaction/${uid}` },
    renderError: errorPage,
    responseTypes: ["code"],
    routes: ROUTES,
    rotateRefreshToken: options.rotateRefreshTokens ?? true,
    expiresWithSession: () => false,
    issueRefreshToken: (
      _context: unknown,
      client: { grantTypeAllowed(type: string): boolean },
      source: { scopes: Set<string> },
    ) =>
      client.grantTypeAllowed("refresh_token") &&
      (options.refreshTokens !== "offline_access" || source.scopes.has("offline_access")) &&
      options.refreshTokens !== "never",
    clientBasedCORS: () => false,
    pkce: { required: () => true },
    ttl: {
      AccessToken: accessTokenLifetime,
      AuthorizationCode: CODE_LIFETIME_S,
      ClientCredentials: accessTokenLifetime,
      DeviceCode: options.deviceCodeLifetime ?? 600,
      Grant: REFRESH_TOKEN_LIFETIME_S,
      IdToken: accessTokenLifetime,
      Interaction: SIGN_IN_LIFETIME_S,
      RefreshToken: options.refreshTokenLifetime ?? REFRESH_TOKEN_LIFETIME_S,
      Session: SIGN_IN_LIFETIME_S,
    },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: {
        enabled: true,
        ...options.dpopNonce === true ? { nonceSecret: crypto.getRandomValues(Buffer.alloc(32)) } : {},
        requireNonce: () => options.dpopNonce === true,
      },
      pushedAuthorizationRequests: {
        enabled: true,
        requirePushedAuthorizationRequests: options.pushedRequests === "require",
      },
      introspection: { enabled: true, allowedPolicy: () => true },
      clientIdMetadataDocument: {
        enabled: options.clientDocuments !== undefined,
        ack: "draft-02",
        cacheDuration: { min: 1, max: 1 },
      },
      revocation: {
        enabled: options.revocation ?? true,
        allowedPolicy: (
          _context: unknown,
          client: { clientId: string },
          token: { clientId: string },
        ) => client.clientId === token.clientId,
      },
      deviceFlow: { enabled: options.deviceFlow ?? false, ...devicePages },
      registration: {
        enabled: registration !== false,
        initialAccessToken: registration === false ? false : registration.initialAccessToken ?? false,
      },
      registrationManagement: {
        enabled: registration !== false && registration.management === true,
        rotateRegistrationAccessToken: false,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => options.defaultResource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, resource: string) => {
          if (options.allowsResource?.(resource) === false) throw new InvalidTarget();
          const format = options.accessTokenFormat ?? "jwt";
          return {
            audience: resource,
            scope: scopes.join(" "),
            accessTokenTTL: accessTokenLifetime(),
            accessTokenFormat: format,
            ...format === "jwt" ? { jwt: { sign: { alg: "ES256" } } } : {},
          };
        },
      },
    },
  };
}

async function signingKey(): Promise<Json> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...await exportJWK(privateKey), use: "sig", alg: "ES256", kid: crypto.randomUUID() };
}
