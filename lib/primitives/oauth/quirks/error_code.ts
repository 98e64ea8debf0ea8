/**
 * Servers' own words for the refusals that decide something: whether a credential has ended, whether a client is known.
 * Read as the codes of the specification they decide the same everywhere; any other word stays as it is.
 *
 * @see RFC 6749 section 5.2; behaviours rows 3, 9 and 24
 * @module
 */

/** Quirk `own-error-codes`. */
const MEANINGS: Readonly<Record<string, string>> = {
  bad_refresh_token: "invalid_grant",
  bad_verification_code: "invalid_grant",
  invalid_code: "invalid_grant",
  invalid_refresh_token: "invalid_grant",
  bad_client_secret: "invalid_client",
  incorrect_client_credentials: "invalid_client",
  invalid_client_id: "invalid_client",
};

/**
 * The code of the specification that a server's error stands for.
 *
 * @param error The `error` that it answered.
 */
export function standardErrorCode(error: string): string {
  return (Object.hasOwn(MEANINGS, error) ? MEANINGS[error] : undefined) ?? error;
}
