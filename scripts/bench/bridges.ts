/**
 * Measures bridges as a host meets them: how long until the first reply, what a call costs, how many a second, and how
 * much memory it took.
 *
 * @module
 */
import { type Message, StdioHost } from "../conformance/stdio_host.ts";
import { quantile } from "./statistics.ts";
import type { BridgeName, Command, World } from "./world.ts";

/** How much is measured. */
export interface Extent {
  /** How often each bridge is measured. */
  readonly rounds: number;
  /** How often it is started in each round for its first reply alone. */
  readonly starts: number;
  /** Calls one after the other with small answers, in each round. */
  readonly calls: number;
  /** Calls with {@linkcode IN_FLIGHT} under way and small answers, in each round. */
  readonly pipelined: number;
  /** The same two with answers of 1 MiB; {@linkcode LARGE_IN_FLIGHT} under way. */
  readonly largeCalls: number;
  readonly largePipelined: number;
}

/** The kinds of answers: how they come, and how large they are. */
export const ANSWERS = ["JSON", "SSE", "JSON, 1 MiB", "SSE, 1 MiB"] as const;
/** One of them. */
export type Answer = typeof ANSWERS[number];

/** What calls with one kind of answers showed. */
export interface CallTimes {
  /** One call, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly callsPerSecond: number;
}

/** What one round of one bridge showed. */
export interface Round {
  /** From starting it to the answer to `initialize`, of each start, in milliseconds. */
  readonly firstReplyMs: readonly number[];
  /** By the kind of answers; without those that the bridge carries none of. */
  readonly calls: ReadonlyMap<Answer, CallTimes>;
  /** The most memory it held by the end of the calls with small JSON answers (VmHWM); undefined where the system does not tell. */
  readonly peakBytes: number | undefined;
  /** The same by the end of all. */
  readonly peakAfterLargeBytes: number | undefined;
}

/** Calls that are under way at once when they are pipelined. */
export const IN_FLIGHT = 64;
/** The same, with answers of 1 MiB. */
export const LARGE_IN_FLIGHT = 8;

const WARM_UP_CALLS = 200;
const LARGE_WARM_UP_CALLS = 10;
const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "bench-host", version: "1.0.0" },
};
const TEXT = { text: "The quick brown fox jumps over the lazy dog" };
const MEBIBYTE = { bytes: 1_048_576 };
const CALLS: Readonly<Record<Answer, Message>> = {
  "JSON": { name: "echo", arguments: TEXT },
  "SSE": { name: "stream", arguments: TEXT },
  "JSON, 1 MiB": { name: "echo", arguments: MEBIBYTE },
  "SSE, 1 MiB": { name: "stream", arguments: MEBIBYTE },
};

/**
 * Measures all bridges, each in turn, over and over.
 *
 * @returns The rounds by bridge.
 */
export async function measureBridges({ bridges }: World, extent: Extent): Promise<Map<BridgeName, Round[]>> {
  const names = Object.keys(bridges) as BridgeName[];
  const rounds = new Map(names.map((name) => [name, [] as Round[]]));
  for (let round = 0; round < extent.rounds; round++) {
    for (const name of names) {
      // The pipe knows no streams.
      const answers = ANSWERS.filter((answer) => name !== "pipe" || answer === "JSON");
      rounds.get(name)?.push(await measureBridge(bridges[name], extent, answers));
    }
  }
  return rounds;
}

async function measureBridge(command: Command, extent: Extent, answers: readonly Answer[]): Promise<Round> {
  const firstReplyMs: number[] = [];
  for (let start = 0; start < extent.starts; start++) {
    const { host, firstReply } = await open(command);
    firstReplyMs.push(firstReply);
    await host.close();
  }
  const { host, firstReply } = await open(command);
  firstReplyMs.push(firstReply);
  host.notify("notifications/initialized");
  const calls = new Map<Answer, CallTimes>();
  let peakBytes: number | undefined;
  for (const answer of answers) {
    calls.set(answer, await measureCalls(() => host.request("tools/call", CALLS[answer]), extent, answer));
    if (answer === "JSON") peakBytes = await peakMemory(host.pid);
  }
  const peakAfterLargeBytes = answers.length === 1 ? undefined : await peakMemory(host.pid);
  await host.close();
  return { firstReplyMs, calls, peakBytes, peakAfterLargeBytes };
}

async function measureCalls(
  call: () => Promise<unknown>,
  extent: Extent,
  answer: Answer,
): Promise<CallTimes> {
  const large = isLarge(answer);
  await timeEach(call, large ? LARGE_WARM_UP_CALLS : WARM_UP_CALLS);
  const times = await timeEach(call, large ? extent.largeCalls : extent.calls);
  const callsPerSecond = large
    ? await pipeline(call, extent.largePipelined, LARGE_IN_FLIGHT)
    : await pipeline(call, extent.pipelined, IN_FLIGHT);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), callsPerSecond };
}

/** Whether the answers are of the large kind. */
export function isLarge(answer: Answer): boolean {
  return answer.endsWith("MiB");
}

/**
 * Measures calls without a bridge: what is left is the server and the network.
 *
 * @returns The median of one call by the kind of answers, in milliseconds.
 */
export async function measureDirect(
  { url, authorization }: World,
  extent: Extent,
): Promise<Map<Answer, number>> {
  const headers = new Headers({
    authorization,
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
  });
  const post = async (method: string, params: unknown): Promise<Response> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(url, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    // As a host does, whichever way the answer comes to it.
    JSON.parse((await response.text()).replace(/^event: message\ndata: /, ""));
    return response;
  };
  const opened = await post("initialize", INITIALIZE);
  headers.set("mcp-session-id", opened.headers.get("mcp-session-id") ?? "");
  const direct = new Map<Answer, number>();
  for (const answer of ANSWERS) {
    const call = () => post("tools/call", CALLS[answer]);
    await timeEach(call, isLarge(answer) ? LARGE_WARM_UP_CALLS : WARM_UP_CALLS);
    const times = await timeEach(call, isLarge(answer) ? extent.largeCalls : extent.calls);
    direct.set(answer, quantile(times, 0.5));
  }
  return direct;
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

/** Calls with so many under way, and returns how many were done a second. */
async function pipeline(call: () => Promise<unknown>, count: number, inFlight: number): Promise<number> {
  let left = count;
  const work = async () => {
    while (left-- > 0) await call();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, work));
  return count / ((performance.now() - started) / 1_000);
}

async function peakMemory(pid: number): Promise<number | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
}
