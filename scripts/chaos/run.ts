/**
 * One run: a bridge that is signed in, a server that dies every few seconds, and the wire between them. The bridge is
 * opened in calm, lives through all calls under fire, and has to be of use afterwards.
 *
 * @module
 */
import { BRIDGE_DRAIN_MS } from "../../lib/primitives/limits.ts";
import { pause } from "../../lib/primitives/system/clock.ts";
import type { AuthorizationServer } from "../demo/servers/authorization_server.ts";
import { checkoutPath } from "../torture/arena.ts";
import type { Random } from "../torture/random.ts";
import { ChaosHost } from "./host.ts";
import { type CallRecord, judge, memoryOf, type Verdict, type Violation } from "./judge.ts";
import { readLedger } from "./ledger.ts";
import { type Kind, type KindName, KINDS } from "./kinds.ts";
import type { Job } from "./server.ts";
import { ServerKeeper } from "./server_keeper.ts";
import { CALM, Wire } from "./wire.ts";

/** What is to be done. */
export interface RunSettings {
  readonly kind: KindName;
  readonly calls: number;
  readonly inFlight: number;
  /** Between two restarts of the server, in ms. */
  readonly restartMs: readonly [number, number];
  /** How long nobody listens then at most, in ms. */
  readonly outageMs: number;
  /** The `main.ts` that is run. */
  readonly program: string;
  /** When no more calls are made, in ms. */
  readonly limitMs: number;
  readonly random: Random;
  readonly authorizationServer: AuthorizationServer;
  /** A folder of its own. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** What became of it. */
export interface RunResult {
  readonly kind: KindName;
  readonly calls: number;
  readonly verdict: Verdict;
  /** Everything that must not be, the verdict's included. */
  readonly violations: readonly Violation[] | readonly { readonly rule: string; readonly what: string }[];
  readonly seconds: number;
  readonly restarts: number;
  readonly refreshes: number;
  readonly happened: Readonly<Record<string, number>>;
  readonly tainted: number;
  readonly memory: { readonly middle: number; readonly last: number } | undefined;
  readonly endMs: number;
  /** The last of what the bridge wrote to standard error. */
  readonly said: string;
}

/** What a host waits after an error before it goes on, in ms: one that does not burns all its calls in one outage. */
const BACKOFF_MS = [20, 200] as const;
/** The share of the calls in which the bridge warms up, before its memory counts. */
const WARM_UP = 0.35;
/** The share of the calls that the host cancels, where they are not answered before. */
const CANCELLED = 0.02;
/** When it does so at the latest, in ms. */
const CANCEL_MAX_MS = 100;
/** How often the memory is read, in ms. */
const WEIGH_MS = 500;
/** Calls that have to succeed when all is calm. */
const CLEAN_CALLS = 100;
/** How long a bridge may take to find its server again when all is calm, in ms. */
const SETTLE_MS = 15_000;
/** The least share of calls that have to be answered for a run to have tested anything. */
const ANSWERED_MIN = 0.3;
/** Starting and stopping a process, beyond the bound that the bridge gives itself. */
const EXIT_SPARE_MS = 1_000;

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 äöü€";
const PAYLOAD_MAX = 64 * 1_024;

/** Runs once. */
export async function run(settings: RunSettings): Promise<RunResult> {
  const { kind, random, folder, say } = settings;
  const way: Kind = KINDS[kind];
  await using undo = new AsyncDisposableStack();
  const port = freePort();
  const wire = await Wire.start(port, random.branch("wire"));
  undo.defer(() => wire.close());
  const origin = `http://127.0.0.1:${wire.port}`;
  const ledger = `${folder}/${kind}.ledger`;
  const { issuer, jwksUrl } = settings.authorizationServer;
  const keeper = undo.use(
    new ServerKeeper({ kind: way.server, issuer: { issuer, jwksUrl }, origin, ledger }, port),
  );
  await keeper.start();
  const env = environment(folder);
  await signIn(settings, origin, env);
  const host = new ChaosHost({
    command: mcpAuth(settings.program, "bridge", kind, "--keystore", "file"),
    env,
    stateless: way.statelessHost,
  });
  undo.defer(async () => void await host.end(BRIDGE_DRAIN_MS + EXIT_SPARE_MS));
  await host.open();
  say(`${kind}: under fire`);
  const refreshesBefore = settings.authorizationServer.requests("POST /token").length;
  const started = performance.now();
  const stop = new AbortController();
  const weighing = every(WEIGH_MS, stop.signal, () => host.weigh());
  const restarting = restartOften(keeper, settings, stop.signal);
  wire.rates = way.rates;
  const made = await underFire(host, settings);
  const seconds = (performance.now() - started) / 1_000;
  wire.rates = CALM;
  stop.abort();
  await Promise.all([weighing, restarting]);
  wire.cutAll();
  say(`${kind}: ${made} calls in ${seconds.toFixed(1)} s; calm again`);
  const clean = await cleanCalls(host, random.branch("clean"));
  const { code, tookMs } = await host.end(BRIDGE_DRAIN_MS + EXIT_SPARE_MS);
  const verdict = judge(host.calls.slice(0, made), {
    ledger: readLedger(await Deno.readTextFile(ledger).catch(() => "")),
    connections: wire.connections,
    strays: host.strays,
  });
  // What a program gathers while it warms up says nothing of what it keeps.
  const warm = host.calls[Math.floor(made * WARM_UP)]?.sentAt ?? 0;
  const memory = memoryOf(host.readings.filter(({ at }) => at >= warm));
  const violations: { rule: string; what: string }[] = [...verdict.violations, ...clean];
  const object = (rule: string, what: string) => violations.push({ rule, what });
  if (made < settings.calls) {
    object("time", `${made} of ${settings.calls} calls were made in ${seconds.toFixed(0)} s`);
  }
  if (verdict.answers < made * ANSWERED_MIN) {
    object("void", `only ${verdict.answers} of ${made} calls were answered`);
  }
  if (code !== 0) {
    object(
      "end",
      code === undefined ? `still there ${tookMs.toFixed(0)} ms after EOF` : `it ended with ${code}`,
    );
  }
  return {
    kind,
    calls: made,
    verdict,
    violations,
    seconds,
    restarts: keeper.restarts,
    refreshes: settings.authorizationServer.requests("POST /token").length - refreshesBefore,
    happened: wire.happened,
    tainted: wire.connections.filter(({ taintedAt }) => taintedAt !== undefined).length,
    memory,
    endMs: tookMs,
    said: host.said,
  };
}

/** Makes all calls, so many at once; returns how many there was time for. */
async function underFire(
  host: ChaosHost,
  { calls, inFlight, limitMs, random, kind, signal }: RunSettings,
): Promise<number> {
  const until = performance.now() + limitMs;
  const payload = payloadText(random.branch("payload"));
  let made = 0;
  const worker = async (number: number) => {
    const pauses = random.branch(`pauses-${number}`);
    while (made < calls && performance.now() < until && !host.ended && !signal.aborted) {
      const job = jobOf(random.branch(`call-${made}`), `call-${made++}`, payload, KINDS[kind]);
      const cancelMs = pauses.chance(CANCELLED) ? pauses.between(0, CANCEL_MAX_MS) : undefined;
      const { received, cancelled } = await host.call(job, cancelMs);
      const last = received.at(-1);
      if (!cancelled && (last === undefined || "error" in last)) {
        await pause(pauses.between(...BACKOFF_MS), signal);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, number) => worker(number)));
  return made;
}

function jobOf(random: Random, key: string, payload: string, { progress }: Kind): Job {
  const isLarge = random.chance(0.15);
  const length = isLarge ? random.whole(1_024, PAYLOAD_MAX) : random.whole(0, 200);
  const start = random.whole(0, payload.length - length);
  const steps = progress && random.chance(0.2) ? random.whole(1, 6) : 0;
  return { key, text: payload.slice(start, start + length), steps };
}

function payloadText(random: Random): string {
  return Array.from({ length: PAYLOAD_MAX * 2 }, () => random.pick([...LETTERS])).join("");
}

async function restartOften(keeper: ServerKeeper, settings: RunSettings, signal: AbortSignal): Promise<void> {
  const random = settings.random.branch("restarts");
  while (!signal.aborted) {
    await pause(random.between(...settings.restartMs), signal).catch(() => {});
    if (!signal.aborted) await keeper.restart(random.between(0, settings.outageMs));
  }
}

async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work();
    await pause(ms, signal).catch(() => {});
  }
}

