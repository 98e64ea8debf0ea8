/** The command `audit`: what it shows of a log, whoever has written it, and what it checks. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { AuditEvent } from "../../../lib/services/audit/mod.ts";
import { AuditLog } from "../../../lib/services/audit/mod.ts";
import { placeIn } from "../../services/audit/scene.ts";
import { type TestWorld, testWorld } from "./world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A world whose home has a log, and the way to write into it. */
async function withLog(
  test: (
    world: TestWorld,
    write: (...events: readonly AuditEvent[]) => Promise<void>,
    path: string,
  ) => Promise<void>,
): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    const world = testWorld({ home });
    const log = new AuditLog({ place: () => placeIn(home), clock: world.clock });
    await test(world, async (...events) => {
      for (const event of events) log.record(event);
      await log.flush();
    }, `${home}/audit.jsonl`);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const SIGNED_IN: AuditEvent = {
  event: "signed_in",
  name: "demo",
  issuer: "https://as.example.com/tenant",
  outcome: "done",
  secrets: { access_token: "secret" },
};
const FAILED: AuditEvent = {
  event: "refresh_failed",
  name: "work",
  issuer: "https://as.example.com",
  outcome: "failed",
  code: "NETWORK_ERROR",
  detail: "unanswered",
};

Deno.test("audit shows each event with its time, entry, outcome, issuer and fingerprints", () =>
  withLog(async ({ run }, write) => {
    await write(SIGNED_IN, FAILED, { event: "keystore_changed", outcome: "done", detail: "file -> env" });
    const { code, out, err } = await run("audit");
    deepEqual([code, err], [0, ""]);
    deepEqual(out.split("\n"), [
      "TIME                  EVENT              ENTRY           OUTCOME               ISSUER                  FINGERPRINTS AND DETAIL",
      "2026-01-01 00:00:00Z  signed_in          demo            done                  as.example.com          access_token=2bb80d53",
      "2026-01-01 00:00:00Z  refresh_failed     work            NETWORK_ERROR         as.example.com          unanswered",
      "2026-01-01 00:00:00Z  keystore_changed   -               done                  -                       file -> env",
      "",
    ]);
  }));

Deno.test("audit --json is one array of whole events", () =>
  withLog(async ({ run }, write) => {
    equal((await run("audit", "--json")).out, "[]\n");
    await write(SIGNED_IN, FAILED);
    const events = JSON.parse((await run("audit", "--json")).out);
    deepEqual(events.map(({ prev: _, pid: __, ...rest }: Record<string, unknown>) => rest), [
      {
        seq: 1,
        at: "2026-01-01T00:00:00.000Z",
        event: "signed_in",
        name: "demo",
        issuer: "https://as.example.com/tenant",
        outcome: "done",
        fingerprints: { access_token: "2bb80d53" },
      },
      {
        seq: 2,
        at: "2026-01-01T00:00:00.000Z",
        event: "refresh_failed",
        name: "work",
        issuer: "https://as.example.com",
        outcome: "failed",
        code: "NETWORK_ERROR",
        detail: "unanswered",
      },
    ]);
  }));

Deno.test("audit shows the events of a time, an entry and a kind", () =>
  withLog(async ({ run, clock }, write) => {
    for (let day = 0; day < 4; day++) {
      await write({ ...SIGNED_IN, detail: `${day}` }, { ...FAILED, detail: `${day}` });
      clock.time += DAY;
    }
    clock.time -= DAY;
    // It is the fourth day of January, 0:00.
    const shown = async (...flags: readonly string[]) => {
      const events: { name: string; detail: string }[] = JSON.parse(
        (await run("audit", "--json", ...flags)).out,
      );
      return events.map(({ name, detail }) => `${name}${detail}`).join(" ");
    };
    equal(await shown("--since", "36h"), "demo2 work2 demo3 work3");
    equal(await shown("--since", "2d"), "demo1 work1 demo2 work2 demo3 work3");
    equal(await shown("--since", "0s"), "demo3 work3");
    equal(await shown("--since", "2026-01-03"), "demo2 work2 demo3 work3");
    equal(await shown("--since", "2026-01-03T00:00"), "demo2 work2 demo3 work3");
    equal(await shown("--since", "2026-01-03T00:00:00.001Z"), "demo3 work3");
    equal(await shown("--since", "2026-01-03T02:00:00+02:00"), "demo2 work2 demo3 work3");
    equal(await shown("--since", "2027-01-01"), "");
    equal(await shown("--name", "work"), "work0 work1 work2 work3");
    equal(await shown("--event", "signed_in", "--since", "1d"), "demo2 demo3");
    equal(await shown("--event", "exported"), "");
    deepEqual(await run("audit", "--name", "nobody"), { code: 0, out: "", err: "No such events\n" });
  }));

