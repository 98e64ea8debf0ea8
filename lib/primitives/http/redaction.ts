/**
 * Takes secrets out of whatever is logged. Values are recognised by the names they travel under (RFC 6749 parameters,
 * headers) and by their shape (bearer credentials, JWTs, what follows a `?` in a URL), so that a log line is safe even
 * where its author forgot.
 *
 * @see behaviours row 41
 * @module
 */

const SECRET_NAMES =
  "access_token|refresh_token|id_token|client_secret|client_assertion|assertion|subject_token|" +
  "actor_token|code|code_verifier|device_code|user_code|password|passphrase|secret|registration_access_token|token|" +
  "authorization|cookie|set-cookie|x-api-key|api[-_]?key|mcp-session-id|state";

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // JSON, and what inspecting an object gives. A bare name needs what stands before a key: prose has colons as well.
  [
    named(`(?:(["'])NAMES\\2|(?<=[{,\\n]\\s*)NAMES)\\s*:\\s*`, `(["'\`])(?:(?!\\3)[^\\\\]|\\\\.)*\\3?`),
    "$1$3[redacted]$3",
  ],
  // JSON inside a JSON string.
  [named(`\\\\{1,8}"NAMES\\\\{1,8}"\\s*:\\s*\\\\{1,8}"`, `[^"]*`), "$1[redacted]"],
  // Forms and queries, and a query inside a query.
  [named(`(?:^|[?&#\\s,;("'])NAMES=`, `(?:"(?:[^"\\\\]|\\\\.)*"?|'[^']*'?|[^&\\s"]+)`), "$1[redacted]"],
  [named(`%(?:3F|26|23)NAMES%3D`, `[^&\\s"]+?(?=%26|[&\\s"]|$)`), "$1[redacted]"],
  [/\b(authorization|cookie|set-cookie|x-api-key|mcp-session-id)(\s*:\s*)[^\r\n]+/gi, "$1$2[redacted]"],
  // A word of prose after "Bearer" has neither a digit nor 20 letters.
  [/\b(Bearer|DPoP|Basic)\s+(?=\S*\d|\S{20})[A-Za-z0-9._~+/=-]{8,}/gi, "$1 [redacted]"],
  [/(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){0,3}/g, "[redacted]"],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/"'<>]+@/gi, "$1[redacted]@"],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/(?:(?!:\/\/)[^\s"'<>?#]){0,4000}[?#])[^\s"'<>]+/gi, "$1[redacted]"],
];

/** What precedes a value, as group 1, with NAMES for the names; then the value. */
function named(before: string, value: string): RegExp {
  return new RegExp(`(${before.replaceAll("NAMES", `(?:${SECRET_NAMES})`)})${value}`, "gis");
}

/**
 * Returns the text with everything that looks like a credential replaced by `[redacted]`.
 *
 * @param text A log line, an error message, a header dump.
 */
export function redact(text: string): string {
  return PATTERNS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
}
