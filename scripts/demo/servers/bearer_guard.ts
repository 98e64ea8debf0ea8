/**
 * What stands before the demo MCP server: it takes the access token from the request, asks whether its issuer made
 * it for this very resource and for enough scope, and answers with the challenges the MCP authorization
 * specification wants. A JWT is checked with the issuer's keys, any other token by introspection.
 *
 * @module
 * @see RFC 6750 section 3, RFC 9728 section 5.1, RFC 8707 section 2, RFC 7662, RFC 9068 section 4
 */

import { createRemoteJWKSet, jwtVerify } from "jose";
import { DpopGuard } from "./dpop_guard.ts";
import type { IntrospectionAccess } from "./oidc_configuration.ts";

/** An authorization server whose tokens are accepted. The demo's own fits, and so does any other. */
export interface TrustedIssuer {
  /** The issuer identifier. */
  readonly issuer: string;
  /** The URL of the keys that sign its JWTs. */
  readonly jwksUrl: string;
  /** Where and as whom to ask about opaque tokens; without it they are refused. */
  readonly introspection?: IntrospectionAccess;
}

/** A token that was accepted. */
export interface Bearer {
  readonly token: string;
  readonly clientId: string;
  readonly subject: string;
  readonly scopes: readonly string[];
}

/** What the guard of one server knows. */
export interface GuardOptions {
  /** The audience a token must have. */
  readonly resource: string;
  /** The scope every request needs, if any. */
  readonly baseScope?: string | undefined;
  /** The `scope` of a 401 challenge, if any. */
  readonly challengeScope?: string | undefined;
  /** The `resource_metadata` of a challenge, if any. */
  readonly metadataUrl?: string | undefined;
  /** Whether tokens that are bound to a key are known at all, and whether others are refused. RFC 9449. */
  readonly dpop?: "accept" | "require" | undefined;
  /** Whether proofs need a nonce. */
  readonly dpopNonce?: boolean | undefined;
}

/** What is known of a token that its issuer stands for. */
interface Verified extends Bearer {
  /** The thumbprint of the key that it is bound to. */
  readonly jkt: unknown;
}

/** Decides about the token of each request. */
export class BearerGuard {
  readonly #options: GuardOptions;
  #trusted: TrustedIssuer;
  #keys: ReturnType<typeof createRemoteJWKSet>;
  #seen = new Set<string>();
  #refused = new Set<string>();
  /** Checks the proofs of tokens that are bound to a key. */
  readonly dpop: DpopGuard;

  /**
   * @param trusted whose tokens are accepted
   * @param options what they must be good for
   */
  constructor(trusted: TrustedIssuer, options: GuardOptions) {
    this.#options = options;
    this.dpop = new DpopGuard(options.dpopNonce ?? false);
    this.#trusted = trusted;
    this.#keys = keysOf(trusted);
  }

  /** Whose tokens are accepted. */
  get trusted(): TrustedIssuer {
    return this.#trusted;
  }

  /**
   * Accepts the tokens of another issuer from now on, and no longer those of the former.
   *
   * @param trusted the new issuer
   */
  trust(trusted: TrustedIssuer): void {
    this.#trusted = trusted;
    this.#keys = keysOf(trusted);
  }

  /** Refuses from now on every token that was accepted until now, as a server does whose operator revoked them. */
  refuseSeenTokens(): void {
    this.#refused = this.#refused.union(this.#seen);
  }

