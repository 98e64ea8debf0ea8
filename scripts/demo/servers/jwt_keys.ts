/**
 * The key of a demo server that signs JWTs, as others come to know it: by its JWK set.
 *
 * @module
 * @see RFC 7515, RFC 7517, RFC 7519
 */

import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** What is signed, beside `iss`, `iat`, `exp` and `jti`; undefined takes a claim away. */
export type Claims = Readonly<Record<string, unknown>>;

/** How a JWT differs from the usual. */
export interface SigningOptions {
  /** The `typ` of its header; `JWT` unless set. */
  readonly typ?: string;
  /** Seconds until it expires, from now; 300 unless set. Negative: it has expired. */
  readonly lifetime?: number;
}

/** A key and what it signs. */
export interface JwtKeys {
  /** The JWK set with the public key. */
  readonly jwks: { readonly keys: readonly Record<string, unknown>[] };
  /** Signs a JWT. */
  sign(claims: Claims, options?: SigningOptions): Promise<string>;
}

/**
 * Makes a key.
 *
 * @param issuer the `iss` of what it signs
 * @returns the key; ES256
 */
export async function makeJwtKeys(issuer: () => string): Promise<JwtKeys> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const kid = crypto.randomUUID();
  return {
    jwks: { keys: [{ ...await exportJWK(publicKey), kid, alg: "ES256", use: "sig" }] },
    sign: async (claims, { typ = "JWT", lifetime = 300 } = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const all = {
        iss: issuer(),
        iat: Math.min(now, now + lifetime - 1),
        exp: now + lifetime,
        jti: crypto.randomUUID(),
        ...claims,
      };
      const there = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
      return await new SignJWT(there as JWTPayload).setProtectedHeader({ alg: "ES256", typ, kid }).sign(
        privateKey,
      );
    },
  };
}
