/**
 * An authorization server for machines, which checks everything that the specifications have it check: clients by secret
 * or by the assertion of their key, workloads by the tokens of issuers that it trusts, and people by the identity
 * assertions of a company's identity provider. It has no page for people and no registration. What it issues is a JWT
 * for one MCP server.
 *
 * @module
 * @see RFC 6749 section 4.4, RFC 7523, RFC 9068, Identity Assertion JWT Authorization Grant section 4.4
 */

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { clientOf, describe, type KnownClient, payloadOf, Refusal, take } from "./client_check.ts";
import { type DemoServer, type Exchange, sendResponse, startHttpFront } from "./http_front.ts";
import { makeJwtKeys } from "./jwt_keys.ts";

/** Somebody whose JWTs are trusted. */
export interface TrustedSigner {
  readonly issuer: string;
  readonly jwksUrl: string;
}

/** What the server is to be like. Everything is optional. */
export interface MachineServerOptions {
  readonly port?: number;
  readonly clients?: readonly KnownClient[];
  /** Whose workloads may come. */
  readonly workloads?: readonly TrustedSigner[];
  /** Whose identity assertions count. */
  readonly identityProviders?: readonly TrustedSigner[];
  /** The resources that tokens may be for; all unless set. */
  readonly allowsResource?: (resource: string) => boolean;
  /** The scopes that a machine may have; `mcp:read` and `mcp:write` unless set. Others are `invalid_scope`. */
  readonly scopes?: readonly string[];
  /** In seconds; 3600 unless set. A function is asked for each token. */
  readonly accessTokenLifetime?: number | (() => number);
  /** The JWS algorithms of client assertions; ES256, RS256, PS256, EdDSA and Ed25519 unless set. */
  readonly algorithms?: readonly string[];
  /** Whether a request has to name its client beside an assertion; false unless set. */
  readonly wantsClientId?: boolean;
  /** Gives a refresh token beside each access token, though it should not; false unless set. */
  readonly refreshTokens?: boolean;
  /** The way to authenticate that the metadata names; all unless set. */
  readonly tokenEndpointAuthMethods?: readonly string[];
}

/** The running server. */
export interface MachineAuthorizationServer extends DemoServer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Whether clients are known at all: an operator may take them away and give them back. */
  knowsClients: boolean;
  /** The `expires_in` to say, in seconds, whatever the token's life is; undefined for the truth. */
  lifeToSay: number | undefined;
}

/** RFC 7523 section 2.1. */
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ALL_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
const ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA", "Ed25519"];

/** Who asks for a token, and for what. */
interface Asked {
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
}

/**
 * Starts the server on 127.0.0.1.
 *
 * @param options what it is to be like
 * @returns the running server; close it when done
 * @throws Error when the port is taken
 */
