/**
 * A host of the WebSocket transport, and tokens for it.
 *
 * @module
 */
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { createWebSockets } from "../../../lib/primitives/http/web_sockets.ts";
import { type WebSocketOptions, webSocketRemote } from "../../../lib/services/bridge/transports/websocket.ts";
import type { Authorizer, Refusal } from "../../../lib/services/tokens/mod.ts";
import { RemoteHost } from "../../contracts/remote.ts";
import { NO_SIGN_IN } from "./host.ts";

/** Hands out one token after the other: each refusal brings the next, until there is none. */
export class Tokens implements Authorizer {
  readonly refusals: Refusal[] = [];
  readonly #tokens: string[];

  constructor(...tokens: readonly string[]) {
    this.#tokens = [...tokens];
  }

  headers(): Promise<Record<string, string>> {
    return Promise.resolve({ authorization: `Bearer ${this.#tokens[0]}` });
  }

  noteNonce(): void {}

  refused(refusal: Refusal): Promise<void> {
    this.refusals.push(refusal);
    if (this.#tokens.length > 1) return Promise.resolve(void this.#tokens.shift());
    return Promise.reject(
      new McpAuthError("AUTH_REQUIRED", "Cannot use it", { hint: "Run: mcp-auth login it" }),
    );
  }
}

/** A host that keeps what was logged for it. */
export class WebSocketHost extends RemoteHost {
  readonly log: readonly string[];

  /**
   * @param server Where it connects to.
   * @param options What differs from a server without sign-in.
   */
  constructor(server: { readonly url: string }, options: Partial<WebSocketOptions> = {}) {
    const log: string[] = [];
    super({
      open: (receiver) =>
        webSocketRemote({
          url: server.url,
          http: createHttp({ log: (line) => void log.push(line) }),
          openSocket: createWebSockets({ log: (line) => void log.push(line) }),
          authorizer: NO_SIGN_IN,
          receiver,
          log: (line) => void log.push(line),
          ...options,
        }),
      hasEnded: () => true,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
    this.log = log;
  }
}
