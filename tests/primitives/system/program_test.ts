/** Programs that keystores need: what they get, what comes back, and that none of them can hold us up. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { PROGRAM_OUTPUT_MAX_BYTES } from "../../../lib/primitives/limits.ts";
import {
  type ProgramOptions,
  type ProgramOutcome,
  runProgram,
} from "../../../lib/primitives/system/program.ts";

const unix = { ignore: Deno.build.os === "windows" };
const DECODER = new TextDecoder();

function shell(script: string, options: Partial<ProgramOptions> = {}, ...args: readonly string[]) {
  return runProgram("sh", ["-c", script, "sh", ...args], { timeoutMs: 5_000, ...options });
}

function ended(outcome: ProgramOutcome) {
  if (outcome.kind !== "ended") throw new Error(`It did not end: ${outcome.kind}`);
  return { ...outcome, stdout: DECODER.decode(outcome.stdout) };
}

async function timed<T>(operation: Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const started = performance.now();
  const result = await operation;
  return { result, ms: performance.now() - started };
}

/** Waits until a process is gone, or a zombie that nobody has fetched yet. */
async function gone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "State:\tZ");
    if (/^State:\s+[ZX]/m.test(status)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

Deno.test(
  "a program gets its arguments as they are, and its exit code and both streams come back",
  unix,
  async () => {
    const outcome = ended(
      await shell('printf "%s|" "$@"; echo bad >&2; exit 3', {}, "a b", "'$x'", "", "é\n"),
    );
    deepEqual(outcome, { kind: "ended", code: 3, stdout: "a b|'$x'||é\n|", stderr: "bad\n" });
  },
);

Deno.test("standard input is what is given, byte for byte, and ends there", unix, async () => {
  const stdin = Uint8Array.from({ length: 200_000 }, (_, index) => index & 255);
  equal(ended(await shell("wc -c; exit 0", { stdin })).stdout.trim(), "200000");
  const copied = await runProgram("cat", [], { stdin: stdin.slice(0, 1_000), timeoutMs: 5_000 });
  ok(copied.kind === "ended");
  deepEqual(copied.stdout, stdin.slice(0, 1_000));
});

Deno.test("without input a program reads the end of it at once", unix, async () => {
  equal(ended(await shell("cat; echo read")).stdout, "read\n");
});

Deno.test("a program that does not read its input is no failure", unix, async () => {
  equal(ended(await shell("exec 0<&-; exit 4", { stdin: new Uint8Array(1_000_000) })).code, 4);
});

Deno.test(
  "a program gets the environment without what opens the store or is a credential",
  unix,
  async () => {
    const secrets = ["MCP_AUTH_KEY", "MCP_AUTH_NEW_KEY", "MCP_AUTH_PASSPHRASE", "MCP_AUTH_NEW_PASSPHRASE"];
    for (const name of secrets) Deno.env.set(name, "secret-value");
    try {
      const { stdout } = ended(await runProgram("env", [], { timeoutMs: 5_000 }));
      ok(!stdout.includes("secret-value"), stdout);
      ok(stdout.includes("PATH="));
    } finally {
      for (const name of secrets) Deno.env.delete(name);
    }
  },
);

Deno.test("output is kept up to its bound, and the rest does not stop the program", unix, async () => {
  const { code, stdout, stderr } = ended(
    await shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; exit 5"),
  );
  deepEqual([code, stdout.length, stderr.length], [5, PROGRAM_OUTPUT_MAX_BYTES, PROGRAM_OUTPUT_MAX_BYTES]);
});

Deno.test("output of a program that ends is whole, however it is cut", unix, async () => {
  const script = "for i in 1 2 3 4 5 6 7 8 9 10; do head -c 3000 /dev/zero; done";
  for (let round = 0; round < 10; round++) equal(ended(await shell(script)).stdout.length, 30_000);
});

Deno.test("a program that is not there is missing, wherever it is looked for", async () => {
  deepEqual(await runProgram("no-such-program-here", [], { timeoutMs: 5_000 }), { kind: "missing" });
  deepEqual(await runProgram("/nowhere/program", [], { timeoutMs: 5_000 }), { kind: "missing" });
});

Deno.test("a program that cannot be started ends with 126, and says why", unix, async () => {
  const outcome = ended(await runProgram("/etc/passwd", [], { timeoutMs: 5_000 }));
  equal(outcome.code, 126);
  match(outcome.stderr, /denied/i);
});

Deno.test(
  "a program that the sandbox does not allow is denied",
  { permissions: { run: ["true"] } },
  async () => {
    deepEqual(await runProgram("cat", [], { timeoutMs: 5_000 }), { kind: "denied" });
  },
);

Deno.test("a sandbox that allows the program alone starts it, though a loader variable is set", {
  ...unix,
  permissions: { run: ["env"], env: true },
}, async () => {
  Deno.env.set("LD_LIBRARY_PATH", "/nowhere");
  try {
    const { stdout } = ended(await runProgram("env", [], { timeoutMs: 5_000 }));
    ok(!stdout.includes("LD_LIBRARY_PATH"));
    ok(stdout.includes("PATH="));
  } finally {
    Deno.env.delete("LD_LIBRARY_PATH");
  }
});

Deno.test(
  "a program that takes too long is killed, also one that minds no signal (row 42)",
  unix,
  async () => {
    const pidFile = await Deno.makeTempFile();
    try {
      const script = 'trap "" TERM INT HUP; echo $$ >"$1"; while :; do :; done';
      const { result, ms } = await timed(shell(script, { timeoutMs: 200 }, pidFile));
      deepEqual(result, { kind: "timed-out" });
      ok(ms < 2_000, `${ms} ms`);
      ok(await gone(Number(await Deno.readTextFile(pidFile))));
    } finally {
      await Deno.remove(pidFile);
    }
  },
);

Deno.test("a program that has closed its streams and goes on is killed all the same", unix, async () => {
  const script = "exec >&- 2>&-; sleep 60";
  const { result, ms } = await timed(shell(script, { timeoutMs: 200 }));
  deepEqual(result, { kind: "timed-out" });
  ok(ms < 2_000, `${ms} ms`);
});

Deno.test("what a program leaves behind with its output open is not waited for", unix, async () => {
  const script = 'sleep 60 & echo $!; echo "what counts" >&2; exit 6';
  const { result, ms } = await timed(shell(script, { timeoutMs: 5_000 }));
  const { code, stdout, stderr } = ended(result);
  Deno.kill(Number(stdout), "SIGKILL");
  deepEqual([code, stderr], [6, "what counts\n"]);
  ok(ms < 2_000, `${ms} ms`);
});

Deno.test(
  "what a killed program leaves behind with its output open is not waited for either",
  unix,
  async () => {
    const pidFile = await Deno.makeTempFile();
    try {
      const script = 'sleep 60 & echo $! >"$1"; sleep 60';
      const { result, ms } = await timed(shell(script, { timeoutMs: 300 }, pidFile));
      Deno.kill(Number(await Deno.readTextFile(pidFile)), "SIGKILL");
      deepEqual(result, { kind: "timed-out" });
      ok(ms < 2_000, `${ms} ms`);
    } finally {
      await Deno.remove(pidFile);
    }
  },
);

Deno.test("a signal ends the wait with its reason, and the program", unix, async () => {
  const pidFile = await Deno.makeTempFile();
  try {
    const controller = new AbortController();
    const running = shell('echo $$ >"$1"; exec sleep 60', { signal: controller.signal }, pidFile);
    while (await Deno.readTextFile(pidFile) === "") await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort(new Error("no longer wanted"));
    await rejects(running, /no longer wanted/);
    ok(await gone(Number(await Deno.readTextFile(pidFile))));
  } finally {
    await Deno.remove(pidFile);
  }
});

Deno.test("after a signal no program is started", unix, async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  await rejects(
    shell('echo started >"$1"', { signal: AbortSignal.abort(new Error("too late")) }, path),
    /too late/,
  );
  await rejects(Deno.stat(path), Deno.errors.NotFound);
});
