/**
 * `deno task bench`: measures the product beside its peers, in one run and in turns, so that what slows the machine
 * slows all of them.
 *
 *     deno task bench [--quick] [--json <file>]
 *
 * The result is a table, and a JSON file (`dist/bench.json` unless told otherwise). It is no test: a budget that is
 * missed is printed as missed, and only what cannot be measured ends with 1. It needs Node and npm, for the peer.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { type Extent, measureBridges, measureDirect } from "./bridges.ts";
import { compareBridges, compareStartUp, type Measurements, table } from "./report.ts";
import { measureStartUp } from "./start_up.ts";
import { PEER, prepareWorld } from "./world.ts";

const FULL = { startUps: 40, extent: { rounds: 5, starts: 4, calls: 1_000, pipelined: 2_000 } };
const QUICK = { startUps: 10, extent: { rounds: 2, starts: 2, calls: 300, pipelined: 600 } };

async function measure({ startUps, extent }: { startUps: number; extent: Extent }): Promise<Measurements> {
  await using world = await prepareWorld((line) => console.error(`${line} ...`));
  console.error("Measuring whole processes ...");
  const startUp = await measureStartUp(world, startUps);
  console.error("Measuring bridges ...");
  const directMs = await measureDirect(world, extent.calls);
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
  console.log(`\n${table("Whole processes, median", startUp)}`);
  console.log(`\n${table(`Bridges, median; the peer is ${PEER}`, bridges)}`);
  console.log(`\nA call without a bridge takes ${measurements.directMs.toFixed(2)} ms.`);
  await Deno.mkdir(dirname(options.json), { recursive: true });
  const report = {
    at: new Date().toISOString(),
    deno: Deno.version.deno,
    system: `${Deno.build.target}, ${navigator.hardwareConcurrency} cores`,
    quick: options.quick,
    startUp,
    bridges,
    directMs: measurements.directMs,
    measured: {
      startUpMs: Object.fromEntries(measurements.startUp),
      bridges: Object.fromEntries(measurements.bridges),
    },
  };
  await Deno.writeTextFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`Written to ${options.json}`);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
