/**
 * Runs one scenario of the suite in a world of its own: a new folder for everything that is written, and a process
 * group that is killed as a whole when the time is up, because a client may outlive the suite's own limit.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HOST_ERA, type HostEra, type Revision } from "./scenarios.ts";

/** The suite; pinned in `tests/deno.json`, its packages in `tests/deno.lock`. */
export const SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The suite ends a client after 30 s; a scenario takes one or two. */
const TIME_LIMIT_MS = 60_000;
const TAIL_LINES = 3;

/**
 * How the product is driven: by a person at a terminal, or by a host over the standard streams of a bridge; `protocol` is
 * such a host that does more than sign in.
 */
export type Driver = "terminal" | "bridge" | "protocol";

const CLIENTS: Readonly<Record<Driver, string>> = {
  terminal: "scripts/conformance/terminal_client.ts",
  bridge: "scripts/conformance/host_client.ts",
  protocol: "scripts/conformance/protocol_client.ts",
};

/** What came of one run. */
export interface Outcome {
  /** `skip`: the suite says that the scenario is not of this revision. */
  readonly verdict: "pass" | "fail" | "skip";
  /** What the suite or the client complained of. */
  readonly failures: readonly Failure[];
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** One complaint. */
export interface Failure {
  /** The suite's name for the check; `client` for what the client itself said. */
  readonly check: string;
  readonly message: string;
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly description?: string;
  readonly errorMessage?: string;
}

/**
 * Runs a scenario.
 *
 * @param name As the suite calls it.
 * @param driver How the product is driven.
 * @param options The suite's own: revision, and whether to run what is not of that revision; and the era of the host.
 * @param signal Ends the run.
 */
export async function runScenario(
  name: string,
  driver: Driver,
  options: Revision & { readonly host?: HostEra },
  signal: AbortSignal,
): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "mcp-auth-conformance-" });
  const started = performance.now();
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--quiet", "--config", "tests/deno.json", SUITE, "client"],
        ...["--scenario", name, "--output-dir", join(folder, "results")],
        ...[
          "--command",
          `"${Deno.execPath()}" run -A --quiet --config tests/deno.json ${CLIENTS[driver]}`,
        ],
        ...(options.specVersion === undefined ? [] : ["--spec-version", options.specVersion]),
        ...(options.force ? ["--force"] : []),
      ],
      cwd: ROOT,
      env: {
        NO_COLOR: "1",
        TMPDIR: folder,
        TMP: folder,
        ...(options.host === undefined ? {} : { [HOST_ERA]: options.host }),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    const timeUp = AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
    const kill = () => killTree(child);
    timeUp.addEventListener("abort", kill, { once: true });
    if (timeUp.aborted) kill();
    const [said, complaint, { success }] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.status,
    ]);
    timeUp.removeEventListener("abort", kill);
    // Whatever the client has left behind: a browser that waits, a program that was not waited for.
    kill();
    const ms = performance.now() - started;
    if (signal.aborted) throw signal.reason;
    if (timeUp.aborted) {
      return {
        verdict: "fail",
        ms,
        failures: [{ check: "client", message: `killed after ${TIME_LIMIT_MS / 1_000} s` }],
      };
    }
    const verdict = verdictIn(said, name, success);
    if (verdict === "skip") return { verdict, ms, failures: [] };
    if (verdict === "pass") {
      if (await wasJudged(join(folder, "results"))) return { verdict, ms, failures: [] };
      return {
        verdict: "fail",
        ms,
        failures: [{ check: "suite", message: "no check was made: all were skipped" }],
      };
    }
    const failures = await readFailures(join(folder, "results"));
    // Without results the suite itself has failed.
    if (failures.length === 0) {
      const message = /^error: .*$/m.exec(complaint)?.[0] ?? tailOf(complaint || said);
      failures.push({ check: "suite", message });
    }
    return { verdict: "fail", ms, failures };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * What the suite's words mean. It ends with 0 for a scenario that it has skipped, too, which counts only where it says
 * that the scenario is not of the revision.
 *
 * @param said What it wrote to standard output.
 * @param name The scenario.
 * @param success Whether it ended with 0.
 */
export function verdictIn(said: string, name: string, success: boolean): Outcome["verdict"] {
  if (!success) return "fail";
  if (!said.includes("SKIPPED: ")) return "pass";
  return said.includes(`SKIPPED: scenario '${name}' is not applicable at spec version `) ? "skip" : "fail";
}

function killTree(child: Deno.ChildProcess): void {
  if (Deno.build.os === "windows") return child.kill();
  try {
    Deno.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether the suite has made any check at all: it passes what it was given no chance to judge. */
async function wasJudged(folder: string): Promise<boolean> {
  for (const file of await filesBelow(folder)) {
    if (!file.endsWith("checks.json")) continue;
    const checks = JSON.parse(await Deno.readTextFile(file)) as readonly Check[];
    if (checks.some(({ id, status }) => status === "SUCCESS" && id !== "wire-schema-valid")) return true;
  }
  return false;
}

/** Reads what the suite has written: the checks that were not passed, and the last words of the client. */
async function readFailures(folder: string): Promise<Failure[]> {
  const failures = new Map<string, string>();
  for (const file of await filesBelow(folder)) {
    const text = await Deno.readTextFile(file);
    if (file.endsWith("checks.json")) {
      for (const { id, status, description, errorMessage } of JSON.parse(text) as readonly Check[]) {
        if (status === "FAILURE" || status === "WARNING") {
          failures.set(id, `${status.toLowerCase()}: ${errorMessage ?? description ?? ""}`);
        }
      }
    } else if (file.endsWith("stderr.txt") && text.trim() !== "") {
      failures.set("client", tailOf(text));
    }
  }
  return [...failures].map(([check, message]) => ({ check, message }));
}

function tailOf(text: string): string {
  return text.trim().split("\n").slice(-TAIL_LINES).join(" | ");
}

async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) files.push(...await filesBelow(path));
      else files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files;
}
