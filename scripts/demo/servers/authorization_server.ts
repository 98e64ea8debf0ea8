/**
 * A real OAuth 2.1 authorization server for the demo and the tests: `oidc-provider` on a free loopback port, with
 * sign-in and consent forms, dynamic registration, PKCE, resource indicators, rotating refresh tokens with reuse
 * detection, revocation and introspection. Its protocol is the package's own; what is added here is what a test
 * needs to see (the log) and to provoke (faults, edited answers, forgotten clients and grants).
 *
 * @module
 */

import { Readable } from "node:stream";
import type { IncomingMessage } from "node:http";
import { type DemoServer, type Exchange, startHttpFront, type TlsSettings } from "./http_front.ts";
import { answerInteraction } from "./interactions.ts";
import {
  DEFAULT_AUTH_METHODS,
  type IntrospectionAccess,
  oidcConfiguration,
  ROUTES,
} from "./oidc_configuration.ts";
import { OidcStore } from "./oidc_store.ts";
import { type Json, makeProvider, type Provider } from "./oidc_types.ts";
import { DEMO_USERS } from "./users.ts";

export type { IntrospectionAccess } from "./oidc_configuration.ts";

/** A place where server metadata can be: RFC 8414, and OpenID discovery with the issuer's path before or after. */
export type MetadataPlace = "oauth" | "openid-inserted" | "openid-appended";

/** What the authorization server is to be like. Everything is optional. */
export interface AuthorizationServerOptions {
  /** The port; any free one unless set. */
  readonly port?: number;
  /** Has it speak TLS. */
  readonly tls?: TlsSettings;
  /** The path of the issuer, for example `"/tenant1"`; none unless set. */
  readonly issuerPath?: string;
  /** The scopes beside `openid` and `offline_access`; `mcp:read mcp:write` unless set. */
  readonly scopes?: readonly string[];
  /** Whether `offline_access` is offered; true unless set. The provider grants it only with `prompt=consent`. */
  readonly offlineAccess?: boolean;
  /**
   * The scope of a request that names none, RFC 6749 section 3.3; `mcp:read` unless set. `"refuse"` leaves it to the
   * provider, which ends such a request with `access_denied`.
   */
  readonly defaultScope?: string;
  /** Whether a resource may be asked for; `false` answers `invalid_target`. All may unless set. RFC 8707. */
  readonly allowsResource?: (resource: string) => boolean;
  /** The resource of a request that names none; none unless set: such a token has no audience. */
  readonly defaultResource?: string;
  /** The form of access tokens with a resource; `"jwt"` unless set. */
  readonly accessTokenFormat?: "jwt" | "opaque";
  /** In seconds; 3600 unless set. A function is asked for each token. */
  readonly accessTokenLifetime?: number | (() => number);
  /** In seconds; 14 days unless set. */
  readonly refreshTokenLifetime?: number;
  /** Who gets a refresh token: any client registered for the grant (unless set), only with `offline_access`, or none. */
  readonly refreshTokens?: "always" | "offline_access" | "never";
  /** Whether each refresh gives a new refresh token and ends the old one; true unless set. */
  readonly rotateRefreshTokens?: boolean;
  /** Dynamic registration: open unless set, `false` for none. RFC 7591, RFC 7592. */
  readonly registration?: false | { readonly management?: boolean; readonly initialAccessToken?: string };
  /** Fetches client ID metadata documents; where it is left out, none are taken. */
  readonly clientDocuments?: (url: string) => Promise<Response>;
  /** Clients registered in advance, as RFC 7591 metadata with `client_id`. */
  readonly clients?: readonly Json[];
  /** `none`, `client_secret_basic` and `client_secret_post` unless set. */
  readonly tokenEndpointAuthMethods?: readonly string[];
  /** Whether the metadata names S256; true unless set. PKCE is demanded either way. */
  readonly publishS256?: boolean;
  /** Whether tokens can be revoked; true unless set. RFC 7009. */
  readonly revocation?: boolean;
  /** Whether the device flow is offered; false unless set. RFC 8628. */
  readonly deviceFlow?: boolean;
  /** In seconds; 600 unless set. */
  readonly deviceCodeLifetime?: number;
  /** Whether authorization requests have to be pushed; they can be, unless set. RFC 9126. */
  readonly pushedRequests?: "offer" | "require";
  /** Whether proofs of possession need a nonce; false unless set. RFC 9449. */
  readonly dpopNonce?: boolean;
  /** Where metadata is found; everywhere unless set. */
  readonly metadataAt?: readonly MetadataPlace[];
  /** Changes JSON answers before they are sent, for servers that get them wrong. Error answers pass here too. */
  readonly edit?: Readonly<
    Partial<Record<"metadata" | "registration" | "token" | "device", (body: Json) => unknown>>
  >;
  /** Passwords by user name; {@linkcode DEMO_USERS} unless set. */
  readonly users?: Readonly<Record<string, string>>;
}

