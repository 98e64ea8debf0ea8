/**
 * `deno task conformance`: runs the official conformance suite's client scenarios through the product, prints a table for
 * each revision, and fails unless all pass.
 *
 *     deno task conformance [--bridge] [--jobs <n>] [--scenario <name>]... [--spec-version <revision>] [--force]
 *                           [--json <file>]
 *
 * The product is driven as a person would at a terminal; with `--bridge`, as a host does. Without `--spec-version` and
 * `--force` there are three tables of the scenarios about authorization: each at its own wire; what the suite runs without
 * `initialize`; and all of them over `initialize`, which tells authorization from protocol. With `--bridge`, those about
 * the protocol follow: each at its own wire, at each of the two, and with a host that is of the other era.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports
import { parseArgs } from "node:util";
import { inOrder } from "./in_order.ts";
import { type Driver, type Outcome, runScenario, SUITE } from "./scenario_run.ts";
import {
  PROTOCOL_SCENARIOS,
  PROTOCOL_TABLES,
  type Scenario,
  SCENARIOS,
  scenariosCalled,
  type Table,
  tableOf,
  TABLES,
} from "./scenarios.ts";

const USAGE = "Usage: deno task conformance [--bridge] [--jobs <n>] [--scenario <name>]... " +
  "[--spec-version <revision>] [--force] [--json <file>]";
const INTERRUPTED_EXIT_CODE = 130;
const JOBS = 2;
const NAME_WIDTH = Math.max(...[...SCENARIOS, ...PROTOCOL_SCENARIOS].map(({ name }) => name.length));
const MARKS: Readonly<Record<Outcome["verdict"], string>> = { pass: "✓", fail: "✗", skip: "-" };
const MANNERS: Readonly<Record<Exclude<Driver, "protocol">, string>> = {
  terminal: 'through "mcp-auth add", "tools" and "call"',
  bridge: 'through "mcp-auth bridge <url> --login"',
};

/** A scenario with what came of it. */
interface Row extends Outcome, Scenario {}

/** A table with what came of it. */
interface Report {
  readonly title: string;
  readonly passed: number;
  readonly failed: number;
  /** Not of the table's revision, as the suite says. */
  readonly skipped: number;
  readonly rows: readonly Row[];
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "bridge": { type: "boolean", default: false },
      "jobs": { type: "string", default: String(JOBS) },
      "scenario": { type: "string", multiple: true, default: [] },
      "spec-version": { type: "string" },
      "force": { type: "boolean", default: false },
      "json": { type: "string" },
    },
  });
  const { bridge, "spec-version": specVersion, force, json } = values;
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`Not a number of jobs: "${values.jobs}"`);
  const plain = specVersion === undefined && !force;
  const all = plain ? [...TABLES, ...(bridge ? PROTOCOL_TABLES : [])] : [tableOf({ specVersion, force })];
  const tables = all.flatMap((table) => {
    const scenarios = scenariosCalled(values.scenario, table.scenarios);
    return scenarios.length === 0 ? [] : [{ ...table, scenarios }];
  });
  const whole = values.scenario.length === 0;
  return { driver: bridge ? "bridge" as const : "terminal" as const, jobs, tables, whole, json };
}

type Options = ReturnType<typeof readOptions>;

async function runTable(options: Options, table: Table, signal: AbortSignal): Promise<Report> {
  const { driver, jobs } = options;
  const { scenarios } = table;
  const rows: Row[] = [];
  console.log(`\n${table.title}\n`);
  const run = async (scenario: Scenario): Promise<Row> => ({
    ...scenario,
    wire: table.specVersion === undefined ? scenario.wire : table.specVersion as Scenario["wire"],
    ...await runScenario(scenario.name, isOfProtocol(scenario) ? "protocol" : driver, table, signal),
  });
  for await (const row of inOrder(scenarios, jobs, run)) {
    rows.push(row);
    console.log(describe(row));
  }
  const count = (wanted: Outcome["verdict"]) => rows.filter(({ verdict }) => verdict === wanted).length;
  const report = {
    title: table.title,
    passed: count("pass"),
    failed: count("fail"),
    skipped: count("skip"),
    rows,
  };
  console.log(`\n${summaryOf(report)}`);
  return report;
}

function isOfProtocol({ group }: Scenario): boolean {
  return group === "protocol" || group === "skills";
}

function describe({ name, group, wire, verdict, failures, ms }: Row): string {
  return [
    MARKS[verdict],
    name.padEnd(NAME_WIDTH),
    group.padEnd(10),
    wire,
    verdict,
    `${(ms / 1_000).toFixed(1)} s`,
    failures.map(({ check }) => check).join(", "),
  ].join("  ").trimEnd();
}

function summaryOf({ title, passed, failed, skipped }: Report): string {
  const rest = skipped === 0 ? "" : `; the suite says that ${skipped} are not of this revision`;
  return `${title}: ${passed} of ${passed + failed} passed${rest}`;
}

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const interrupted = new AbortController();
  Deno.addSignalListener("SIGINT", () => interrupted.abort(new Error("Interrupted")));
  console.log(`${SUITE}, ${MANNERS[options.driver]}`);
  const started = performance.now();
  const reports: Report[] = [];
  try {
    for (const table of options.tables) reports.push(await runTable(options, table, interrupted.signal));
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    console.error("Interrupted");
    return INTERRUPTED_EXIT_CODE;
  }
  const sum = (member: "passed" | "failed" | "skipped") =>
    reports.reduce((total, report) => total + report[member], 0);
  const total = { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
  console.log("");
  for (const { title, rows } of reports) {
    for (const { name, failures } of rows) {
      for (const { check, message } of failures) console.log(`✗ ${title}: ${name}: ${check}: ${message}`);
    }
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  for (const report of reports) console.log(summaryOf(report));
  console.log(`${total.passed} of ${total.passed + total.failed} runs passed, in ${seconds} s`);
  if (options.json !== undefined) {
    const report = { suite: SUITE, driver: options.driver, ...total, tables: reports };
    await Deno.writeTextFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  // Where the suite has skipped everything, nothing was shown; of a few scenarios, a table may have none.
  const shown = !options.whole || reports.every(({ passed }) => passed > 0);
  return total.failed === 0 && total.passed > 0 && shown ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
