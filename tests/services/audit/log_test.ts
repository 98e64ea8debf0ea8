/** What an event becomes, and what becomes of events that cannot be written. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { sha256Hex } from "../../../lib/primitives/crypto/digest.ts";
import { AUDIT_QUEUE_MAX } from "../../../lib/primitives/limits.ts";
import { AuditLog } from "../../../lib/services/audit/mod.ts";
import { placeIn, REFRESHED, Scene } from "./scene.ts";

const SECRET = "s3cret-".repeat(20);

Deno.test("an event is one line of JSON with time, entry, issuer, outcome and fingerprints, and no secret", async () => {
  await using scene = new Scene();
  await scene.write({
    event: "signed_in",
    name: "demo",
    issuer: "https://as.example.com",
    outcome: "done",
    detail: "kept",
    secrets: { access_token: SECRET, refresh_token: undefined, client_id: "client" },
  });
  const text = await scene.text();
  ok(text.endsWith("}\n"));
  deepEqual(JSON.parse(text), {
    seq: 1,
    at: "2026-01-01T00:00:00.000Z",
    event: "signed_in",
    name: "demo",
    issuer: "https://as.example.com",
    outcome: "done",
    detail: "kept",
    fingerprints: {
      access_token: (await sha256Hex(SECRET)).slice(0, 8),
      client_id: (await sha256Hex("client")).slice(0, 8),
    },
    pid: Deno.pid,
    prev: "0".repeat(64),
  });
  ok(!text.includes("s3cret"));
});

Deno.test("what does not apply is left out of the line", async () => {
  await using scene = new Scene();
  await scene.write({ event: "keystore_changed", outcome: "failed", code: "KEYSTORE_UNAVAILABLE" });
  const line = JSON.parse(await scene.text());
  deepEqual(Object.keys(line), ["seq", "at", "event", "outcome", "code", "pid", "prev"]);
});

Deno.test("each line names the SHA-256 of the one before it, byte for byte, whoever writes it", async () => {
  await using scene = new Scene();
  await scene.writeMany(3);
  const other = new AuditLog({ place: () => placeIn(scene.folder), clock: scene.clock });
  other.record({ ...REFRESHED, name: "other" });
  await other.flush();
  const lines = (await scene.text()).trimEnd().split("\n");
  equal(lines.length, 4);
  for (const [index, line] of lines.entries()) {
    const { seq, prev } = JSON.parse(line);
    equal(seq, index + 1);
    equal(prev, index === 0 ? "0".repeat(64) : await sha256Hex(lines[index - 1]!));
  }
});

Deno.test("hostile text is capped, and neither breaks a line nor steers a terminal", async () => {
  await using scene = new Scene();
  const hostile = `a\nb\r\u001b[31m\u202e"}{\u0000${"x".repeat(100_000)}`;
  await scene.write(
    {
      ...REFRESHED,
      name: hostile,
      issuer: `https://u:p@as.example.com/?key=s3cret${hostile}`,
      detail: hostile,
    },
    { ...REFRESHED, name: "\ud800", detail: "\ud800\udc00\udc00" },
  );
  const text = await scene.text();
  equal(text.split("\n").length, 3);
  ok(!/[^\n\P{Cc}]|\p{Cf}/u.test(text));
  ok(text.length < 4_000, `${text.length} characters`);
  ok(!text.includes("s3cret") && !text.includes("u:p"));
  const { intact, events } = await scene.verify();
  deepEqual([intact, events], [true, 2]);
});

Deno.test("reporting returns at once and reads no file; flushing with nothing to write does nothing", async () => {
  await using scene = new Scene();
  const log = new AuditLog({
    clock: scene.clock,
    place: () => {
      throw new Error("nobody asked");
    },
  });
  equal(log.flush(), undefined);
  log.record(REFRESHED);
  deepEqual(await scene.files(), []);
  await log.flush();
  deepEqual(await scene.files(), []);
});

Deno.test("until something is written no timer is touched, whose first use costs what handing out a token does", async () => {
  await using scene = new Scene();
  const { setTimeout, clearTimeout } = globalThis;
  const touched = () => {
    throw new Error("a timer");
  };
  Object.assign(globalThis, { setTimeout: touched, clearTimeout: touched });
  try {
    equal(scene.log.flush(), undefined);
    scene.log.record(REFRESHED);
    await scene.log.flush();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  equal((await scene.events()).length, 1);
});

Deno.test("a store that nothing outlives keeps nothing", async () => {
  await using scene = new Scene();
  const log = new AuditLog({
    clock: scene.clock,
    place: () => undefined,
    log: (line) => scene.said.push(line),
  });
  log.record(REFRESHED);
  await log.flush();
  deepEqual(scene.said, []);
});

Deno.test("reporting never throws, whatever it is given", async () => {
  await using scene = new Scene();
  const log = new AuditLog({
    place: () => scene.place,
    clock: {
      now: () => {
        throw new Error("no clock");
      },
    },
  });
  log.record(REFRESHED);
  scene.log.record({ ...REFRESHED, secrets: { access_token: 5 as unknown as string } });
  await log.flush();
  await scene.log.flush();
  equal((await scene.verify()).intact, true);
});

Deno.test("a program that lives long writes its events as they come, in the order in which they came", async () => {
  await using scene = new Scene();
  scene.log.record({ ...REFRESHED, name: "first" });
  scene.log.writeAsTheyCome();
  scene.log.record({ ...REFRESHED, name: "second" });
  for (let looks = 0; looks < 200 && (await scene.events()).length < 2; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  scene.log.record({ ...REFRESHED, name: "third" });
  await scene.log.flush();
  deepEqual((await scene.events()).map(({ name }) => name), ["first", "second", "third"]);
});

Deno.test("events that wait for a disk that is gone do not pile up; the log says how many it misses", async () => {
  await using scene = new Scene();
  await scene.writeMany(AUDIT_QUEUE_MAX + 5);
  equal((await scene.events()).length, AUDIT_QUEUE_MAX);
  deepEqual(scene.said, ["The audit log misses 5 events: too many at once"]);
});

Deno.test("a lock that is held for ever holds a flush up for a second, and its events are given up", async () => {
  await using scene = new Scene();
  {
    const locks = await scene.place.locks();
    await using _lock = await locks.acquire("audit", 100);
    await scene.write(REFRESHED);
  }
  deepEqual(await scene.files(), []);
  equal(scene.said.length, 1);
  match(
    scene.said[0]!,
    /^The audit log misses 1 event: Cannot lock ".*audit\.lock": another process has held it/,
  );
  await scene.write(REFRESHED);
  equal((await scene.events()).length, 1);
});

Deno.test("a flush ends although writing hangs", async () => {
  await using scene = new Scene();
  const hanging = Promise.withResolvers<never>();
  const log = new AuditLog({
    clock: scene.clock,
    place: () => ({ folder: scene.folder, locks: () => hanging.promise }),
  });
  log.record(REFRESHED);
  const started = performance.now();
  await log.flush();
  ok(performance.now() - started < 5_000);
  hanging.reject(new Error("ended"));
  await log.flush();
});
