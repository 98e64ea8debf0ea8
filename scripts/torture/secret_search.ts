/**
 * Searches what a world leaves behind: the files of every home byte for byte, what every run printed, and what the
 * machine showed of every process. There are places where a secret belongs, and they are named here, each with its
 * reason; everywhere else there must be none.
 *
 * @module
 */
import type { Home } from "./home.ts";
import type { Sighting } from "./process_watch.ts";
import type { Run } from "./process.ts";
import { bytesAsText, type Finding, type Secret, SecretIndex, type SecretKind } from "./secrets.ts";
import type { World } from "./world.ts";

/** Takes the keys that are in files of a home for secrets, before they are replaced. */
export function noteKeys(world: World, home: Home): void {
  world.secrets.push(...[...filesBelow(home.path)].flatMap(keyOf));
}

/**
 * Searches the files of a home.
 *
 * @param world Whose secrets.
 * @param home Whose files.
 */
export async function searchFiles(world: World, home: Home): Promise<void> {
  const files = [...filesBelow(home.path)];
  noteKeys(world, home);
  const index = indexOf(world);
  const findings: Finding[] = [];
  for (const path of files) findings.push(...await findInFile(index, path));
  world.arena.secrets.count("files", files.length);
  report(world, findings);
}

/**
 * Searches what every run of a world has printed, and what the machine has shown of every process.
 *
 * @param world The world, at its end.
 */
export async function searchProcesses(world: World): Promise<void> {
  const { arena, paths, runs } = world;
  const index = indexOf(world);
  arena.sightings.push(...await arena.watch.take());
  const isOurs = ({ environ }: Sighting) => environ.some((each) => paths.has(each.replace(/^HOME=/, "")));
  const sightings = arena.sightings.filter(isOurs);
  arena.sightings.splice(0, arena.sightings.length, ...arena.sightings.filter((each) => !isOurs(each)));

  const started = startedOf(runs, sightings);
  const { secrets } = arena;
  secrets.round();
  secrets.count("secrets", index.size);
  secrets.count("outputs", runs.length * 2);
  secrets.count("processes", new Set(sightings.map(({ pid }) => pid)).size);
  report(world, [
    ...runs.flatMap((run) => findInRun(index, run)),
    ...sightings.flatMap((sighting) => {
      const asked = new Set(runs.filter(({ args }) => args[0] === "exec").map(({ pid }) => pid));
      return findInProcess(index, sighting, {
        isStarted: started.has(sighting.pid),
        isGivenToken: asked.has(sighting.ppid),
      });
    }),
  ]);
  if (started.size > 0 && sightings.length === 0) {
    secrets.fail({ kind: "broken", round: 0, what: "no process was seen in /proc", detail: "" });
  }
}

/** What was started with variables of its own; a child that is still what forked it has the same, for an instant. */
function startedOf(runs: readonly Run[], sightings: readonly Sighting[]): ReadonlySet<number> {
  const started = new Set(runs.map(({ pid }) => pid));
  const lines = new Set<string>();
  for (const { pid, args } of sightings) if (started.has(pid)) lines.add(`${pid} ${args.join("\0")}`);
  const forked = sightings.filter(({ ppid, args }) => lines.has(`${ppid} ${args.join("\0")}`));
  return new Set([...started, ...forked.map(({ pid }) => pid)]);
}

function indexOf(world: World): SecretIndex {
  const index = new SecretIndex();
  index.add(world.ledger.secrets());
  index.add(world.secrets);
  return index;
}

function report({ arena: { secrets, settings } }: World, findings: readonly Finding[]): void {
  secrets.count("hits", findings.length);
  for (const { kind, form, secret, place } of findings) {
    const what = `a ${kind} (${secret}, ${form}) is in ${place}`;
    secrets.fail({ kind: "broken", round: 0, what, detail: `seed ${settings.seed}` });
  }
}

/**
 * Looks into one file.
 *
 * @param index The secrets.
 * @param path The file; the file of a key is where that key belongs.
 */
export async function findInFile(index: SecretIndex, path: string): Promise<readonly Finding[]> {
  const allowed: SecretKind[] = KEY_FILE.test(path) ? ["key"] : [];
  return index.find(bytesAsText(await Deno.readFile(path)), path, new Set(allowed));
}

/** Looks into what a run printed. An access token is what `token` and `exec` are for, and a URL to open has its state. */
export function findInRun(
  index: SecretIndex,
  run: Pick<Run, "args" | "line" | "stdout" | "stderr">,
): Finding[] {
  const handsOut = run.args[0] === "token" || run.args[0] === "exec";
  const stdout = new Set<SecretKind>(handsOut ? ["access token"] : []);
  return [
    ...index.find(run.stdout, `standard output of: ${run.line}`, stdout),
    ...index.find(withoutAuthorizationUrl(run.stderr), `standard error of: ${run.line}`),
  ];
}

/** Who a process is. */
export interface ProcessRole {
  /** It is a run of the program, with variables of its own. */
  readonly isStarted: boolean;
  /** It was started by `exec`. */
  readonly isGivenToken: boolean;
}

/**
 * Looks into a command line and an environment. The URL to open is the browser's argument; a key that the user gives in
 * a variable is in the environment of the program that was given it, and of no other; and who was started by `exec` has
 * an access token.
 */
export function findInProcess(
  index: SecretIndex,
  sighting: Sighting,
  { isStarted, isGivenToken }: ProcessRole,
): Finding[] {
  const args = sighting.args.map(withoutAuthorizationUrl).join("\0");
  const environ = sighting.environ.filter((variable) =>
    !(isStarted && GIVEN.test(variable)) && !(isGivenToken && variable.startsWith("MCP_ACCESS_TOKEN="))
  );
  const who = safeArgs(sighting);
  return [
    ...index.find(args, `the command line of: ${who}`),
    ...index.find(environ.join("\0"), `the environment of: ${who}`),
  ];
}

/** A key file, and what is left of one that was being written. */
const KEY_FILE = /\/key-[0-9a-f]+(\.[\w-]+\.tmp)?$/;
/** 32 bytes as base64url. */
const KEY_CHARS = 43;
const GIVEN = /^MCP_AUTH_(NEW_)?(KEY|PASSPHRASE)=/;

/** An authorization URL that a person or a browser opens; only there does `state` belong. */
function withoutAuthorizationUrl(text: string): string {
  return text.replace(/https?:\/\/\S+\?\S*\bcode_challenge=\S+/g, "");
}

function safeArgs({ args }: Sighting): string {
  return args.map((arg) => arg.slice(0, 60)).join(" ");
}

function keyOf(path: string): readonly Secret[] {
  const value = KEY_FILE.test(path) ? Deno.readTextFileSync(path).trim() : "";
  if (value.length < KEY_CHARS) return [];
  return [{ kind: "key", value, bytes: Uint8Array.fromBase64(value, { alphabet: "base64url" }) }];
}

function* filesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else if (isFile) yield `${folder}/${name}`;
  }
}
