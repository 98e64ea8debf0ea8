/**
 * @see https://www.jsonrpc.org/specification
 * @module
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import {
  classify,
  errorText,
  idText,
  type Message,
  parseEnvelope,
} from "../../../lib/primitives/mcp/jsonrpc.ts";

const kinds: readonly (readonly [string, unknown, Message["kind"], unknown])[] = [
  ["a request with a number", { jsonrpc: "2.0", id: 1, method: "ping" }, "request", 1],
  ["a request with a string", { jsonrpc: "2.0", id: "a", method: "ping" }, "request", "a"],
  ["a request with an empty string", { jsonrpc: "2.0", id: "", method: "ping" }, "request", ""],
  ["a request of a later revision with fields unknown", { id: 0, method: "x/y", later: true }, "request", 0],
  ["a notification", { jsonrpc: "2.0", method: "notifications/initialized" }, "notification", undefined],
  ["a result", { jsonrpc: "2.0", id: 1, result: {} }, "response", 1],
  ["a null result", { jsonrpc: "2.0", id: 1, result: null }, "response", 1],
  ["an error", { jsonrpc: "2.0", id: 1, error: { code: 1, message: "" } }, "response", 1],
  ["an error without an id", { jsonrpc: "2.0", error: { code: 1, message: "" } }, "response", null],
  ["a request whose id is null", { jsonrpc: "2.0", id: null, method: "ping" }, "invalid", null],
  ["a request whose id is an object", { jsonrpc: "2.0", id: {}, method: "ping" }, "invalid", null],
  ["an object that is nothing", { jsonrpc: "2.0", id: 7 }, "invalid", 7],
  ["a method that is no string", { jsonrpc: "2.0", id: 7, method: 1, result: 1 }, "invalid", 7],
  ["null", null, "invalid", null],
  ["a number", 3, "invalid", null],
  ["an array within a batch", [], "invalid", null],
];

for (const [description, value, kind, id] of kinds) {
  Deno.test(`classify() takes ${description} for: ${kind}`, () => {
    const message = classify(value);
    equal(message.kind, kind);
    equal("id" in message ? message.id : undefined, id);
  });
}

Deno.test("parseEnvelope() tells one message from a batch", () => {
  equal(parseEnvelope('{"id":1,"method":"a"}').batch, false);
  const batch = parseEnvelope('[{"id":1,"method":"a"},{"method":"b"},7]');
  equal(batch.batch, true);
  deepEqual(batch.messages.map(({ kind }) => kind), ["request", "notification", "invalid"]);
  deepEqual(parseEnvelope("[]"), { batch: true, messages: [] });
});

Deno.test("parseEnvelope() throws on what is not JSON", () => {
  for (const text of ["", "{", "{'id':1}", "<html>", '{"id":1,"method":"a"} x', '{"a":"line\nbreak"}']) {
    throws(() => parseEnvelope(text), SyntaxError, text);
  }
});

Deno.test("parseEnvelope() keeps ids that a number cannot hold, alone and in batches", () => {
  for (const id of ["9007199254740993", "-9223372036854775808", "12345678901234567890"]) {
    const text = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"id":1}}`;
    for (const [message] of [parseEnvelope(text).messages, parseEnvelope(`[${text}]`).messages]) {
      equal(message?.kind === "request" ? idText(message.id) : "", id);
    }
  }
});

Deno.test("errorText() puts any id back as it came", () => {
  for (const id of ["1", "-5", "1.5", '"a\\"b"', '""', "9007199254740993"]) {
    const [message] = parseEnvelope(`{"id":${id},"method":"a"}`).messages;
    const text = errorText(message?.kind === "request" ? message.id : null, { code: -32000, message: "No" });
    equal(text, `{"jsonrpc":"2.0","id":${id},"error":{"code":-32000,"message":"No"}}`);
  }
  equal(JSON.parse(errorText(null, {})).id, null);
});
