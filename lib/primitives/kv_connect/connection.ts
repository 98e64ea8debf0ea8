/**
 * Requests to a KV Connect server: the metadata exchange, which says where the database is and with which token it is
 * asked, and the requests of the data path. Deno has a client of its own (`Deno.openKv(url)`); it is not used, because
 * it repeats a failed request for ever, also a write that may have happened and also once the store is closed, keeps
 * the process alive for that, and prints what the server says to standard error. Here each request has a bound and is
 * sent once, and whoever sent it learns whether it may have had an effect.
 *
 * @see https://github.com/denoland/denokv/blob/main/proto/kv-connect.md
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { readJson } from "../http/body.ts";
import { type Http, UnsentError } from "../http/http.ts";
import { redact } from "../http/redaction.ts";
import {
  STORE_REMOTE_ANSWER_MAX_BYTES,
  STORE_REMOTE_METADATA_AHEAD_MS,
  STORE_REMOTE_METADATA_MAX_BYTES,
} from "../limits.ts";
import { systemClock } from "../system/clock.ts";
import type { KvValue } from "../system/kv.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { parseWebUrl } from "../web_url.ts";

/** What {@linkcode KvConnection} takes. */
export interface KvConnectOptions {
  /** URL of the database, https or loopback: where the metadata exchange is. */
  readonly url: string;
  /** The access token. */
  readonly token: string;
  readonly http: Http;
}

/** One request of the data path. */
export interface DatapathRequest {
  readonly method: "snapshot_read" | "atomic_write";
  /** The encoded message. */
  readonly body: KvValue;
  readonly bounds: Bounds;
}

/** When an attempt is given up. */
export interface Bounds {
  /** By `performance.now()`, in ms; the metadata exchange counts. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** The answer of the data path. */
export interface DatapathAnswer {
  readonly body: KvValue;
  /** The version of the protocol that is spoken. */
  readonly protocol: number;
}

/** What a failure means for the next attempt. */
export interface Outlook {
  /** Whether it may succeed. */
  readonly transient?: boolean;
  /** Whether the one that failed may have had its effect all the same. */
  readonly doubtful?: boolean;
}

/** A request that failed. */
export class RequestFailure extends Error implements Outlook {
  /** What to tell the user. */
  readonly coded: McpAuthError;
  readonly transient: boolean;
  readonly doubtful: boolean;

  /**
   * @param coded What to tell the user.
   * @param outlook What it means; nothing of both when left out.
   */
  constructor(coded: McpAuthError, { transient = false, doubtful = false }: Outlook = {}) {
    super(coded.message, { cause: coded });
    this.coded = coded;
    this.transient = transient;
    this.doubtful = doubtful;
  }
}

interface Metadata {
  readonly protocol: number;
  readonly databaseId: string;
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The versions of the protocol that this client speaks. */
const PROTOCOLS: readonly number[] = [2, 3];
/** A server that is overloaded or out of order for the moment. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const REFUSED: ReadonlySet<number> = new Set([401, 403]);

/** Speaks to one database. Nothing is sent before the first request. */
export class KvConnection {
  readonly #options: KvConnectOptions;
  #metadata: Metadata | undefined;

  constructor(options: KvConnectOptions) {
    this.#options = options;
  }

  /** Has the next request ask anew where the database is: its server moved away from it. */
  forgetServer(): void {
    this.#metadata = undefined;
  }

  /**
   * Sends one request, after a metadata exchange where the last one is too old. Where the token of the last exchange is
   * refused, there is a new exchange and one more try: a refused request had no effect.
   *
   * @throws {RequestFailure}
   */
  async call(request: DatapathRequest): Promise<DatapathAnswer> {
    const known = this.#metadata;
    const metadata = await this.#current(request.bounds);
    const response = await this.#send(metadata, request);
    if (!REFUSED.has(response.status) || metadata !== known) return await this.#answer(metadata, response);
    this.#metadata = undefined;
    const renewed = await this.#current(request.bounds);
    return await this.#answer(renewed, await this.#send(renewed, request));
  }

  async #current(bounds: Bounds): Promise<Metadata> {
    const known = this.#metadata;
    if (known !== undefined && systemClock.now() < known.expiresAt - STORE_REMOTE_METADATA_AHEAD_MS) {
      return known;
    }
    const { url, token } = this.#options;
    const response = await this.#post(
      url,
      {
        headers: {
          "accept": "application/json",
          "content-type": "application/json",
          "authorization": `Bearer ${token}`,
        },
        body: JSON.stringify({ supportedVersions: PROTOCOLS }),
        maxBytes: STORE_REMOTE_METADATA_MAX_BYTES,
      },
      bounds,
      false,
    );
    if (response.status !== 200) throw await this.#refused(response, false);
    return this.#metadata = this.#parse(await readJson(response));
  }

