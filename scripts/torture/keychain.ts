/**
 * A store that is sealed by the real keyring of a desktop (gnome-keyring on a D-Bus of its own), while that keyring is
 * locked, hangs, cannot be reached, or its program is missing: a coded error in good time, never a new key and never a
 * weaker place for it; and with the keyring back, everything is there. A new store that asks for no keystore is told
 * when the keyring hangs, and gets a file.
 *
 * @module
 * @see behaviours rows 42 and 43
 */
import { KEYCHAIN_SERVICE } from "../../lib/primitives/system/keychain/ahead.ts";
import { type Arena, roundsOf } from "./arena.ts";
import type { Home } from "./home.ts";
import { errorOf, judgeCredential, objectionsToEnd } from "./judge.ts";
import type { Run, RunOptions } from "./process.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./result.ts";
import { World } from "./world.ts";

const ENTRY = "locked-away";
const TROUBLES = ["locked", "hanging", "no D-Bus", "no program"] as const;
/** A keychain is given up after 3 s; a command may ask it twice and takes some time itself. */
const SOON_MS = 12_000;
/** Codes that a keychain may be the reason of. */
const KEYCHAIN_CODES: ReadonlySet<string> = new Set(["KEYSTORE_UNAVAILABLE", "TIMEOUT"]);

/** Runs the scenario. */
export async function keychain(arena: Arena, tally: Tally): Promise<void> {
  await using world = await World.start(arena, tally);
  for (const round of roundsOf(arena.settings, 4, 24)) {
    arena.signal.throwIfAborted();
    const random = arena.random.branch("keychain").branch(round);
    const home = await world.home();
    await Deno.mkdir(`${home.path}/run`, { mode: 0o700 });
    const trouble = TROUBLES[round % TROUBLES.length]!;
    await home.signIn(ENTRY, session(home, "unlocked"));
    await noteKey(home);
    await troubleOnce(home, trouble, round, random);
    if (trouble === "hanging") await newStoreOnce(await world.home(), round);
    tally.round();
    tally.count(trouble);
    arena.say(`keychain: round ${round} (${trouble}) done`);
  }
}

async function troubleOnce(
  home: Home,
  trouble: typeof TROUBLES[number],
  round: number,
  random: Random,
): Promise<void> {
  const { world } = home;
  const commands = [
    ["token", ENTRY],
    ["refresh", ENTRY, "--json"],
    ["status", ENTRY, "--json"],
    ["list", "--json"],
    ["add", "another", world.mcp.url, "--json"],
    ["keystore", "rekey", "--json"],
  ];
  const runs: Run[] = [];
  for (let count = random.whole(2, 3); count > 0; count--) {
    runs.push(await home.run(random.pick(commands), await troubled(home, trouble)));
  }
  for (const run of runs) {
    const [objection] = objectionsToEnd(run);
    const code = errorOf(run)?.code ?? "";
    if (objection !== undefined) world.fail("broken", round, `${trouble}: ${objection.what}`, [run]);
    else if (!KEYCHAIN_CODES.has(code)) {
      world.fail("broken", round, `${trouble}: the code is ${code || "none"}`, [run]);
    }
    if (run.ms > SOON_MS) world.fail("broken", round, `${trouble}: it took ${run.ms.toFixed(0)} ms`, [run]);
    world.tally.count("coded errors");
  }
  if (!await home.quiet(world.arena.signal)) {
    world.fail("broken", round, `${trouble}: a program was left behind`, runs);
  }
  if (keyFiles(home) > 0) world.fail("broken", round, `${trouble}: a key was written to a file`, runs);
  const asked = await home.askForToken(ENTRY, session(home, "unlocked"));
  const next = await home.run(["refresh", ENTRY, "--json"], session(home, "unlocked"));
  const verdict = judgeCredential(next, false, asked.good);
  if (typeof verdict === "string") world.tally.count(verdict);
  else world.fail(verdict.kind, round, `${trouble}: ${verdict.what}`, [asked.run, next, ...runs]);
}

/** A store that is new, and a keyring that hangs. */
async function newStoreOnce(home: Home, round: number): Promise<void> {
  const { world } = home;
  const { env, ...rest } = await troubled(home, "hanging");
  const options = { ...rest, env: { ...env, MCP_AUTH_KEYSTORE: undefined } };
  const added = await home.run(["add", ENTRY, world.mcp.url], options);
  const asked = await home.askForToken(ENTRY, options);
  if (added.code !== 0 || !asked.good || keyFiles(home) !== 1) {
    return world.fail("broken", round, "a new store beside a keyring that hangs", [added, asked.run]);
  }
  if (!/\bfile\b/.test(added.stderr)) {
    world.fail("broken", round, "nobody was told that the key is in a file", [added]);
  }
  world.tally.count("new stores that got a file");
}

/** The key in the keyring is a secret too. */
async function noteKey(home: Home): Promise<void> {
  const { before: [program = "", ...words], env } = session(home, "unlocked");
  const { stdout } = await new Deno.Command(program, {
    args: [...words, "secret-tool", "search", "--all", "service", KEYCHAIN_SERVICE],
    env: { ...env, HOME: home.path },
    stderr: "null",
  }).output();
  const value = /^secret = (\S+)$/m.exec(new TextDecoder().decode(stdout))?.[1];
  if (value === undefined) throw new Error("The key is not in the keyring");
  const bytes = Uint8Array.fromBase64(value, { alphabet: "base64url" });
  home.world.secrets.push({ kind: "key", value, bytes });
}

function keyFiles(home: Home): number {
  return [...Deno.readDirSync(home.store)].filter(({ name }) => name.startsWith("key-")).length;
}

/** A desktop session with a keyring. */
function session(home: Home, state: "unlocked" | "locked") {
  const start = state === "unlocked"
    ? "printf %s torture | gnome-keyring-daemon --unlock --components=secrets"
    : "gnome-keyring-daemon --start --components=secrets";
  return {
    env: { MCP_AUTH_KEYSTORE: "keychain", XDG_RUNTIME_DIR: `${home.path}/run` },
    before: ["dbus-run-session", "--", "bash", "-c", `eval "$(${start} 2>/dev/null)"; exec "$@"`, "_"],
  };
}

async function troubled(home: Home, trouble: typeof TROUBLES[number]): Promise<RunOptions> {
  const env = { MCP_AUTH_KEYSTORE: "keychain", XDG_RUNTIME_DIR: `${home.path}/run` };
  switch (trouble) {
    case "locked":
      return session(home, "locked");
    case "no D-Bus":
      return { env };
    case "no program":
      return { env: { ...env, PATH: `${home.path}/bin` } };
    case "hanging": {
      const bin = `${home.path}/bin`;
      await Deno.mkdir(bin, { recursive: true });
      await Deno.writeTextFile(`${bin}/secret-tool`, "#!/bin/sh\nexec sleep 600\n", { mode: 0o700 });
      return { env: { ...env, PATH: `${bin}:${Deno.env.get("PATH")}` } };
    }
  }
}
