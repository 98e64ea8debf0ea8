/**
 * What stands before the demo MCP server: it takes the access token from the request, asks whether its issuer made
 * it for this very resource and for enough scope, and answers with the challenges the MCP authorization
 * specification wants. A JWT is checked with the issuer's keys, any other token by introspection.
 *
 * @module
 * @see RFC 6750 section 3, RFC 9728 section 5.1, RFC 8707 section 2, RFC 7662, RFC 9068 section 4
 */

import { createRemoteJWKSet, jwtVerify } from "jose";
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
}

/** Decides about the token of each request. */
export class BearerGuard {
  readonly #options: GuardOptions;
  #trusted: TrustedIssuer;
  #keys: ReturnType<typeof createRemoteJWKSet>;
  #seen = new Set<string>();
  #refused = new Set<string>();

  /**
   * @param trusted whose tokens are accepted
   * @param options what they must be good for
   */
  constructor(trusted: TrustedIssuer, options: GuardOptions) {
    this.#options = options;
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
   * @param authorization the request's `Authorization` header
   * @param scope a scope it needs beside the one every request needs
   * @param signal ends the check early
   * @returns who sent it, or the answer that refuses it: 401, or 403 for too little scope
   */
  async check(
    authorization: string | null,
    scope: string | undefined,
    signal: AbortSignal,
  ): Promise<Bearer | Response> {
    const token = /^Bearer +([^\s]+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return this.#challenge(401, { scope: this.#options.challengeScope });
    const bearer = this.#refused.has(token) ? "it was revoked" : await this.#verify(token, signal);
    if (typeof bearer === "string") {
      return this.#challenge(401, {
        error: "invalid_token",
        error_description: `The access token is not valid: ${bearer}`,
        scope: this.#options.challengeScope,
      });
    }
    this.#seen.add(token);
    const missing = [this.#options.baseScope, scope]
      .filter((each) => each !== undefined)
      .filter((each) => !bearer.scopes.includes(each));
    if (missing.length === 0) return bearer;
    return this.#challenge(403, { error: "insufficient_scope", scope: missing.join(" ") });
  }

  #challenge(status: 401 | 403, parameters: Record<string, string | undefined>): Response {
    const all = Object.entries({ ...parameters, resource_metadata: this.#options.metadataUrl });
    const shown = all.filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}="${value?.replace(/[^ !\x23-\x5b\x5d-\x7e]/g, "?")}"`)
      .join(", ");
    const body = { error: parameters.error ?? "unauthorized" };
    return Response.json(body, { status, headers: { "www-authenticate": `Bearer ${shown}`.trim() } });
  }

  async #verify(token: string, signal: AbortSignal): Promise<Bearer | string> {
    try {
      const claims = token.split(".").length === 3
        ? (await jwtVerify(token, this.#keys, {
          issuer: this.#trusted.issuer,
          audience: this.#options.resource,
          typ: "at+jwt",
        })).payload
        : await this.#introspect(token, signal);
      const { sub, client_id: clientId, scope } = claims;
      return {
        token,
        clientId: String(clientId),
        subject: String(sub),
        scopes: String(scope ?? "").split(" "),
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
