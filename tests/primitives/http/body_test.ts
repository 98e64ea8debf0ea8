/**
 * What counts as JSON.
 *
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { readBytes, readJson } from "../../../lib/primitives/http/body.ts";
import { coded } from "../coded_error.ts";

const types: readonly (readonly [string | null, boolean])[] = [
  ["application/json", true],
  ["Application/JSON; charset=utf-8", true],
  ["application/problem+json", true],
  ["application/vnd.api+json", true],
  ["text/json", true],
  ["text/plain", true],
  ["application/octet-stream", true],
  [null, true],
  ["text/html", false],
  ["text/html; charset=utf-8", false],
  ["application/xhtml+xml", false],
  ["application/xml", false],
  ["text/event-stream", false],
  ["application/jsonp", false],
  ["image/svg+xml", false],
];

for (const [type, read] of types) {
  Deno.test(`readJson() ${read ? "reads" : "does not read"} a body of type ${type}`, async () => {
    const body = new TextEncoder().encode('{"a":1}');
    const response = new Response(body, { headers: type === null ? {} : { "content-type": type } });
    deepEqual(await readJson(response), read ? { a: 1 } : undefined);
    equal(response.bodyUsed, true);
  });
}

const bodies: readonly (readonly [string, unknown])[] = [
  ["", undefined],
  ["{", undefined],
  ["<!doctype html>", undefined],
  ["\ufeff{}", {}],
  ["null", null],
  ["[1]", [1]],
  ['"x"', "x"],
];

for (const [text, value] of bodies) {
  Deno.test(`readJson() reads ${JSON.stringify(text)} as ${JSON.stringify(value)}`, async () => {
    deepEqual(await readJson(new Response(new TextEncoder().encode(text))), value);
  });
}

Deno.test("readBytes() stops a body at the cap and cancels what is left", async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(400)),
    cancel: () => {
      cancelled = true;
    },
  });
  await rejects(readBytes(new Response(body), 1_000), coded("SERVER_ERROR", /longer than 1000 bytes/));
  equal(cancelled, true);
});

Deno.test("readBytes() refuses an announced length without reading", async () => {
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
  const response = new Response(body, { headers: { "content-length": "1001" } });
  await rejects(readBytes(response, 1_000), coded("SERVER_ERROR"));
  equal(pulled, 0);
});

Deno.test("readBytes() reads a body to its end, and none as empty", async () => {
  deepEqual(await readBytes(new Response(new Uint8Array([1, 2, 3])), 3), new Uint8Array([1, 2, 3]));
  deepEqual(await readBytes(new Response(null), 3), new Uint8Array(0));
});
