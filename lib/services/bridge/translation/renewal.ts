/**
 * What a server has to be told again when another session was opened in place of one that it has lost: how much it is
 * to log, and which resources it is to tell changes of. A server that loses every session is not followed for ever.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management (T2)
 * @module
 */
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import type { JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { type OwnRequests, RefusedError } from "./own_requests.ts";

/** Sessions in a row that are lost while the server is being told. */
const LOSSES_MAX = 2;

/** What belongs to a session. */
export interface SessionWishes {
  /** The level of the server's log, as it was asked for; undefined where it was not. */
  readonly level: unknown;
  /** The resources that were subscribed to. */
  readonly uris: Iterable<string>;
}

/** What the telling runs on. */
export interface RenewalOptions {
  /** Makes the requests. */
  readonly own: OwnRequests;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** Tells a server again. */
export class Renewal {
  readonly #options: RenewalOptions;
  #isRunning = false;
  #isLostAgain = false;

  /** @param options What it runs on. */
  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /**
   * Tells the server all of it, and from the start where yet another session is opened meanwhile. It does not fail.
   *
   * @param wishes Gives what there is to tell.
   */
  async tell(wishes: () => SessionWishes): Promise<void> {
    this.#isLostAgain = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let losses = 0; this.#isLostAgain && losses < LOSSES_MAX; losses++) {
        this.#isLostAgain = false;
        await this.#tellOnce(wishes());
      }
    } catch (error) {
      this.#options.log(
        `Cannot tell the server again what the host wants: ${error instanceof Error ? error.message : error}`,
      );
    } finally {
      this.#isRunning = false;
    }
  }

  async #tellOnce({ level, uris }: SessionWishes): Promise<void> {
    if (level !== undefined) await this.#request("logging/setLevel", { level });
    for (const uri of [...uris]) {
      if (this.#isLostAgain) return;
      await this.#request("resources/subscribe", { uri });
    }
  }

  async #request(method: string, params: JsonObject): Promise<void> {
    const { own, log, signal } = this.#options;
    try {
      await own.request(method, params, { signal, timeoutMs: HTTP_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      log(error.message);
    }
  }
}