/** A running authorization server. */
export interface AuthorizationServer extends DemoServer {
  /** The issuer identifier. */
  readonly issuer: string;
  /** The paths of the endpoints, the issuer's path included: for `fail` and `requests`. */
  readonly paths: Readonly<Record<keyof typeof ROUTES, string>>;
  /** The URL of the keys that sign its tokens. */
  readonly jwksUrl: string;
  /** How a resource server asks about opaque tokens. */
  readonly introspection: IntrospectionAccess;
  /** What went wrong inside the server: empty unless there is a defect in it or in its configuration. */
  readonly errors: readonly unknown[];
  /** Loses every dynamic registration, as a server does that prunes them. */
  forgetClients(): void;
  /** Loses every grant: each refresh token and opaque access token is dead from now on. */
  forgetGrants(): void;
}

/**
 * Starts an authorization server on 127.0.0.1.
 *
 * @param options what it is to be like
 * @returns the running server; close it when done
 * @throws Error when the port is taken or the options do not fit together
 */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const mountPath = options.issuerPath ?? "";
  const store = new OidcStore();
  const errors: unknown[] = [];
  let handle: (exchange: Exchange) => Promise<void> = () => Promise.reject(new Error("Not started yet"));
  const front = await startHttpFront((exchange) => handle(exchange), options.port, true, options.tls);
  try {
    const issuer = front.origin + mountPath;
    const introspection: IntrospectionAccess = {
      url: issuer + ROUTES.introspection,
      clientId: "resource-server",
      clientSecret: crypto.randomUUID(),
      authMethod: introspectionAuthMethod(options.tokenEndpointAuthMethods ?? DEFAULT_AUTH_METHODS),
    };
    const provider = makeProvider(
      issuer,
      await oidcConfiguration(options, store, introspection, mountPath),
    );
    provider.on("error", (error) => errors.push(error));
    provider.on("server_error", (_context, error) => errors.push(error));
    editAnswers(provider, options);
    handle = answerer(provider, options, mountPath);
    const paths = Object.entries(ROUTES).map(([name, path]) => [name, mountPath + path]);
    return Object.assign(front, {
      issuer,
      paths: Object.fromEntries(paths) as AuthorizationServer["paths"],
      jwksUrl: issuer + ROUTES.jwks,
      introspection,
      errors,
      forgetClients: () => store.forget("Client"),
      forgetGrants: () => store.forget("Grant", "RefreshToken", "AccessToken", "AuthorizationCode"),
    });
  } catch (error) {
    await front.close();
    throw error;
  }
}

function introspectionAuthMethod(methods: readonly string[]): IntrospectionAccess["authMethod"] {
  if (methods.includes("client_secret_basic")) return "client_secret_basic";
  return methods.includes("client_secret_post") ? "client_secret_post" : "none";
}

