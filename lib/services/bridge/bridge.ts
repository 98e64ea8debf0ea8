/**
 * A stdio MCP server in front of a remote one: lines of a host become messages of the server and back, until the host
 * closes its end, stops reading, or the signal fires. It then ends within {@linkcode BRIDGE_DRAIN_MS}, whatever the
 * server does, with every request answered and the session closed.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { BRIDGE_END_MS, BRIDGE_EXIT_MS, BRIDGE_STALL_MS } from "../../primitives/bridge_limits.ts";
import { BRIDGE_DRAIN_MS, MESSAGE_MAX_BYTES, SESSION_DELETE_MS } from "../../primitives/limits.ts";
import { readFrames } from "../../primitives/mcp/stdio.ts";
import { pause } from "../../primitives/system/clock.ts";
import { type ByteSink, LineWriter } from "./line_writer.ts";
import type { MessageLog } from "./log/message_log.ts";
import { Relay } from "./relay.ts";
import type { Remote } from "./transports/remote.ts";
import { type LocalWayOptions, type WayOptions, wayTo } from "./way.ts";

/** The part of the remaining time that the server gets to end the session. */
const CLOSE_SHARE = 0.8;

/** The host of a bridge. */
export interface HostOptions {
  /** The host's messages, one a line. */
  readonly input: ReadableStream<Uint8Array>;
  /** Where the server's messages go, one a line. */
  readonly output: ByteSink;
  /** Ends the bridge: nothing is waited for any more. */
  readonly signal?: AbortSignal | undefined;
  /** Gets one line for each message, without its time and without anything that the message says. */
  readonly record?: ((line: string) => void) | undefined;
}

/** What {@linkcode runBridge} takes: a host, and the way to its server. */
export type BridgeOptions = HostOptions & (WayOptions | LocalWayOptions);

/**
 * Runs a bridge until its host has left. It does not reject: what fails on the way to the server is answered to the
 * host, one coded error for each request, and what fails on the host's side ends the bridge.
 */
export async function runBridge(options: BridgeOptions): Promise<void> {
  const { signal, log } = options;
  const stop = new AbortController();
  const messages = options.record && await messageLog(options.record);
  const writer = new LineWriter(options.output, {
    pushed: messages && ((payload) => messages.toHost(payload)),
    drained: () => relay.nudge(),
    failed: (error) => {
      log(`Cannot write to the host: ${error instanceof Error ? error.message : error}`);
      stop.abort();
    },
  });
  const relay = new Relay(writer, log);
  const remote = (await wayTo(options))(relay);
  relay.attach(remote);
  stop.signal.addEventListener("abort", () => relay.nudge(), { once: true });
  const onSignal = () => stop.abort();
  if (signal?.aborted) stop.abort();
  signal?.addEventListener("abort", onSignal, { once: true });
  let stalled = false;
  const room = async () => {
    if (writer.congested) await relay.until(() => !writer.congested || stop.signal.aborted);
    if (!relay.full) stalled = false;
    else if (!stalled) {
      stalled = !await within(
        BRIDGE_STALL_MS,
        relay.until(() => !relay.full || stop.signal.aborted),
      );
    }
  };
  try {
    for await (const frame of readFrames(options.input, MESSAGE_MAX_BYTES, stop.signal)) {
      messages?.fromHost(frame);
      relay.accept(frame);
      if (stalled || relay.full || writer.congested) await room();
    }
  } catch (error) {
    log(`Cannot read from the host: ${error instanceof Error ? error.message : error}`);
  }
  await end(relay, remote, writer, stop.signal);
  signal?.removeEventListener("abort", onSignal);
}

/** Loaded only where messages are logged. */
async function messageLog(record: (line: string) => void): Promise<MessageLog> {
  const { MessageLog } = await import("./log/message_log.ts");
  return new MessageLog(record);
}

/** Waits for what is pending, answers the rest with an error and closes the session. */
async function end(relay: Relay, remote: Remote, writer: LineWriter, stop: AbortSignal): Promise<void> {
  const started = performance.now();
  await within(BRIDGE_DRAIN_MS - BRIDGE_END_MS, relay.until(() => relay.idle || stop.aborted));
  relay.abandon(
    stop.aborted
      ? new McpAuthError("AUTH_CANCELLED", "Cannot wait for the answer: the bridge was told to end")
      : new McpAuthError("TIMEOUT", "Cannot wait for the answer: the host has closed its end"),
  );
  const leftMs = BRIDGE_DRAIN_MS - BRIDGE_EXIT_MS - (performance.now() - started);
  const closed = remote.close(Math.min(SESSION_DELETE_MS, leftMs * CLOSE_SHARE));
  await within(leftMs, Promise.all([writer.flushed(), closed, relay.until(() => relay.ended)]));
}

/**
 * Waits for work, but not for ever.
 *
 * @param ms The longest wait, in milliseconds.
 * @returns Whether the work was done in time.
 */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const done = new AbortController();
  const inTime = await Promise.race([work.then(() => true), pause(ms, done.signal).then(() => false)]);
  done.abort();
  return inTime;
}
