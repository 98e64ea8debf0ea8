/**
 * The torture finds what it is there to find: run against the product with one thing bent it fails, and says why.
 *
 * @module
 */
import assert from "node:assert/strict";
import { checkoutPath } from "../../../scripts/torture/arena.ts";
import { whyNot } from "../../../scripts/torture/namespaces.ts";
import { SCENARIOS } from "../../../scripts/torture/scenarios.ts";
import { type Mutation, writeMutant } from "./mutants.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function torture(args: readonly string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--config",
      checkoutPath("tests/deno.json"),
      checkoutPath("scripts/torture/torture.ts"),
      "--quiet",
      ...args,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** What is tortured, by which scenario, from which of its rounds on, what the table says of it, and why. */
const FOUND: readonly (readonly [Mutation, scenario: string, from: number, row: RegExp, why: RegExp])[] = [
  ["takes no lock", "race", 2, /^race .* FAILED/m, /\d+ refresh requests instead of 1/],
  [
    "ends a credential on doubt",
    "faults",
    1,
    /^faults .* FAILED/m,
    /LOSS in faults, round 1: .*a sign-in is asked for/,
  ],
  ["storms a server that fails", "faults", 5, /^faults .* FAILED/m, /500: \d+ requests within/],
  ["does not note that it begins a refresh", "kills", 1, /^kills .* FAILED/m, /what happened is not said/],
  [
    "does not note that it begins a refresh",
    "lost",
    1,
    /^lost .* FAILED/m,
    /killed while waiting: what happened is not said/,
  ],
  [
    "clears a store away that it cannot open",
    "disk",
    1,
    /^disk .* FAILED/m,
    /BROKEN in disk, round \d+: a disk with \d+ blocks left: NOT_FOUND where nothing stands in the way/,
  ],
  [
    "sends a refresh token whose answer it did not store",
    "race",
    2,
    /^race .* FAILED/m,
    /LOSS in race, round 2: the server has ended the session/,
  ],
  ["loses writes under load", "crowd", 1, /^crowd .* FAILED/m, /entries are gone: entry-\d\d-renamed/],
  [
    "prints what the server says",
    "clock",
    1,
    /^secrets .* FAILED/m,
    /a refresh token \([\w-]+\.\.\., base64\) is in standard error of/,
  ],
  ["says no code", "keychain", 1, /^keychain .* FAILED/m, /no code of the closed list/],
];

/** Rounds of the scenarios that need more than one to be sure to find it. */
const ROUNDS: Readonly<Record<string, number>> = { kills: 20, crowd: 2, disk: 3 };

for (const [mutation, scenario, from, row, why] of FOUND) {
  const { tools = [], namespace } = SCENARIOS[scenario]!;
  const lacking = await whyNot(tools, namespace);
  const name = `a product that ${mutation} is found out by "${scenario}"`;
  Deno.test(
    { name: lacking === undefined ? name : `${name} (${lacking})`, ignore: lacking !== undefined },
    async () => {
      const folder = await Deno.makeTempDir();
      try {
        const program = await writeMutant(folder, mutation);
        const rounds = ["--from", String(from), "--rounds", String(ROUNDS[scenario] ?? 1)];
        const args = ["--only", scenario, ...rounds, "--seed", "mutants", "--program", program];
        const { code, stdout, stderr } = await torture(args);
        assert.equal(code, 1, stdout + stderr);
        assert.match(stdout, row);
        assert.match(stdout, why);
        assert.match(stdout, /^ {2}\| seed mutants/m);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

Deno.test("a command line that is not understood is refused before anything starts", async () => {
  for (const args of [["--only", "nothing"], ["--minutes", "soon"], ["--shorter"]]) {
    const { code, stderr } = await torture(args);
    assert.equal(code, 2);
    assert.match(stderr, /Scenarios: race, faults, kills, lost, disk, clock, keychain, crowd/);
  }
});
