/**
 * Proofs of possession, as a resource server checks them: every step of RFC 9449 section 4.3, each proof once, and a
 * nonce where one is wanted.
 *
 * @module
 * @see RFC 9449 sections 4.3, 7.1 and 9
 */

import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from "jose";
import { createHash } from "node:crypto";

const IAT_WINDOW_S = 300;

/** What a proof has to fit to. */
export interface ProofTarget {
  readonly method: string;
  /** The URL as the server knows it. */
  readonly url: string;
  readonly token: string;
  /** The thumbprint in the token's `cnf`. */
  readonly jkt: unknown;
}

/** Why a proof is refused. */
export interface ProofRefusal {
  readonly error: "invalid_dpop_proof" | "use_dpop_nonce" | "invalid_token";
  readonly description: string;
}

/** Checks the proofs of one resource server. */
export class DpopGuard {
  #seen = new Set<string>();
  #nonce: string | undefined;

  /** @param wantsNonce whether proofs need a nonce */
  constructor(wantsNonce: boolean) {
    if (wantsNonce) this.rotateNonce();
  }

  /** The nonce that proofs need now; `undefined` for none. */
  get nonce(): string | undefined {
    return this.#nonce;
  }

  /** How many proofs were accepted: each was another. */
  get accepted(): number {
    return this.#seen.size;
  }

  /** Accepts only proofs with a nonce of now from now on. */
  rotateNonce(): void {
    this.#nonce = crypto.randomUUID();
  }

  /**
   * Checks a proof.
   *
   * @param proof the request's `DPoP` header; several are joined by a comma, and fit no proof
   * @param target what it is for
   * @returns `undefined` for one that is accepted
   */
  async refusal(proof: string | null, target: ProofTarget): Promise<ProofRefusal | undefined> {
    const invalid = (description: string) => ({ error: "invalid_dpop_proof", description }) as const;
    if (proof === null) return invalid("there is none");
    try {
      const { protectedHeader, payload } = await jwtVerify(proof, EmbeddedJWK, {
        typ: "dpop+jwt",
        algorithms: ["ES256"],
      });
      const { jwk } = protectedHeader;
      if (jwk === undefined || "d" in jwk) return invalid("jwk is no public key");
      const { jti, htm, htu, iat, ath, nonce } = payload;
      if (typeof jti !== "string" || jti.length < 12) return invalid("jti is missing");
      if (htm !== target.method) return invalid("htm is of another method");
      if (htu !== target.url.split(/[?#]/)[0]) return invalid(`htu is of another URL: ${htu}`);
      if (typeof iat !== "number" || Math.abs(iat - Date.now() / 1000) > IAT_WINDOW_S) {
        return invalid("iat is not recent");
      }
      if (ath !== createHash("sha256").update(target.token).digest("base64url")) {
        return invalid("ath is of another token");
      }
      if (await calculateJwkThumbprint(jwk) !== target.jkt) {
        return { error: "invalid_token", description: "it is bound to another key" };
      }
      if (nonce !== this.#nonce) return { error: "use_dpop_nonce", description: "the nonce is another one" };
      if (this.#seen.has(jti)) return invalid("jti was seen before");
      this.#seen.add(jti);
      return undefined;
    } catch (error) {
      return invalid(error instanceof Error ? error.message : String(error));
    }
  }
}
