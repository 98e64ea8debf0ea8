/**
 * What registration endpoints answer that is nearly right, put right before the strict check: quirks `null-members`,
 * `no-secret-expiry` and, by the status that the answer is given on with, `registration-200`.
 *
 * @see RFC 7591 section 3.2.1; behaviours row 19
 * @module
 */
import { isObject } from "../json.ts";

/**
 * The answer to a registration as the specification has it.
 *
 * @param text The body of an answer with status 200 or 201.
 * @throws {SyntaxError} for what is not JSON.
 */
export function registrationAnswer(text: string): Response {
  const json: unknown = JSON.parse(text);
  if (!isObject(json)) return Response.json(json, { status: 201 });
  const members = Object.fromEntries(
    Object.entries(json).filter(([, value]) => value !== null && value !== ""),
  );
  const expiresAt = Number(members.client_secret_expires_at);
  return Response.json(
    { ...members, client_secret_expires_at: expiresAt > 0 && expiresAt < Infinity ? expiresAt : 0 },
    { status: 201 },
  );
}
