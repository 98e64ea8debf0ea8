/**
 * `deno task bench`: measures the product beside its peers, in one run and in turns, so that what slows the machine
 * slows all of them.
 *
 *     deno task bench [--quick] [--json <file>]
 *
 * The result is a table, and a JSON file (`dist/bench.json` unless told otherwise). It is no test: a budget that is
 * missed is printed as missed, and only what cannot be measured ends with 1. It needs Node and npm, for the peers.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { type Extent, measureBridges, measureDirect } from "./bridges.ts";
import {
  compareBridges,
  compareCalls,
  compareStartUp,
  type Measurements,
  table,
  WITH_DPOP,
} from "./report.ts";
import { measureStartUp } from "./start_up.ts";
import { OTHER_PEER, PEER, prepareWorld } from "./world.ts";

const FULL = {
  startUps: 40,
  extent: { rounds: 5, starts: 4, calls: 1_000, pipelined: 2_000, largeCalls: 60, largePipelined: 120 },
};
const QUICK = {
  startUps: 10,
  extent: { rounds: 2, starts: 2, calls: 300, pipelined: 600, largeCalls: 15, largePipelined: 30 },
};

async function measure({ startUps, extent }: { startUps: number; extent: Extent }): Promise<Measurements> {
  await using world = await prepareWorld((line) => console.error(`${line} ...`));
  console.error("Measuring whole processes ...");
  const startUp = await measureStartUp(world, startUps);
  console.error("Measuring bridges ...");
  const directMs = await measureDirect(world, extent);
  const bridges = await measureBridges(world, extent);
  const keychainMissing = typeof world.keychain === "string" ? world.keychain : undefined;
  return { startUp, keychainMissing, directMs, bridges };
}

async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "string", default: "dist/bench.json" },
      },
    }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\nUsage: deno task bench [--quick] [--json <file>]`);
    return 2;
  }
  const measurements = await measure(options.quick ? QUICK : FULL);
  const startUp = compareStartUp(measurements);
  const bridges = compareBridges(measurements);
  const calls = compareCalls(measurements);
  const boundCalls = compareCalls(measurements, WITH_DPOP);
  console.log(`\n${table("Whole processes, median", startUp)}`);
  console.log(`\n${table(`Bridges, median; the peer is ${PEER}; beside it ${OTHER_PEER}`, bridges)}`);
  console.log(`\n${table("Calls by the kind of answers, median", calls)}`);
  console.log(`\n${table("The same, the product's tokens bound to a key (DPoP)", boundCalls)}`);
  const direct = [...measurements.directMs].map(([answer, ms]) => `${answer} ${ms.toFixed(2)} ms`);
  console.log(`\nA call without a bridge takes: ${direct.join("; ")}.`);
  await Deno.mkdir(dirname(options.json), { recursive: true });
  const report = {
    at: new Date().toISOString(),
    deno: Deno.version.deno,
    system: `${Deno.build.target}, ${navigator.hardwareConcurrency} cores`,
    quick: options.quick,
    startUp,
    bridges,
    calls,
    boundCalls,
    directMs: Object.fromEntries(measurements.directMs),
    measured: {
      startUpMs: Object.fromEntries(measurements.startUp),
      bridges: Object.fromEntries(
        [...measurements.bridges].map(([name, rounds]) => [
          name,
          rounds.map((round) => ({ ...round, calls: Object.fromEntries(round.calls) })),
        ]),
      ),
    },
  };
  await Deno.writeTextFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`Written to ${options.json}`);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
