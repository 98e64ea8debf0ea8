import assert from "node:assert/strict";
import { parseEnvelope } from "../../../lib/primitives/mcp/jsonrpc.ts";
import { mirroredHeaders, statelessParams } from "../../../lib/primitives/mcp/request_headers.ts";

const META = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
const VERSION = { "mcp-protocol-version": "2026-07-28" };

const cases: readonly (readonly [string, unknown, Record<string, string>])[] = [
  ["a request of a stateful revision", { id: 1, method: "tools/list" }, {}],
  [
    "a request without such _meta",
    { id: 1, method: "tools/list", params: { _meta: { progressToken: 1 } } },
    {},
  ],
  [
    "a version that is no string",
    { id: 1, method: "x", params: { _meta: { [Object.keys(META)[0]!]: 1 } } },
    {},
  ],
  ["a response", { id: 1, result: { _meta: META } }, {}],
  ["a request", { id: 1, method: "tools/list", params: { _meta: META } }, {
    ...VERSION,
    "mcp-method": "tools/list",
  }],
  [
    "a notification",
    { method: "notifications/progress", params: { _meta: META } },
    { ...VERSION, "mcp-method": "notifications/progress" },
  ],
  [
    "a tool call",
    { id: 1, method: "tools/call", params: { _meta: META, name: "add two" } },
    { ...VERSION, "mcp-method": "tools/call", "mcp-name": "add two" },
  ],
  [
    "a resource",
    { id: 1, method: "resources/read", params: { _meta: META, uri: "file:///a", name: "not this" } },
    { ...VERSION, "mcp-method": "resources/read", "mcp-name": "file:///a" },
  ],
  [
    "a task",
    { id: 1, method: "tasks/get", params: { _meta: META, taskId: "t 1" } },
    { ...VERSION, "mcp-method": "tasks/get", "mcp-name": "t 1" },
  ],
  [
    "a name that a header cannot hold",
    { id: 1, method: "tools/call", params: { _meta: META, name: "größe\r\nx: y" } },
    { ...VERSION, "mcp-method": "tools/call", "mcp-name": "=?base64?Z3LDtsOfZQ0KeDogeQ==?=" },
  ],
  [
    "a name that looks encoded",
    { id: 1, method: "prompts/get", params: { _meta: META, name: "=?base64?eA==?=" } },
    { ...VERSION, "mcp-method": "prompts/get", "mcp-name": "=?base64?PT9iYXNlNjQ/ZUE9PT89?=" },
  ],
  [
    "a name with a blank at its end",
    { id: 1, method: "tools/call", params: { _meta: META, name: "a " } },
    { ...VERSION, "mcp-method": "tools/call", "mcp-name": "=?base64?YSA=?=" },
  ],
  [
    "a method of every object",
    { id: 1, method: "constructor", params: { _meta: META } },
    { ...VERSION, "mcp-method": "constructor" },
  ],
];

for (const [description, message, headers] of cases) {
  Deno.test(`${description} is mirrored in ${Object.keys(headers).length} headers (T12)`, () => {
    const { messages } = parseEnvelope(JSON.stringify({ jsonrpc: "2.0", ...message as object }));
    assert.deepEqual(mirroredHeaders(messages[0]), headers);
  });
}

Deno.test("the parameters of a stateless request say who asks, and keep what they had (T10)", () => {
  const client = { name: "c", version: "1" };
  const own = {
    ...META,
    "io.modelcontextprotocol/clientInfo": client,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  assert.deepEqual(statelessParams(undefined, "2026-07-28", client), { _meta: own });
  assert.deepEqual(
    statelessParams({ name: "x", _meta: { progressToken: 1, ...META, other: 2 } }, "2026-07-28", client),
    { name: "x", _meta: { progressToken: 1, other: 2, ...own } },
  );
  assert.deepEqual(statelessParams({ _meta: "odd" }, "2026-07-28", client), { _meta: own });
});
