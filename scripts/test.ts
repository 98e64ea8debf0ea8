/**
 * `deno task test [--no-skip] [<file or folder>...]`: runs all tests and the examples of the documentation, and ends
 * with one line that counts them. With `--no-skip` a test that was skipped counts as a failure of the run. The tests with
 * real processes mostly wait, and take as long as all others together twice over: the others run beside them.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where a script reports

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const SUMMARY =
  /\| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?: \(\d+ steps?\))?(?: \| (\d+) ignored)?/;

/**
 * Runs `deno test` with its output passed on, and reads the counts off its last line.
 *
 * @param args What follows `deno test`.
 * @param atOnce Whether the output is passed on as it comes, or whole at the end.
 */
async function runTests(args: readonly string[], atOnce: boolean): Promise<Counts> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const decoder = new TextDecoder();
  const kept: Uint8Array[] = [];
  let tail = "";
  for await (const chunk of child.stdout) {
    if (atOnce) await writeAll(chunk);
    else kept.push(chunk);
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4_000);
  }
  for (const chunk of kept) await writeAll(chunk);
  const { success } = await child.status;
  const [, passed, failed, skipped] = SUMMARY.exec(tail.slice(tail.lastIndexOf(" passed") - 40)) ?? [];
  if (passed === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const counts = { passed: Number(passed), failed: Number(failed), skipped: Number(skipped ?? 0) };
  return success || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

async function writeAll(chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) offset += await Deno.stdout.write(chunk.subarray(offset));
}

/** Runs one after the other, and adds up. */
async function runLane(runs: readonly (readonly string[])[], atOnce: boolean): Promise<Counts> {
  let total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const run of runs) total = sum(total, await runTests(run, atOnce));
  return total;
}

function sum(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

const TESTS = ["--config", "tests/deno.json", "-A"];

/** Runs everything: the tests with real processes on one side, all else on the other. */
async function runAll(): Promise<Counts> {
  const others = [];
  for await (const { name, isDirectory } of Deno.readDir("tests")) {
    const isTest = isDirectory ? name !== "acceptance" && name !== "node_modules" : name.endsWith("_test.ts");
    if (isTest) others.push(`tests/${name}`);
  }
  const [real, rest] = await Promise.all([
    runLane([[...TESTS, "tests/acceptance"]], true),
    runLane([
      [...TESTS, ...others.sort()],
      ["--doc", "-A", "README.md"],
      // Deno adds an import of the module's own exports to each example, which fails noUnusedLocals beside the written one.
      ["--doc", "-A", "--no-check", "lib/"],
    ], false),
  ]);
  return sum(real, rest);
}

async function main(args: readonly string[]): Promise<number> {
  const noSkip = args.includes("--no-skip");
  const targets = args.filter((arg) => arg !== "--no-skip");
  const total = targets.length === 0 ? await runAll() : await runTests([...TESTS, ...targets], true);
  if (total.skipped > 0) {
    console.log(`\n${total.skipped} skipped; the names of those tests say what they need`);
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 || noSkip && total.skipped > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
