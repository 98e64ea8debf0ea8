import { deepEqual, equal, rejects } from "node:assert/strict";
import { Turnstile } from "../../../lib/services/bridge/transports/turnstile.ts";

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const { signal: never } = new AbortController();

Deno.test("as much gets in as there is room for, in the order of asking", async () => {
  const turnstile = new Turnstile(10);
  const inside: string[] = [];
  const enter = async (name: string, size: number) => {
    const place = await turnstile.enter(size, never);
    inside.push(name);
    return place;
  };
  const [a, b] = await Promise.all([enter("a", 6), enter("b", 4)]);
  const later = [enter("c", 5), enter("d", 1)];
  await settled();
  deepEqual(inside, ["a", "b"]);
  b[Symbol.dispose]();
  await settled();
  deepEqual(inside, ["a", "b"], "what is small does not overtake");
  a[Symbol.dispose]();
  for (const place of await Promise.all(later)) place[Symbol.dispose]();
  deepEqual(inside, ["a", "b", "c", "d"]);
});

Deno.test("what is larger than all the room gets in alone", async () => {
  const turnstile = new Turnstile(10);
  const small = await turnstile.enter(1, never);
  let isIn = false;
  const large = turnstile.enter(100, never).then((place) => (isIn = true, place));
  await settled();
  equal(isIn, false);
  small[Symbol.dispose]();
  small[Symbol.dispose]();
  const place = await large;
  let isNext = false;
  const next = turnstile.enter(1, never).then((each) => (isNext = true, each));
  await settled();
  equal(isNext, false);
  place[Symbol.dispose]();
  (await next)[Symbol.dispose]();
});

Deno.test("who gives up makes way, whether in the queue or at its head", async () => {
  const turnstile = new Turnstile(10);
  const inside = await turnstile.enter(8, never);
  const tired = new AbortController();
  const first = turnstile.enter(9, tired.signal);
  const second = turnstile.enter(2, never);
  tired.abort(new Error("gone"));
  await rejects(first, /gone/);
  (await second)[Symbol.dispose]();
  await rejects(turnstile.enter(1, tired.signal), /gone/);
  inside[Symbol.dispose]();
  (await turnstile.enter(10, never))[Symbol.dispose]();
});
