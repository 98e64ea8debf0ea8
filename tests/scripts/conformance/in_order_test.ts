/** Several scenarios at once, told in their own order. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { inOrder } from "../../../scripts/conformance/in_order.ts";

Deno.test("work is done so many at a time and told in its own order", async () => {
  const items = [30, 1, 20, 2, 0, 5];
  let running = 0;
  let most = 0;
  const told: number[] = [];
  const work = async (ms: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, ms));
    running--;
    return ms;
  };
  for await (const result of inOrder(items, 3, work)) told.push(result);
  deepEqual(told, items);
  equal(most, 3);
});

Deno.test("a failure ends the work once what is under way has ended, and nothing more is begun", async () => {
  const begun: number[] = [];
  let ended = false;
  const work = async (item: number) => {
    begun.push(item);
    if (item === 1) throw new Error("broken");
    await new Promise((resolve) => setTimeout(resolve, 20));
    ended = true;
    return item;
  };
  await rejects(Array.fromAsync(inOrder([1, 2, 3, 4, 5], 2, work)), /broken/);
  deepEqual([begun, ended], [[1, 2], true]);
});

Deno.test("no work is done at once", async () => {
  deepEqual(await Array.fromAsync(inOrder([], 2, () => Promise.resolve(1))), []);
});
