/**
 * Turns what `oauth4webapi` throws, and what endpoints answer, into coded errors. An OAuth error code is part of the
 * decision, so it is kept beside ours; the server's words are shown, capped and cleaned. Which ones end a credential is
 * said here, in one place: `invalid_grant`, `invalid_client` and `unauthorized_client`, everything else is temporary.
 *
 * @see RFC 6749 section 5.2
 * @module
 */
import { type ErrorCode, McpAuthError, type McpAuthErrorOptions } from "../errors.ts";
import { redact } from "../http/redaction.ts";
import { retryAfterMs } from "../http/retry_after.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { isObject } from "./json.ts";
import { standardErrorCode } from "./quirks/error_code.ts";

/** An endpoint's refusal. */
export class OAuthResponseError extends McpAuthError {
  /** The OAuth error code, such as `invalid_grant`; undefined where the body had none. */
  readonly oauthError: string | undefined;
  /** The HTTP status. */
  readonly status: number;
  /** The server's words, made safe, such as `invalid_grant (Token is gone)`; empty where it said nothing. */
  readonly words: string;
  /** How long the server asks to be left alone, in ms from its answer; undefined where it did not say. */
  readonly retryAfterMs: number | undefined;

  /**
   * @param code Our code.
   * @param message As for `McpAuthError`.
   * @param answer What the endpoint answered.
   * @param options As for `McpAuthError`.
   */
  constructor(code: ErrorCode, message: string, answer: Refusal, options: McpAuthErrorOptions = {}) {
    super(code, message, options);
    this.oauthError = answer.oauthError;
    this.status = answer.status;
    this.words = answer.words;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** What an endpoint answered in place of a success. */
export type Refusal = Pick<OAuthResponseError, "oauthError" | "status" | "words" | "retryAfterMs">;

/**
 * Says whether a failed refresh means that the credential is dead, rather than that the server or the network is.
 *
 * @see RFC 6749 section 5.2; behaviours row 3
 */
export function endsCredential(error: McpAuthError): boolean {
  return error instanceof OAuthResponseError && REFUSALS.has(error.status) &&
    (error.oauthError === "invalid_grant" || error.oauthError === "invalid_client" ||
      error.oauthError === "unauthorized_client");
}

/** The statuses of a refusal; 200 is that of servers with quirk `error-with-200`. */
const REFUSALS: ReadonlySet<number> = new Set([200, 400, 401]);

/** What to call an endpoint and its failure in an error. */
export interface EndpointFailure {
  /** The code of a refusal; 429 and 5xx have their own. */
  readonly code: ErrorCode;
  /** `Cannot <action>: ...` */
  readonly action: string;
  /** The endpoint, for the message. */
  readonly endpoint: string;
  readonly hint?: string | undefined;
  /** What the request carried: some servers repeat it in their words, and those are shown and stored. */
  readonly secrets?: readonly (string | null | undefined)[] | undefined;
}

/**
 * Makes the error of a response that is no success.
 *
 * @param response Its body is consumed.
 * @param failure How to call it.
 */
export async function endpointError(
  response: Response,
  failure: EndpointFailure,
): Promise<OAuthResponseError> {
  const { status } = response;
  const text = await response.text();
  const body = parse(text);
  const said = typeof body?.error === "string" ? safeText(body.error, 80) : undefined;
  const shown = (part: string) => redact(safeText(without(part, failure.secrets)));
  const description = typeof body?.error_description === "string" ? shown(body.error_description) : "";
  const isPage = /^\s*</.test(text);
  const words = said === undefined
    ? (isPage || text.trim() === "" ? "" : shown(text))
    : `${without(said, failure.secrets)}${description === "" ? "" : ` (${description})`}`;
  const code = status === 429 ? "RATE_LIMITED" : status >= 500 ? "SERVER_ERROR" : failure.code;
  return new OAuthResponseError(
    code,
    `Cannot ${failure.action}: "${safeUrl(failure.endpoint)}" answered ${
      status === 200 ? "200 with an error" : status
    }${words === "" ? "" : `: ${words}`}`,
    {
      oauthError: said === undefined ? undefined : standardErrorCode(said),
      status,
      words,
      retryAfterMs: retryAfterMs(response.headers),
    },
    { hint: code === failure.code ? failure.hint : "Try again later" },
  );
}

/**
 * Makes the error of a success that is not what the specification asks for.
 *
 * @param thrown What the strict check threw.
 * @param failure How to call it.
 */
export function malformedAnswer(thrown: unknown, failure: EndpointFailure): McpAuthError {
  if (thrown instanceof McpAuthError) return thrown;
  // Not kept as the cause: it holds the answer, and with it the tokens.
  const why = thrown instanceof Error ? safeText(thrown.message) : "unknown";
  return new McpAuthError(
    failure.code,
    `Cannot ${failure.action}: the answer of "${safeUrl(failure.endpoint)}" is not valid: ${why}`,
    { hint: failure.hint },
  );
}

/** A few characters are no secret, and could be a part of any word. */
const SECRET_MIN_CHARS = 8;

function without(text: string, secrets: EndpointFailure["secrets"] = []): string {
  return secrets.reduce<string>(
    (left, secret) =>
      secret == null || secret.length < SECRET_MIN_CHARS ? left : left.replaceAll(secret, "[redacted]"),
    text,
  );
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return text.startsWith("error=") ? Object.fromEntries(new URLSearchParams(text)) : undefined;
  }
}