  async #send(metadata: Metadata, request: DatapathRequest): Promise<Response> {
    const { method, body, bounds } = request;
    return await this.#post(
      `${metadata.endpoint}/${method}`,
      {
        headers: {
          "content-type": "application/x-protobuf",
          "authorization": `Bearer ${metadata.token}`,
          "x-denokv-database-id": metadata.databaseId,
          "x-denokv-version": String(metadata.protocol),
        },
        body,
        // A write that arrived twice would look like another's, its own first copy having changed what it checks.
        once: method === "atomic_write",
        maxBytes: STORE_REMOTE_ANSWER_MAX_BYTES,
      },
      bounds,
      true,
    );
  }

  async #answer({ protocol }: Metadata, response: Response): Promise<DatapathAnswer> {
    if (response.status !== 200) throw await this.#refused(response, true);
    return { body: new Uint8Array(await response.arrayBuffer()), protocol };
  }

  async #post(
    url: string,
    request: Pick<NonNullable<Parameters<Http>[1]>, "headers" | "body" | "maxBytes" | "once">,
    { deadline, signal }: Bounds,
    doubtful: boolean,
  ): Promise<Response> {
    const timeoutMs = Math.max(1, deadline - performance.now());
    try {
      return await this.#options.http(url, { method: "POST", ...request, timeoutMs, signal });
    } catch (error) {
      throw signal?.aborted ? error : this.#failed(error, doubtful && !(error instanceof UnsentError));
    }
  }

  /** The failure for a request without an answer; a refusal of the sandbox stays what it is. */
  #failed(error: unknown, doubtful: boolean): unknown {
    switch (error instanceof McpAuthError ? error.code : undefined) {
      case "TIMEOUT":
        return new RequestFailure(
          new McpAuthError("TIMEOUT", `Cannot use the store at ${this.#place}: it does not answer`, {
            hint: "Try again; if it persists, check that the server in MCP_AUTH_STORE is up",
            cause: error,
          }),
          { transient: true, doubtful },
        );
      case "NETWORK_ERROR":
        return new RequestFailure(this.unavailable(wordsOf(error), REACH, error), {
          transient: true,
          doubtful,
        });
      case "SERVER_ERROR":
      case "UNSAFE_URL":
        return new RequestFailure(this.unavailable(wordsOf(error), CHECK_URL, error), { doubtful });
      default:
        return error;
    }
  }

  /** The failure for an answer that is no success. */
  async #refused(response: Response, datapath: boolean): Promise<RequestFailure> {
    const { status } = response;
    if (REFUSED.has(status)) {
      return new RequestFailure(
        this.unavailable(`it refuses the access token (${status})`, "Check DENO_KV_ACCESS_TOKEN"),
      );
    }
    const words = safeText(redact(await response.text()), WORDS_MAX_CHARS);
    const said = `it answers ${status}${words === "" ? "" : `: ${words}`}`;
    if (PASSING.has(status)) {
      return new RequestFailure(this.unavailable(said, "Try again; if it persists, look at its server"), {
        transient: true,
        doubtful: datapath && status >= 500,
      });
    }
    return new RequestFailure(this.unavailable(said, datapath ? "Update mcp-auth" : CHECK_URL));
  }

  #parse(metadata: unknown): Metadata {
    const { version, databaseId, endpoints, token, expiresAt } = (metadata ?? {}) as Record<string, unknown>;
    if (typeof version === "number" && !PROTOCOLS.includes(version)) {
      throw new RequestFailure(
        this.unavailable(`its protocol is version ${safeText(version)}`, "Update mcp-auth"),
      );
    }
    const strong = Array.isArray(endpoints)
      ? endpoints.find((endpoint) => endpoint?.consistency === "strong")?.url
      : undefined;
    const endpoint = typeof strong === "string" ? URL.parse(strong, this.#options.url) : null;
    if (
      typeof version !== "number" || typeof databaseId !== "string" || typeof token !== "string" ||
      typeof expiresAt !== "string" || endpoint === null
    ) {
      throw new RequestFailure(
        this.unavailable("what is there is no KV Connect server", CHECK_URL),
      );
    }
    try {
      parseWebUrl(endpoint.href, "the address of the database");
    } catch (error) {
      throw this.#failed(error, false);
    }
    return {
      protocol: version,
      databaseId,
      endpoint: endpoint.href.replace(/\/$/, ""),
      token,
      expiresAt: Date.parse(expiresAt) || 0,
    };
  }

  /**
   * The error for a store that cannot be used.
   *
   * @param detail What is wrong with it.
   * @param hint What to do.
   * @param cause What was caught.
   */
  unavailable(detail: string, hint: string, cause?: unknown): McpAuthError {
    return new McpAuthError("STORE_UNAVAILABLE", `Cannot use the store at ${this.#place}: ${detail}`, {
      hint,
      cause,
    });
  }

  get #place(): string {
    return `"${safeUrl(this.#options.url)}"`;
  }
}

const CHECK_URL = "Set MCP_AUTH_STORE to the URL of a KV Connect server";
const REACH = "Check MCP_AUTH_STORE and the network, then try again";
/** What a server says of its failure. */
const WORDS_MAX_CHARS = 200;

/** What an error says, to stand after a colon. */
function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message : "";
  return words.charAt(0).toLowerCase() + words.slice(1);
}