export async function startMachineAuthorizationServer(
  options: MachineServerOptions = {},
): Promise<MachineAuthorizationServer> {
  const front = await startHttpFront((exchange) => serve(exchange), options.port, true);
  const issuer = front.origin;
  const keys = await makeJwtKeys(() => issuer);
  const taken = new Set<string>();
  const signers = new Map<string, ReturnType<typeof createRemoteJWKSet>>();
  const { lifetimeOf, scopesAllowed, algorithms } = settingsOf(options);

  async function serve({ recorded, response, signal }: Exchange): Promise<void> {
    const answer = await answerTo(recorded).catch((error) => {
      if (error instanceof Refusal) return error.toResponse();
      throw error;
    });
    await sendResponse(response, answer, signal);
  }

  async function answerTo(recorded: Exchange["recorded"]): Promise<Response> {
    switch (recorded.path) {
      case "/.well-known/oauth-authorization-server":
        return Response.json({
          issuer,
          token_endpoint: `${issuer}/token`,
          revocation_endpoint: `${issuer}/revoke`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: [],
          grant_types_supported: ["client_credentials", JWT_BEARER],
          token_endpoint_auth_methods_supported: options.tokenEndpointAuthMethods ?? ALL_METHODS,
          token_endpoint_auth_signing_alg_values_supported: algorithms,
          authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"],
        });
      case "/jwks":
        return Response.json(keys.jwks);
      case "/token":
        return await issue(await asked(recorded));
      case "/revoke":
        await authenticated(recorded);
        return new Response(null, { status: 200 });
      default:
        return new Response("Not Found", { status: 404 });
    }
  }

  async function authenticated(recorded: Exchange["recorded"]) {
    const clients = running.knowsClients ? options.clients ?? [] : [];
    return await clientOf(recorded, {
      issuer,
      clients,
      algorithms,
      taken,
      wantsClientId: options.wantsClientId,
    });
  }

  async function asked(recorded: Exchange["recorded"]): Promise<Asked> {
    const { form } = recorded;
    const found = await authenticated(recorded);
    const wish = {
      scopes: form.get("scope")?.split(" ") ?? [],
      resource: form.get("resource") ?? undefined,
      clientId: found?.client.id,
    };
    switch (form.get("grant_type")) {
      case "client_credentials":
        if (found?.isAuthenticated !== true) throw new Refusal("invalid_client", "no client credentials");
        return { ...wish, subject: found.client.id };
      case JWT_BEARER:
        return await byAssertion(form.get("assertion") ?? "", wish);
      default:
        throw new Refusal("unsupported_grant_type", "only machines come here");
    }
  }

  async function byAssertion(assertion: string, wish: Omit<Asked, "subject">): Promise<Asked> {
    const isIdentity = typOf(assertion) === "oauth-id-jag+jwt";
    const trusted = (isIdentity ? options.identityProviders : options.workloads) ?? [];
    const signer = trusted.find((each) => each.issuer === payloadOf(assertion).iss);
    if (signer === undefined) {
      throw new Refusal("invalid_grant", `nobody here trusts the issuer of ${assertion}`);
    }
    const { payload } = await jwtVerify(assertion, keysOf(signer), {
      issuer: signer.issuer,
      audience: issuer,
      requiredClaims: ["sub", "exp", "iat", "jti"],
    }).catch((error) => {
      throw new Refusal("invalid_grant", `${describe(error)}: ${assertion}`);
    });
    if (isIdentity) {
      if (payload.client_id !== wish.clientId) throw new Refusal("invalid_grant", "it is for another client");
      if (payload.resource !== wish.resource) {
        throw new Refusal("invalid_grant", "it is for another resource");
      }
    }
    take(taken, payload.jti, "invalid_grant");
    const granted = typeof payload.scope === "string" ? payload.scope.split(" ") : wish.scopes;
    const scopes = wish.scopes.filter((scope) => granted.includes(scope));
    return { ...wish, scopes, subject: String(payload.sub) };
  }

  async function issue({ subject, clientId, scopes, resource }: Asked): Promise<Response> {
    if (resource === undefined || options.allowsResource?.(resource) === false) {
      throw new Refusal("invalid_target", "tokens are for a known resource");
    }
    const excess = scopes.filter((scope) => !scopesAllowed.includes(scope));
    if (excess.length > 0) throw new Refusal("invalid_scope", `not for machines: ${excess.join(" ")}`);
    const lifetime = lifetimeOf();
    const claims = { sub: subject, aud: resource, client_id: clientId ?? subject, scope: scopes.join(" ") };
    return Response.json({
      access_token: await keys.sign(claims, { typ: "at+jwt", lifetime }),
      token_type: "Bearer",
      expires_in: running.lifeToSay ?? lifetime,
      scope: scopes.join(" "),
      ...options.refreshTokens ? { refresh_token: crypto.randomUUID() } : {},
    }, { headers: { "cache-control": "no-store" } });
  }

  function keysOf({ issuer, jwksUrl }: TrustedSigner) {
    const known = signers.get(issuer) ?? createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: 0 });
    signers.set(issuer, known);
    return known;
  }

  const running: MachineAuthorizationServer = Object.assign(front, {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    knowsClients: true,
    lifeToSay: undefined,
  });
  return running;
}

function settingsOf(options: MachineServerOptions) {
  const lifetime = options.accessTokenLifetime ?? 3600;
  return {
    lifetimeOf: typeof lifetime === "function" ? lifetime : () => lifetime,
    scopesAllowed: options.scopes ?? ["mcp:read", "mcp:write"],
    algorithms: options.algorithms ?? ALGORITHMS,
  };
}

function typOf(assertion: string): string | undefined {
  try {
    return decodeProtectedHeader(assertion).typ;
  } catch {
    return undefined;
  }
}
