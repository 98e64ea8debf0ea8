/**
 * Measures bridges as a host meets them: how long until the first reply, what a call costs, how many a second, and how
 * much memory it took.
 *
 * @module
 */
import { StdioHost } from "../conformance/stdio_host.ts";
import { quantile } from "./statistics.ts";
import type { Command, World } from "./world.ts";

/** How much is measured. */
export interface Extent {
  /** How often each bridge is measured. */
  readonly rounds: number;
  /** How often it is started in each round for its first reply alone. */
  readonly starts: number;
  /** Calls one after the other, in each round. */
  readonly calls: number;
  /** Calls with {@linkcode IN_FLIGHT} under way, in each round. */
  readonly pipelined: number;
}

/** What one round of one bridge showed. */
export interface Round {
  /** From starting it to the answer to `initialize`, of each start, in milliseconds. */
  readonly firstReplyMs: readonly number[];
  /** One call, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly callsPerSecond: number;
  /** The most memory it held by the end of the calls above (VmHWM); undefined where the system does not tell. */
  readonly peakBytes: number | undefined;
  /** One call that is answered with an event stream, in milliseconds; NaN for a bridge that carries none. */
  readonly streamedP50Ms: number;
}

/** Calls that are under way at once when they are pipelined. */
export const IN_FLIGHT = 64;

const WARM_UP_CALLS = 200;
const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "bench-host", version: "1.0.0" },
};
const TEXT = { text: "The quick brown fox jumps over the lazy dog" };
const CALL = { name: "echo", arguments: TEXT };
const STREAMED_CALL = { name: "stream", arguments: TEXT };

/**
 * Measures all bridges, each in turn, over and over.
 *
 * @returns The rounds by bridge.
 */
export async function measureBridges({ bridges }: World, extent: Extent): Promise<Map<string, Round[]>> {
  const rounds = new Map(Object.keys(bridges).map((name) => [name, [] as Round[]]));
  for (let round = 0; round < extent.rounds; round++) {
    for (const [name, command] of Object.entries(bridges)) {
      rounds.get(name)?.push(await measureBridge(command, extent, name !== "pipe"));
    }
  }
  return rounds;
}

async function measureBridge(command: Command, extent: Extent, streams: boolean): Promise<Round> {
  const firstReplyMs: number[] = [];
  for (let start = 0; start < extent.starts; start++) {
    const { host, firstReply } = await open(command);
    firstReplyMs.push(firstReply);
    await host.close();
  }
  const { host, firstReply } = await open(command);
  firstReplyMs.push(firstReply);
  host.notify("notifications/initialized");
  const call = () => host.request("tools/call", CALL);
  await timeEach(call, WARM_UP_CALLS);
  const times = await timeEach(call, extent.calls);
  const callsPerSecond = await pipeline(call, extent.pipelined);
  const peakBytes = await peakMemory(host.pid);
  const streamed = streams
    ? await timeEach(() => host.request("tools/call", STREAMED_CALL), extent.calls)
    : [];
  await host.close();
  return {
    firstReplyMs,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    streamedP50Ms: quantile(streamed, 0.5),
    callsPerSecond,
    peakBytes,
  };
}

/**
 * Measures calls without a bridge: what is left is the server and the network.
 *
 * @param calls How many.
 * @returns The median of one call, in milliseconds.
 */
export async function measureDirect({ url, authorization }: World, calls: number): Promise<number> {
  const headers = new Headers({ authorization, "content-type": "application/json" });
  const post = async (method: string, params: unknown): Promise<Response> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(url, { method: "POST", headers, body });
    await response.text();
    if (response.ok) return response;
    throw new Error(`The server answered ${response.status}`);
  };
  const opened = await post("initialize", INITIALIZE);
  headers.set("mcp-session-id", opened.headers.get("mcp-session-id") ?? "");
  const call = () => post("tools/call", CALL);
  await timeEach(call, WARM_UP_CALLS);
  return quantile(await timeEach(call, calls), 0.5);
}

async function open({ line, env }: Command): Promise<{ host: StdioHost; firstReply: number }> {
  const started = performance.now();
  const host = new StdioHost(line, { env, stderr: "null" });
  await host.request("initialize", INITIALIZE);
  return { host, firstReply: performance.now() - started };
}

/** Calls one after the other, and returns how many milliseconds each took. */
async function timeEach(call: () => Promise<unknown>, count: number): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) {
    const started = performance.now();
    await call();
    times.push(performance.now() - started);
  }
  return times;
}

/** Calls with many under way, and returns how many were done a second. */
async function pipeline(call: () => Promise<unknown>, count: number): Promise<number> {
  let left = count;
  const work = async () => {
    while (left-- > 0) await call();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return count / ((performance.now() - started) / 1_000);
}

async function peakMemory(pid: number): Promise<number | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
}
