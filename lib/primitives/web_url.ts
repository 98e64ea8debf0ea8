/**
 * Decides which URLs may be fetched or opened at all: https, or http on loopback, without user name and password. All
 * else that a server may name (`javascript:`, `file:`, plain http) is refused in one place.
 *
 * @see OAuth 2.1 section 1.5; MCP security best practices, OAuth Authorization URL Validation (C69, C73)
 * @module
 */
import { McpAuthError } from "./errors.ts";
import { safeText, safeUrl } from "./untrusted_text.ts";

/**
 * Parses a URL that is about to be fetched or opened.
 *
 * @param url Absolute URL.
 * @param what What it is for, for the message.
 * @returns The parsed URL: https, or http on loopback, without user name and password.
 * @throws {McpAuthError} `UNSAFE_URL` for any other.
 */
export function parseWebUrl(url: string, what = "URL"): URL {
  const parsed = typeof url === "string" ? URL.parse(url) : null;
  if (parsed === null) {
    throw new McpAuthError("UNSAFE_URL", `Cannot use ${what} "${safeUrl(url)}": not an absolute URL`);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw new McpAuthError(
      "UNSAFE_URL",
      `Cannot use ${what} "${safeUrl(url)}": it contains a user name or password`,
    );
  }
  if (parsed.protocol === "https:") return parsed;
  if (parsed.protocol === "http:" && isLoopbackHost(parsed.hostname)) return parsed;
  throw new McpAuthError(
    "UNSAFE_URL",
    `Cannot use ${what} "${safeUrl(url)}": ${
      parsed.protocol === "http:"
        ? "http is allowed for loopback only"
        : `scheme "${safeText(parsed.protocol)}" is not https`
    }`,
    { hint: "Use an https URL" },
  );
}

/**
 * Says whether a host, as `URL.hostname` gives it, is this machine by its name alone.
 *
 * @param hostname `localhost`, a name below it, or a loopback literal; IPv6 in brackets.
 */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
