/**
 * Leases: they exclude across machines, outlast neither their holder nor its sleep, and a holder that lost one knows it
 * before it acts.
 *
 * @see behaviours rows 1 and 10
 */
import { equal, ok, rejects } from "node:assert/strict";
import {
  LEASE_MS,
  LEASE_POLL_MAX_MS,
  LOCK_WAIT_MS,
  REFRESH_TIMEOUT_MS,
} from "../../../lib/primitives/limits.ts";
import { type LeaseClock, leaseLocks, type LeaseOptions } from "../../../lib/primitives/system/lease.ts";
import { openLocalKv } from "../../../lib/primitives/system/local_kv.ts";
import type { Locks } from "../../../lib/primitives/system/lock.ts";
import { openMemoryKv } from "../../../lib/primitives/system/memory_kv.ts";
import type { Kv } from "../../../lib/primitives/system/kv.ts";
import { testLocksContract } from "../../contracts/locks.ts";
import { READ, startKvConnectServer, WRITE } from "../../fakes/kv_connect/server.ts";
import { coded } from "../coded_error.ts";
import { openAt } from "../kv_connect/servers.ts";

const KEY = ["lease", "one"];

/** Locks as another machine has them. */
function leases(kv: Kv, options: Partial<LeaseOptions> = {}): Locks {
  return leaseLocks({ kv: () => Promise.resolve(kv), prefix: ["lease"], ...options });
}

/** Times so short that a test can wait for them. */
const SHORT = { leaseMs: 600, stepMs: 200 };

