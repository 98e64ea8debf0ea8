/**
 * Turns what `oauth4webapi` throws, and what endpoints answer, into coded errors. An OAuth error code is part of the
 * decision (which ones end a credential), so it is kept beside ours; the server's words are shown, capped and cleaned.
 *
 * @see RFC 6749 section 5.2
 * @module
 */
import { type ErrorCode, McpAuthError, type McpAuthErrorOptions } from "../errors.ts";
import { redact } from "../http/redaction.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { isObject } from "./json.ts";

/** An endpoint's refusal. */
export class OAuthResponseError extends McpAuthError {
  /** The OAuth error code, such as `invalid_grant`; undefined where the body had none. */
  readonly oauthError: string | undefined;
  /** The HTTP status. */
  readonly status: number;

  /**
   * @param code Our code.
   * @param message As for `McpAuthError`.
   * @param answer The OAuth error code and the HTTP status.
   * @param options As for `McpAuthError`.
   */
  constructor(
    code: ErrorCode,
    message: string,
    answer: { readonly oauthError?: string | undefined; readonly status: number },
    options: McpAuthErrorOptions = {},
  ) {
    super(code, message, options);
    this.oauthError = answer.oauthError;
    this.status = answer.status;
  }
}

/** What to call an endpoint and its failure in an error. */
export interface EndpointFailure {
  /** The code of a refusal; 429 and 5xx have their own. */
  readonly code: ErrorCode;
  /** `Cannot <action>: ...` */
  readonly action: string;
  /** The endpoint, for the message. */
  readonly endpoint: string;
  readonly hint?: string | undefined;
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
  const oauthError = typeof body?.error === "string" ? safeText(body.error, 80) : undefined;
  const description = typeof body?.error_description === "string" ? safeText(body.error_description) : "";
  const isPage = /^\s*</.test(text);
  const words = oauthError === undefined
    ? (isPage || text.trim() === "" ? "" : redact(safeText(text)))
    : `${oauthError}${description === "" ? "" : ` (${description})`}`;
  const code = status === 429 ? "RATE_LIMITED" : status >= 500 ? "SERVER_ERROR" : failure.code;
  return new OAuthResponseError(
    code,
    `Cannot ${failure.action}: "${safeUrl(failure.endpoint)}" answered ${status}${
      words === "" ? "" : `: ${words}`
    }`,
    { oauthError, status },
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

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return text.startsWith("error=") ? Object.fromEntries(new URLSearchParams(text)) : undefined;
  }
}
