/**
 * Runs a scenario in a network or a file system of its own, so that a cut wire or a full disk is nobody else's: the
 * torture starts itself again under `unshare`, for this one scenario, and reads what it came to from a file.
 *
 * @module
 */
import type { Arena } from "./arena.ts";
import { checkoutPath } from "./arena.ts";
import type { Result } from "./result.ts";

/** What a scenario has of its own. */
export type Namespace = "net" | "mount";

/**
 * Why a scenario cannot run here; undefined where it can.
 *
 * @param tools The programs that it needs.
 * @param namespace What it needs for itself alone.
 */
export async function whyNot(tools: readonly string[], namespace?: Namespace): Promise<string | undefined> {
  const all = namespace === undefined ? tools : ["unshare", ...tools];
  const missing = (await Promise.all(all.map(async (tool) => await isThere(tool) ? [] : [tool]))).flat();
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  if (namespace === undefined) return undefined;
  const { code, stderr } = await output("unshare", [...flags(namespace), "--", "true"]);
  return code === 0 ? undefined : `needs the right to make namespaces: ${stderr.trim()}`;
}

/**
 * Runs a scenario in a namespace of its own.
 *
 * @returns What it came to, the search for secrets included.
 * @throws Error when the inner run ends without a result.
 */
export async function runApart(
  arena: Arena,
  scenario: string,
  namespace: Namespace,
): Promise<readonly Result[]> {
  const { settings, signal, root } = arena;
  const report = `${root}/${scenario}.json`;
  const child = new Deno.Command("unshare", {
    args: [
      ...flags(namespace),
      "--",
      Deno.execPath(),
      "run",
      "-A",
      "--config",
      checkoutPath("tests/deno.json"),
      checkoutPath("scripts/torture/torture.ts"),
      ...["--only", scenario, "--inside", namespace, "--report", report],
      ...["--seed", settings.seed, "--from", String(settings.from), "--program", settings.program],
      ...settings.rounds === undefined ? [] : ["--rounds", String(settings.rounds)],
      ...settings.quiet ? ["--quiet"] : [],
      ...settings.short ? ["--short"] : ["--scale", String(settings.scale)],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const end = () => child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  const { code } = await child.status;
  signal.removeEventListener("abort", end);
  signal.throwIfAborted();
  try {
    return JSON.parse(await Deno.readTextFile(report));
  } catch {
    throw new Error(`The scenario "${scenario}" ended with ${code} and no result`);
  }
}

/** Prepares a namespace from within: a new network has no loopback that is up. */
export async function settleIn(namespace: string): Promise<void> {
  if (namespace === "net") await must("ip", ["link", "set", "lo", "up"]);
}

/**
 * Runs a tool of the system.
 *
 * @returns What it printed.
 * @throws Error when it fails.
 */
export async function must(tool: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await output(tool, args);
  if (code !== 0) throw new Error(`${tool} ${args.join(" ")}: ${stderr.trim()}`);
  return stdout;
}

/** Whoever is not root becomes it in a namespace of users, where the system allows that. */
function flags(namespace: Namespace): readonly string[] {
  return [...Deno.uid() === 0 ? [] : ["--user", "--map-root-user"], `--${namespace}`];
}

async function isThere(tool: string): Promise<boolean> {
  return (await output("sh", ["-c", `command -v ${tool}`])).code === 0;
}

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function output(tool: string, args: readonly string[]): Promise<Output> {
  const decoder = new TextDecoder();
  try {
    const { code, stdout, stderr } = await new Deno.Command(tool, {
      args: [...args],
      env: { PATH: `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin` },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    return { code: 127, stdout: "", stderr: error instanceof Error ? error.message : String(error) };
  }
}
