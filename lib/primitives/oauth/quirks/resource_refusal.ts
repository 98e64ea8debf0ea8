/**
 * Whether a server refuses the `resource` parameter, rather than the person, the client or the grant. It is told by what
 * servers answer; the parameter is then left out, once, and from then on (quirk `omit-resource`).
 *
 * `invalid_target` alone is another matter: a server that answers so knows the parameter, and says that it issues no
 * tokens for this resource. Whoever signed in without it would hand the resource a token that is not limited to it, and
 * may be good elsewhere: that is for the user to decide, except where the two are one party and the token is handed to
 * nobody else. At a refresh the server has accepted the resource before.
 *
 * @see RFC 8707 section 2; behaviours row 30
 * @module
 */

import { isLoopbackHost } from "../../web_url.ts";

/** Entra: "The resource parameter provided in the request doesn't match with the requested scopes", and its sibling. */
const ENTRA_CODES = /\bAADSTS(9010010|901002)\b/;

/** The codes by which a request is called wrong, whatever is wrong with it. */
const GENERAL_CODES: ReadonlySet<string> = new Set(["invalid_request", "invalid_parameter", "bad_request"]);

/**
 * Whether a server does not take the parameter.
 *
 * @param error The OAuth error code, where there was one.
 * @param words What the server said beside it.
 */
export function refusesResourceParameter(error: string | undefined, words: string): boolean {
  if (error === "invalid_resource" || ENTRA_CODES.test(words)) return true;
  return error !== undefined && GENERAL_CODES.has(error) && /\bresource\b(?! owner| server)/i.test(words);
}

/**
 * Whether a server takes the parameter, and issues no tokens for this resource.
 *
 * @param error The OAuth error code, where there was one.
 * @param words What the server said beside it.
 */
export function refusesResourceItself(error: string | undefined, words: string): boolean {
  return error === "invalid_target" && !ENTRA_CODES.test(words);
}

/**
 * Whether a resource and an authorization server are run by the same party, as far as their hosts can tell: they are on
 * one host, one is below the other, or both are on this machine. Hosts side by side below a domain are not taken for
 * one party: who that domain lets have names is not known.
 *
 * @param resource The resource's URL.
 * @param issuer The authorization server's issuer.
 */
export function isOneParty(resource: string, issuer: string): boolean {
  const [a, b] = [hostOf(resource), hostOf(issuer)];
  if (a === undefined || b === undefined) return false;
  if (a === b || (isLoopbackHost(a) && isLoopbackHost(b))) return true;
  return isBelow(a, b) || isBelow(b, a);
}

function isBelow(host: string, domain: string): boolean {
  return domain.includes(".") && host.endsWith(`.${domain}`);
}

function hostOf(url: string): string | undefined {
  return URL.parse(url)?.hostname.toLowerCase();
}

/**
 * Whether a refusal of a refresh means that its scopes have to be repeated (quirk `repeat-scope`).
 *
 * @param words What the server said.
 */
export function wantsScope(words: string): boolean {
  return /\bAADSTS90009\b/.test(words);
}
