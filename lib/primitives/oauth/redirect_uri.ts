/**
 * Redirect URIs that a person gives, and places to listen at for what comes to them.
 *
 * @see OAuth 2.1 section 1.5 (C49); RFC 6749 section 3.1.2; behaviours row 15
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";
import { isLoopbackHost, parseWebUrl } from "../web_url.ts";

/** The hosts that a redirect URI on loopback may name, as they stand in it. */
export const CALLBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"] as const;

/**
 * Refuses a redirect URI that no sign-in can end at.
 *
 * @param redirectUri As it was registered; it is kept byte for byte.
 * @returns The same string.
 * @throws {McpAuthError} `UNSAFE_URL` or `CONFIG_INVALID`.
 * @see OAuth 2.1 section 1.5 (C49); RFC 6749 section 3.1.2
 */
export function checkRedirectUri(redirectUri: string): string {
  parseWebUrl(redirectUri, "redirect URI");
  const invalid = (why: string) =>
    new McpAuthError("CONFIG_INVALID", `Cannot use redirect URI "${safeText(redirectUri)}": ${why}`);
  if (redirectUri.includes("#")) throw invalid("it has a fragment");
  if (/[^\x21-\x7e]/.test(redirectUri)) throw invalid("it has characters that no URL has");
  return redirectUri;
}

/** An address to listen at. */
export interface ListenAddress {
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/**
 * Reads `host:port`.
 *
 * @param text Such as `0.0.0.0:8456` or `[::]:8456`.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function parseListen(text: string): ListenAddress {
  const [, literal, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const hostname = literal ?? name;
  const port = Number(digits);
  if (hostname !== undefined && port >= 1 && port <= 65_535) return { hostname, port };
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot listen at "${safeText(text, 80)}": not a host and a port`,
    {
      hint: "Write it as 127.0.0.1:8456, or 0.0.0.0:8456 for all addresses",
    },
  );
}

/** Whether only this machine reaches an address. */
export function isLocalAddress({ hostname }: ListenAddress): boolean {
  return isLoopbackHost(hostname.includes(":") ? `[${hostname}]` : hostname);
}
