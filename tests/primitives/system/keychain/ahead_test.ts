/** The item of last time is read ahead of time, answers once, and a note that is wrong does no harm. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import {
  lookupCommand,
  notedLookup,
  noteItem,
  startAhead,
} from "../../../../lib/primitives/system/keychain/ahead.ts";
import type { ProgramOutcome, RunProgram } from "../../../../lib/primitives/system/program.ts";
import { fakeEnv } from "../../../fakes/env.ts";

const ACCOUNT = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const OPTIONS = { timeoutMs: 3_000 };

/** Programs that are only written down; each ends with its number as exit code. */
function writtenDown() {
  const calls: string[] = [];
  const run: RunProgram = (program, args) => {
    calls.push([program, ...args].join(" "));
    const outcome: ProgramOutcome = {
      kind: "ended",
      code: calls.length,
      stdout: new Uint8Array(),
      stderr: "",
    };
    return Promise.resolve(outcome);
  };
  return { calls, run };
}

function test(name: string, body: (folder: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function code(outcome: Promise<ProgramOutcome>): Promise<number> {
  const ended = await outcome;
  return ended.kind === "ended" ? ended.code : -1;
}

for (const os of ["linux", "darwin"] as const) {
  test(`on ${os} the noted item is asked for at once, and the answer is used once (row 42)`, async (folder) => {
    noteItem(folder, ACCOUNT, true);
    const { calls, run } = writtenDown();
    const ahead = startAhead(notedLookup(fakeEnv({ MCP_AUTH_HOME: folder }), os)!, run);
    const [program, ...args] = lookupCommand(ACCOUNT, os)!;
    deepEqual(calls, [[program, ...args].join(" ")]);
    equal(await code(ahead(program, args, OPTIONS)), 1);
    equal(calls.length, 1);
    equal(await code(ahead(program, args, OPTIONS)), 2, "a later question gets an answer of its own");
  });
}

test("another question is not answered by what was started ahead", async (folder) => {
  noteItem(folder, ACCOUNT, true);
  const { run } = writtenDown();
  const ahead = startAhead(notedLookup(fakeEnv({ MCP_AUTH_HOME: folder }), "linux")!, run);
  const [program, ...args] = lookupCommand(ACCOUNT, "linux")!;
  equal(await code(ahead(program, lookupCommand(OTHER, "linux")!.slice(1), OPTIONS)), 2);
  equal(await code(ahead(program, ["search", ...args.slice(1)], OPTIONS)), 3);
  equal(await code(ahead(program, args, { ...OPTIONS, stdin: new Uint8Array() })), 4);
  equal(await code(ahead(program, args, OPTIONS)), 1);
});

test("who waits for what was started ahead can stop waiting", async (folder) => {
  noteItem(folder, ACCOUNT, true);
  const [program, ...args] = notedLookup(fakeEnv({ MCP_AUTH_HOME: folder }), "linux")!;
  const ahead = startAhead([program, ...args], () => new Promise(() => {}));
  const signal = AbortSignal.abort(new Error("no longer wanted"));
  await rejects(ahead(program, args, { ...OPTIONS, signal }), /no longer wanted/);
});

test("nothing is asked for without a note, with a damaged one, for Windows, or for a remote store", async (folder) => {
  const env = fakeEnv({ MCP_AUTH_HOME: folder });
  equal(notedLookup(env, "linux"), undefined);
  equal(notedLookup(fakeEnv(), "linux"), undefined);
  for (
    const note of [
      "",
      "x",
      `${ACCOUNT}\n`,
      `${ACCOUNT}0`,
      "--help",
      "../../../etc/pass",
      ACCOUNT.toUpperCase(),
    ]
  ) {
    await Deno.writeTextFile(`${folder}/last-keychain-item`, note);
    equal(notedLookup(env, "linux"), undefined, note);
  }
  noteItem(folder, ACCOUNT, true);
  deepEqual(notedLookup(env, "linux"), lookupCommand(ACCOUNT, "linux"));
  equal(notedLookup(env, "windows"), undefined);
  const remote = fakeEnv({ MCP_AUTH_HOME: folder, MCP_AUTH_STORE: "https://kv.example/" });
  equal(notedLookup(remote, "linux"), undefined);
});

test("a note is private, is replaced by the next, and only its own item takes it away", async (folder) => {
  const path = `${folder}/last-keychain-item`;
  noteItem(folder, ACCOUNT, true);
  equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  noteItem(folder, OTHER, true);
  equal(await Deno.readTextFile(path), OTHER);
  noteItem(folder, ACCOUNT, false);
  equal(await Deno.readTextFile(path), OTHER);
  noteItem(folder, OTHER, false);
  await rejects(Deno.stat(path), Deno.errors.NotFound);
  noteItem(folder, OTHER, false);
});

Deno.test("that nothing can be noted is no failure", () => {
  noteItem("/nowhere/at/all", ACCOUNT, true);
  noteItem("/nowhere/at/all", ACCOUNT, false);
});

Deno.test("a sandbox that shows no folder is no failure", { permissions: "none" }, () => {
  equal(notedLookup(fakeEnv({ MCP_AUTH_HOME: "/home/store" }), "linux"), undefined);
  noteItem("/home/store", ACCOUNT, true);
});
