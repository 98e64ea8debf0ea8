/**
 * Who signed in, for showing. An ID token came over the TLS connection to the token endpoint, and its claims decide
 * nothing here: neither its signature nor its times are looked at, and one that cannot be read counts as absent.
 *
 * @see OpenID Connect Core 1.0 sections 2, 3.1.3.7 (point 6) and 5.1; behaviours row 45
 * @module
 */
import { ACCOUNT_MAX_CHARS } from "../limits.ts";
import { safeText } from "../untrusted_text.ts";
import { isObject } from "./json.ts";

/** Claims about a person, as a server sent them: untrusted. */
export type Claims = Readonly<Record<string, unknown>>;

/** What people know themselves by, best first. */
const NAMES = ["email", "preferred_username", "login", "name"] as const;

/**
 * Reads the claims of a JWT.
 *
 * @param jwt The token.
 * @returns Its claims; undefined where it is not a signed JWT with a JSON object in it.
 */
export function claimsOf(jwt: string | undefined): Claims | undefined {
  const [, payload, ...rest] = jwt?.split(".") ?? [];
  if (payload === undefined || rest.length !== 1) return undefined;
  try {
    const bytes = Uint8Array.fromBase64(payload, { alphabet: "base64url" });
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The name that a person would know: e-mail address, user name (`login` at GitHub) or full name, in this order.
 *
 * @param claims Where to look.
 * @returns At most 100 characters, fit to be shown; undefined where there is none.
 */
export function accountName(claims: Claims | undefined): string | undefined {
  return NAMES.map((name) => shown(claims?.[name])).find((name) => name !== undefined);
}

/** The server's own identifier of the person: better than nothing, where it gave no name. */
export function accountSubject(claims: Claims | undefined): string | undefined {
  return shown(claims?.sub);
}

function shown(value: unknown): string | undefined {
  const text = typeof value === "string" ? safeText(value, ACCOUNT_MAX_CHARS) : "";
  return text === "" ? undefined : text;
}
