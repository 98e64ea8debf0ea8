/**
 * Decides what a 401 or a 403 means for one entry: a token that a sibling has replaced already, one that a refresh
 * replaces, a sign-in that is needed, or scopes that are missing. A person is asked only where the caller gave a way to,
 * and each need once: concurrent refusals share one sign-in, and sign-ins that bring nothing come to an end.
 *
 * @see MCP 2026-07-28 authorization, Step-Up Authorization Flow (C63-C66); behaviours rows 2, 11, 32 and 33
 * @module
 */
import { asMcpAuthError, type ErrorCode, McpAuthError } from "../../primitives/errors.ts";
import { FUTILE_SIGN_INS_MAX, REFUSED_TOKEN_PAUSE_MS, STEP_UP_TRIES_MAX } from "../../primitives/limits.ts";
import { type ChallengeSummary, summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import { unionScopes } from "../../primitives/oauth/scope.ts";
import { type Clock, waitFor } from "../../primitives/system/clock.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { DpopProver, ProvenRequest } from "../../primitives/oauth/dpop.ts";
import type { CredentialRecord } from "../credentials/mod.ts";
import type { TokenAuthority } from "./authority.ts";
import {
  type Authorizer,
  bearer,
  isBound,
  type ProofWanted,
  type Refusal,
  type RequestTarget,
} from "./authorizer.ts";
import { freshnessOf, isRenewable } from "./expiry.ts";
import { scopeErrors } from "./scope_refusal.ts";

/** What a sign-in is needed for. */
export interface SignInNeed {
  readonly challenge: ChallengeSummary;
  /** Scopes to keep asking for, in a step-up. */
  readonly earlierScopes?: readonly string[];
}

/** What {@linkcode entryAuthorizer} takes. */
export interface EntryAuthorizerOptions {
  /** The entry's name, for messages and hints. */
  readonly name: string;
  /** The server that its tokens are sent to: they are refused once the name is another server's. */
  readonly url?: string | undefined;
  readonly authority: TokenAuthority;
  readonly clock: Clock;
  /** The entry's credential as it is now; undefined where nobody is signed in. */
  credential(): Promise<CredentialRecord | undefined>;
  /** Whether requests may go out without a token: to a new server, or one that needs no sign-in. */
  readonly anonymous: boolean;
  /**
   * Signs in with a person and stores the result; undefined where no person may be asked. It belongs to the entry and
   * not to the request that needs it: it goes on when that request is given up, and helps the next one.
   */
  readonly signIn?: ((need: SignInNeed) => Promise<void>) | undefined;
  /** Gets more scopes without a person, as a machine may; undefined where that takes a sign-in (C63). */
  readonly stepUp?: ((need: SignInNeed) => Promise<void>) | undefined;
  /** The command that a person has to run in place of us. */
  readonly signInCommand: string;
}

/** The codes that say that a sign-in has come to its end. */
const LOST: ReadonlySet<ErrorCode> = new Set(["AUTH_REQUIRED", "TOKEN_EXPIRED", "TOKEN_REFRESH_FAILED"]);

/** The codes of a sign-in that failed on its way to the person: the next one may fare better. */
const TEMPORARY: ReadonlySet<ErrorCode> = new Set(["NETWORK_ERROR", "SERVER_ERROR", "RATE_LIMITED"]);

/** How servers refuse scopes (RFC 6749 section 5.2). */
const DENIALS: ReadonlySet<string> = new Set(["invalid_scope", "access_denied", "unauthorized_client"]);

/** The authorizer of an entry; `entryAuthorizer` is what callers use. */
export class EntryAuthorizer implements Authorizer {
  readonly #options: EntryAuthorizerOptions;
  readonly #stepUps = new Map<string, number>();
  /** What the last look at the store gave: requests go out with it, unread, until it is due or refused. */
  #held: CredentialRecord | undefined;
  /** Made the last proof. */
  #prover: DpopProver | undefined;
  /** Counts refusals: a look at the store that began before one is not held. */
  #refusals = 0;
  #signingIn: Promise<void> | undefined;
  /** Sign-ins that failed, and those whose token was refused at once. */
  #futile = 0;
  /** The token of the last sign-in, until it was refused. */
  #fromSignIn: string | undefined;
  /** The token of the last refresh after a refusal. */
  #fromRefresh: string | undefined;
  /** A fresh token that was refused at once: until then, no refresh of it is tried. */
  #refusedFresh: { readonly token: string; readonly until: number; readonly signedIn: boolean } | undefined;

  constructor(options: EntryAuthorizerOptions) {
    this.#options = options;
  }

  noteNonce(nonce: string, target: RequestTarget): void {
    this.#prover?.noteNonce(atResource(target), nonce);
  }

  async headers(
    target: RequestTarget,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    const { name, url, authority, anonymous, signIn, clock } = this.#options;
    if (this.#held !== undefined && freshnessOf(this.#held, clock.now()) === "fresh") {
      return await this.#present(this.#held, target);
    }
    const refusals = this.#refusals;
    const credential = await this.#options.credential();
    if (credential === undefined && (anonymous || signIn !== undefined)) return {};
    try {
      const current = await authority.current(name, { signal, url });
      if (refusals === this.#refusals) this.#held = current;
      return await this.#present(current, target);
    } catch (error) {
      const coded = asMcpAuthError(error, "AUTH_REQUIRED", `use "${name}"`);
      // A sign-in that has ended still brings the challenge that the next one needs.
      // What has refused the grant of a machine would refuse it again (X24).
      if (LOST.has(coded.code) && signIn !== undefined && credential?.grant === undefined) return {};
      throw coded;
    }
  }

  async #present(
    credential: CredentialRecord,
    target: RequestTarget,
  ): Promise<Readonly<Record<string, string>>> {
    if (!isBound(credential)) return bearer(credential);
    const { accessToken } = credential;
    const prover = this.#prover = await this.#options.authority.prover(credential);
    if (prover === undefined) return bearer(credential);
    const dpop = await prover.proof({ ...atResource(target, accessToken), nonce: target.nonce }, true);
    return { authorization: `DPoP ${accessToken}`, dpop };
  }

  async refused(refusal: Refusal, signal?: AbortSignal): Promise<ProofWanted | void> {
    const challenge = summarizeChallenges(refusal.wwwAuthenticate);
    const wanted = this.#refusedProof(refusal, challenge);
    if (wanted !== undefined) return wanted;
    this.#held = undefined;
    this.#refusals++;
    // To a request without a token, a 403 that says where to sign in means what a 401 does.
    const asksForToken = refusal.sent.authorization === undefined && challenge.error === undefined &&
      challenge.resourceMetadata !== undefined;
    if (refusal.status === 401 || asksForToken) return await this.#refusedToken(refusal, challenge, signal);
    if (challenge.error === "insufficient_scope") return await this.#refusedScope(refusal, challenge, signal);
    const words = challenge.errorDescription === undefined ? "" : `: ${safeText(challenge.errorDescription)}`;
    const isSignedIn = refusal.sent.authorization !== undefined;
    throw new McpAuthError(
      "AUTH_FAILED",
      `Cannot use "${this.#options.name}": the server forbids it (403)${
        isSignedIn ? "" : " and asks for no sign-in"
      }${words}`,
      {
        hint: isSignedIn
          ? "The account that is signed in may lack the right; sign in with another"
          : "A firewall, a list of allowed addresses or a check against robots may stand before it; it may want an API key: --header",
      },
    );
  }

  /**
   * A refusal of the proof says nothing of the token: neither a refresh nor a sign-in would help.
   *
   * @returns Undefined where it is no such refusal.
   * @see RFC 9449 sections 7.1 and 9 (X17)
   */
  #refusedProof(refusal: Refusal, challenge: ChallengeSummary): ProofWanted | undefined {
    const { status, sent, proof, dpopNonce } = refusal;
    if (sent.dpop === undefined || proof === undefined) return undefined;
    if (status !== 401) {
      this.#prover?.noteNonce(atResource(proof.target), dpopNonce);
      return undefined;
    }
    const said = { error: challenge.dpop?.error, nonce: dpopNonce, date: proof.date };
    const verdict = this.#prover?.judge(atResource(proof.target), sent.dpop, said);
    if (verdict === undefined || verdict.kind === "unrelated") return undefined;
    if (verdict.kind === "again") return { nonce: verdict.nonce };
    const words = challenge.errorDescription === undefined ? "" : `: ${safeText(challenge.errorDescription)}`;
    throw new McpAuthError(
      "AUTH_FAILED",
      `Cannot use "${this.#options.name}": ${verdict.why} (401)${words}`,
      { hint: verdict.hint ?? "The server's operator has to correct it" },
    );
  }

  async #refusedToken(refusal: Refusal, challenge: ChallengeSummary, signal?: AbortSignal): Promise<void> {
    const { name, url, authority, clock } = this.#options;
    this.#noteRefusedFresh(refusal);
    const credential = await this.#options.credential();
    const token = credential?.accessToken;
    const known = this.#refusedFresh?.token === token && token !== undefined;
    if (credential !== undefined && !known && isNewer(credential, refusal, clock.now())) return;
    if (known && this.#refusedFresh?.signedIn) throw this.#refusesAll(challenge);
    let error = this.#needed(token === undefined ? "asks for a sign-in" : "no longer accepts its token");
    // Nothing was sent where a refresh has just failed.
    // A server that takes bound tokens alone takes no other bearer token either.
    const isOfWrongKind = challenge.dpop?.only === true && credential !== undefined && !isBound(credential);
    const wasTried = known || refusal.sent.authorization === undefined || isOfWrongKind;
    if (token !== undefined && credential !== undefined && isRenewable(credential) && !wasTried) {
      try {
        const refreshed = await authority.refresh(name, token, { signal, url, because: "refused" });
        this.#fromRefresh = refreshed.accessToken;
        return;
      } catch (thrown) {
        error = asMcpAuthError(thrown, "TOKEN_REFRESH_FAILED", `refresh "${name}"`);
        if (!LOST.has(error.code) || credential.grant !== undefined) throw error;
      }
    }
    await this.#signInOnce({ challenge }, error, signal);
  }

  /** Remembers a token that was fresh from a sign-in or a refresh when this very request went out again with it. */
  #noteRefusedFresh({ sent, attempt }: Refusal): void {
    const now = this.#options.clock.now();
    if (this.#refusedFresh !== undefined && now >= this.#refusedFresh.until) this.#refusedFresh = undefined;
    if (attempt === 0) return;
    for (const [token, signedIn] of [[this.#fromSignIn, true], [this.#fromRefresh, false]] as const) {
      if (token === undefined || !wasSent(token, sent)) continue;
      this.#refusedFresh = { token, until: now + REFUSED_TOKEN_PAUSE_MS, signedIn };
      if (!signedIn) continue;
      this.#fromSignIn = undefined;
      this.#futile++;
      return;
    }
  }

  async #refusedScope(refusal: Refusal, challenge: ChallengeSummary, signal?: AbortSignal): Promise<void> {
    const { name, signInCommand, clock } = this.#options;
    const credential = await this.#options.credential();
    if (credential !== undefined && isNewer(credential, refusal, clock.now())) return;
    // A machine takes no person's place unasked.
    const stepUp = credential?.grant === undefined ? undefined : this.#options.stepUp;
    const signIn = this.#options.signIn ?? stepUp;
    const earlier = unionScopes(credential?.requestedScopes ?? [], credential?.grantedScopes ?? []);
    const asked = challenge.scopes ?? [];
    const { error, inVain } = scopeErrors(
      { name, signInCommand, operation: refusal.operation, asked },
      credential,
    );
    if (signIn === undefined) throw error;
    // By operation, and by scopes: a server that never grants some wants them for many operations.
    const needs = [`operation ${refusal.operation}`, `scopes ${[...asked].sort().join(" ")}`];
    if (needs.some((need) => (this.#stepUps.get(need) ?? 0) >= STEP_UP_TRIES_MAX)) throw inVain;
    if (this.#signingIn === undefined) {
      for (const need of needs) this.#stepUps.set(need, (this.#stepUps.get(need) ?? 0) + 1);
    }
    try {
      await this.#signInOnce({ challenge, earlierScopes: earlier }, error, signal, signIn);
    } catch (thrown) {
      // Nobody could approve them for a machine: it cannot have them.
      throw credential?.grant !== undefined && isDenial(thrown) ? inVain : thrown;
    }
  }

  /** One sign-in for all who need one now; whoever comes while it runs waits for it. */
  async #signInOnce(
    need: SignInNeed,
    error: McpAuthError,
    signal?: AbortSignal,
    signIn = this.#options.signIn,
  ): Promise<void> {
    if (signIn === undefined) throw error;
    if (this.#signingIn === undefined) {
      if (this.#futile >= FUTILE_SIGN_INS_MAX) throw this.#needed("refuses what the sign-ins brought");
      this.#signingIn = this.#signIn(() => signIn(need)).finally(() => this.#signingIn = undefined);
    }
    await waitFor(this.#signingIn, signal);
  }

  async #signIn(signIn: () => Promise<void>): Promise<void> {
    try {
      await signIn();
    } catch (error) {
      if (!TEMPORARY.has(asMcpAuthError(error, "AUTH_FAILED", "sign in").code)) this.#futile++;
      throw error;
    }
    this.#fromSignIn = (await this.#options.credential())?.accessToken;
  }

  #needed(why: string): McpAuthError {
    return new McpAuthError("AUTH_REQUIRED", `Cannot use "${this.#options.name}": the server ${why}`, {
      hint: `Run: ${this.#options.signInCommand}`,
    });
  }

  #refusesAll({ dpop }: ChallengeSummary): McpAuthError {
    const { name, signInCommand } = this.#options;
    const message = `Cannot use "${name}": the server refuses even a fresh token (401)`;
    // Who knows such tokens says so in the challenge (RFC 9449 section 7.1).
    const hint = this.#prover !== undefined && dpop === undefined
      ? `It seems to take no tokens that are bound to a key (DPoP): mcp-auth set ${name} --unset dpop, then: ${signInCommand}`
      : `The token may be for another resource; see: mcp-auth status ${name}`;
    return new McpAuthError("AUTH_FAILED", message, { hint });
  }
}

/** Requests with a token have nonces of their own; which token it is does not matter to them. */
function atResource({ method, url }: RequestTarget, accessToken = ""): ProvenRequest {
  return { method, url, accessToken };
}

/** Whether the store has another token by now than the one that was refused, and one that is worth sending. */
function isNewer(credential: CredentialRecord, { sent }: Refusal, now: number): boolean {
  return !wasSent(credential.accessToken, sent) && freshnessOf(credential, now) !== "expired";
}

function wasSent(accessToken: string, sent: Refusal["sent"]): boolean {
  return sent.authorization === `Bearer ${accessToken}` || sent.authorization === `DPoP ${accessToken}`;
}

/** Whether a sign-in ended because more would not be granted: now, or at the tries before. */
function isDenial(thrown: unknown): boolean {
  if (thrown instanceof OAuthResponseError) return DENIALS.has(thrown.oauthError ?? "");
  return thrown instanceof McpAuthError && thrown.code === "AUTH_REQUIRED";
}
