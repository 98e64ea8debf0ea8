/**
 * Whether the tokens of a sign-in are bound to a key. They are where the user asks for it, and where the server takes no
 * others. Each sign-in makes a key of its own. Who asked for bound tokens never gets others without a word; where the
 * server asked and then does without, so do we.
 *
 * @see RFC 9449 sections 5 and 5.1, RFC 9728 section 2 (X15, X19, X20)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { createDpopKey, DPOP_ALGORITHM, DpopProver } from "../../primitives/oauth/dpop.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord } from "../credentials/mod.ts";
import type { Discovery } from "./discovery.ts";
import type { SignInRequest } from "./sign_in.ts";

/** The key of a sign-in. */
export interface SignInKey {
  /** The private key: a secret. */
  readonly key: JsonWebKey;
  readonly prover: DpopProver;
  /** Whether the user asked for it. */
  readonly wished: boolean;
}

/**
 * Makes the key of a sign-in, where its tokens are to be bound to one.
 *
 * @param request What the sign-in is for, and what its server said to a request without a token.
 * @param discovery Where to sign in.
 * @param clock The time, for the proofs.
 * @returns Undefined where bearer tokens will do.
 * @throws {McpAuthError} `DISCOVERY_FAILED` where one of the two servers lists the algorithms that it takes, and ours is
 *   not among them.
 */
export async function keyForSignIn(
  { entry, challenge }: Pick<SignInRequest, "entry" | "challenge">,
  { server, protectedResource }: Pick<Discovery, "server" | "protectedResource">,
  clock: Clock,
): Promise<SignInKey | undefined> {
  const wished = entry.options.dpop === true;
  const wanted = challenge.dpop?.only === true || protectedResource?.dpopBoundAccessTokensRequired === true;
  if (!wished && !wanted) return undefined;
  checkDpopAlgorithm(server.dpop_signing_alg_values_supported, server.issuer);
  checkDpopAlgorithm(
    challenge.dpop?.algorithms ?? protectedResource?.dpopSigningAlgValuesSupported,
    entry.url,
  );
  const key = await createDpopKey();
  return { key, prover: await DpopProver.of(key, clock), wished };
}

/**
 * What a credential keeps of the key: nothing where its tokens are not bound to it.
 *
 * @param made The key of the sign-in.
 * @param tokens What it brought.
 * @param request What it was for.
 * @param issuer Where they come from.
 * @throws {McpAuthError} `AUTH_FAILED` where the user asked for bound tokens and the server gave others.
 */
export function keptKey(
  made: SignInKey | undefined,
  tokens: Pick<TokenSet, "tokenType">,
  { entry }: Pick<SignInRequest, "entry">,
  issuer: string,
): Pick<CredentialRecord, "dpopKey"> {
  if (made === undefined) return {};
  if (tokens.tokenType === "dpop") return { dpopKey: made.key };
  if (!made.wished) return {};
  throw new McpAuthError(
    "AUTH_FAILED",
    `Cannot sign in to "${entry.name}" with tokens that are bound to a key (DPoP): "${
      safeUrl(issuer)
    }" gave one of type "${safeText(tokens.tokenType, 40)}", which whoever holds it can use`,
    { hint: `Do without: leave out --dpop, or run: mcp-auth set ${entry.name} --unset dpop` },
  );
}

/**
 * Refuses a server that takes no proofs of ours.
 *
 * @param supported The algorithms that it lists; undefined where it lists none.
 * @param server Its issuer or URL, for the message.
 * @throws {McpAuthError} `DISCOVERY_FAILED`.
 */
export function checkDpopAlgorithm(supported: readonly string[] | undefined, server: string): void {
  if (supported === undefined || supported.includes(DPOP_ALGORITHM)) return;
  throw new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot bind tokens to a key (DPoP) for "${safeUrl(server)}": it takes proofs by ${
      safeText(supported.join(", "), 100)
    }, and mcp-auth signs them with ${DPOP_ALGORITHM}`,
    { hint: "The server's operator has to allow it; without --dpop, if you gave it, it may work" },
  );
}
