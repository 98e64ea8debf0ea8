/**
 * Arguments of tools that go into headers: whatever a server's schema says and a model passes, what is sent is a header,
 * and says what the argument says.
 *
 * @see MCP 2026-07-28, Custom Headers from Tool Parameters (T12); RFC 9110 section 5
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { paramHeadersFor, paramHeadersIn } from "../../lib/primitives/mcp/param_headers.ts";
import { json, property, text } from "./property.ts";

/** What a server makes of a header's value. */
function decoded(value: string): string {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  if (encoded === undefined) return value;
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(encoded));
}

const wellFormed = text.map((each) => each.toWellFormed());
const argument = fc.oneof(wellFormed, fc.boolean(), fc.maxSafeInteger());

property("any schema has headers that can be sent, or is refused", json, (schema) => {
  for (const each of [schema, { properties: schema }, { properties: { a: schema } }]) {
    const found = paramHeadersIn(each);
    if ("invalid" in found) ok(found.invalid.length > 0);
    else new Headers(Object.fromEntries(found.headers.map(({ name }) => [name, "x"])));
  }
});

property("any arguments make headers that can be sent", json, (args) => {
  const found = paramHeadersIn({
    properties: {
      a: { type: "string", "x-mcp-header": "A" },
      b: { properties: { c: { type: "integer", "x-mcp-header": "C" } } },
    },
  });
  ok("headers" in found);
  new Headers(paramHeadersFor(found.headers, args));
});

property(
  "a server reads in a header what the argument is",
  fc.tuple(wellFormed, fc.stringMatching(/^[A-Za-z0-9-]{1,20}$/), argument),
  ([key, name, value]) => {
    const found = paramHeadersIn({ properties: { [key]: { type: "string", "x-mcp-header": name } } });
    ok("headers" in found);
    const args = JSON.parse(JSON.stringify({ [key]: value }));
    const sent = new Headers(paramHeadersFor(found.headers, args)).get(`Mcp-Param-${name}`);
    // One name cannot be given by a literal: it is that of the prototype.
    if (key === "__proto__") return;
    equal(decoded(sent ?? ""), String(value === 0 ? 0 : value));
  },
);

property(
  "what is marked anywhere but at a property is refused",
  fc.tuple(wellFormed, json),
  ([key, other]) => {
    const mark = { type: "string", "x-mcp-header": "A" };
    for (
      const place of [{ items: mark }, { anyOf: [mark] }, { $defs: { [`d${key}`]: mark } }, { not: mark }]
    ) {
      deepEqual("invalid" in paramHeadersIn({ properties: { [`p${key}`]: place, other } }), true);
    }
  },
);
