/**
 * Which transport carries the messages to a server. What is not used is not loaded.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import type { OpenSocket } from "../../../primitives/http/web_sockets.ts";
import type { Endpoint } from "./authorized_http.ts";
import { automaticWay, type Verdict } from "./automatic.ts";
import type { WayToServer } from "./remote.ts";
import { StreamableHttp } from "./streamable_http.ts";
import type { WebSocketAuth } from "./websocket_token.ts";

/**
 * How a server is reached: `http` is Streamable HTTP, `sse` the HTTP+SSE of 2024-11-05, and `auto` the first, or the
 * second where the first is not there.
 */
export type TransportKind = "auto" | "http" | "sse" | "websocket";

/** What {@linkcode transportTo} takes. */
export interface TransportOptions extends Endpoint {
  /** `auto` when left out. */
  readonly transport?: TransportKind | undefined;
  /** Opens WebSockets under the rules of the entry; there is no `websocket` without it. */
  readonly openSocket?: OpenSocket | undefined;
  /** Where a WebSocket server gets the token; in the header when left out. */
  readonly webSocketAuth?: WebSocketAuth | undefined;
  /** For `auto`: what is known of the server; shared by whoever asks it in several ways. */
  readonly verdict?: Verdict | undefined;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
}

/**
 * Makes the way to a server by its transport.
 *
 * @throws {McpAuthError} `USAGE` for `websocket` where nothing opens one.
 */
export async function transportTo(options: TransportOptions): Promise<WayToServer> {
  switch (options.transport ?? "auto") {
    case "auto":
      return automaticWay(options);
    case "http":
      return (receiver) => new StreamableHttp({ ...options, receiver });
    case "sse": {
      const { HttpSse } = await import("./http_sse.ts");
      return (receiver) => new HttpSse({ ...options, receiver });
    }
    case "websocket": {
      const { openSocket, webSocketAuth: auth } = options;
      if (openSocket === undefined) {
        throw new McpAuthError("USAGE", "Cannot reach the server by WebSocket: nothing opens one here");
      }
      const { webSocketRemote } = await import("./websocket.ts");
      return (receiver) => webSocketRemote({ ...options, openSocket, auth, receiver });
    }
  }
}
