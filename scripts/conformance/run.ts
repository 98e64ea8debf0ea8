/**
 * `deno task conformance`: runs the official conformance suite's client scenarios about authorization, one by one,
 * through the product, prints a table, and fails unless all pass that have to.
 *
 *     deno task conformance [--scenario <name>]... [--spec-version <revision>] [--force] [--json <file>]
 *
 * `--spec-version 2025-11-25 --force` runs everything over `initialize`, which tells authorization from protocol.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports
import { parseArgs } from "node:util";
import { type Outcome, runScenario, SUITE } from "./scenario_run.ts";
import { type Scenario, SCENARIOS, type Wire } from "./scenarios.ts";

const USAGE =
  "Usage: deno task conformance [--scenario <name>]... [--spec-version <revision>] [--force] [--json <file>]";
const INTERRUPTED_EXIT_CODE = 130;
const NAME_WIDTH = Math.max(...SCENARIOS.map(({ name }) => name.length));

/** A scenario with what came of it. */
interface Row extends Outcome {
  readonly scenario: Scenario;
  /** The revision it ran at. */
  readonly wire: string;
  /** Whether it has to pass. */
  readonly required: boolean;
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "scenario": { type: "string", multiple: true, default: [] },
      "spec-version": { type: "string" },
      "force": { type: "boolean", default: false },
      "json": { type: "string" },
    },
  });
  const isCalled = ({ name }: Scenario, wanted: string) => name === wanted || name === `auth/${wanted}`;
  const { scenario: names, "spec-version": specVersion, force, json } = values;
  for (const name of names) {
    if (!SCENARIOS.some((each) => isCalled(each, name))) throw new Error(`Unknown scenario "${name}"`);
  }
  const scenarios = SCENARIOS.filter((each) =>
    names.length === 0 || names.some((name) => isCalled(each, name))
  );
  return { scenarios, specVersion, force, json };
}

async function* runAll(options: ReturnType<typeof readOptions>, signal: AbortSignal): AsyncGenerator<Row> {
  for (const scenario of options.scenarios) {
    const outcome = await runScenario(scenario.name, options, signal);
    const wire = options.specVersion ?? scenario.wire;
    yield { ...outcome, scenario, wire, required: scenario.required.includes(wire as Wire) };
  }
}

function describe({ scenario, wire, verdict, required, failures, ms }: Row): string {
  return [
    markOf(verdict, required),
    scenario.name.padEnd(NAME_WIDTH),
    scenario.group.padEnd(10),
    wire,
    verdict,
    `${(ms / 1_000).toFixed(1)} s`,
    failures.map(({ check }) => check).join(", "),
  ].join("  ").trimEnd();
}

function markOf(verdict: Row["verdict"], required: boolean): string {
  if (verdict === "pass") return "✓";
  if (verdict === "skip") return "-";
  return required ? "✗" : "○";
}

/** What the missed ones complained of, and why the others need not pass. */
function* explain(rows: readonly Row[]): Generator<string> {
  const failed = rows.filter(({ verdict }) => verdict === "fail");
  for (const { scenario, failures } of failed.filter(({ required }) => required)) {
    for (const { check, message } of failures) yield `✗ ${scenario.name}: ${check}: ${message}`;
  }
  const excused = failed.filter(({ required }) => !required);
  for (const [reason, { length }] of Map.groupBy(excused, ({ scenario }) => scenario.notYet)) {
    yield `○ ${length} not expected to pass: ${reason}`;
  }
  for (const { scenario, verdict, required } of rows) {
    if (verdict === "pass" && !required) yield `✓ ${scenario.name} passes, and need not: require it`;
  }
}

async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const interrupted = new AbortController();
  Deno.addSignalListener("SIGINT", () => interrupted.abort(new Error("Interrupted")));
  console.log(`${SUITE}, through "mcp-auth bridge <url> --login"\n`);
  const rows: Row[] = [];
  try {
    for await (const row of runAll(options, interrupted.signal)) {
      rows.push(row);
      console.log(describe(row));
    }
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    console.error("Interrupted");
    return INTERRUPTED_EXIT_CODE;
  }
  console.log("");
  for (const line of explain(rows)) console.log(line);
  const passed = rows.filter(({ verdict }) => verdict === "pass").length;
  const required = rows.filter(({ required }) => required).length;
  const missed = rows.filter(({ required, verdict }) => required && verdict !== "pass").length;
  console.log(
    `\n${passed} of ${rows.length} passed; of the ${required} that have to, ${required - missed} did`,
  );
  if (options.json !== undefined) {
    const report = { suite: SUITE, passed, total: rows.length, required, missed, rows };
    await Deno.writeTextFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  return missed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
