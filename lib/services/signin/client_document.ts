/**
 * Client ID metadata documents as they are hosted: fetched without following a redirect, as servers do, and judged. The
 * program's own document is looked at once in a process, before a server is sent to it: one that is not published, or
 * cannot be had here and now, is no reason to fail a sign-in that does as well without. A document that a person names
 * is never fetched in a sign-in: it is theirs, and may be reachable for their server alone.
 *
 * @see draft-ietf-oauth-client-id-metadata-document-02 section 5 (C27-C31)
 * @module
 */
import { asMcpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { CLIENT_DOCUMENT_MAX_BYTES, CLIENT_DOCUMENT_TIMEOUT_MS } from "../../primitives/limits.ts";
import {
  coversRedirectUri,
  judgeDocument,
  judgeSize,
  type Verdict,
} from "../../primitives/oauth/client_metadata.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { Redirected } from "./preflight.ts";

/** A hosted document. */
export interface HostedDocument {
  /** A verdict for each rule; the rules for members are left out where there is no document. */
  readonly verdicts: readonly Verdict[];
  /** Its redirect URIs; empty where there are none. */
  readonly redirectUris: readonly string[];
}

/** How a document is fetched. */
export interface DocumentFetch {
  /** Milliseconds for the whole exchange; the one fetch's default when left out. */
  readonly timeoutMs?: number | undefined;
  /** The longest body that is read. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches a document and judges it as a server would.
 *
 * @param http A fetch that throws `Redirected` in place of following.
 * @param url Where it is hosted, byte for byte.
 * @param options How long, and how much.
 * @throws {McpAuthError} what the fetch throws.
 */
export async function fetchDocument(
  http: Http,
  url: string,
  options: DocumentFetch = {},
): Promise<HostedDocument> {
  let response: Response;
  try {
    response = await http(url, { headers: { accept: "application/json" }, ...options });
  } catch (error) {
    if (!(error instanceof Redirected)) throw error;
    const detail = `it redirects to "${safeUrl(error.target.href)}", which servers do not follow`;
    return { verdicts: [{ check: "answers 200", ok: false, detail }], redirectUris: [] };
  }
  const { status } = response;
  const answered: Verdict = { check: "answers 200", ok: status === 200, detail: `it answered ${status}` };
  if (status !== 200) return { verdicts: [answered], redirectUris: [] };
  const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  const bytes = new Uint8Array(await response.arrayBuffer());
  const json = parse(bytes);
  return {
    verdicts: [
      answered,
      {
        check: "Content-Type is JSON",
        ok: /^application\/([a-z0-9.+-]+\+)?json$/.test(type),
        detail: type === "" ? "it is missing" : `"${safeText(type, 80)}"`,
      },
      judgeSize(bytes.length),
      ...judgeDocument(json, url),
    ],
    redirectUris: isObject(json) && Array.isArray(json.redirect_uris)
      ? json.redirect_uris.filter((uri) => typeof uri === "string")
      : [],
  };
}

/** What {@linkcode OwnDocument} takes. */
export interface OwnDocumentOptions {
  /** Where the document is to be. */
  readonly url: string;
  /** Makes a fetch for one request, which throws `Redirected` in place of following. */
  readonly http: () => Http;
}

/** The program's own document, as one process knows it. */
export class OwnDocument {
  /** The client id. */
  readonly url: string;
  readonly #http: () => Http;
  #known: Promise<HostedDocument> | undefined;

  /** @param options Where it is, and how to get there. */
  constructor(options: OwnDocumentOptions) {
    this.url = options.url;
    this.#http = options.http;
  }

  /**
   * Why a sign-in cannot use the document; undefined where it can. Asked for once in a process: what fails once is not
   * waited for again.
   *
   * @param redirectUri Where the sign-in ends.
   * @param signal Ends the wait, and is thrown.
   */
  async obstacle(redirectUri: string, signal?: AbortSignal): Promise<string | undefined> {
    try {
      this.#known ??= fetchDocument(this.#http(), this.url, {
        timeoutMs: CLIENT_DOCUMENT_TIMEOUT_MS,
        maxBytes: CLIENT_DOCUMENT_MAX_BYTES,
        signal,
      });
      const { verdicts, redirectUris } = await this.#known;
      const broken = verdicts.find(({ ok }) => !ok);
      if (broken !== undefined) return `${broken.check}: ${broken.detail}`;
      return coversRedirectUri(redirectUris, redirectUri)
        ? undefined
        : `it has no redirect URI for ${safeUrl(redirectUri)}`;
    } catch (error) {
      if (signal?.aborted) {
        this.#known = undefined;
        throw error;
      }
      return asMcpAuthError(error, "NETWORK_ERROR", "read the document").message;
    }
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
