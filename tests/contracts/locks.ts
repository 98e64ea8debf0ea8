/**
 * What every {@linkcode Locks} does, whatever it is made of. Each adapter's test calls {@linkcode testLocksContract}.
 *
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Lock, Locks } from "../../lib/primitives/system/lock.ts";
import { coded } from "../primitives/coded_error.ts";

/** One place for locks. */
export interface LockPlace extends AsyncDisposable {
  /** Locks over the place; each call others, as another process has, unless nothing is shared between processes. */
  open(): Locks;
}

/** Longer than any adapter needs to notice that a lock is free. */
const PATIENCE_MS = 10_000;

/**
 * Registers the tests of the contract.
 *
 * @param adapter The adapter's name, for the names of the tests.
 * @param place Makes an empty place.
 */
export function testLocksContract(adapter: string, place: () => Promise<LockPlace>): void {
  function test(name: string, body: (open: () => Locks) => Promise<void>): void {
    Deno.test(`${adapter} locks: ${name}`, async () => {
      await using made = await place();
      await body(() => made.open());
    });
  }

  test("one holds, another waits, and gets it when the first lets go", async (open) => {
    const first = await open().acquire("one", 100);
    let got = false;
    const waiting = open().acquire("one", PATIENCE_MS).then((lock) => {
      got = true;
      return lock;
    });
    await sleep(50);
    equal(got, false);
    await first[Symbol.asyncDispose]();
    await using second = await waiting;
    await second.assertHeld();
  });

  test("locks of other names are free", async (open) => {
    await using _one = await open().acquire("one", 100);
    await using _two = await open().acquire("two", 100);
  });

  test("many at once get it one after the other, and none is forgotten", async (open) => {
    let holders = 0;
    let count = 0;
    await Promise.all(Array.from({ length: 8 }, async () => {
      await using lock = await open().acquire("one", PATIENCE_MS);
      equal(++holders, 1);
      const before = count;
      await sleep(2);
      await lock.assertHeld();
      count = before + 1;
      holders--;
    }));
    equal(count, 8);
  });

  test("a wait in vain is TIMEOUT in time, and gets nothing afterwards", async (open) => {
    const held = await open().acquire("one", 100);
    const started = performance.now();
    await rejects(open().acquire("one", 150), coded("TIMEOUT"));
    const waitedMs = performance.now() - started;
    ok(waitedMs >= 140 && waitedMs < 3_000, `${waitedMs}`);
    await held[Symbol.asyncDispose]();
    await using _next = await open().acquire("one", 100);
  });

  test("a wait whose signal fires ends with its reason, and gets nothing afterwards", async (open) => {
    const held = await open().acquire("one", 100);
    const controller = new AbortController();
    const reason = new Error("Enough");
    const given = open().acquire("one", PATIENCE_MS, controller.signal);
    const kept = open().acquire("one", PATIENCE_MS);
    const timer = setTimeout(() => controller.abort(reason), 30);
    await rejects(given, reason);
    clearTimeout(timer);
    await held[Symbol.asyncDispose]();
    await using _kept = await kept;
  });

  test("an aborted signal ends the wait before it begins, also for a free lock", async (open) => {
    const reason = new Error("Enough");
    await rejects(open().acquire("one", PATIENCE_MS, AbortSignal.abort(reason)), reason);
    await using _next = await open().acquire("one", 100);
  });

  test("a second release does nothing to whoever holds it by then", async (open) => {
    const first = await open().acquire("one", 100);
    await first[Symbol.asyncDispose]();
    await using second = await open().acquire("one", 100);
    await first[Symbol.asyncDispose]();
    await rejects(open().acquire("one", 50), coded("TIMEOUT"));
    await second.assertHeld();
  });

  test("an error of the holder releases it", async (open) => {
    const failing = async () => {
      await using _lock = await open().acquire("one", 100);
      throw new Error("Failed");
    };
    await rejects(failing(), /Failed/);
    await using _next = await open().acquire("one", 100);
  });

  test("those who wait while it goes round all get it", async (open) => {
    const order: number[] = [];
    const first: Lock = await open().acquire("one", 100);
    const waiting = [0, 1, 2, 3].map(async (index) => {
      await using _lock = await open().acquire("one", PATIENCE_MS);
      order.push(index);
    });
    await sleep(20);
    await first[Symbol.asyncDispose]();
    await Promise.all(waiting);
    deepEqual(order.toSorted(), [0, 1, 2, 3]);
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
