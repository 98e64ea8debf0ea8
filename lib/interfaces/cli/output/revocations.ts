/**
 * What became of tokens at a sign-out, in words.
 *
 * @module
 */
import type { Revocation } from "../../../services/signin/mod.ts";

/** The outcome in words, to follow `Signed out of ...`. */
export function describeRevocations(revocations: readonly Revocation[], localOnly: boolean): string {
  if (localOnly) return " here only; the tokens stay valid at the server until they expire";
  const parts = revocations.map(({ token, outcome, error }) => {
    const what = token === "refresh_token" ? "refresh token" : "access token";
    if (outcome === "revoked") return `${what} revoked`;
    if (outcome === "unsupported") {
      return `${what} not revoked (the server does not offer that; it ends by itself)`;
    }
    return `${what} not revoked (${error?.message ?? "failed"})`;
  });
  return `: ${parts.join(", ")}`;
}
