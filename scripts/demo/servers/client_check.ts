/**
 * Who a token request comes from, checked as a strict server does: by HTTP Basic, by the secret in the body, by an
 * assertion that the client's key has signed, or not at all.
 *
 * @module
 * @see RFC 6749 section 2.3.1, RFC 7523 sections 2.2 and 3
 */

import { createLocalJWKSet, errors, jwtVerify } from "jose";
import type { Recorded } from "./recorded.ts";

/** A client that was registered in advance. */
export interface KnownClient {
  readonly id: string;
  /** Without a secret and keys it is public. */
  readonly secret?: string;
  /** Its public keys. */
  readonly jwks?: { readonly keys: readonly Record<string, unknown>[] };
}

/** A refusal of RFC 6749 section 5.2. */
export class Refusal extends Error {
  readonly error: string;

  /**
   * @param error the code
   * @param description the words
   */
  constructor(error: string, description: string) {
    super(description);
    this.error = error;
  }

  /** The answer. */
  toResponse(): Response {
    const status = this.error === "invalid_client" ? 401 : 400;
    return Response.json({ error: this.error, error_description: this.message }, { status });
  }
}

/** How clients are checked. */
export interface ClientCheckOptions {
  /** The issuer: the one audience of assertions. */
  readonly issuer: string;
  readonly clients: readonly KnownClient[];
  /** The JWS algorithms of assertions. */
  readonly algorithms: readonly string[];
  /** Whether a request has to name its client beside an assertion. */
  readonly wantsClientId?: boolean | undefined;
  /** The `jti` of assertions that were taken. */
  readonly taken: Set<string>;
}

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/** Servers ask for short assertions. */
const LIFETIME_MAX_S = 300;

/**
 * Finds the client of a request.
 *
 * @param request the request
 * @param options what is known
 * @returns the client, and whether it has proved who it is; undefined where none is named
 * @throws Refusal where it is not who it says
 */
export async function clientOf(
  { headers, form }: Pick<Recorded, "headers" | "form">,
  options: ClientCheckOptions,
): Promise<{ readonly client: KnownClient; readonly isAuthenticated: boolean } | undefined> {
  const basic = /^Basic (.+)$/.exec(headers.get("authorization") ?? "")?.[1];
  if (basic !== undefined) {
    const [id = "", secret = ""] = atob(basic).split(":").map(decodeForm);
    return { client: withSecret(options, id, secret), isAuthenticated: true };
  }
  if (form.has("client_assertion")) {
    return { client: await byAssertion(form, options), isAuthenticated: true };
  }
  const id = form.get("client_id");
  if (id === null) return undefined;
  const secret = form.get("client_secret");
  if (secret !== null) return { client: withSecret(options, id, secret), isAuthenticated: true };
  const client = find(options, id);
  if (client.secret !== undefined || client.jwks !== undefined) {
    throw new Refusal("invalid_client", `client ${id} has to authenticate`);
  }
  return { client, isAuthenticated: false };
}

function withSecret(options: ClientCheckOptions, id: string, secret: string): KnownClient {
  const client = find(options, id);
  // The words repeat what was sent, as some servers do.
  if (client.secret !== secret) throw new Refusal("invalid_client", `wrong secret "${secret}" of ${id}`);
  return client;
}

async function byAssertion(form: URLSearchParams, options: ClientCheckOptions): Promise<KnownClient> {
  const assertion = form.get("client_assertion") ?? "";
  if (form.get("client_assertion_type") !== ASSERTION_TYPE) {
    throw new Refusal("invalid_client", "unknown client_assertion_type");
  }
  if (options.wantsClientId && !form.has("client_id")) {
    throw new Refusal("invalid_request", "the request body must contain the parameter: 'client_id'");
  }
  const { sub = "" } = payloadOf(assertion);
  const client = find(options, sub);
  const { payload } = await jwtVerify(assertion, createLocalJWKSet(client.jwks as never ?? { keys: [] }), {
    issuer: client.id,
    subject: client.id,
    audience: options.issuer,
    algorithms: [...options.algorithms],
    requiredClaims: ["exp", "iat", "jti"],
  }).catch((error) => {
    throw new Refusal("invalid_client", `${describe(error)}: ${assertion}`);
  });
  if (Array.isArray(payload.aud)) throw new Refusal("invalid_client", "the audience is a list");
  if (Number(payload.exp) - Number(payload.iat) > LIFETIME_MAX_S) {
    throw new Refusal("invalid_client", "the assertion lives too long");
  }
  take(options.taken, payload.jti, "invalid_client");
  return client;
}

/**
 * Takes an assertion once.
 *
 * @param taken those that were taken before; grows
 * @param jti which this is
 * @param error the code of the refusal
 * @throws Refusal where it was taken before
 */
export function take(taken: Set<string>, jti: string | undefined, error: string): void {
  if (jti === undefined || taken.has(jti)) throw new Refusal(error, "the assertion was used before");
  taken.add(jti);
}

/**
 * Says why a JWT was refused.
 *
 * @param error what `jose` threw
 * @returns a few words
 */
export function describe(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "the assertion has expired";
  if (error instanceof errors.JWTClaimValidationFailed) return `wrong ${error.claim}`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * The claims of a JWT, not verified.
 *
 * @param jwt the token
 * @returns its claims; none where it is no JWT
 */
export function payloadOf(jwt: string): { readonly iss?: string; readonly sub?: string } {
  try {
    const bytes = Uint8Array.fromBase64(jwt.split(".")[1] ?? "", { alphabet: "base64url" });
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

function find({ clients }: ClientCheckOptions, id: string): KnownClient {
  const client = clients.find((each) => each.id === id);
  if (client === undefined) throw new Refusal("invalid_client", `unknown client ${id}`);
  return client;
}

function decodeForm(text: string): string {
  return new URLSearchParams(`v=${text}`).get("v") ?? "";
}
