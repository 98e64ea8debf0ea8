/**
 * The metadata of an authorization server as a diagnosis reads it: every place that was asked is kept, and the issuer has
 * a check of its own.
 *
 * @see RFC 8414 section 3 (C15-C20)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { ProtectedResource } from "../../primitives/oauth/protected_resource.ts";
import { checkIssuer } from "../../primitives/oauth/server_metadata.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import {
  type DiscoveryOptions,
  type DiscoveryStep,
  findServerDocument,
  type FoundDocument,
  noServerMetadata,
} from "../signin/mod.ts";
import {
  type Check,
  check,
  type CheckHead,
  checkOf,
  type CheckStep,
  failureOf,
  fine,
  skipped,
  warning,
} from "./check.ts";

/** What the discovery came to. */
export interface Discovered {
  readonly checks: readonly Check[];
  readonly resource: ProtectedResource | undefined;
  /** The issuer to hold the metadata to; undefined where none was found. */
  readonly issuer: string | undefined;
  /** The metadata as it came; undefined where there is none. */
  readonly document: FoundDocument | undefined;
  /** A server of 2025-03-26 with its default endpoints. */
  readonly withoutMetadata: boolean;
}

/** The check of the document. */
export const METADATA: CheckHead = {
  id: "server-metadata",
  title: "Server metadata",
  group: "discovery",
  rule: "C15 to C17, RFC 8414 section 3",
};
/** The check of its issuer. */
export const ISSUER: CheckHead = {
  id: "issuer",
  title: "Issuer",
  group: "discovery",
  rule: "C19, RFC 8414 section 3.3",
};

/**
 * Looks for the document of an issuer.
 *
 * @param options What is looked for.
 * @param issuer The issuer.
 */
export async function readServer(
  options: DiscoveryOptions,
  issuer: string,
): Promise<{ readonly check: Check; readonly document: FoundDocument | undefined }> {
  const steps: DiscoveryStep[] = [];
  let document: FoundDocument | undefined;
  const started = performance.now();
  const finding = await (async () => {
    document = await findServerDocument(options, issuer, steps);
    if (document === undefined) throw noServerMetadata(issuer);
    return fine(`found at ${safeUrl(document.url)}`, { steps: shown(steps) });
  })().catch((error) => failureOf(error, { steps: shown(steps) }));
  return { check: checkOf(METADATA, finding, performance.now() - started), document };
}

/**
 * Holds a document to the issuer that it was looked for by.
 *
 * @param document The document, where there is one.
 * @param issuer The issuer.
 */
export function compareIssuer(document: FoundDocument | undefined, issuer: string): Promise<Check> {
  return check(ISSUER, () => {
    if (document === undefined) return skipped(`because of: ${METADATA.title}`);
    const { issuer: own } = document.json;
    if (typeof own !== "string" || own === "") {
      throw new McpAuthError(
        "DISCOVERY_FAILED",
        `Cannot use the authorization server metadata at "${safeUrl(document.url)}": "issuer" is missing`,
        { hint: "The server's operator has to correct the metadata" },
      );
    }
    checkIssuer(own, issuer, document.url);
    return own === issuer
      ? fine(`"${safeUrl(own)}"`)
      : warning(`"${safeUrl(own)}" for "${safeUrl(issuer)}": only the final slash differs (row 25)`);
  });
}

/** The steps of a search as a diagnosis shows them. */
export function shown(steps: readonly DiscoveryStep[]): readonly CheckStep[] {
  return steps.map(({ url, status, contentType, verdict, rule }) => ({
    url: safeUrl(url),
    status,
    type: contentType,
    verdict: safeText(verdict, 200),
    rule,
  }));
}

/** What a discovery came to that has found no authorization server. */
export function nothing(checks: readonly Check[], resource?: ProtectedResource): Discovered {
  return { checks, resource, issuer: undefined, document: undefined, withoutMetadata: false };
}
