/**
 * Takes secrets out of whatever is logged. Values are recognised by the names they travel under (RFC 6749 parameters,
 * headers) and by their shape (bearer credentials, JWTs), so that a log line is safe even where its author forgot.
 *
 * @see behaviours row 41
 * @module
 */

const SECRET_NAMES =
  "access_token|refresh_token|id_token|client_secret|client_assertion|assertion|subject_token|" +
  "actor_token|code|code_verifier|device_code|user_code|password|passphrase|registration_access_token|token|" +
  "authorization|cookie|set-cookie|x-api-key|api[-_]?key|state";

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`("(?:${SECRET_NAMES})"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"?`, "gi"), '$1"[redacted]"'],
  [new RegExp(`((?:^|[?&#\\s,;(])(?:${SECRET_NAMES})=)"?[^&\\s"',;)]+"?`, "gi"), "$1[redacted]"],
  [/\b(authorization|cookie|set-cookie|x-api-key)(\s*:\s*)[^\r\n]+/gi, "$1$2[redacted]"],
  [/\b(Bearer|DPoP|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/g, "$1 [redacted]"],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){0,3}/g, "[redacted]"],
];

/**
 * Returns the text with everything that looks like a credential replaced by `[redacted]`.
 *
 * @param text A log line, an error message, a header dump.
 */
export function redact(text: string): string {
  return PATTERNS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
}