/** Clocks that a test moves, apart from each other. */
function movable(): LeaseClock & { monotonicMs: number; wallMs: number } {
  return {
    monotonicMs: 0,
    wallMs: 1_700_000_000_000,
    monotonic() {
      return performance.now() + this.monotonicMs;
    },
    wall() {
      return performance.now() + this.wallMs;
    },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function leaseOf(kv: Kv): Promise<{ version: string | null; owner: string | undefined }> {
  const [entry] = await kv.get([KEY]);
  const { owner } = entry!.value === undefined ? {} : JSON.parse(new TextDecoder().decode(entry!.value));
  return { version: entry!.version, owner };
}

testLocksContract("lease in memory", () => {
  const kv = openMemoryKv();
  return Promise.resolve({
    open: () => leases(kv),
    [Symbol.asyncDispose]: () => Promise.resolve(kv.close()),
  });
});

testLocksContract("lease over two handles of a local database", async () => {
  const folder = await Deno.makeTempDir();
  const kvs = [await openLocalKv(`${folder}/store.db`), await openLocalKv(`${folder}/store.db`)];
  let turn = 0;
  return {
    open: () => leases(kvs[turn++ % 2]!),
    [Symbol.asyncDispose]: async () => {
      for (const kv of kvs) kv.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
});

testLocksContract("lease over KV Connect", async () => {
  const server = await startKvConnectServer();
  return { open: () => leases(openAt(server)), [Symbol.asyncDispose]: () => server.close() };
});

Deno.test("a lease lasts longer than one refresh, and a wait longer than a lease", () => {
  ok(LEASE_MS > REFRESH_TIMEOUT_MS + 2_000);
  ok(LOCK_WAIT_MS > LEASE_MS + 3 * LEASE_POLL_MAX_MS);
});

Deno.test("a free lease takes one request, and its release another", async () => {
  await using server = await startKvConnectServer();
  const lock = await leases(openAt(server)).acquire("one", 100);
  await lock.assertHeld();
  equal(server.requests(WRITE).length, 1);
  await lock[Symbol.asyncDispose]();
  equal(server.requests(WRITE).length, 2);
  equal(server.requests(READ).length, 0);
  equal(server.database.size, 0);
});

Deno.test("a lease is renewed while it is held, and nobody else gets it", async () => {
  using kv = openMemoryKv();
  await using lock = await leases(kv, SHORT).acquire("one", 100);
  const first = await leaseOf(kv);
  await rejects(leases(kv, SHORT).acquire("one", 3 * SHORT.leaseMs), coded("TIMEOUT"));
  const later = await leaseOf(kv);
  equal(later.owner, first.owner);
  ok(later.version! > first.version!);
  await lock.assertHeld();
});

Deno.test("the lease of a holder that vanished is taken once it has run out, and not before", async () => {
  using kv = openMemoryKv();
  const abandoned = JSON.stringify({ owner: "gone", at: 0 });
  await kv.commit({ sets: [{ key: KEY, value: new TextEncoder().encode(abandoned) }] });
  const started = performance.now();
  await using lock = await leases(kv, SHORT).acquire("one", 3_000);
  ok(performance.now() - started >= SHORT.leaseMs);
  await lock.assertHeld();
});

Deno.test("of many who wait for a holder that vanished, one at a time gets it", async () => {
  using kv = openMemoryKv();
  await kv.commit({ sets: [{ key: KEY, value: new Uint8Array([1]) }] });
  let holders = 0;
  await Promise.all(Array.from({ length: 6 }, async () => {
    await using lock = await leases(kv, SHORT).acquire("one", 10_000);
    equal(++holders, 1);
    await sleep(5);
    await lock.assertHeld();
    holders--;
  }));
});

Deno.test("how long a lease is seen counts by the clock of whoever waits, not by the time in it", async () => {
  using kv = openMemoryKv();
  const future = JSON.stringify({ owner: "gone", at: Date.now() + 86_400_000 });
  await kv.commit({ sets: [{ key: KEY, value: new TextEncoder().encode(future) }] });
  const clock = movable();
  const waiting = leases(kv, { ...SHORT, clock }).acquire("one", 60_000);
  await sleep(20);
  clock.wallMs += 86_400_000;
  await sleep(LEASE_POLL_MAX_MS);
  equal((await leaseOf(kv)).owner, "gone");
  clock.monotonicMs += SHORT.leaseMs;
  await using _lock = await waiting;
});

for (
  const [how, move] of [
    ["by the monotonic clock", (clock) => clock.monotonicMs += SHORT.leaseMs],
    ["while the machine slept, by the time of day", (clock) => clock.wallMs += SHORT.leaseMs],
  ] as const satisfies readonly (readonly [string, (clock: ReturnType<typeof movable>) => void])[]
) {
  Deno.test(`a holder whose lease has run out ${how} renews it before the step, or does not take it`, async () => {
    using kv = openMemoryKv();
    const clock = movable();
    await using lock = await leases(kv, { leaseMs: SHORT.leaseMs * 100, stepMs: 59_700, clock }).acquire(
      "one",
      100,
    );
    const { version } = await leaseOf(kv);
    await lock.assertHeld();
    equal((await leaseOf(kv)).version, version);
    move(clock);
    await lock.assertHeld();
    const renewed = await leaseOf(kv);
    ok(renewed.version! > version!);
    // Another machine takes it meanwhile.
    await kv.commit({ sets: [{ key: KEY, value: new TextEncoder().encode('{"owner":"other"}') }] });
    move(clock);
    await rejects(lock.assertHeld(), coded("STORE_UNAVAILABLE", /lock on the entry was lost/));
    await rejects(lock.assertHeld(), coded("STORE_UNAVAILABLE"));
    equal((await leaseOf(kv)).owner, "other");
  });
}

Deno.test("a lease that was lost is not taken again when it is free, and not given back for another", async () => {
  using kv = openMemoryKv();
  const lock = await leases(kv, SHORT).acquire("one", 100);
  await kv.commit({ sets: [{ key: KEY, value: new TextEncoder().encode('{"owner":"other"}') }] });
  await sleep(SHORT.leaseMs);
  await kv.commit({ deletes: [KEY] });
  await sleep(SHORT.leaseMs);
  await rejects(lock.assertHeld(), coded("STORE_UNAVAILABLE"));
  equal((await leaseOf(kv)).version, null);
  await kv.commit({ sets: [{ key: KEY, value: new TextEncoder().encode('{"owner":"other"}') }] });
  await lock[Symbol.asyncDispose]();
  equal((await leaseOf(kv)).owner, "other");
});

Deno.test("a released lease is not held any more", async () => {
  using kv = openMemoryKv();
  const lock = await leases(kv).acquire("one", 100);
  await lock[Symbol.asyncDispose]();
  await rejects(lock.assertHeld(), coded("STORE_UNAVAILABLE"));
});

Deno.test("a renewal whose answer was lost is the holder's own", async () => {
  await using server = await startKvConnectServer();
  const kv = openAt(server, { attemptMs: 200, totalMs: 300 });
  const clock = movable();
  const lock = await leases(kv, { leaseMs: 60_000, stepMs: 59_000, clock }).acquire("one", 100);
  const first = (await leaseOf(kv)).version;
  // The renewal arrives, and nothing comes back, neither for it nor for the look whether it arrived.
  server.fail(WRITE, 1, "lose-answer");
  server.fail(WRITE, Infinity, "hang");
  const reads = server.fail(READ, Infinity, "hang");
  clock.monotonicMs += 2_000;
  await rejects(lock.assertHeld(), coded("TIMEOUT"));
  reads.end();
  const second = (await leaseOf(kv)).version;
  ok(second! > first!);
  await server.close();
  // The store is back: the version that the holder does not know is found to be its own.
  await using again = await startKvConnectServer({
    database: server.database,
    port: Number(new URL(server.url).port),
  });
  await lock.assertHeld();
  ok((await leaseOf(kv)).version! > second!);
  await lock[Symbol.asyncDispose]();
  equal(again.database.size, 0);
});

Deno.test("a store that does not answer keeps the holder from acting, and its release ends in time", async () => {
  await using server = await startKvConnectServer();
  const kv = openAt(server, { attemptMs: 100, totalMs: 200 });
  const clock = movable();
  const lock = await leases(kv, { leaseMs: 60_000, stepMs: 59_000, clock }).acquire("one", 100);
  server.fail(WRITE, Infinity, "hang");
  server.fail(READ, Infinity, "hang");
  clock.monotonicMs += 2_000;
  await rejects(lock.assertHeld(), coded("TIMEOUT"));
  const started = performance.now();
  await lock[Symbol.asyncDispose]();
  ok(performance.now() - started < 3_000);
});

Deno.test("a wait that is cut short as it gets the lease does not keep it", async () => {
  await using server = await startKvConnectServer();
  const kv = openAt(server);
  const controller = new AbortController();
  const reason = new Error("Enough");
  server.fail(WRITE, 1, { delayMs: 200 });
  const waiting = leases(kv).acquire("one", 5_000, controller.signal);
  while (server.requests(WRITE).length === 0) await sleep(5);
  controller.abort(reason);
  await rejects(waiting, reason);
  await using _next = await leases(kv).acquire("one", 1_000);
});

Deno.test("a holder that does not know yet that another has its lease leaves it alone as it lets go", async () => {
  using kv = openMemoryKv();
  const lock = await leases(kv).acquire("one", 100);
  const theirs = { sets: [{ key: KEY, value: new TextEncoder().encode('{"owner":"other"}') }] };
  await kv.commit(theirs);
  await lock[Symbol.asyncDispose]();
  equal((await leaseOf(kv)).owner, "other");
});

const USER = new URL("./programs/lease_user.ts", import.meta.url).pathname;

function start(...args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", new URL("../../deno.json", import.meta.url).pathname, USER, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

Deno.test("processes exclude each other by a lease over KV Connect", async () => {
  await using server = await startKvConnectServer();
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/count`, "0");
    const args = [server.url, server.accessToken, "2000", "count", folder, "6"];
    const children = Array.from({ length: 4 }, () => start(...args));
    for (const { success } of await Promise.all(children.map((child) => child.output()))) ok(success);
    equal(await Deno.readTextFile(`${folder}/count`), "24");
    equal(server.database.size, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the lease of a process that is killed is free once it has run out; of one that is stopped, too", async () => {
  await using server = await startKvConnectServer();
  using kv = openAt(server);
  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    await using holder = start(server.url, server.accessToken, "1500", "hold");
    const reader = holder.stdout.getReader();
    equal(new TextDecoder().decode((await reader.read()).value).trim(), "held");
    await rejects(leases(kv, { leaseMs: 1_500 }).acquire("one", 2_500), coded("TIMEOUT"));
    holder.kill(signal);
    const since = performance.now();
    await using _lock = await leases(kv, { leaseMs: 1_500 }).acquire("one", 10_000);
    const waitedMs = performance.now() - since;
    ok(waitedMs >= 1_000 && waitedMs < 5_000, `${waitedMs}`);
    if (signal === "SIGSTOP") holder.kill("SIGKILL");
    await reader.cancel();
  }
});
