/**
 * The changes of the keystore, killed: the store stays sealed by the old key or by the new one, and the next change
 * leaves no key behind that is not needed.
 *
 * @module
 */
import { KILLED, type Lane } from "./lane.ts";
import type { Random } from "./random.ts";

/** The keystores whose key is given in a variable: its name, and that of the one for a renewed key. */
const GIVEN: Readonly<Record<string, readonly [variable: string, renewed: string]>> = {
  env: ["MCP_AUTH_KEY", "MCP_AUTH_NEW_KEY"],
  passphrase: ["MCP_AUTH_PASSPHRASE", "MCP_AUTH_NEW_PASSPHRASE"],
};
const KINDS = ["file", "env", "passphrase"] as const;
/** What a passphrase adds to a change, in ms: it is stretched. */
const STRETCHING_MS = 400;

/**
 * Kills `keystore rekey`, or `keystore use` with a keystore that the store is not in.
 *
 * @param lane Where.
 * @param victim Which.
 * @param round The round.
 * @param random Its choices.
 */
export async function killKeystoreChange(
  lane: Lane,
  victim: "rekey" | "use",
  round: number,
  random: Random,
): Promise<void> {
  const { world } = lane;
  const before = await kindOf(lane);
  const target = victim === "rekey" ? before : random.pick(KINDS.filter((kind) => kind !== before));
  const [variable = "", renewed = ""] = GIVEN[target] ?? [];
  const given = newSecret(lane, target, random);
  const args = victim === "rekey" ? ["keystore", "rekey"] : ["keystore", "use", target];
  const env = variable === "" ? lane.env : { ...lane.env, [victim === "rekey" ? renewed : variable]: given };
  const usualMs = lane.usualMs.get("rekey")! + (target === "passphrase" ? STRETCHING_MS : 0);
  const entry = random.pick(lane.entries);
  // Whoever needs the same key file notices nothing of the change.
  const isBeside = target === "file" && before === "file" && random.chance(0.5);
  const sibling = isBeside ? lane.run(["refresh", entry.name]) : undefined;
  const struck = await lane.strike(args, { targets: [], usualMs }, random, env);
  const beside = await sibling;
  lane.follow(entry);
  if (beside !== undefined && beside.code !== 0) {
    world.fail("broken", round, `${victim}: a refresh beside it failed`, [beside, struck.run]);
  }
  if (struck.killed) world.tally.count(KILLED);
  // What the store is sealed by now nobody knows but the store.
  if (variable !== "" && (await lane.run(["list"])).code !== 0) lane.env = { ...lane.env, [variable]: given };
  if (!await lane.isWhole(round, struck)) return;
  const asked = await lane.home.askForToken(entry.name, { env: lane.env });
  const refreshed = await lane.run(["refresh", entry.name]);
  lane.follow(entry);
  if (!asked.good || refreshed.code !== 0) {
    world.fail("loss", round, `${victim}: no good token afterwards`, [asked.run, refreshed, struck.run]);
  }
  world.tally.count("kept");
  if (random.chance(0.5)) await finish(lane, round);
}

/** A change that nobody kills: it works, and of the keys in files one is left, or none. */
async function finish(lane: Lane, round: number): Promise<void> {
  const { world } = lane;
  const run = await lane.run(["keystore", "use", "file"]);
  const rekeyed = await lane.run(["keystore", "rekey"]);
  const files = [...Deno.readDirSync(lane.home.store)].filter(({ name }) => name.startsWith("key-"));
  lane.env = { MCP_AUTH_KEYSTORE: undefined };
  if (run.code !== 0 || rekeyed.code !== 0) {
    world.fail("broken", round, "a change of the keystore cannot be finished", [run, rekeyed]);
  } else if (files.length !== 1) {
    const names = files.map(({ name }) => name).join(", ");
    world.fail("broken", round, `${files.length} keys are left in files: ${names}`, [rekeyed]);
  }
}

async function kindOf(lane: Lane): Promise<string> {
  const status = await lane.home.must(["keystore", "status", "--json"], { env: lane.env });
  return JSON.parse(status.stdout).keystore;
}

function newSecret(lane: Lane, kind: string, random: Random): string {
  const bytes = Uint8Array.from({ length: 32 }, () => random.whole(0, 255));
  const value = bytes.toHex();
  lane.world.secrets.push(
    kind === "passphrase" ? { kind: "passphrase", value } : { kind: "key", value, bytes },
  );
  return value;
}
