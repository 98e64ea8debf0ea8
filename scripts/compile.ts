/**
 * Builds the program as one executable file per platform: `deno task compile [--all] [--out <folder>] [--strict]`.
 * Writes `mcp-auth-<target>` (`.exe` for Windows) and `SHA256SUMS`, the sums of what this run built, into `dist/`.
 *
 * A binary holds `main.ts`, the modules it reaches (imports and `import("...")` with the specifier written out) and the
 * packages of the root lock file, nothing else: test packages have a lock of their own. It has every permission, as a
 * downloaded program has, and Deno KV.
 *
 * Each target needs its runtime, which the compiling Deno downloads. What becomes of that decides the exit code: 0 when
 * the current platform's binary was built and runs, and all that the others lacked was that download; 1 otherwise, or
 * with `--strict` when any target is missing; 2 for wrong arguments.
 *
 * Environment: `DENO_COMPILE`, the Deno that compiles, this one when unset; `DENORT_BIN`, the runtime to use for the
 * current platform in place of the download.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What `deno compile` can build for, by its own names. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** The download of a runtime is some 40 MB; a network that drops packets must not hold a build for ever. */
const COMPILE_TIMEOUT_MS = 600_000;
/** Printing the version takes some 30 ms. */
const START_TIMEOUT_MS = 20_000;

/** A binary that was built. */
interface Built {
  readonly target: string;
  /** Its name in the output folder. */
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** What the compiler says is inside. */
  readonly inside: string;
}

/** A binary that was not. */
interface Missing {
  readonly target: string;
  readonly reason: string;
  /** Whether all it lacked was the target's runtime. */
  readonly noRuntime: boolean;
}

interface Finished {
  readonly success: boolean;
  /** Standard output and error, in that order. */
  readonly text: string;
}

/** Runs a program in the checkout and collects what it says. */
async function run(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  env: Readonly<Record<string, string>> = Deno.env.toObject(),
): Promise<Finished> {
  const signal = AbortSignal.timeout(timeoutMs);
  const decoder = new TextDecoder();
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      cwd: ROOT,
      env: { ...env, NO_COLOR: "1" },
      clearEnv: true,
      stdin: "null",
      signal,
    }).output();
    const text = `${decoder.decode(stdout)}${decoder.decode(stderr)}`;
    return { success, text: signal.aborted ? `${text}\nerror: Not done after ${timeoutMs / 1_000} s` : text };
  } catch (error) {
    return { success: false, text: `error: ${(error as Error).message}` };
  }
}

/** The lines with which a failed `deno` says what went wrong: from its "error:" to the stack of its own code. */
function diagnosis(text: string): string[] {
  const from = Math.max(0, text.search(/^error: /m));
  const said = text.slice(from).split(/^Stack backtrace:/m)[0]?.trim();
  return (said || "error: The compiler said nothing").split("\n").map((line) => line.trim()).filter(Boolean);
}

function failure(target: string, text: string): Missing {
  const lines = diagnosis(text);
  if (!text.includes("Setting up base binary")) return { target, reason: lines.join(" "), noRuntime: false };
  const url = /^Download (\S+denort\S+)$/m.exec(text)?.[1];
  const cause = (lines.at(-1) ?? "").replace(/^\d+: /, "");
  return { target, reason: `no runtime${url ? ` from ${url}` : ""}: ${cause}`, noRuntime: true };
}

/**
 * Builds one target.
 *
 * @param target One of {@linkcode TARGETS}.
 * @param out The absolute path of an existing folder.
 */
/**
 * The project's configuration without `lazy-dynamic-imports`: that keeps what a command does not need out of its start,
 * and would keep it out of the binary, too.
 *
 * @param folder Where to write it.
 * @returns The file.
 */
async function writeConfig(folder: string): Promise<string> {
  const { imports, unstable } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const lock = { path: join(ROOT, "deno.lock"), frozen: true };
  const eager = (unstable as string[]).filter((feature) => feature !== "lazy-dynamic-imports");
  const file = join(folder, "deno.json");
  await Deno.writeTextFile(file, JSON.stringify({ imports, unstable: eager, lock }));
  return file;
}

