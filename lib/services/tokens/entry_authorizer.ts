/**
 * Decides what a 401 or a 403 means for one entry: a token that a sibling has replaced already, one that a refresh
 * replaces, a sign-in that is needed, or scopes that are missing. A person is asked only where the caller gave a way to,
 * and each need once: concurrent refusals share one sign-in.
 *
 * @see MCP 2026-07-28 authorization, Step-Up Authorization Flow (C63-C66); behaviours rows 2, 11 and 32
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { STEP_UP_TRIES_MAX } from "../../primitives/limits.ts";
import { type ChallengeSummary, summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import { unionScopes } from "../../primitives/oauth/scope.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { CredentialRecord } from "../credentials/mod.ts";
import type { TokenAuthority } from "./authority.ts";
import type { Authorizer, Refusal } from "./authorizer.ts";
import { freshnessOf } from "./expiry.ts";

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
  readonly authority: TokenAuthority;
  readonly clock: Clock;
  /** The entry's credential as it is now; undefined where nobody is signed in. */
  credential(): Promise<CredentialRecord | undefined>;
  /** Whether requests may go out without a token: to a new server, or one that needs no sign-in. */
  readonly anonymous: boolean;
  /** Signs in with a person and stores the result; undefined where no person may be asked. */
  readonly signIn?: ((need: SignInNeed, signal?: AbortSignal) => Promise<void>) | undefined;
  /** The command that a person has to run in place of us. */
  readonly signInCommand: string;
}

/** What is tried for one refused request: a refresh, then a sign-in. */
const REMEDIES = 2;

/** Makes the authorizer of an entry. */
export function entryAuthorizer(options: EntryAuthorizerOptions): Authorizer {
  const { name, authority } = options;
  const stepUps = new Map<string, number>();
  const refusedForGood = new Set<string>();
  let signingIn: Promise<void> | undefined;
  let fromSignIn: string | undefined;
  /** What the last look at the store gave: requests go out with it, unread, until it is due or refused. */
  let held: CredentialRecord | undefined;

  /** One sign-in for all who need one now; whoever comes while it runs waits for it. */
  const signInOnce = (need: SignInNeed, error: McpAuthError, signal?: AbortSignal): Promise<void> => {
    if (options.signIn === undefined) throw error;
    const { signIn } = options;
    signingIn ??= (async () => {
      try {
        await signIn(need, signal);
        fromSignIn = (await options.credential())?.accessToken;
      } finally {
        signingIn = undefined;
      }
    })();
    return signingIn;
  };

  const headers = async (): Promise<Readonly<Record<string, string>>> => {
    if (held !== undefined && freshnessOf(held, options.clock.now()) === "fresh") return bearer(held);
    const credential = await options.credential();
    if (credential === undefined && (options.anonymous || options.signIn !== undefined)) return {};
    try {
      held = await authority.current(name);
      return bearer(held);
    } catch (error) {
      const coded = asMcpAuthError(error, "AUTH_REQUIRED", `use "${name}"`);
      // An expired sign-in still brings the challenge that the next one needs.
      const lost = coded.code === "TOKEN_EXPIRED" || coded.code === "TOKEN_REFRESH_FAILED" ||
        coded.code === "AUTH_REQUIRED";
      if (lost && options.signIn !== undefined) return {};
      throw coded;
    }
  };

  const refusedToken = async (
    refusal: Refusal,
    challenge: ChallengeSummary,
    signal?: AbortSignal,
  ): Promise<void> => {
    const credential = await options.credential();
    const token = credential?.accessToken;
    const wasSent = credential !== undefined &&
      refusal.sent.authorization === bearer(credential).authorization;
    if (token !== undefined && !wasSent && refusal.attempt < REMEDIES) return;
    if (token !== undefined && (refusal.attempt >= REMEDIES || token === fromSignIn && refusal.attempt > 0)) {
      refusedForGood.add(token);
    }
    if (token !== undefined && refusedForGood.has(token)) {
      throw new McpAuthError(
        "AUTH_FAILED",
        `Cannot use "${name}": the server refuses even a fresh token (401)`,
        {
          hint: `The token may be for another resource; see: mcp-auth status ${name}`,
        },
      );
    }
    const needed = new McpAuthError(
      "AUTH_REQUIRED",
      `Cannot use "${name}": the server ${
        token === undefined ? "asks for a sign-in" : "no longer accepts its token"
      }`,
      { hint: `Run: ${options.signInCommand}` },
    );
    if (token === undefined || credential?.refreshToken === undefined || refusal.attempt > 0) {
      return await signInOnce({ challenge }, needed, signal);
    }
    try {
      await authority.refresh(name, token);
    } catch (error) {
      const coded = asMcpAuthError(error, "TOKEN_REFRESH_FAILED", `refresh "${name}"`);
      if (coded.code !== "TOKEN_REFRESH_FAILED" && coded.code !== "TOKEN_EXPIRED") throw coded;
      await signInOnce({ challenge }, coded, signal);
    }
  };

  const refusedScope = async (
    refusal: Refusal,
    challenge: ChallengeSummary,
    signal?: AbortSignal,
  ): Promise<void> => {
    const credential = await options.credential();
    const sent = refusal.sent.authorization;
    if (credential !== undefined && sent !== bearer(credential).authorization && refusal.attempt === 0) {
      return;
    }
    const earlier = unionScopes(credential?.requestedScopes ?? [], credential?.grantedScopes ?? []);
    const missing = (challenge.scopes ?? []).filter((scope) => !credential?.grantedScopes.includes(scope));
    const wanted = unionScopes(earlier, challenge.scopes ?? []);
    const error = new McpAuthError(
      "INSUFFICIENT_SCOPE",
      `Cannot use "${name}" for "${safeText(refusal.operation, 100)}": the server wants more scopes${
        missing.length === 0 ? "" : `: ${safeText(missing.join(" "))}`
      }`,
      { hint: `Run: ${options.signInCommand} --scope "${safeText(wanted.join(" "))}"` },
    );
    const tries = stepUps.get(refusal.operation) ?? 0;
    if (tries >= STEP_UP_TRIES_MAX) throw error;
    stepUps.set(refusal.operation, tries + 1);
    await signInOnce({ challenge, earlierScopes: earlier }, error, signal);
  };

  return {
    headers,
    refused: async (refusal, signal) => {
      held = undefined;
      const challenge = summarizeChallenges(refusal.wwwAuthenticate);
      if (refusal.status === 401) return await refusedToken(refusal, challenge, signal);
      if (challenge.error === "insufficient_scope") return await refusedScope(refusal, challenge, signal);
      throw new McpAuthError(
        "AUTH_FAILED",
        `Cannot use "${name}": the server forbids it (403)${
          challenge.errorDescription === undefined ? "" : `: ${safeText(challenge.errorDescription)}`
        }`,
        { hint: "The account that is signed in may lack the right; sign in with another" },
      );
    },
  };
}

/** The header of a credential. */
export function bearer(
  credential: Pick<CredentialRecord, "accessToken">,
): { readonly authorization: string } {
  return { authorization: `Bearer ${credential.accessToken}` };
}
