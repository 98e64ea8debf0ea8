/**
 * Client ID metadata documents: a client whose identifier is the https URL of its own description. This module only
 * judges such URLs; hosting the document is its owner's part.
 *
 * @see draft-ietf-oauth-client-id-metadata-document-02 section 3
 * @see MCP 2026-07-28 client registration (C27-C31)
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeUrl } from "../untrusted_text.ts";

/**
 * Refuses a URL that cannot be a client identifier.
 *
 * @param url As given: it is sent byte for byte.
 * @returns The same string.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function checkClientMetadataUrl(url: string): string {
  const invalid = (why: string) =>
    new McpAuthError("CONFIG_INVALID", `Cannot use client metadata URL "${safeUrl(url)}": ${why}`, {
      hint: "Give an https URL with a path, such as https://example.com/client.json",
    });
  const parsed = URL.parse(url);
  if (parsed === null) throw invalid("not an absolute URL");
  if (parsed.protocol !== "https:") throw invalid("it is not https");
  if (parsed.username !== "" || parsed.password !== "") throw invalid("it contains a user name or password");
  if (url.includes("#")) throw invalid("it has a fragment");
  if (/[^\x21-\x5b\x5d-\x7e]/.test(url)) throw invalid("it has characters that no URL has");
  if (/\/(?:\.|%2e){1,2}(\/|$)/i.test(url.replace(/[?#].*$/s, "").replace(/^https:\/\//i, ""))) {
    throw invalid("its path has dot segments");
  }
  if (parsed.pathname === "/") throw invalid("it has no path");
  return url;
}
