/**
 * Processes are started, bounded, killed and seen for what they are.
 *
 * @module
 */
import assert from "node:assert/strict";
import { whyNot } from "../../../scripts/torture/namespaces.ts";
import { type Place, startProgram, until } from "../../../scripts/torture/process.ts";
import { ProcessWatch, type Sighting } from "../../../scripts/torture/process_watch.ts";

function place(signal = new AbortController().signal): Place {
  const env = { PATH: Deno.env.get("PATH") ?? "", GIVEN: "by the home" };
  return { command: ["sh", "-c"], cwd: "/", env, signal };
}

Deno.test("a run is told with its command line, its exit code and what it printed", async () => {
  const args = ['echo "$GIVEN $1"; echo no >&2; exit 3', "_", "it's"];
  const run = await startProgram(place(), args, { env: { MCP_AUTH_KEY: "secret", FLAG: "a b" } }).outcome;
  assert.deepEqual([run.code, run.stdout, run.stderr, run.hung], [3, "by the home it's\n", "no\n", false]);
  assert.match(run.line, /^MCP_AUTH_KEY=\.\.\. FLAG='a b' sh -c 'echo .*' _ 'it'\\''s'$/);
});

Deno.test("a run that does not end is killed at its bound, and counts as hung", async () => {
  const run = await startProgram(place(), ["exec sleep 60"], { boundMs: 100 }).outcome;
  assert.deepEqual([run.code, run.hung], [undefined, true]);
  assert.ok(run.ms < 5_000);
});

Deno.test("a killed run has no exit code, and is not hung", async () => {
  const running = startProgram(place(), ["exec sleep 60"]);
  assert.equal(running.ended, false);
  running.kill();
  const run = await running.outcome;
  assert.deepEqual([run.code, run.hung, running.ended], [undefined, false, true]);
  running.kill();
});

Deno.test("Ctrl-C ends what runs, and nothing is started after it", async () => {
  const interrupted = new AbortController();
  const running = startProgram(place(interrupted.signal), ["exec sleep 60"]);
  interrupted.abort(new Error("Interrupted"));
  assert.equal((await running.outcome).code, undefined);
  assert.throws(() => startProgram(place(interrupted.signal), ["true"]), /Interrupted/);
});

Deno.test("command line and environment of a process that lives a tenth of a second are seen, and no other's", async () => {
  const root = await Deno.makeTempDir();
  try {
    using watch = new ProcessWatch(root);
    const seen: Sighting[] = [];
    const start = (HOME: string) =>
      startProgram(place(), ["sleep 0.1; true", "marked"], { env: { HOME, SECRET: "in the open" } }).outcome;
    // The thread takes a while to start.
    assert.ok(
      await until(async () => {
        await Promise.all([start(`${root}/home`), start(`${root}-of-another`)]);
        seen.push(...await watch.take());
        return seen.length > 0;
      }, 10_000),
    );
    const shell = seen.find(({ args }) => args.includes("marked"));
    assert.deepEqual(shell?.args.slice(1), ["-c", "sleep 0.1; true", "marked"]);
    assert.ok(shell.environ.includes("SECRET=in the open"));
    assert.ok(seen.some(({ args, ppid }) => args.at(-1) === "0.1" && seen.some(({ pid }) => pid === ppid)));
    assert.ok(seen.every(({ environ }) => environ.includes(`HOME=${root}/home`)));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a scenario whose tools are not there says which", async () => {
  assert.equal(await whyNot(["sh"]), undefined);
  assert.equal(await whyNot(["sh", "no-such-tool", "nor-this"]), "needs no-such-tool, nor-this");
});
