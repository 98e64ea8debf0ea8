/**
 * A refresh that allows for quirks `repeat-scope` and `omit-resource`. A server that refuses a request for the way it is
 * written has not spent the refresh token (RFC 6749 section 5.2): the request goes out once more, written the other way,
 * and what was learned is told.
 *
 * @see behaviours row 30
 * @module
 */
import { REFRESH_TIMEOUT_MS } from "../../limits.ts";
import { OAuthResponseError } from "../response_error.ts";
import { refreshTokens, type TokenRequest, type TokenSet } from "../token.ts";
import { refusesResourceItself, refusesResourceParameter, wantsScope } from "./resource_refusal.ts";
import { isQuirk, type QuirkName, quirksOfIssuer } from "./table.ts";

/** What is known of the server and the credential. */
export interface RefreshKnowledge {
  /** The quirks of the server, by name; unknown names are nobody's. */
  readonly quirks: readonly string[];
  /** The scopes that were granted: what `repeat-scope` repeats. */
  readonly scopes: readonly string[];
  /** Whether the user named the resource: it is not left out then. */
  readonly resourceNamed: boolean;
}

/** What a refresh brought. */
export interface TolerantRefresh {
  readonly tokens: TokenSet;
  /** The quirks that the server has turned out to have. */
  readonly learned: readonly QuirkName[];
}

/**
 * Spends a refresh token. Only the token authority calls this.
 *
 * @param request Who asks whom.
 * @param refreshToken The refresh token.
 * @param knowledge What is known beforehand.
 * @throws {McpAuthError} As `refreshTokens`.
 */
export async function refreshTolerantly(
  request: TokenRequest,
  refreshToken: string,
  knowledge: RefreshKnowledge,
): Promise<TolerantRefresh> {
  const started = performance.now();
  const timeoutMs = request.timeoutMs ?? REFRESH_TIMEOUT_MS;
  const quirks = new Set<QuirkName>([
    ...knowledge.quirks.filter(isQuirk),
    ...quirksOfIssuer(request.server.issuer),
  ]);
  const learned: QuirkName[] = [];
  for (;;) {
    const omits = quirks.has("omit-resource") && !knowledge.resourceNamed;
    const written: TokenRequest = {
      ...request,
      resource: omits ? undefined : request.resource,
      scopes: quirks.has("repeat-scope") && knowledge.scopes.length > 0 ? knowledge.scopes : undefined,
      timeoutMs: Math.max(1_000, Math.ceil((timeoutMs - (performance.now() - started)) / 1000) * 1000),
    };
    try {
      return { tokens: await refreshTokens(written, refreshToken), learned };
    } catch (error) {
      const lesson = lessonOf(error, written, knowledge);
      if (lesson === undefined || quirks.has(lesson)) throw error;
      quirks.add(lesson);
      learned.push(lesson);
    }
  }
}

function lessonOf(error: unknown, written: TokenRequest, knowledge: RefreshKnowledge): QuirkName | undefined {
  if (!(error instanceof OAuthResponseError)) return undefined;
  if (error.status >= 500 || error.status === 429) return undefined;
  if (written.scopes === undefined && knowledge.scopes.length > 0 && wantsScope(error.words)) {
    return "repeat-scope";
  }
  const isResource = written.resource !== undefined && !knowledge.resourceNamed &&
    (refusesResourceParameter(error.oauthError, error.words) ||
      refusesResourceItself(error.oauthError, error.words));
  return isResource ? "omit-resource" : undefined;
}
