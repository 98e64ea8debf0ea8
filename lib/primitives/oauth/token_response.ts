/**
 * What the token endpoint answers. What servers write that is nearly right is put right before the strict check, by the
 * rows of the table of quirks.
 *
 * @see RFC 6749 section 5; behaviours rows 6, 7 and 24
 * @module
 */
import type * as oauth from "oauth4webapi";
import { ID_TOKEN_MAX_CHARS } from "../limits.ts";
import { readTokenBody } from "./quirks/token_answer.ts";
import { endpointError, type EndpointFailure, malformedAnswer } from "./response_error.ts";
import { splitScope } from "./scope.ts";

/** What a token response says. Members that it omits are absent. */
export interface TokenSet {
  readonly accessToken: string;
  /** In lower case, such as `bearer`. */
  readonly tokenType: string;
  /** Seconds of life from now; absent where unknown. */
  readonly expiresIn?: number;
  readonly refreshToken?: string;
  /** Kept for showing who signed in; never used to decide anything. Absent where it is too long to be kept. */
  readonly idToken?: string;
  /** What was granted, where the response says so. */
  readonly scopes?: readonly string[];
}

/** RFC 6749 appendix A.12: anything else would end the header that carries it. */
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * Reads an answer of the token endpoint.
 *
 * @param response Its body is consumed.
 * @param failure How to call a refusal.
 * @param check The strict check of the grant.
 * @param tokenType The type that was asked for: `dpop` where the request proved the possession of a key.
 * @throws {McpAuthError} as `failure` says; {@linkcode OAuthResponseError} for a refusal.
 */
export async function readTokenResponse(
  response: Response,
  failure: EndpointFailure,
  check: (strict: Response) => Promise<oauth.TokenEndpointResponse>,
  tokenType: "bearer" | "dpop" = "bearer",
): Promise<TokenSet> {
  if (response.status !== 200) throw await endpointError(response, failure);
  const body = await readTokenBody(response);
  // Quirks `error-with-200` and `ok-false`.
  if (typeof body?.error === "string") {
    throw await endpointError(Response.json(body, { status: 200, headers: waitOf(response) }), failure);
  }
  try {
    const { id_token: idToken, ...rest } = body ?? {};
    const checked = await check(Response.json(rest));
    // RFC 6749 section 7.1: a token of a kind that we cannot present is of no use.
    const isUsable = checked.token_type === "bearer" || checked.token_type === tokenType;
    if (!isUsable) throw new Error(`token_type is ${checked.token_type}, not Bearer`);
    for (const name of ["access_token", "refresh_token"] as const) {
      if (!PRINTABLE.test(checked[name] ?? "")) {
        throw new Error(`${name} has characters that no token may have`);
      }
    }
    return {
      accessToken: checked.access_token,
      tokenType: checked.token_type,
      ...(checked.expires_in === undefined ? {} : { expiresIn: checked.expires_in }),
      ...(checked.refresh_token === undefined ? {} : { refreshToken: checked.refresh_token }),
      ...(typeof idToken === "string" && idToken.length <= ID_TOKEN_MAX_CHARS ? { idToken } : {}),
      ...(checked.scope === undefined ? {} : { scopes: splitScope(checked.scope) }),
    };
  } catch (error) {
    throw malformedAnswer(error, failure);
  }
}

function waitOf(response: Response): Readonly<Record<string, string>> {
  const wait = response.headers.get("retry-after");
  return wait === null ? {} : { "retry-after": wait };
}
