/**
 * JSON-RPC messages, event streams and lines of any shape and in any pieces.
 *
 * @see https://www.jsonrpc.org/specification
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { errorText, parseEnvelope } from "../../lib/primitives/mcp/jsonrpc.ts";
import { isStateless, newestCommon, REVISIONS } from "../../lib/primitives/mcp/revisions.ts";
import { readEvents, type StreamPosition } from "../../lib/primitives/mcp/sse.ts";
import { LineFramer } from "../../lib/primitives/mcp/stdio.ts";
import { documents, json, property, text } from "./property.ts";

const messages = documents({
  jsonrpc: fc.constant("2.0"),
  id: fc.oneof(fc.integer(), text, fc.constantFrom(1e21, 9_007_199_254_740_993, null)),
  method: text,
  params: json,
  result: json,
  error: json,
});

property(
  "any JSON is a message of some kind, and is not changed by that",
  fc.oneof(messages, fc.array(messages), json),
  (value) => {
    const written = JSON.stringify(value) ?? "null";
    const { messages: found, batch } = parseEnvelope(written);
    equal(batch, Array.isArray(JSON.parse(written)));
    for (const message of found) {
      if (message.kind === "request") ok(message.id !== null && message.method === message.value["method"]);
      if (message.kind === "response") ok("result" in message.value || "error" in message.value);
    }
  },
);

property(
  "an answer has the id of its request, to the last digit",
  fc.oneof(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), text.map((each) => each.toWellFormed())),
  (id) => {
    const request = `{"jsonrpc":"2.0","id":${
      typeof id === "bigint" ? id : JSON.stringify(id)
    },"method":"ping"}`;
    const [message] = parseEnvelope(request).messages;
    ok(message?.kind === "request");
    const answer = errorText(message.id, { code: 1, message: "m" });
    ok(answer.includes(`"id":${typeof id === "bigint" ? id : JSON.stringify(id)},`), answer);
  },
);

property(
  "of what a server says it supports, only a revision that both know is chosen (T14)",
  fc.oneof(json, fc.array(fc.constantFrom(...REVISIONS.map(({ name }) => name), "2030-01-01"))),
  (supported) => {
    const chosen = newestCommon(supported);
    ok(chosen === undefined || (Array.isArray(supported) && supported.includes(chosen.name)));
    equal(isStateless(chosen?.name), chosen?.stateful === false);
  },
);

/** Cuts bytes at random places. */
function pieces(bytes: Uint8Array<ArrayBuffer>, cuts: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((end, index) => bytes.slice(places[index - 1] ?? 0, end));
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 12 });

property(
  "lines are the same in whatever pieces they come",
  fc.tuple(fc.array(text, { maxLength: 6 }), cuts),
  ([parts, places]) => {
    const bytes = new TextEncoder().encode(parts.join("\n"));
    const read = (chunks: readonly Uint8Array<ArrayBuffer>[]) => {
      const framer = new LineFramer(64);
      return [...chunks.flatMap((chunk) => framer.push(chunk)), ...framer.end()];
    };
    deepEqual(read(pieces(bytes, places)), read([bytes]));
  },
);

property(
  "events are the same in whatever pieces they come",
  fc.tuple(
    fc.array(text.map((each) => each.toWellFormed()), { maxLength: 4 }),
    cuts,
    fc.constantFrom("\n", "\r\n"),
  ),
  async ([parts, places, end]) => {
    const stream = parts.map((part, index) => `id: ${index}${end}data: ${part}${end}${end}`).join("");
    const bytes = new TextEncoder().encode(stream);
    const read = async (chunks: readonly Uint8Array<ArrayBuffer>[]) => {
      const position: StreamPosition = { lastEventId: undefined, retryMs: undefined };
      const events = await Array.fromAsync(readEvents(ReadableStream.from(chunks), position, 10_000));
      return { events, position };
    };
    deepEqual(await read(pieces(bytes, places)), await read([bytes]));
  },
);
