/**
 * `deno task test [--no-skip] [<file or folder>...]`: runs all tests and the examples of the documentation, and ends
 * with one line that counts them. With `--no-skip` a test that was skipped counts as a failure of the run.
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

/** Runs `deno test` with its output passed on, and reads the counts off its last line. */
async function runTests(args: readonly string[]): Promise<Counts> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const decoder = new TextDecoder();
  let tail = "";
  for await (const chunk of child.stdout) {
    await Deno.stdout.write(chunk);
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4_000);
  }
  const { success } = await child.status;
  const [, passed, failed, skipped] = SUMMARY.exec(tail.slice(tail.lastIndexOf(" passed") - 40)) ?? [];
  if (passed === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const counts = { passed: Number(passed), failed: Number(failed), skipped: Number(skipped ?? 0) };
  return success || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

async function main(args: readonly string[]): Promise<number> {
  const noSkip = args.includes("--no-skip");
  const targets = args.filter((arg) => arg !== "--no-skip");
  const runs = [["--config", "tests/deno.json", "-A", ...(targets.length === 0 ? ["tests/"] : targets)]];
  if (targets.length === 0) {
    runs.push(["--doc", "-A", "README.md"]);
    // Deno adds an import of the module's own exports to each example, which fails noUnusedLocals beside the written one.
    runs.push(["--doc", "-A", "--no-check", "lib/"]);
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const run of runs) {
    const counts = await runTests(run);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
  if (total.skipped > 0) {
    console.log(`\n${total.skipped} skipped; the names of those tests say what they need`);
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 || noSkip && total.skipped > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
