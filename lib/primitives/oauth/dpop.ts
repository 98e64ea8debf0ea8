/**
 * Proof of possession: a token that is bound to a key is of no use to whoever steals it, because each request carries a
 * proof, signed with that key, of its own method, its own URL and the token. One implementation serves both ends, the
 * authorization server's and the resource's. Proofs are signed with ES256, which every server that knows DPoP lists.
 *
 * @see RFC 9449 (X15-X17)
 * @module
 */
import { McpAuthError } from "../errors.ts";
import {
  DPOP_CLOCK_OFF_MAX_MS,
  DPOP_CLOCK_OFF_MIN_MS,
  DPOP_NONCE_MAX_CHARS,
  DPOP_READY_MAX_MS,
} from "../limits.ts";

/** The algorithm of every proof. */
export const DPOP_ALGORITHM = "ES256";

const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;

/** RFC 9449 section 8.1: what a nonce consists of. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** RFC 7518 section 6.2.1.2: 32 bytes in base64url. */
const NUMBER = /^[\w-]{43}$/;

/** Tells the time, in ms since the epoch. */
export interface ProofClock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** What a request is, as far as a proof says it. */
export interface ProvenRequest {
  /** Such as `POST`. */
  readonly method: string;
  /** The URL, also with a query and a fragment: the proof leaves them out. */
  readonly url: string;
  /** The token that goes with it; left out at the token endpoint and its like. */
  readonly accessToken?: string | undefined;
  /** The nonce that this very request was asked for; the last one of its place when left out. */
  readonly nonce?: string | undefined;
}

/** What a server said of a proof. */
export interface ProofRefusal {
  /** The error code, such as `use_dpop_nonce`. */
  readonly error: string | undefined;
  /** The `DPoP-Nonce` field; null where there was none. */
  readonly nonce: string | null;
  /** The `Date` field; null where there was none. */
  readonly date: string | null;
}

/** What to do about a refusal. */
export type ProofVerdict =
  | { /** It is not about the proof. */ readonly kind: "unrelated" }
  | {
    /** The request is worth sending once more, with a new proof. */
    readonly kind: "again";
    /** The nonce for that one. */
    readonly nonce?: string;
  }
  | {
    /** No other proof will do. */
    readonly kind: "refused";
    /** In a few words, such as `it refuses the proof`. */
    readonly why: string;
    readonly hint?: string;
  };

/**
 * Makes a key to bind tokens to.
 *
 * @returns The private key as a JWK with the members of RFC 7518 section 6.2 alone: a secret.
 */
export async function createDpopKey(): Promise<JsonWebKey> {
  const { privateKey } = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey("jwk", privateKey);
  return { kty, crv, x, y, d } as JsonWebKey;
}

/**
 * The SHA-256 thumbprint of a public key on P-256, as in `dpop_jkt` and `cnf.jkt`.
 *
 * @param key The key; a private one gives the same.
 * @see RFC 7638 section 3, RFC 9449 section 6.1
 */
export async function jwkThumbprint({ crv, kty, x, y }: JsonWebKey): Promise<string> {
  return await sha256(JSON.stringify({ crv, kty, x, y }));
}

/**
 * The URL of a request as a proof names it: without query, fragment and user.
 *
 * @param url An absolute URL.
 * @see RFC 9449 section 4.2 (`htu`), RFC 3986 section 6.2.2
 */
export function proofUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** Makes the proofs of one key, and remembers the nonces that servers want in them. */
export class DpopProver {
  /** The thumbprint of the key. */
  readonly thumbprint: string;
  readonly #key: CryptoKey;
  readonly #header: string;
  readonly #clock: ProofClock;
  /** By place: an authorization server and a resource may well share an origin, and want different nonces (RFC 9449 section 9). */
  readonly #nonces = new Map<string, string>();
  /** By place: how far the server's clock is ahead of ours, in ms, where that was why it refused a proof. */
  readonly #aheads = new Map<string, number>();
  #hash: { readonly token: string; readonly ath: string } | undefined;
  /** The places that a proof was made for: the second request to one is a sign that more follow. */
  readonly #made = new Set<string>();
  /** The places that want another nonce each time. */
  readonly #changing = new Set<string>();
  /** The proof of the next request, where that is like the last: signed while the last one is answered. */
  #ready: ProvenRequest & { readonly madeAt: number; readonly proof: Promise<string> } | undefined;

  private constructor(key: CryptoKey, header: string, thumbprint: string, clock: ProofClock) {
    this.#key = key;
    this.#header = header;
    this.#clock = clock;
    this.thumbprint = thumbprint;
  }

  /**
   * Makes one.
   *
   * @param key As {@linkcode createDpopKey} makes them.
   * @param clock The time.
   * @throws {McpAuthError} `CONFIG_INVALID` for what is no such key.
   */
  static async of(key: JsonWebKey, clock: ProofClock): Promise<DpopProver> {
    try {
      const { kty, crv, x, y, d } = key;
      // Deno imports some others as if they were one.
      const isOnCurve = kty === "EC" && crv === CURVE.namedCurve;
      if (!isOnCurve || ![x, y, d].every((each) => NUMBER.test(each ?? ""))) {
        throw new Error("not on the curve");
      }
      const imported = await crypto.subtle.importKey(
        "jwk",
        { kty, crv, x, y, d } as JsonWebKey,
        CURVE,
        false,
        [
          "sign",
        ],
      );
      const header = encode(
        JSON.stringify({ typ: "dpop+jwt", alg: DPOP_ALGORITHM, jwk: { kty, crv, x, y } }),
      );
      return new DpopProver(imported, header, await jwkThumbprint(key), clock);
    } catch {
      // Not kept as the cause: it may quote the key.
      throw new McpAuthError(
        "CONFIG_INVALID",
        "Cannot sign a proof of possession: the key is not one on P-256",
      );
    }
  }