async function compile(target: string, out: string, config: string): Promise<Built | Missing> {
  const name = `mcp-auth-${target}${target.includes("windows") ? ".exe" : ""}`;
  const file = join(out, name);
  await Deno.remove(file).catch(() => {});
  // DENORT_BIN is taken for any target: for another one it would give this platform's program under a false name.
  const { DENORT_BIN, ...env } = Deno.env.toObject();
  const isHost = target === Deno.build.target;
  const { success, text } = await run(
    env["DENO_COMPILE"] ?? Deno.execPath(),
    [
      ...["compile", "--config", config, "--frozen", "--cached-only", "--no-check"],
      ...["--allow-all", "--unstable-kv"],
      // The cache is a file of a known name in the shared temporary folder, which another user could plant. It saves 2 ms.
      "--no-code-cache",
      // A bridge that lives for days: a small young generation costs no speed and keeps 60 MiB free.
      "--v8-flags=--max-semi-space-size=4",
      ...["--target", target, "--output", file, "main.ts"],
    ],
    COMPILE_TIMEOUT_MS,
    isHost && DENORT_BIN ? { ...env, DENORT_BIN } : env,
  );
  if (!success) return failure(target, text);
  if (isHost) {
    const started = await run(file, ["--version"], START_TIMEOUT_MS, env);
    if (!started.success) {
      await Deno.remove(file);
      return {
        target,
        reason: `built, but it does not run: ${diagnosis(started.text).join(" ")}`,
        noRuntime: false,
      };
    }
  }
  const data = await Deno.readFile(file);
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", data)).toHex();
  return { target, name, bytes: data.length, sha256, inside: text.split("Embedded Files")[1]?.trim() ?? "" };
}

function report(each: Built | Missing): string {
  return "reason" in each
    ? `✗ ${each.target}: ${each.reason}`
    : `✓ ${each.target}: ${each.name}, ${(each.bytes / 2 ** 20).toFixed(1)} MiB, SHA-256 ${each.sha256}`;
}

/**
 * Builds the wanted targets one after the other, writes their sums and prints a line for each.
 *
 * @param args The command line.
 * @returns The exit code.
 */
async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = parseArgs({
      args: [...args],
      options: {
        all: { type: "boolean", default: false },
        strict: { type: "boolean", default: false },
        out: { type: "string", default: "dist" },
      },
    }).values;
  } catch (error) {
    console.error(
      `${(error as Error).message}\nUsage: deno task compile [--all] [--out <folder>] [--strict]`,
    );
    return 2;
  }
  const host = Deno.build.target;
  const targets = options.all ? [...TARGETS].sort((a, b) => Number(b === host) - Number(a === host)) : [host];
  const out = resolve(options.out);
  await Deno.mkdir(out, { recursive: true });

  const temporary = await Deno.makeTempDir({ prefix: "mcp-auth-compile-" });
  try {
    return await build(targets, out, await writeConfig(temporary), options.strict);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function build(
  targets: readonly string[],
  out: string,
  config: string,
  strict: boolean,
): Promise<number> {
  // The Deno that runs this fills the cache: it trusts the same certificates as the project's other commands.
  const cached = await run(
    Deno.execPath(),
    ["cache", "--config", config, "--frozen", "main.ts"],
    COMPILE_TIMEOUT_MS,
  );
  if (!cached.success) {
    console.error(`✗ The program's modules could not be loaded:\n${diagnosis(cached.text).join("\n")}`);
    return 1;
  }

  const results: (Built | Missing)[] = [];
  for (const target of targets) {
    const result = await compile(target, out, config);
    // The contents are the same for every target.
    if ("inside" in result && results.every((each) => "reason" in each)) console.log(result.inside);
    results.push(result);
    console.log(report(result));
  }

  const built = results.filter((each) => "sha256" in each);
  const missing = results.filter((each) => "reason" in each);
  const sums = join(out, "SHA256SUMS");
  if (built.length === 0) await Deno.remove(sums).catch(() => {});
  else await Deno.writeTextFile(sums, built.map((each) => `${each.sha256}  ${each.name}\n`).join(""));
  const excused = !strict && missing.every((each) => each.noRuntime && each.target !== Deno.build.target);
  return missing.length === 0 || excused && built.length > 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
