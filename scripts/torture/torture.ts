/**
 * `deno task torture`: the proof that no race, crash, network or disk costs a sign-in, and that no secret lies open. It
 * runs the real program in many processes against real servers, kills them, cuts their wires and fills their disks, and
 * asks the authorization server what is left.
 *
 *     deno task torture [--short | --minutes <n>] [--seed <s>] [--only <scenario>]...
 *
 * All choices follow from the seed, which is printed; the moments at which processes do things do not. The rounds are
 * those of the long form unless `--short` is given; `--minutes` repeats them until so much time is over. It ends with a
 * table, and with 1 when a credential was lost, a promise broken, or a scenario could not run (`--may-skip` allows that
 * one). To look at one round again: `--only <scenario> --from <round> --rounds 1`.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports
import { parseArgs } from "node:util";
import { checkoutPath, SECRETS_ROW, type Settings } from "./arena.ts";
import { settleIn } from "./namespaces.ts";
import { failureText, merged, passed, type Result, table } from "./result.ts";
import { type Course, runScenarios, SCENARIOS } from "./scenarios.ts";

const USAGE = `Usage: deno task torture [--short | --minutes <n>] [--seed <s>] [--only <scenario>]...
Scenarios: ${Object.keys(SCENARIOS).join(", ")}`;

const OPTIONS = {
  short: { type: "boolean", default: false },
  minutes: { type: "string" },
  seed: { type: "string" },
  only: { type: "string", multiple: true },
  "may-skip": { type: "boolean", default: false },
  quiet: { type: "boolean", default: false },
  // To look at something again.
  rounds: { type: "string" },
  from: { type: "string" },
  program: { type: "string" },
  // From one run of this program to the one inside a namespace.
  scale: { type: "string" },
  inside: { type: "string" },
  report: { type: "string" },
} as const;

/** Failures of one scenario that are printed in full; the rest is counted. */
const FAILURES_SHOWN = 5;
/** Rounds of one pass have numbers below those of the next. */
const PASS_ROUNDS = 10_000;

/** Runs scenarios, again and again until so much time is over. */
async function runFor(
  minutes: number | undefined,
  scenarios: readonly string[],
  course: Course,
): Promise<readonly Result[]> {
  const { settings } = course;
  const results: Result[] = [];
  const started = performance.now();
  let passMs = 0;
  for (let pass = 0;; pass++) {
    const passed = performance.now() - started;
    const leftMs = minutes === undefined ? 0 : minutes * 60_000 - passed;
    if (pass === 1) passMs = passed;
    if (pass > 0 && leftMs <= 0) return merged(results);
    results.push(
      ...await runScenarios(scenarios, {
        ...course,
        settings: {
          ...settings,
          from: settings.from + pass * PASS_ROUNDS,
          scale: pass === 0 ? settings.scale : Math.min(1, leftMs / passMs),
        },
      }),
    );
  }
}

async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const scenarios = options.only ?? Object.keys(SCENARIOS);
  const numbers = [options.minutes, options.rounds, options.from, options.scale].map((text) =>
    text === undefined ? undefined : Number(text)
  );
  const [minutes, rounds, from = 1, scale = 1] = numbers;
  if (
    scenarios.some((scenario) => !Object.hasOwn(SCENARIOS, scenario)) ||
    numbers.some((number) => number !== undefined && !(number > 0))
  ) {
    console.error(USAGE);
    return 2;
  }
  const settings: Settings = {
    seed: options.seed ?? crypto.randomUUID().slice(0, 8),
    short: options.short,
    scale,
    rounds,
    from,
    program: options.program ?? checkoutPath("main.ts"),
    quiet: options.quiet,
  };
  const interrupted = new AbortController();
  const onInterrupt = () => interrupted.abort(new Error("Interrupted"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onInterrupt);
  console.log(`seed ${settings.seed}`);
  const started = performance.now();
  const say = (line: string) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (!options.quiet) console.error(`${seconds.padStart(7)} s  ${line}`);
  };
  const root = await Deno.makeTempDir({ prefix: "mcp-auth-torture-" });
  try {
    if (options.inside !== undefined) await settleIn(options.inside);
    const course = { settings, root, signal: interrupted.signal, say, inside: options.inside };
    const results = await runFor(minutes, scenarios, course);
    if (options.report !== undefined) await Deno.writeTextFile(options.report, JSON.stringify(results));
    return show(results, settings.seed, options["may-skip"]);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    console.error("Interrupted");
    return 130;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function show(results: readonly Result[], seed: string, maySkip: boolean): number {
  for (const { scenario, failures } of results) {
    for (const failure of failures.slice(0, FAILURES_SHOWN)) {
      console.log(`\n${failureText(scenario, failure)}`);
    }
    const more = failures.length - FAILURES_SHOWN;
    if (more > 0) console.log(`\n... and ${more} more in ${scenario}`);
  }
  const rows = results.toSorted((a, b) =>
    Number(a.scenario === SECRETS_ROW) - Number(b.scenario === SECRETS_ROW)
  );
  console.log(`\n${table(rows)}\n\nseed ${seed}`);
  return passed(results, maySkip) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
