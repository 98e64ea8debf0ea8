/**
 * What a sign-in allows for beside the specifications: the quirks that the entry names, those that its provider and its
 * issuer are known for, those that turned up before, and those that turn up now, which the entry remembers.
 *
 * @see behaviours rows 8 and 30
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { AuthorizationRefusal } from "../../primitives/oauth/authorization.ts";
import {
  isOneParty,
  refusesResourceItself,
  refusesResourceParameter,
} from "../../primitives/oauth/quirks/resource_refusal.ts";
import { isQuirk, type QuirkName, quirksOfIssuer } from "../../primitives/oauth/quirks/table.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import { exchangeCode, type TokenRequest, type TokenSet } from "../../primitives/oauth/token.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import type { ServerOptions } from "../credentials/mod.ts";
import type { Granted, Wanted } from "./sign_in.ts";

/** What is known of an entry's provider, as a sign-in takes it. */
export interface ProviderKnowledge {
  /** The entry's options over those of the provider: what the sign-in goes by. */
  readonly options: ServerOptions;
  /** The scopes to ask for where neither the user nor the server says. */
  readonly scopes: readonly string[] | undefined;
  /** Where the sites of an account are listed, of which one is chosen. */
  readonly sitesUrl: string | undefined;
}

/**
 * The quirks to allow for.
 *
 * @param options What the sign-in goes by.
 * @param issuer Where to sign in.
 */
export function knownQuirks(options: ServerOptions, issuer: string): ReadonlySet<QuirkName> {
  const assumed: readonly QuirkName[] = options.allowMissingPkceMetadata ? ["assume-pkce"] : [];
  return new Set([...(options.quirks ?? []).filter(isQuirk), ...assumed, ...quirksOfIssuer(issuer)]);
}

/** The options of a sign-in with what the quirks `assume-pkce` and `offline-parameters` mean for it. */
export function allowingFor(quirks: ReadonlySet<QuirkName>, options: ServerOptions): ServerOptions {
  return {
    ...options,
    ...(quirks.has("assume-pkce") ? { allowMissingPkceMetadata: true } : {}),
    ...(quirks.has("offline-parameters")
      ? { authorizeParameters: { access_type: "offline", prompt: "consent", ...options.authorizeParameters } }
      : {}),
  };
}

/**
 * The quirks that a sign-in ended with, and what the entry remembers of them: those that nobody knew beforehand.
 *
 * @param known The quirks that it began with.
 * @param granted What it brought.
 * @param options The entry's own options.
 */
export function learnedQuirks(
  known: ReadonlySet<QuirkName>,
  { withoutResource }: Pick<Granted, "withoutResource">,
  options: ServerOptions,
): { readonly all: readonly QuirkName[]; readonly remembered: Pick<ServerOptions, "quirks"> } {
  const learned: readonly QuirkName[] = withoutResource && !known.has("omit-resource")
    ? ["omit-resource"]
    : [];
  return {
    all: [...known, ...learned],
    remembered: learned.length === 0 ? {} : { quirks: [...options.quirks ?? [], ...learned] },
  };
}

/**
 * Whether a sign-in may be tried again without its resource: the server refuses that, and the user did not ask for it.
 *
 * @param error How the sign-in ended.
 * @param wanted What it asked for.
 * @param options What it went by.
 * @param issuer Where it was.
 */
export function mayOmitResource(
  error: unknown,
  { resource }: Pick<Wanted, "resource">,
  options: ServerOptions,
  issuer: string,
): boolean {
  // What vouches for a workload or a person is presented once, and with the resource that it is for (X11, X21, X24).
  if (options.grant !== undefined && options.grant.kind !== "client-credentials") return false;
  if (resource === undefined || options.resource !== undefined || !isRefusal(error)) return false;
  const words = wordsOf(error);
  return refusesResourceParameter(error.oauthError, words) ||
    (refusesResourceItself(error.oauthError, words) && isOneParty(resource, issuer));
}

/**
 * The error of a sign-in that its server has refused for the resource: with the way to go on without it, which only the
 * user may choose.
 *
 * @param error How the sign-in ended.
 * @param entry What it was for.
 * @param wanted What it asked for.
 * @returns The same error where it is about something else.
 */
export function withResourceHint(
  error: unknown,
  { name, url }: { readonly name: string; readonly url: string },
  { resource }: Pick<Wanted, "resource">,
): unknown {
  if (resource === undefined || !isRefusal(error)) return error;
  if (!refusesResourceItself(error.oauthError, wordsOf(error))) return error;
  return new McpAuthError(error.code, error.message, {
    hint: `The server issues no tokens for "${safeUrl(resource)}". If you trust ${
      safeUrl(url)
    } with a token that is not limited to it, repeat the command with --quirk omit-resource, or run: mcp-auth login ${name} --quirk omit-resource`,
    cause: error,
  });
}

type Refusal = AuthorizationRefusal | OAuthResponseError;

function isRefusal(error: unknown): error is Refusal {
  return error instanceof AuthorizationRefusal || error instanceof OAuthResponseError;
}

function wordsOf(error: Refusal): string {
  return error instanceof OAuthResponseError ? error.words : error.message;
}

/**
 * Exchanges a code, and once more without the resource where the server refuses that: a request that is refused as a
 * whole has not spent the code, and where it has, the first cause is told.
 *
 * @param request Who asks whom.
 * @param grant The code.
 * @param options What the sign-in goes by.
 * @throws {McpAuthError} As `exchangeCode`.
 */
export async function exchangeTolerantly(
  request: TokenRequest,
  grant: Parameters<typeof exchangeCode>[1],
  options: ServerOptions,
): Promise<{ readonly tokens: TokenSet; readonly withoutResource?: true }> {
  try {
    return { tokens: await exchangeCode(request, grant) };
  } catch (error) {
    if (!mayOmitResource(error, { resource: request.resource }, options, request.server.issuer)) throw error;
    const again = exchangeCode({ ...request, resource: undefined }, grant);
    const tokens = await again.catch(() => {
      throw error;
    });
    return { tokens, withoutResource: true };
  }
}
