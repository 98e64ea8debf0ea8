/**
 * `deno task chaos`: the proof that a bridge keeps its promises whatever the network and the server do. A real host, a
 * real bridge that is signed in with tokens that live for seconds, and real servers that are killed every few seconds;
 * between bridge and server a wire that cuts, delays, truncates, duplicates and reorders bytes.
 *
 *     deno task chaos [--quick] [--seed <s>] [--transport <kind>]... [--calls <n>] [--in-flight <n>]
 *
 * What happens on the wire follows from the seed, which is printed; the moments at which processes do things do not. It
 * ends with a table, and with 1 when a promise was broken.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports
import { parseArgs } from "node:util";
import { startAuthorizationServer } from "../demo/servers/authorization_server.ts";
import { checkoutPath } from "../torture/arena.ts";
import { Random } from "../torture/random.ts";
import { GROWTH_MAX } from "./judge.ts";
import { reportText, table } from "./report.ts";
import { type KindName, KINDS } from "./kinds.ts";
import { run, type RunResult } from "./run.ts";

const NAMES = Object.keys(KINDS) as readonly KindName[];
const USAGE =
  `Usage: deno task chaos [--quick] [--seed <s>] [--transport <kind>]... [--calls <n>] [--in-flight <n>]
Transports: ${NAMES.join(", ")}`;

const OPTIONS = {
  quick: { type: "boolean", default: false },
  seed: { type: "string" },
  transport: { type: "string", multiple: true },
  calls: { type: "string" },
  "in-flight": { type: "string", default: "50" },
  // To look at another checkout.
  program: { type: "string" },
} as const;

/** Calls of each transport. */
const CALLS = { long: 10_000, short: 3_000, quick: 800 };
/** Calls after which a program has warmed up. */
const MEMORY_CALLS_MIN = 8_000;
/** How long one transport may take, in ms. */
const LIMIT_MS = { long: 75_000, short: 25_000, quick: 15_000 };
/** Between two restarts of a server, in ms. */
const RESTART_MS = { long: [2_000, 4_000], quick: [800, 1_600] } as const;
/** How long nobody listens then at most, in ms. */
const OUTAGE_MS = { long: 600, quick: 200 };
/** How long access tokens live, in seconds: several refreshes happen in each run. */
const TOKEN_LIFETIME_S = { long: 12, quick: 4 };

async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const pace = options.quick ? "quick" : "long";
  const given = options.calls === undefined ? undefined : Number(options.calls);
  const inFlight = Number(options["in-flight"]);
  const kinds = (options.transport ?? NAMES) as readonly KindName[];
  if (
    (given !== undefined && !(given > 0)) || !(inFlight > 0) || kinds.some((kind) => !NAMES.includes(kind))
  ) {
    console.error(USAGE);
    return 2;
  }
  const seed = options.seed ?? crypto.randomUUID().slice(0, 8);
  console.log(`seed ${seed}`);
  const interrupted = new AbortController();
  const onInterrupt = () => interrupted.abort(new Error("Interrupted"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onInterrupt);
  const started = performance.now();
  const say = (line: string) =>
    console.error(`${((performance.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
  const root = await Deno.makeTempDir({ prefix: "mcp-auth-chaos-" });
  try {
    await using authorizationServer = await startAuthorizationServer({
      accessTokenLifetime: TOKEN_LIFETIME_S[pace],
    });
    const results: RunResult[] = [];
    for (const kind of kinds) {
      interrupted.signal.throwIfAborted();
      const folder = `${root}/${kind}`;
      await Deno.mkdir(folder);
      const random = new Random(seed).branch(kind);
      const size = options.quick ? "quick" : KINDS[kind].long || given !== undefined ? "long" : "short";
      const limits = { limitMs: LIMIT_MS[size], restartMs: RESTART_MS[pace], outageMs: OUTAGE_MS[pace] };
      results.push(
        await run({
          ...limits,
          kind,
          calls: given ?? CALLS[size],
          inFlight,
          random,
          authorizationServer,
          folder,
          program: options.program ?? checkoutPath("main.ts"),
          signal: interrupted.signal,
          say,
        }),
      );
    }
    console.log(table(results));
    const broken = results.map(withMemory).filter(({ violations }) => violations.length > 0);
    for (const result of broken) console.log(reportText(result));
    if (broken.length === 0) return 0;
    console.log(
      `\nTo repeat it: deno task chaos --seed ${seed}${options.quick ? " --quick" : ""} --transport ${
        broken.map(({ kind }) => kind).join(" --transport ")
      }`,
    );
    return 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, onInterrupt);
    await Deno.remove(root, { recursive: true });
  }
}

/** Memory that grows is a violation, where a run was long enough to tell it from a program that has just started. */
function withMemory(result: RunResult): RunResult {
  const { memory, calls } = result;
  if (memory === undefined || calls < MEMORY_CALLS_MIN || memory.last <= memory.middle * GROWTH_MAX) {
    return result;
  }
  const what = `${memory.last} bytes at the end, ${memory.middle} in the middle`;
  return { ...result, violations: [...result.violations, { rule: "memory", what }] };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
