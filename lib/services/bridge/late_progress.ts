/**
 * Progress that comes too late: of requests that the bridge has answered with an error of its own, because their answer
 * cannot come any more, while the server is still at work on them. A host has forgotten the token by then. After an answer
 * of the server's, on the other hand, progress may go on, as that of tasks does.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress
 * @module
 */
import { BRIDGE_WAITING_MAX } from "../../primitives/bridge_limits.ts";
import { isJsonObject, type Message } from "../../primitives/mcp/jsonrpc.ts";
import type { Outbound } from "./transports/remote.ts";

const PROGRESS = "notifications/progress";

/** The tokens of requests that were given up. */
export class LateProgress {
  readonly #tokens = new Set<unknown>();

  /** Its requests were given up: no progress of theirs is wanted. */
  forsake({ messages }: Outbound): void {
    for (const message of messages) {
      const token = tokenOf(message);
      if (token !== undefined) this.#tokens.add(token);
    }
    // The oldest has been silent for longest.
    for (const oldest of this.#tokens) {
      if (this.#tokens.size <= BRIDGE_WAITING_MAX) break;
      this.#tokens.delete(oldest);
    }
  }

  /** Its requests are on their way: their tokens, if they had another meaning before, have this one now. */
  expect({ messages }: Outbound): void {
    if (this.#tokens.size === 0) return;
    for (const message of messages) this.#tokens.delete(tokenOf(message));
  }

  /** True for progress of a request that was given up. */
  isLate(message: Message): boolean {
    if (this.#tokens.size === 0 || message.kind !== "notification" || message.method !== PROGRESS) {
      return false;
    }
    const { params } = message.value;
    return isJsonObject(params) && this.#tokens.has(params["progressToken"]);
  }
}

function tokenOf(message: Message): unknown {
  if (message.kind !== "request") return undefined;
  const { params } = message.value;
  const meta = isJsonObject(params) ? params["_meta"] : undefined;
  return isJsonObject(meta) ? meta["progressToken"] : undefined;
}
