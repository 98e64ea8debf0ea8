/**
 * Bridges whose connections die without a word, in a network of their own (`unshare --net`): the packets of connections
 * that exist are dropped, and nobody is told. A program of its own, started by `bridge_network_test.ts`; it writes what
 * came of it as JSON to standard output.
 *
 * @module
 */
import { event, hang, type ScriptedServer, startScriptedServer } from "../services/bridge/scripted_server.ts";
import { Home } from "./program.ts";
import { RawBridge } from "./raw_bridge.ts";

/** What came of one call. */
export interface Outcome {
  /** The tool's result, or the code of the error. */
  readonly came: string;
  /** How long that took, in milliseconds. */
  readonly tookMs: number;
}

/** What came of all. */
export interface CutOff {
  /** A call right after the machine slept, its connections dead. */
  readonly afterSleep: Outcome;
  /** The positions that the GET stream was opened at. */
  readonly positions: readonly (string | null)[];
  /** A call after a silence in which its connections died. */
  readonly afterSilence: Outcome;
  /** A call whose server vanishes while it runs. */
  readonly vanished: Outcome;
  /** The next call, with the server back. */
  readonly back: Outcome;
}

async function must(...command: readonly string[]): Promise<void> {
  const [program = "", ...args] = command;
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${command.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Drops what belongs to some connections, by the ports of their client's side; or to a server, by its port. */
async function drop(...ports: readonly number[]): Promise<void> {
  for (const chain of ["input", "output"]) {
    for (const side of ["sport", "dport"]) {
      await must("nft", "add", "rule", "inet", "cut", chain, "tcp", side, `{ ${ports.join(", ")} }`, "drop");
    }
  }
}

const portsTo = ({ log }: ScriptedServer) => [...new Set(log.flatMap(({ clientPort }) => clientPort ?? []))];
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function call(bridge: RawBridge, id: string): Promise<Outcome> {
  const started = performance.now();
  await bridge.send({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "x" } });
  const { result, error } = await bridge.answer(id);
  return { came: result?.done ?? error.data.code, tookMs: Math.round(performance.now() - started) };
}

function answering(positions: (string | null)[] = []): Promise<ScriptedServer> {
  return startScriptedServer({
    GET: async (call) => {
      positions.push(call.exchange.recorded.headers.get("last-event-id"));
      call.stream(event({ jsonrpc: "2.0", method: "notifications/message" }, `id: e${positions.length}\n`));
      await hang(call);
    },
    "tools/call": (call) => call.result({ done: "done" }),
    ping: (call) => call.result({}),
  });
}

async function sleeping(home: Home): Promise<Pick<CutOff, "afterSleep" | "positions">> {
  const positions: (string | null)[] = [];
  await using server = await answering(positions);
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  await call(bridge, "before");
  await sleep(1_000);
  bridge.kill("SIGSTOP");
  await drop(...portsTo(server));
  await sleep(17_000);
  bridge.kill("SIGCONT");
  const afterSleep = await call(bridge, "after");
  await sleep(8_000);
  return { afterSleep, positions };
}

async function silent(home: Home): Promise<Pick<CutOff, "afterSilence">> {
  await using server = await answering();
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  await call(bridge, "before");
  await sleep(2_000);
  await drop(...portsTo(server));
  await sleep(38_000);
  return { afterSilence: await call(bridge, "after") };
}

async function vanishing(home: Home): Promise<Pick<CutOff, "vanished" | "back">> {
  let answers = 0;
  await using server = await startScriptedServer({
    "tools/call": (call) => answers++ === 0 ? hang(call) : call.result({ done: "done" }),
  });
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  const pending = call(bridge, "vanished");
  while (answers === 0) await sleep(20);
  const port = Number(new URL(server.url).port);
  await must("nft", "add", "table", "inet", "vanish");
  await must("nft", "add", "chain", "inet", "vanish", "input", "{ type filter hook input priority 0; }");
  await must("nft", "add", "rule", "inet", "vanish", "input", "tcp", "dport", String(port), "drop");
  const vanished = await pending;
  await must("nft", "delete", "table", "inet", "vanish");
  return { vanished, back: await call(bridge, "back") };
}

if (import.meta.main) {
  await must("ip", "link", "set", "lo", "up");
  await must("nft", "add", "table", "inet", "cut");
  for (const chain of ["input", "output"]) {
    await must("nft", "add", "chain", "inet", "cut", chain, `{ type filter hook ${chain} priority 0; }`);
  }
  await using home = await Home.make();
  const [one, other, third] = await Promise.all([sleeping(home), silent(home), vanishing(home)]);
  const all: CutOff = { ...one, ...other, ...third };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(all)));
}