/** Calls that nothing disturbs: every one of them has to be answered. */
async function cleanCalls(host: ChaosHost, random: Random): Promise<{ rule: string; what: string }[]> {
  const until = performance.now() + SETTLE_MS;
  const isAnswered = ({ received, expected }: CallRecord) => {
    const [first] = received;
    return first !== undefined && "text" in first && first.text === expected;
  };
  for (let number = 0;; number++) {
    const first = await host.call({ key: `settle-${number}`, text: "", steps: 0 });
    if (isAnswered(first)) break;
    if (performance.now() > until || host.ended) {
      return [{ rule: "aftermath", what: `no answer when all is calm: ${JSON.stringify(first.received)}` }];
    }
    await pause(200, new AbortController().signal);
  }
  const calls = await Promise.all(
    Array.from(
      { length: CLEAN_CALLS },
      (_, number) => host.call({ key: `clean-${number}`, text: String(random.next()), steps: 0 }),
    ),
  );
  return calls.filter((call) => !isAnswered(call)).map(({ key, received }) => ({
    rule: "aftermath",
    what: `${key}: ${JSON.stringify(received)}`,
  }));
}

async function signIn(
  { kind, program }: RunSettings,
  origin: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { server, flags }: Kind = KINDS[kind];
  const url = server === "websocket" ? `${origin.replace("http", "ws")}/mcp` : `${origin}/mcp`;
  const [deno = "", ...args] = mcpAuth(program, "add", kind, url, "--keystore", "file", ...flags);
  const { success, stderr } = await new Deno.Command(deno, { args, clearEnv: true, env }).output();
  if (!success) throw new Error(`Cannot sign in to the ${kind} server: ${new TextDecoder().decode(stderr)}`);
}

function mcpAuth(program: string, ...args: readonly string[]): readonly string[] {
  return [Deno.execPath(), "run", "-A", "--quiet", program, ...args];
}

function environment(folder: string): Record<string, string> {
  const own = Object.entries(Deno.env.toObject()).filter(([name]) =>
    !/^(MCP_AUTH_|(HTTPS?|NO|ALL)_PROXY$)/i.test(name)
  );
  const browser = checkoutPath("scripts/demo/browser/scripted_browser.ts");
  return {
    ...Object.fromEntries(own),
    MCP_AUTH_HOME: `${folder}/home`,
    BROWSER: `${Deno.execPath()} run -A --quiet --no-config ${browser}`,
    NO_COLOR: "1",
  };
}

/** A port that is free now, and that nobody gets by chance. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
