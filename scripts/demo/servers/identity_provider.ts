/**
 * The identity provider of a company: people sign in at it (at once, since the demo has one person), it renews their ID
 * tokens, and it vouches for them to the applications that its administrator has set up: by an identity assertion, for
 * one authorization server, one MCP server and one client.
 *
 * @module
 * @see OpenID Connect Core 1.0, RFC 8693, Identity Assertion JWT Authorization Grant section 4.3
 */

import { createLocalJWKSet, jwtVerify } from "jose";
import { clientOf, describe, type KnownClient, Refusal } from "./client_check.ts";
import { type DemoServer, type Exchange, sendResponse, startHttpFront } from "./http_front.ts";
import { type Claims, makeJwtKeys } from "./jwt_keys.ts";

/** What an administrator has set up: who may be vouched for, where. */
export interface Application {
  /** The issuer of the authorization server. */
  readonly audience: string;
  /** The MCP server. */
  readonly resource: string;
  /** The client there. */
  readonly clientId: string;
}

/** What the provider is to be like. */
export interface IdentityProviderOptions {
  readonly clients: readonly KnownClient[];
  /** In seconds; 300 unless set. A function is asked for each token. */
  readonly idTokenLifetime?: () => number;
  /** Changes the answer to a token exchange. */
  readonly editExchange?: (answer: Record<string, unknown>) => Record<string, unknown>;
  /** Changes the claims of the assertion, and its type. */
  readonly editAssertion?: (claims: Claims) => { readonly claims: Claims; readonly typ?: string };
}

/** The running provider. */
export interface IdentityProviderServer extends DemoServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly jwksUrl: string;
  /** The applications; a test adds those that it starts later. */
  readonly applications: Application[];
  /** An ID token of the person, issued to a client. */
  idToken(clientId: string, lifetime?: number): Promise<string>;
}

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPES = "urn:ietf:params:oauth:token-type";
const PERSON = { sub: "alice", email: "alice@example.com" };

interface Code {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly resource: string | undefined;
}

/**
 * Starts the provider on 127.0.0.1.
 *
 * @param options what it is to be like
 * @returns the running provider; close it when done
 */
