/**
 * Every wait of the one fetch ends: by its time limit or by the caller's signal, and says which.
 *
 * @module
 */
import { equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { coded } from "../coded_error.ts";
import { endless, serve } from "./local_server.ts";

const http = createHttp();
const never = () => new Promise<never>(() => {});

Deno.test("row 13: a server that never answers is TIMEOUT after the time given", async () => {
  await using server = serve(never);
  const started = performance.now();
  await rejects(http(server.origin, { timeoutMs: 60 }), coded("TIMEOUT", /took longer than 0\.06 s/));
  const waited = performance.now() - started;
  ok(waited >= 50 && waited < 2_000, `${waited} ms`);
});

Deno.test("a body that never ends is TIMEOUT too", async () => {
  await using server = serve(() => endless());
  await rejects(http(server.origin, { timeoutMs: 60 }), coded("TIMEOUT"));
});

Deno.test("a chain of redirects has one time limit, not one for each hop", async () => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await using server = serve(async ({ target }) => {
    await new Promise((resolve) => timer = setTimeout(resolve, 40));
    return new Response(null, { status: 302, headers: { location: `${target}x` } });
  });
  await rejects(http(server.origin, { timeoutMs: 100 }), coded("TIMEOUT"));
  ok(server.received.length < 5);
  clearTimeout(timer);
});

Deno.test("a name resolution that never ends is cut by the time limit and by the signal", async () => {
  const guarded = createHttp({ guard: never });
  await rejects(guarded("https://example.com/", { timeoutMs: 30 }), coded("TIMEOUT"));
  const controller = new AbortController();
  const waiting = guarded("https://example.com/", { signal: controller.signal });
  controller.abort();
  await rejects(waiting, coded("AUTH_CANCELLED"));
});

Deno.test("a guard that fails after the time is over harms nobody", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const waiting = createHttp({ guard: () => promise })("https://example.com/", { timeoutMs: 10 });
  await rejects(waiting, coded("TIMEOUT"));
  reject(new Error("late"));
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("row 37: the time limit of a stream ends with its headers", async () => {
  await using server = serve(() => {
    const body = new ReadableStream({
      start: (controller) => {
        setTimeout(() => {
          controller.enqueue(new TextEncoder().encode("late"));
          controller.close();
        }, 120);
      },
    });
    return new Response(body);
  });
  const response = await http(server.origin, { stream: true, timeoutMs: 60 });
  equal(await response.text(), "late");
});

Deno.test("a stream whose headers never come is TIMEOUT", async () => {
  await using server = serve(never);
  await rejects(http(server.origin, { stream: true, timeoutMs: 60 }), coded("TIMEOUT"));
});

Deno.test("without a time limit a slow answer arrives", async () => {
  await using server = serve(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return new Response("slow");
  });
  equal(await (await http(server.origin, { timeoutMs: Infinity })).text(), "slow");
});

const reasons: readonly (readonly [string, unknown, string, RegExp])[] = [
  ["no reason", undefined, "AUTH_CANCELLED", /^Cancelled: GET "http/],
  ["a word", "stop", "AUTH_CANCELLED", /^Cancelled: GET "http/],
  ["an error", new Error("stop"), "AUTH_CANCELLED", /^Cancelled: GET "http/],
  ["a time-out", new DOMException("late", "TimeoutError"), "TIMEOUT", /was not done in time$/],
  [
    "a coded error",
    new McpAuthError("SERVER_ERROR", "Other half failed"),
    "SERVER_ERROR",
    /^Other half failed$/,
  ],
];

for (const [description, reason, code, message] of reasons) {
  Deno.test(`a signal that fires with ${description} ends the wait with ${code}`, async () => {
    await using server = serve(never);
    const controller = new AbortController();
    const waiting = http(server.origin, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    await rejects(waiting, coded(code as "TIMEOUT", message));
  });
}

Deno.test("a signal that fired before nothing was sent sends nothing", async () => {
  await using server = serve(() => new Response());
  const signal = AbortSignal.abort();
  await rejects(http(server.origin, { signal }), coded("AUTH_CANCELLED"));
  await rejects(http(server.origin, { signal, timeoutMs: Infinity }), coded("AUTH_CANCELLED"));
  equal(server.received.length, 0);
});

Deno.test("a signal ends the reading of a body", async () => {
  await using server = serve(() => endless());
  const controller = new AbortController();
  const waiting = http(server.origin, { signal: controller.signal });
  setTimeout(() => controller.abort(), 30);
  await rejects(waiting, coded("AUTH_CANCELLED"));
});

Deno.test("a signal ends a stream that was handed over", async () => {
  await using server = serve(() => endless());
  const controller = new AbortController();
  const response = await http(server.origin, { signal: controller.signal, stream: true });
  const reading = response.text();
  controller.abort();
  await rejects(reading, { name: "AbortError" });
});
