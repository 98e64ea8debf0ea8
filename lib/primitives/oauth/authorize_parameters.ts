/**
 * What a person may add to authorization requests, for servers that want more than the standard names: Google gives a
 * refresh token for `access_type=offline` and `prompt=consent` alone. Whatever binds a request to us and to its answer,
 * or says where and how the answer comes, stays ours.
 *
 * @see RFC 6749 section 4.1.1, RFC 9126, RFC 9101; behaviours row 8
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { AUTHORIZE_VALUE_MAX_CHARS } from "../limits.ts";
import { safeText } from "../untrusted_text.ts";

const RESERVED: ReadonlySet<string> = new Set([
  "client_assertion",
  "client_assertion_type",
  "client_id",
  "client_secret",
  "code",
  "code_challenge",
  "code_challenge_method",
  "code_verifier",
  "dpop_jkt",
  "error",
  "grant_type",
  "iss",
  "redirect_uri",
  "registration",
  "request",
  "request_uri",
  "resource",
  "response_mode",
  "response_type",
  "scope",
  "state",
]);

/**
 * Reads an additional parameter of authorization requests.
 *
 * @param text Such as `access_type=offline`.
 * @returns Its name and its value.
 * @throws {McpAuthError} `USAGE` for one that is ours to set, and for what is no parameter.
 */
export function parseAuthorizeParameter(text: string): readonly [name: string, value: string] {
  const end = text.indexOf("=");
  const [name, value] = [text.slice(0, Math.max(0, end)), text.slice(end + 1)];
  if (RESERVED.has(name.toLowerCase())) {
    throw new McpAuthError(
      "USAGE",
      `Cannot set authorization parameter "${safeText(name, 80)}": mcp-auth sets it itself`,
      { hint: "Scopes and the resource are set with --scope and --resource" },
    );
  }
  const isValue = !/\p{Cc}/u.test(value) && value.length <= AUTHORIZE_VALUE_MAX_CHARS;
  if (/^[A-Za-z0-9._~:-]{1,100}$/.test(name) && isValue) return [name, value];
  throw new McpAuthError(
    "USAGE",
    `Cannot set authorization parameter "${safeText(text, 80)}": not a name with a value`,
    { hint: "Write it as --authorize-param access_type=offline" },
  );
}

/**
 * The parameters without those that are ours, wherever they came from.
 *
 * @param parameters By their names.
 */
export function permitted(parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !RESERVED.has(name.toLowerCase())));
}