  /**
   * Makes the proof of one request; it is good for that one alone.
   *
   * @param request The request.
   * @param more Whether others like it are to be expected: the proof of the next is signed while this one is answered, since
   * a signature takes longer than all else that a bridge does for a call.
   * @returns The value of its `DPoP` field.
   * @see RFC 9449 section 4.2
   */
  async proof(request: ProvenRequest, more = false): Promise<string> {
    const { method, url, accessToken } = request;
    const place = placeOf(url, accessToken);
    const nonce = request.nonce ?? this.#nonces.get(place);
    const ready = this.#ready;
    this.#ready = undefined;
    const isFit = ready !== undefined && ready.method === method && ready.url === url &&
      ready.accessToken === accessToken && ready.nonce === nonce && this.#isFresh(ready.madeAt);
    // A place that wants another nonce each time has no use for a proof made before.
    if (ready !== undefined && ready.nonce !== nonce) this.#changing.add(place);
    const proof = isFit ? ready.proof : this.#sign({ ...request, nonce }, place);
    if (more && this.#made.has(place) && !this.#changing.has(place)) {
      const next = { method, url, accessToken, nonce };
      const made = this.#sign(next, place);
      made.catch(() => {});
      this.#ready = { ...next, madeAt: this.#clock.now(), proof: made };
    }
    this.#made.add(place);
    return await proof;
  }

  #isFresh(madeAt: number): boolean {
    const age = this.#clock.now() - madeAt;
    return age >= 0 && age <= DPOP_READY_MAX_MS;
  }

  async #sign({ method, url, accessToken, nonce }: ProvenRequest, place: string): Promise<string> {
    const payload = {
      jti: crypto.randomUUID(),
      htm: method,
      htu: proofUrl(url),
      iat: Math.floor((this.#clock.now() + (this.#aheads.get(place) ?? 0)) / 1000),
      ...(accessToken === undefined ? {} : { ath: await this.#hashOf(accessToken) }),
      ...(nonce === undefined ? {} : { nonce }),
    };
    const signed = `${this.#header}.${encode(JSON.stringify(payload))}`;
    const signature = await crypto.subtle.sign(SIGNATURE, this.#key, new TextEncoder().encode(signed));
    return `${signed}.${new Uint8Array(signature).toBase64(BASE64URL)}`;
  }

  /**
   * Takes the `DPoP-Nonce` of a response: the next proofs for its place carry it. One that no nonce may be is ignored.
   *
   * @param request What was answered.
   * @param nonce The field's value; null where there was none.
   * @see RFC 9449 sections 8.2 and 9
   */
  noteNonce({ url, accessToken }: Pick<ProvenRequest, "url" | "accessToken">, nonce: string | null): void {
    if (isNonce(nonce)) this.#nonces.set(placeOf(url, accessToken), nonce);
  }

  /**
   * Says whether a refusal is about the proof, and what may be done. A nonce is worth one more try where the refused proof
   * did not carry it, and so is the server's time where ours differs from it.
   *
   * @param request What was refused.
   * @param proof The proof that it carried.
   * @param refusal What the server said.
   * @see RFC 9449 sections 8 and 9
   */
  judge(request: ProvenRequest, proof: string, refusal: ProofRefusal): ProofVerdict {
    const { error, nonce, date } = refusal;
    const place = placeOf(request.url, request.accessToken);
    if (error === "use_dpop_nonce") {
      if (!isNonce(nonce)) return { kind: "refused", why: "it asks for a DPoP nonce and gives none" };
      this.#nonces.set(place, nonce);
      if (nonce !== nonceOf(proof)) return { kind: "again", nonce };
      return { kind: "refused", why: "it asks for the DPoP nonce that it got" };
    }
    this.noteNonce(request, nonce);
    if (error !== "invalid_dpop_proof") return { kind: "unrelated" };
    const ahead = Date.parse(date ?? "") - this.#clock.now();
    const before = this.#aheads.get(place) ?? 0;
    // A server without a clock of its own says nothing; NaN compares false.
    if (Math.abs(ahead - before) >= DPOP_CLOCK_OFF_MIN_MS && Math.abs(ahead) <= DPOP_CLOCK_OFF_MAX_MS) {
      this.#aheads.set(place, ahead);
      this.#ready = undefined;
      return { kind: "again" };
    }
    const seconds = Math.round(Math.abs(before) / 1000);
    return {
      kind: "refused",
      why: "it refuses the proof of possession (invalid_dpop_proof)",
      ...(seconds === 0 ? {} : {
        hint: `Set this machine's clock: it is ${seconds} s ${
          before > 0 ? "behind" : "ahead of"
        } the server's`,
      }),
    };
  }

  async #hashOf(token: string): Promise<string> {
    if (this.#hash?.token !== token) this.#hash = { token, ath: await sha256(token) };
    return this.#hash.ath;
  }
}

function placeOf(url: string, accessToken: string | undefined): string {
  return `${accessToken === undefined ? "authorization server" : "resource"} ${new URL(url).origin}`;
}

function isNonce(nonce: string | null): nonce is string {
  return nonce !== null && nonce.length <= DPOP_NONCE_MAX_CHARS && NONCE.test(nonce);
}

/** The nonce in a proof of ours. */
function nonceOf(proof: string): unknown {
  const payload = Uint8Array.fromBase64(proof.split(".")[1] ?? "", { alphabet: "base64url" });
  return JSON.parse(new TextDecoder().decode(payload)).nonce;
}

function encode(text: string): string {
  return new TextEncoder().encode(text).toBase64(BASE64URL);
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64(BASE64URL);
}