export async function startIdentityProvider(
  options: IdentityProviderOptions,
): Promise<IdentityProviderServer> {
  const front = await startHttpFront((exchange) => serve(exchange), 0, true);
  const issuer = front.origin;
  const keys = await makeJwtKeys(() => issuer);
  const applications: Application[] = [];
  const codes = new Map<string, Code>();
  const refreshTokens = new Map<string, Pick<Code, "clientId" | "resource">>();
  const taken = new Set<string>();
  const idToken: IdentityProviderServer["idToken"] = (clientId, lifetime = 300) =>
    keys.sign({ ...PERSON, aud: clientId }, { lifetime });

  async function serve({ recorded, response, signal }: Exchange): Promise<void> {
    const answer = await answerTo(recorded).catch((error) => {
      if (error instanceof Refusal) return error.toResponse();
      throw error;
    });
    await sendResponse(response, answer, signal);
  }

  async function answerTo(recorded: Exchange["recorded"]): Promise<Response> {
    switch (recorded.path) {
      case "/.well-known/openid-configuration":
        return Response.json({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ["code"],
          grant_types_supported: ["authorization_code", "refresh_token", TOKEN_EXCHANGE],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
          scopes_supported: ["openid"],
        });
      case "/jwks":
        return Response.json(keys.jwks);
      case "/authorize":
        return authorize(recorded.query);
      case "/token":
        return await token(recorded);
      default:
        return new Response("Not Found", { status: 404 });
    }
  }

  function authorize(query: URLSearchParams): Response {
    const code = crypto.randomUUID();
    const redirectUri = query.get("redirect_uri") ?? "";
    codes.set(code, {
      clientId: query.get("client_id") ?? "",
      redirectUri,
      challenge: query.get("code_challenge") ?? "",
      resource: query.get("resource") ?? undefined,
    });
    const back = new URL(redirectUri);
    back.searchParams.set("code", code);
    back.searchParams.set("state", query.get("state") ?? "");
    return Response.redirect(back, 302);
  }

  async function token(recorded: Exchange["recorded"]): Promise<Response> {
    const { form } = recorded;
    const checked = { issuer, clients: options.clients, algorithms: ["ES256"], taken };
    const client = (await clientOf(recorded, checked))?.client;
    if (client === undefined) throw new Refusal("invalid_client", "no client is named");
    switch (form.get("grant_type")) {
      case "authorization_code":
        return await signedIn(await redeem(form, client.id));
      case "refresh_token": {
        const found = refreshTokens.get(form.get("refresh_token") ?? "");
        if (found?.clientId !== client.id) throw new Refusal("invalid_grant", "unknown refresh token");
        refreshTokens.delete(form.get("refresh_token") ?? "");
        return await signedIn(found);
      }
      case TOKEN_EXCHANGE:
        return await exchange(form, client.id);
      default:
        throw new Refusal("unsupported_grant_type", "not here");
    }
  }

  async function redeem(form: URLSearchParams, clientId: string): Promise<Code> {
    const code = codes.get(form.get("code") ?? "");
    codes.delete(form.get("code") ?? "");
    const verifier = new TextEncoder().encode(form.get("code_verifier") ?? "");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", verifier));
    const isProven = code?.challenge === digest.toBase64({ alphabet: "base64url", omitPadding: true });
    if (code === undefined || !isProven || code.clientId !== clientId) {
      throw new Refusal("invalid_grant", "not this code");
    }
    if (code.redirectUri !== form.get("redirect_uri")) throw new Refusal("invalid_grant", "another redirect");
    return code;
  }

  async function signedIn({ clientId, resource }: Pick<Code, "clientId" | "resource">): Promise<Response> {
    const refreshToken = crypto.randomUUID();
    refreshTokens.set(refreshToken, { clientId, resource });
    const claims = {
      sub: PERSON.sub,
      aud: resource ?? issuer,
      client_id: clientId,
      scope: "openid mcp:read",
    };
    return Response.json({
      access_token: await keys.sign(claims, { typ: "at+jwt", lifetime: 3600 }),
      token_type: "Bearer",
      expires_in: 3600,
      scope: "openid mcp:read",
      refresh_token: refreshToken,
      id_token: await idToken(clientId, options.idTokenLifetime?.()),
    });
  }

  async function exchange(form: URLSearchParams, clientId: string): Promise<Response> {
    if (form.get("requested_token_type") !== `${TYPES}:id-jag`) {
      throw new Refusal("invalid_request", "no ID-JAG");
    }
    if (form.get("subject_token_type") !== `${TYPES}:id_token`) {
      throw new Refusal("invalid_request", "no ID token");
    }
    const subject = form.get("subject_token") ?? "";
    const { payload } = await jwtVerify(subject, createLocalJWKSet(keys.jwks as never), {
      issuer,
      audience: clientId,
    }).catch((error) => {
      throw new Refusal("invalid_grant", `${describe(error)}: ${subject}`);
    });
    const [audience, resource] = [form.get("audience"), form.get("resource")];
    const known = applications.find((each) => each.audience === audience && each.resource === resource);
    if (known === undefined) throw new Refusal("invalid_target", "nobody has set this up");
    const claims = {
      sub: payload.sub,
      aud: known.audience,
      client_id: known.clientId,
      resource: known.resource,
      ...form.has("scope") ? { scope: form.get("scope") } : {},
    };
    const edited: { readonly claims: Claims; readonly typ?: string } = options.editAssertion?.(claims) ??
      { claims };
    const answer = {
      access_token: await keys.sign(edited.claims, { typ: edited.typ ?? "oauth-id-jag+jwt", lifetime: 120 }),
      issued_token_type: `${TYPES}:id-jag`,
      token_type: "N_A",
      expires_in: 120,
    };
    return Response.json(options.editExchange?.(answer) ?? answer);
  }

  return Object.assign(front, {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    jwksUrl: `${issuer}/jwks`,
    applications,
    idToken,
  });
}
