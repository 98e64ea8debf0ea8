/**
 * Asks, before a browser opens, whether a server still knows a client that was registered earlier: servers prune
 * registrations, and most of them tell nobody but the person, on a page that leads nowhere. What counts as "unknown" is
 * what these servers answer; whatever else comes, or does not come, is left for the browser to show.
 *
 * | Server | Answer to an unknown client | Source |
 * | --- | --- | --- |
 * | oidc-provider 9 | 400, a page with `invalid_client` and "client is invalid" | `lib/actions/authorization/client.js` |
 * | MCP TypeScript SDK 1.x | 400, JSON `invalid_client` | `server/auth/handlers/authorize` |
 * | MCP Python SDK | 400, JSON `invalid_request`, "Client ID '...' not found" | `server/auth/handlers/authorize.py` |
 * | FastMCP | 400, a page: "The client ID ... was not found in the server's client registry" | its error page |
 * | workers-oauth-provider | 400 in most workers: "Invalid client. The clientId provided does not match to this client." | `parseAuthRequest` |
 * | Supabase | 422, JSON "Unrecognized client_id" | `supabase/mcp#355` |
 * | Keycloak | 400, a page: "Client not found." | `AuthorizationEndpoint`, `clientNotFoundMessage` |
 * | Ory Hydra | a redirect to its error page with `error=invalid_client` | fosite `ErrInvalidClient` |
 * | Auth0 | a page with "Unknown client" | from its users' reports, not tried |
 *
 * @see behaviours row 9
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { AddressGuard } from "../../primitives/http/address.ts";
import type { Http } from "../../primitives/http/http.ts";
import { ERROR_BODY_MAX_BYTES, PREFLIGHT_TIMEOUT_MS } from "../../primitives/limits.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";

/** The statuses of the table above; a 404 may be about the page, and repeat our URL. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 422]);

/** The words of the table above. */
const UNKNOWN_CLIENT: readonly RegExp[] = [
  /\binvalid_client\b/,
  /\bclient[ _]id\b.{0,300}?\bnot found\b/is,
  /\bthe clientid provided does not match\b/i,
  /\bunrecognized client_id\b/i,
  /\bclient not found\b/i,
  /\bunknown client\b/i,
];

/** Thrown in place of following a redirect, by a fetch whose guard is {@linkcode firstHopOnly}. */
export class Redirected extends McpAuthError {
  /** Where it leads. */
  readonly target: URL;

  /** @param target Where it leads. */
  constructor(target: URL) {
    super("UNSAFE_URL", `Not followed: a redirect to "${safeUrl(target.href)}"`);
    this.target = target;
  }
}

/**
 * The guard of a fetch that stays where it is asked: good for one request.
 *
 * @param guard The rules for its first and only hop.
 */
export function firstHopOnly(guard: AddressGuard): AddressGuard {
  let asked = false;
  return async (url) => {
    if (asked) throw new Redirected(url);
    asked = true;
    await guard(url);
  };
}

/**
 * Asks the authorization endpoint about the client of an authorization request.
 *
 * @param http A fetch that throws {@linkcode Redirected} in place of following.
 * @param url An authorization URL with a `state` and a challenge of its own: nothing that comes of it is used.
 * @param redirectUri Its redirect URI.
 * @param signal Ends the wait, which is 5 s at most.
 * @returns Whether the server says that it does not know the client; never throws.
 */
export async function isClientForgotten(
  http: Http,
  url: string,
  redirectUri: string,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    const response = await http(url, {
      headers: { accept: "text/html,application/json;q=0.9", "accept-language": "en" },
      timeoutMs: PREFLIGHT_TIMEOUT_MS,
      signal,
    });
    if (!REFUSALS.has(response.status)) return false;
    const text = (await response.text()).slice(0, ERROR_BODY_MAX_BYTES);
    return UNKNOWN_CLIENT.some((words) => words.test(text));
  } catch (error) {
    return error instanceof Redirected && saysForgotten(error.target, redirectUri);
  }
}

function saysForgotten(target: URL, redirectUri: string): boolean {
  const error = target.searchParams.get("error");
  if (error === "invalid_client") return true;
  // At a page of the server's own it may be about the person; here it can only be about us.
  return error === "unauthorized_client" && target.href.split("?")[0] === redirectUri;
}