  /**
   * Decides about one request.
   *
   * @param request its method, its URL as the server knows it, and its headers
   * @param scope a scope it needs beside the one every request needs
   * @param signal ends the check early
   * @returns who sent it, or the answer that refuses it: 401, or 403 for too little scope
   */
  async check(
    request: { readonly method: string; readonly url: string; readonly headers: Headers },
    scope: string | undefined,
    signal: AbortSignal,
  ): Promise<Bearer | Response> {
    const { method, url, headers } = request;
    const { dpop, challengeScope } = this.#options;
    const schemes = dpop === undefined ? "Bearer" : dpop === "require" ? "DPoP" : "Bearer|DPoP";
    const [, scheme, token] = new RegExp(`^(${schemes}) +([^\\s]+)$`, "i")
      .exec(headers.get("authorization") ?? "") ?? [];
    if (token === undefined) return this.#challenge(401, { scope: challengeScope });
    const bearer = this.#refused.has(token) ? "it was revoked" : await this.#verify(token, signal);
    const isProven = scheme?.toLowerCase() === "dpop";
    // A server that knows nothing of keys does not see that a token is bound to one.
    const isWrongScheme = dpop !== undefined && typeof bearer !== "string" &&
      isProven !== (bearer.jkt !== undefined);
    if (typeof bearer === "string" || isWrongScheme) {
      const why = typeof bearer === "string" ? bearer : `it does not go with ${scheme}`;
      return this.#challenge(401, {
        error: "invalid_token",
        error_description: `The access token is not valid: ${why}`,
        scope: challengeScope,
      });
    }
    if (isProven) {
      const refusal = await this.dpop.refusal(headers.get("dpop"), { method, url, token, jkt: bearer.jkt });
      if (refusal !== undefined) {
        const { error, description } = refusal;
        return this.#challenge(
          401,
          { error, error_description: `The proof is not valid: ${description}` },
          "DPoP",
        );
      }
    }
    this.#seen.add(token);
    const missing = [this.#options.baseScope, scope]
      .filter((each) => each !== undefined)
      .filter((each) => !bearer.scopes.includes(each));
    if (missing.length === 0) return bearer;
    return this.#challenge(403, { error: "insufficient_scope", scope: missing.join(" ") });
  }

  #challenge(
    status: 401 | 403,
    parameters: Record<string, string | undefined>,
    only?: "DPoP",
  ): Response {
    const all = Object.entries({ ...parameters, resource_metadata: this.#options.metadataUrl });
    const shown = all.filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}="${value?.replace(/[^ !\x23-\x5b\x5d-\x7e]/g, "?")}"`)
      .join(", ");
    const body = { error: parameters.error ?? "unauthorized" };
    const { dpop } = this.#options;
    const challenges = [
      ...dpop === "require" || only === "DPoP" ? [] : [`Bearer ${shown}`],
      ...dpop === undefined
        ? []
        : [`DPoP ${['algs="ES256"', shown].filter((each) => each !== "").join(", ")}`],
    ];
    const nonce = this.dpop.nonce;
    return Response.json(body, {
      status,
      headers: {
        "www-authenticate": challenges.join(", ").trim(),
        ...nonce === undefined ? {} : { "dpop-nonce": nonce },
      },
    });
  }

  async #verify(token: string, signal: AbortSignal): Promise<Verified | string> {
    try {
      const claims = token.split(".").length === 3
        ? (await jwtVerify(token, this.#keys, {
          issuer: this.#trusted.issuer,
          audience: this.#options.resource,
          typ: "at+jwt",
        })).payload
        : await this.#introspect(token, signal);
      const { sub, client_id: clientId, scope, cnf } = claims;
      return {
        token,
        clientId: String(clientId),
        subject: String(sub),
        scopes: String(scope ?? "").split(" "),
        jkt: (cnf as { readonly jkt?: unknown } | undefined)?.jkt,
      };
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #introspect(token: string, signal: AbortSignal): Promise<Record<string, unknown>> {
    const access = this.#trusted.introspection;
    if (access === undefined) throw new Error("it is opaque, and its issuer cannot be asked");
    const form = new URLSearchParams({ token, token_type_hint: "access_token" });
    const headers = new Headers();
    if (access.authMethod === "client_secret_basic") {
      headers.set("authorization", `Basic ${btoa(`${access.clientId}:${access.clientSecret}`)}`);
    } else {
      form.set("client_id", access.clientId);
      if (access.authMethod === "client_secret_post") form.set("client_secret", access.clientSecret);
    }
    const response = await fetch(access.url, { method: "POST", headers, body: form, signal });
    if (!response.ok) throw new Error(`introspection answered ${response.status}: ${await response.text()}`);
    const claims = await response.json();
    if (claims.active !== true) throw new Error("it is not active");
    if (![claims.aud].flat().includes(this.#options.resource)) throw new Error("it is for another resource");
    return claims;
  }
}

/** No cool-down: an authorization server that restarts on its port has new keys at once. */
function keysOf({ jwksUrl }: TrustedIssuer) {
  return createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: 0 });
}
