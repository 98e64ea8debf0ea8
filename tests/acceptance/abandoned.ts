/**
 * Bridges whose parents are killed with SIGKILL while standard input, output and error stay open in a third process,
 * which is the test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ScriptedServer, startScriptedServer } from "../services/bridge/scripted_server.ts";
import { processesOf, until } from "./processes.ts";
import type { Home } from "./program.ts";

/** A look at the parent is due every half second, an end takes two seconds at most; a busy machine adds to both. */
const GONE_WITHIN_MS = 10_000;
/** Bridges that are started at once. */
const AT_ONCE = 10;

/** Milliseconds after the start, or once the first request is answered. */
export type Moment = number | "answered";

const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "host", version: "1" },
};

/** A parent with its bridge; it is a shell that waits, and its streams are this process's. */
class Parent implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;

  constructor(home: Home, command: readonly string[], args: readonly string[]) {
    this.child = new Deno.Command("/bin/sh", {
      args: ["-c", '"$@"; exit 7', "host", ...command, "bridge", ...args],
      cwd: home.path,
      clearEnv: true,
      env: home.environment(),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.child.stdin.getWriter();
    this.#stdout = this.child.stdout.getReader();
  }

  async send(message: unknown): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`)).catch(() => {});
  }

  /** Waits for anything on standard output. */
  async heard(): Promise<void> {
    const { done } = await this.#stdout.read();
    assert.ok(!done, "the bridge has ended");
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } catch {
      // It was killed before.
    }
    await this.#stdin.close().catch(() => {});
    await this.#stdout.cancel();
    await this.child.stderr.cancel();
  }
}

/** Starts a bridge below a parent and kills the parent at the moment. */
async function abandon(parent: Parent, moment: Moment): Promise<void> {
  await parent.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: INITIALIZE });
  if (moment === "answered") {
    await parent.heard();
    await parent.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    await parent.send({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "hangs" } });
  } else await new Promise((resolve) => setTimeout(resolve, moment));
  await parent.kill();
}

/** A server whose calls are never answered, and whose stream stays open. */
export function startHangingServer(): Promise<ScriptedServer> {
  const hang = ({ exchange: { signal } }: { exchange: { signal: AbortSignal } }) =>
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  return startScriptedServer({
    "tools/call": hang,
    GET: async (call) => {
      call.stream(": here\n\n");
      await hang(call);
    },
  });
}

/** Those of the processes that still exist, zombies among them. */
function existing(pids: ReadonlySet<number>): readonly string[] {
  return [...pids].flatMap((pid) => {
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      return / \((deno|mcp-auth\S*|sh)\) /.test(stat) ? [stat] : [];
    } catch {
      return [];
    }
  });
}

/** Kills the parents of some bridges, and makes sure that nothing is left of them. */
export async function abandonAll(
  home: Home,
  url: string,
  commandOf: (index: number) => readonly string[],
  moments: readonly Moment[],
): Promise<void> {
  const seen = new Set<number>();
  for (let from = 0; from < moments.length; from += AT_ONCE) {
    await using parents = new AsyncDisposableStack();
    const started = moments.slice(from, from + AT_ONCE).map((moment, index) => {
      return [parents.use(new Parent(home, commandOf(from + index), [url])), moment] as const;
    });
    await Promise.all(started.map(async ([parent, moment]) => {
      await abandon(parent, moment);
      for (const { pid } of await processesOf(home.path)) seen.add(pid);
    }));
    for (const { pid } of await processesOf(home.path)) seen.add(pid);
    assert.ok(
      await home.isQuiet(GONE_WITHIN_MS),
      `left of wave ${from / AT_ONCE}: ${
        JSON.stringify((await processesOf(home.path)).map(({ pid, ppid, args }) => [pid, ppid, args.at(-2)]))
      }`,
    );
  }
  assert.ok(seen.size >= moments.length / 2, "there were bridges");
  assert.ok(await until(() => existing(seen).length === 0, 3_000), existing(seen).join(""));
}
