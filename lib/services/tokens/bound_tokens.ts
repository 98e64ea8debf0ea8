/**
 * The provers of the tokens that are bound to keys: one for each entry, kept for as long as the process lives, with the
 * key imported once and the nonces that its servers gave.
 *
 * Loaded when a token is bound to a key: whoever hands out a bearer token does not pay for it.
 *
 * @see RFC 9449
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { DpopProver } from "../../primitives/oauth/dpop.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Presented } from "./authorizer.ts";

/** The provers of one process. */
export class BoundTokens {
  readonly #clock: Clock;
  readonly #provers = new Map<string, { readonly key: string; readonly prover: Promise<DpopProver> }>();

  /** @param clock The time, for the proofs. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The prover of a credential.
   *
   * @param credential One whose token is bound.
   * @throws {McpAuthError} `AUTH_REQUIRED` where key and token are not of a kind, so that only a sign-in helps.
   */
  async prover({ name, tokenType, dpopKey }: Presented): Promise<DpopProver> {
    if (dpopKey === undefined) throw unusable(name, "its token is bound to a key that is not there");
    // A downgrade by the server's answer to a refresh: whoever reads the token on its way could use it.
    if (tokenType !== "dpop") throw unusable(name, "the server no longer binds its tokens to the key");
    const key = `${dpopKey.x}.${dpopKey.y}`;
    let known = this.#provers.get(name);
    if (known?.key !== key) {
      known = { key, prover: DpopProver.of(dpopKey, this.#clock) };
      this.#provers.set(name, known);
    }
    try {
      return await known.prover;
    } catch (error) {
      throw unusable(name, "its key cannot be read", error);
    }
  }
}

function unusable(name: string, why: string, cause?: unknown): McpAuthError {
  return new McpAuthError("AUTH_REQUIRED", `Cannot use "${name}": ${why}`, {
    hint: `Run: mcp-auth login ${name}`,
    cause,
  });
}
