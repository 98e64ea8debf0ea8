/**
 * Looks for a metadata document in its places, one after the other, and records what each of them answered: a failed
 * sign-in says it in its error, and `doctor` shows it. A place where the document is not leads to the next one; a place
 * that fails does not, since a failure says nothing of what is there.
 *
 * @see behaviours rows 27, 28
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { readJson } from "../../primitives/http/body.ts";
import type { Http } from "../../primitives/http/http.ts";
import { DISCOVERY_RETRIES, RETRY_PAUSE_MS } from "../../primitives/limits.ts";
import { LATEST_STATEFUL } from "../../primitives/mcp/revisions.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { pause } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";

/** What one URL answered. */
export interface DiscoveryStep {
  readonly url: string;
  /** In a few words, such as `used`, `404`, `not JSON`. */
  readonly verdict: string;
  /**
   * What came of it: the document was `used`; it was `absent`, which leads to the next place; the URL was `refused`, and
   * not asked; asking it `failed`, or what it answered cannot be used, which ends the search.
   */
  readonly outcome?: "used" | "absent" | "refused" | "failed";
  /** The status of the answer, where one came. */
  readonly status?: number;
  /** The `Content-Type` of the answer, fit to be shown. */
  readonly contentType?: string;
  /** The requirement by which this place was asked, such as `C9, RFC 9728 section 3.1`. */
  readonly rule?: string;
}

/** A place where a document may be. */
export interface MetadataPlace {
  readonly url: string;
  /** The requirement that names it. */
  readonly rule: string;
}

/** A document that was found. */
export interface FoundDocument {
  readonly url: string;
  readonly json: Record<string, unknown>;
}

/** What a search runs on. */
export interface MetadataSearch {
  readonly http: Http;
  readonly signal?: AbortSignal | undefined;
  /** Gets a record of each URL as it is done with. */
  readonly steps: DiscoveryStep[];
}

/** The steps in one line, for an error or a verbose log. */
export function describeSteps(steps: readonly DiscoveryStep[]): string {
  return steps.map(({ url, verdict }) => `${safeText(safeUrl(url))} (${verdict})`).join(", ");
}

/**
 * The first of the places that answers with a JSON object; what says that it is JSON and is not ends the search.
 *
 * @param search What it runs on; its steps grow.
 * @param places The places, in their order.
 * @returns Undefined where none has it.
 * @throws {McpAuthError} `DISCOVERY_FAILED`, `RATE_LIMITED`, `SERVER_ERROR`, or what the fetch throws.
 */
export async function firstDocument(
  search: MetadataSearch,
  places: readonly MetadataPlace[],
): Promise<FoundDocument | undefined> {
  let failed: McpAuthError | undefined;
  for (const { url, rule } of places) {
    const answer = await askPatiently(search, url).catch((error) => {
      search.steps.push({ url, rule, outcome: "failed", verdict: failureInWords(error) });
      throw error;
    });
    const type = safeText(answer.headers.get("content-type") ?? "", 60);
    const note = (outcome: NonNullable<DiscoveryStep["outcome"]>, verdict: string) =>
      search.steps.push({
        url,
        verdict,
        outcome,
        status: answer.status,
        ...(type === "" ? {} : { contentType: type }),
        rule,
      });
    if (answer.status !== 200) {
      if (answer.status === 502) failed ??= serverFailure(url, answer.status);
      note("absent", String(answer.status));
      continue;
    }
    const json = await readJson(answer);
    if (isObject(json)) {
      note("used", "used");
      return { url, json };
    }
    if (json !== undefined || /^application\/([a-z0-9.+-]+\+)?json\b/i.test(type)) {
      const why = json === undefined ? "not JSON" : "not a JSON object";
      note("failed", why);
      throw new McpAuthError(
        "DISCOVERY_FAILED",
        `Cannot use the metadata at "${safeUrl(url)}": it is ${why}`,
      );
    }
    // Quirk `html-well-known`.
    note("absent", `200, not JSON (${type === "" ? "no content type" : type})`);
  }
  if (failed !== undefined) throw failed;
  return undefined;
}

/**
 * Asks again on a network error or a 5xx; gives up with the first cause. After a 502 the next place is asked, as
 * proxies answer so for paths they do not know; where no place answers otherwise, the server is down. 429
 * says nothing of what is there, and asking again would not help.
 */
async function askPatiently({ http, signal }: MetadataSearch, url: string): Promise<Response> {
  let failure: McpAuthError | undefined;
  for (let attempt = 0; attempt <= DISCOVERY_RETRIES; attempt++) {
    if (attempt > 0) await pauseBefore(attempt, signal);
    try {
      const response = await http(url, {
        headers: { accept: "application/json", "mcp-protocol-version": LATEST_STATEFUL },
        signal,
      });
      if (response.status === 429) {
        throw new McpAuthError("RATE_LIMITED", `Cannot read "${safeUrl(url)}": the server answered 429`, {
          hint: "Try again later",
        });
      }
      if (response.status < 500 || response.status === 502) return response;
      failure ??= serverFailure(url, response.status);
    } catch (error) {
      if (!(error instanceof McpAuthError) || error.code !== "NETWORK_ERROR") throw error;
      failure ??= error;
    }
  }
  throw failure ?? new McpAuthError("NETWORK_ERROR", `Cannot read "${safeUrl(url)}"`);
}

function serverFailure(url: string, status: number): McpAuthError {
  return new McpAuthError("SERVER_ERROR", `Cannot read "${safeUrl(url)}": the server answered ${status}`, {
    hint: "Try again later",
  });
}

async function pauseBefore(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(RETRY_PAUSE_MS * 2 ** (attempt - 1), signal);
  } catch (reason) {
    throw asMcpAuthError(reason, "AUTH_CANCELLED", "go on with the discovery");
  }
}

/** What a message says after its last colon is the reason; the URL stands beside it already. */
function failureInWords(error: unknown): string {
  const { message } = asMcpAuthError(error, "NETWORK_ERROR", "read it");
  return safeText(/": (?!.*": )(.+)$/s.exec(message)?.[1] ?? message, 120);
}
