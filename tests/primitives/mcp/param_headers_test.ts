/**
 * Which arguments of a tool go into headers, and as what.
 *
 * @see MCP 2026-07-28, Custom Headers from Tool Parameters (T12)
 */
import assert from "node:assert/strict";
import { paramHeadersFor, paramHeadersIn } from "../../../lib/primitives/mcp/param_headers.ts";

const marked = (name: unknown, type: unknown = "string") => ({ type, "x-mcp-header": name });
const schema = (properties: unknown, rest = {}) => ({ type: "object", properties, ...rest });

/** The headers of a call of a tool with this schema. */
function headers(inputSchema: unknown, args: unknown): Readonly<Record<string, string>> {
  const found = paramHeadersIn(inputSchema);
  if ("invalid" in found) throw new Error(found.invalid);
  return paramHeadersFor(found.headers, args);
}

Deno.test("an argument that is marked goes into a header of the name that the mark says", () => {
  assert.deepEqual(
    headers(schema({ region: marked("Region"), query: { type: "string" } }), { region: "us", query: "q" }),
    {
      "mcp-param-region": "us",
    },
  );
});

Deno.test("an argument within others is found by its path, and by no other", () => {
  const nested = schema({ a: schema({ "b.c": schema({ d: marked("Deep", "integer") }) }) });
  assert.deepEqual(headers(nested, { a: { "b.c": { d: 7 } } }), { "mcp-param-deep": "7" });
  assert.deepEqual(headers(nested, { a: { b: { c: { d: 7 } } }, d: 8 }), {});
  assert.deepEqual(headers(nested, { a: [{ d: 7 }] }), {});
});

Deno.test("what is inherited is no argument", () => {
  assert.deepEqual(headers(schema({ constructor: schema({ name: marked("Name") }) }), {}), {});
  assert.deepEqual(headers(schema({ toString: marked("Text") }), {}), {});
});

for (
  const [what, value, expected] of [
    ["text", "us-west1", "us-west1"],
    ["text with a space in it", "us west 1", "us west 1"],
    ["text of other scripts", "Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
    ["text in blanks", " padded ", "=?base64?IHBhZGRlZCA=?="],
    ["several lines", "line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
    ["what would add a header", "x\r\nAuthorization: y", "=?base64?eA0KQXV0aG9yaXphdGlvbjogeQ==?="],
    ["a tab", "\tindented", "=?base64?CWluZGVudGVk?="],
    ["what looks encoded", "=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
    ["empty text", "", "=?base64??="],
    ["an integer", -7, "-7"],
    ["the largest integer", 2 ** 53 - 1, "9007199254740991"],
    ["a larger one", 2 ** 53, undefined],
    ["a fraction", 3.25, "3.25"],
    ["true", true, "true"],
    ["false", false, "false"],
    ["null", null, undefined],
    ["nothing", undefined, undefined],
    ["an object", {}, undefined],
    ["a list", ["a"], undefined],
  ] as const
) {
  Deno.test(`the value of a header: ${what}`, () => {
    const expectedHeaders = expected === undefined ? {} : { "mcp-param-v": expected };
    assert.deepEqual(headers(schema({ v: marked("V") }), { v: value }), expectedHeaders);
  });
}

for (
  const [what, inputSchema] of [
    ["an empty name", schema({ a: marked("") })],
    ["a name that is no text", schema({ a: marked(7) })],
    ["a name with a space", schema({ a: marked("My Header") })],
    ["a name with a colon", schema({ a: marked("A:B") })],
    ["a name with a line break", schema({ a: marked("A\r\nB") })],
    ["a name of another script", schema({ a: marked("Región") })],
    ["the same name twice, in other letters", schema({ a: marked("Name"), b: marked("NAME") })],
    ["a number", schema({ a: marked("A", "number") })],
    ["an object", schema({ a: { ...marked("A", "object"), properties: {} } })],
    ["no type", schema({ a: { "x-mcp-header": "A" } })],
    ["two types", schema({ a: marked("A", ["string", "null"]) })],
    ["the root", { ...schema({}), "x-mcp-header": "A" }],
    ["items of a list", schema({ a: { type: "array", items: marked("A") } })],
    ["a list of items", schema({ a: { type: "array", prefixItems: [marked("A")] } })],
    ["an alternative", schema({ a: { anyOf: [{}, marked("A")] } })],
    ["an alternative within properties", schema({}, { oneOf: [schema({ a: marked("A") })] })],
    ["a condition", schema({}, { if: schema({ a: marked("A") }) })],
    ["a definition", schema({ a: { $ref: "#/$defs/a" } }, { $defs: { a: marked("A") } })],
    ["any further property", schema({}, { additionalProperties: marked("A") })],
    ["properties by pattern", schema({}, { patternProperties: { "^a": marked("A") } })],
  ] as const
) {
  Deno.test(`a tool must not be offered with "x-mcp-header" at: ${what}`, () => {
    assert.ok("invalid" in paramHeadersIn(inputSchema));
  });
}

Deno.test("what only looks like a mark is none: a property of that name, a value, an example", () => {
  const innocent = schema({
    "x-mcp-header": { type: "string" },
    a: {
      type: "object",
      default: marked("A"),
      examples: [marked("")],
      enum: [marked("A")],
      const: marked("A"),
    },
  });
  assert.deepEqual(paramHeadersIn(innocent), { headers: [] });
});

Deno.test("what is no schema has no headers", () => {
  for (const none of [undefined, null, true, "x", [], [marked("A")], schema(null), schema([marked("A")])]) {
    assert.deepEqual(paramHeadersIn(none), { headers: [] });
  }
});

Deno.test("a schema that is deep, wide or full of marks costs no more than reading it", () => {
  let deep: unknown = marked("A");
  for (let i = 0; i < 20_000; i++) deep = { properties: { p: deep } };
  assert.ok("invalid" in paramHeadersIn(deep));
  const many = (count: number) =>
    schema(Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, marked(`H${i}`)])));
  assert.ok("headers" in paramHeadersIn(many(64)));
  assert.ok("invalid" in paramHeadersIn(many(65)));
  assert.ok("invalid" in paramHeadersIn(schema({ ["p".repeat(20_000)]: marked("A") })));
  const wide = schema(
    Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`p${i}`, { type: "string" }])),
  );
  assert.deepEqual(paramHeadersIn(wide), { headers: [] });
});
