/**
 * Keeps a channel from being cut for its silence, and finds out where the other side has gone without a word. Programs
 * cannot send the pings of WebSocket itself, so that it is the `ping` of MCP, sent where nothing has come for a while.
 * Any message counts as a sign of life, a refusal of the ping among them (a stateless server knows none, T9).
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/ping
 * @module
 */
import {
  WEBSOCKET_PING_MS,
  WEBSOCKET_PONG_BUSY_MS,
  WEBSOCKET_PONG_MS,
} from "../../../primitives/bridge_limits.ts";
import type { ChannelRemote } from "./channel_remote.ts";

/** The times of a heartbeat, in milliseconds. */
export interface Pulse {
  /** Of silence before a ping. */
  readonly everyMs: number;
  /** Until a sign of life, where nothing else is under way. */
  readonly withinMs: number;
  /** Until a sign of life, where a request is. */
  readonly busyMs: number;
}

/** The times that suit load balancers and slow servers. */
export const PULSE: Pulse = {
  everyMs: WEBSOCKET_PING_MS,
  withinMs: WEBSOCKET_PONG_MS,
  busyMs: WEBSOCKET_PONG_BUSY_MS,
};

/**
 * Watches over a channel until it is over; one that gives no sign of life is dropped.
 *
 * @param remote The channel.
 * @param pulse The times.
 */
export function keepAlive(remote: ChannelRemote, pulse: Pulse): void {
  const over = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  let pings = 0;
  const leftMs = () => Math.max(0, remote.heardAt + pulse.everyMs - performance.now());
  const wait = () => {
    timer = setTimeout(() => leftMs() > 0 ? wait() : ping(), leftMs());
  };
  const ping = () => {
    const since = performance.now();
    const id = `mcp-auth-ping-${++pings}`;
    const body = new TextEncoder().encode(`{"jsonrpc":"2.0","id":"${id}","method":"ping"}`);
    const verdict = new AbortController();
    remote.ask(id, body, AbortSignal.any([over.signal, verdict.signal])).catch(() => {});
    const look = () => {
      timer = setTimeout(() => {
        const waitedMs = performance.now() - since;
        if (remote.heardAt < since && remote.isBusy && waitedMs < pulse.busyMs) return look();
        verdict.abort();
        if (remote.heardAt < since) remote.drop("the server gives no sign of life");
        else wait();
      }, pulse.withinMs);
    };
    look();
  };
  wait();
  void remote.ended.then(() => {
    over.abort();
    clearTimeout(timer);
  });
}