Deno.test("a time that is none, a kind that is none and a filter on the check are mistakes", () =>
  withLog(async ({ run }) => {
    for (
      const since of [
        "x",
        "2",
        "2w",
        "-2h",
        "1e9h",
        "2026",
        "2026-13-01",
        "2026-1-1",
        "2026-01-01 00:00",
        "now",
      ]
    ) {
      const { code, out, err } = await run("audit", `--since=${since}`);
      deepEqual([code, out], [2, ""], since);
      match(err, /^Error: Cannot read --since ".*": it is no time \[USAGE\]\nHint: Write it as /);
    }
    match((await run("audit", "--event", "signed-in")).err, /did you mean "signed_in"/);
    for (const flag of ["--since=2h", "--name=demo", "--event=signed_in"]) {
      const { code, err } = await run("audit", "--verify", flag);
      equal(code, 2);
      match(err, /each line names the one before it \[USAGE\]/);
    }
  }));

Deno.test("what somebody wrote into the log is shown as damaged, stops nothing and cannot steer the terminal", () =>
  withLog(async ({ run }, write, path) => {
    await write(SIGNED_IN);
    const hostile = "\u001b[31mhello\u0007\u202e";
    const forged = JSON.stringify({
      seq: 2,
      at: "2026-01-01T00:00:00Z",
      event: hostile,
      name: hostile,
      issuer: hostile,
      outcome: hostile,
      code: hostile,
      detail: hostile,
      fingerprints: { [hostile]: hostile, __proto__: hostile, other: { deep: [hostile] } },
      prev: "0".repeat(64),
    });
    await Deno.writeTextFile(path, `${hostile}\n${forged}\n[1]\n"x"\nnull\n{}\n`, { append: true });
    await Deno.writeFile(path, new Uint8Array([0xff, 0xfe, 0x0a]), { append: true });
    await write(FAILED);
    const text = await run("audit");
    equal(text.code, 0);
    match(text.out, /^damaged: line 2 of audit\.jsonl: \[31mhello$/m);
    match(text.out, /refresh_failed/);
    equal(text.err, "6 damaged lines: see mcp-auth audit --verify\n");
    const json = await run("audit", "--json");
    const events = JSON.parse(json.out);
    equal(events.length, 9);
    deepEqual(events[1], { damaged: true, file: "audit.jsonl", line: 2, text: "[31mhello" });
    for (const { out, err } of [text, json]) ok(!/[^\n\P{Cc}]|\p{Cf}/u.test(out + err));
    const filtered = JSON.parse((await run("audit", "--json", "--name", "work")).out);
    equal(filtered.length, 1);
  }));

Deno.test("audit --verify says what holds and what it cannot show, and ends with 1 where the chain breaks", () =>
  withLog(async ({ run }, write, path) => {
    await write(SIGNED_IN, FAILED, SIGNED_IN);
    const good = await run("audit", "--verify");
    deepEqual([good.code, good.err], [0, ""]);
    match(
      good.out,
      /^✓ The audit log is as it was written: 3 events\nThe chain begins with event 1 and ends with/,
    );
    match(good.out, /no key: .*not an attacker who rewrites the log, nor lines cut off at its end\n$/);
    deepEqual(JSON.parse((await run("audit", "--verify", "--json")).out), {
      intact: true,
      events: 3,
      first_seq: 1,
      last_seq: 3,
      torn: [],
      breaks: [],
    });
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("work", "home"));
    const bad = await run("audit", "--verify");
    deepEqual([bad.code, bad.err], [1, ""]);
    match(bad.out, /^The audit log is not as it was written: the chain breaks in 1 place\n/);
    match(bad.out, /^ {2}audit\.jsonl, line 3, event 3: what stands before it was changed$/m);
    const json = await run("audit", "--verify", "--json");
    equal(json.code, 1);
    deepEqual(JSON.parse(json.out).breaks, [
      { file: "audit.jsonl", line: 3, seq: 3, problem: "what stands before it was changed" },
    ]);
  }));

Deno.test("audit --verify tells a torn line from tampering, and where the chain begins", () =>
  withLog(async ({ run }, write, path) => {
    await write(SIGNED_IN, FAILED, SIGNED_IN);
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).slice(0, -20));
    match(
      (await run("audit", "--verify")).out,
      /^audit\.jsonl, line 3, at the end, is torn: .* or is writing$/m,
    );
    await write(FAILED);
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).split("\n").slice(1).join("\n"));
    const { code, out } = await run("audit", "--verify");
    equal(code, 0, out);
    match(out, /^The chain begins at event 2, since earlier files are not kept, and ends with event 3$/m);
    match(out, /^audit\.jsonl, line 2 is torn: .*, and the chain goes on after it$/m);
  }));

Deno.test("without a log there is nothing to show, and nothing is made", () =>
  withLog(async ({ run }, _write, path) => {
    deepEqual(await run("audit"), { code: 0, out: "", err: "No such events\n" });
    match((await run("audit", "--verify")).out, /^✓ The audit log is as it was written: 0 events\n/);
    deepEqual(await Array.fromAsync(Deno.readDir(path.replace("/audit.jsonl", ""))), []);
    deepEqual(await testWorld().run("audit"), { code: 0, out: "", err: "No such events\n" });
  }));