function editAnswers(provider: Provider, options: AuthorizationServerOptions): void {
  provider.use(async (context, next) => {
    await next();
    if (typeof context.body !== "object" || context.body === null) return;
    if (context.path.startsWith("/.well-known/")) {
      const metadata = context.body as Json;
      if (options.publishS256 === false) delete metadata.code_challenge_methods_supported;
      context.body = options.edit?.metadata?.(metadata) ?? metadata;
    } else if (context.path === ROUTES.token) {
      context.body = options.edit?.token?.(context.body as Json) ?? context.body;
    } else if (context.path === ROUTES.device_authorization) {
      context.body = options.edit?.device?.(context.body as Json) ?? context.body;
    } else if (context.path === ROUTES.registration) {
      context.body = options.edit?.registration?.(context.body as Json) ?? context.body;
    }
  });
}

function answerer(provider: Provider, options: AuthorizationServerOptions, mountPath: string) {
  const answer = provider.callback();
  const places = options.metadataAt ?? ["oauth", "openid-inserted", "openid-appended"];
  const metadata = new Map<string, string>();
  if (places.includes("oauth")) {
    metadata.set(
      `/.well-known/oauth-authorization-server${mountPath}`,
      "/.well-known/oauth-authorization-server",
    );
  }
  if (places.includes("openid-inserted")) {
    metadata.set(`/.well-known/openid-configuration${mountPath}`, "/.well-known/openid-configuration");
  }
  if (places.includes("openid-appended")) {
    metadata.set(`${mountPath}/.well-known/openid-configuration`, "/.well-known/openid-configuration");
  }
  return async (exchange: Exchange): Promise<void> => {
    const { recorded, response } = exchange;
    const { path } = recorded;
    const known = metadata.get(path);
    if (known !== undefined) return await answer(replay(exchange, mountPath, known, exchange.body), response);
    if (!path.startsWith(`${mountPath}/`) || path.includes("/.well-known/")) {
      return void response.writeHead(404, { "content-type": "text/plain" }).end("Not Found");
    }
    const inner = path.slice(mountPath.length);
    if (inner.startsWith("/interaction/")) {
      const users = options.users ?? DEMO_USERS;
      const request = replay(exchange, mountPath, inner, exchange.body);
      return await answerInteraction(provider, users, request, response, recorded.form, path);
    }
    const { query, form } = withDefaultScope(exchange, inner, options.defaultScope ?? "mcp:read");
    const target = query === "" ? inner : `${inner}?${query}`;
    await answer(
      replay(exchange, mountPath, target, form === undefined ? exchange.body : encode(form)),
      response,
    );
  };
}

const TAKE_SCOPE_FROM_FORM: readonly string[] = [
  ROUTES.pushed_authorization_request,
  ROUTES.device_authorization,
];

function withDefaultScope({ request, recorded }: Exchange, path: string, scope: string) {
  const query = new URL(request.url ?? "/", "http://localhost").search.slice(1);
  if (scope === "refuse") return { query };
  if (path === ROUTES.authorization && !recorded.query.has("scope") && !recorded.query.has("request_uri")) {
    return { query: `${query}&${new URLSearchParams({ scope })}` };
  }
  if (TAKE_SCOPE_FROM_FORM.includes(path) && recorded.form.size > 0 && !recorded.form.has("scope")) {
    return { query, form: `${recorded.form}&${new URLSearchParams({ scope })}` };
  }
  return { query };
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The request again with its body unread, and with the target and the body the provider is to see. */
function replay(
  { request }: Exchange,
  mountPath: string,
  target: string,
  body: Uint8Array<ArrayBuffer>,
): IncomingMessage {
  const headers = { ...request.headers };
  if (headers["content-length"] !== undefined) headers["content-length"] = String(body.length);
  const stream = Readable.from(body.length > 0 ? [body] : [], { objectMode: false });
  const { method, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders, socket } = request;
  const parts = { method, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders, socket };
  const place = { url: target, originalUrl: mountPath + target };
  return Object.assign(stream, parts, place, { headers }) as unknown as IncomingMessage;
}
