/**
 * How tools are shown: each in two lines, or one whole, and nothing of what a server says hides or steers anything.
 *
 * @module
 */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { describeTool, listTools } from "../../../lib/interfaces/cli/commands/tools/words.ts";
import { nearest, readTool } from "../../../lib/interfaces/cli/tool.ts";
import { toolNamed } from "../../../lib/interfaces/cli/tool_list.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";

const SEARCH = {
  name: "search",
  title: "Search the notes",
  description: "Finds notes.\n\nThe best come first.\u200b\u202ehidden",
  annotations: { readOnlyHint: true, destructiveHint: false, openWorldHint: false },
  inputSchema: {
    type: "object",
    properties: {
      query: { type: "string", description: "What to look for" },
      limit: { type: "integer", default: 10 },
      sort: { enum: ["new", "old"] },
      tags: { type: "array", items: { type: "string" } },
      filter: { type: "object" },
    },
    required: ["query"],
  },
};

Deno.test("a list has each tool with its arguments, what it says of itself, and one line of what it does", () => {
  equal(
    listTools([SEARCH, { name: "wipe", annotations: { destructiveHint: true } }, null, { title: "no name" }]),
    [
      "search query [limit] [sort] [tags] [filter] (read-only, closed world)",
      "    Search the notes: Finds notes. The best come first. hidden",
      "wipe (destructive)",
    ].join("\n"),
  );
  equal(listTools([]), "");
});

Deno.test("one tool is shown whole, with a table of its arguments and a line that calls it", () => {
  equal(
    describeTool(readTool(SEARCH)!, "notes"),
    [
      "search: Search the notes",
      "The server calls it read-only, closed world",
      "",
      "Finds notes.",
      "",
      "The best come first. hidden",
      "",
      "ARGUMENT  TAKES                        WHAT IT IS",
      "query     string           required    What to look for",
      "limit     integer          default 10",
      "sort      new | old        optional",
      "tags      array of string  optional",
      "filter    object           optional",
      "",
      "mcp-auth call notes search query=text",
    ].join("\n"),
  );
});

Deno.test("a tool without arguments, without a schema or with more than it names is said to be one", () => {
  match(
    describeTool(readTool({ name: "a", inputSchema: { type: "object", properties: {} } })!, "n"),
    /takes no arguments/,
  );
  match(describeTool(readTool({ name: "a" })!, "n"), /does not say what it takes/);
  match(
    describeTool(
      readTool({ name: "a", inputSchema: { properties: { b: {} }, additionalProperties: {} } })!,
      "n",
    ),
    /b\s+any\s+optional\nIt takes other arguments, too/,
  );
});

Deno.test("hostile names and schemas are shown harmless, and end", () => {
  const loop: Record<string, unknown> = { $ref: "#/properties/a" };
  const tool = readTool({
    name: "x\u001b]0;evil\u0007'; rm -rf ~",
    title: "\u202eltr",
    description: Array.from({ length: 500 }, (_, i) => `line ${i}`).join("\n"),
    inputSchema: {
      properties: {
        a: loop,
        b: { anyOf: [{ $ref: "#/properties/b" }] },
        "c d$(id)": { type: "string", description: "x".repeat(10_000) },
      },
      required: ["c d$(id)"],
    },
  })!;
  const text = describeTool(tool, "n");
  // deno-lint-ignore no-control-regex -- what must not be there
  ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(text), JSON.stringify(text));
  ok(text.split("\n").length < 90, text);
  match(text, /'c d\$\(id\)=text'$/);
  for (const odd of [null, 5, "x", [], {}, { name: 5 }]) equal(readTool(odd), undefined);
  deepEqual(readTool({ name: "o", inputSchema: "x" })?.arguments, undefined);
});

Deno.test("a tool that is not there is an error with the one that was meant", () => {
  equal(toolNamed([SEARCH], "search").tool.name, "search");
  for (
    const [listed, name, hint] of [
      [[SEARCH], "serach", 'Did you mean "search"?'],
      [[SEARCH], "frobnicate", "See all with: mcp-auth tools <name>"],
      [[], "x", "It has no tools"],
    ] as const
  ) {
    throws(() => toolNamed(listed, name), (error) => {
      ok(error instanceof McpAuthError && error.code === "NOT_FOUND");
      equal(error.hint, hint);
      return true;
    });
  }
});

Deno.test("what is near a word is found, and what is not is not", () => {
  equal(nearest("qurey", ["limit", "query"]), "query");
  equal(nearest("QUERY", ["query"]), "query");
  equal(nearest("que", ["query", "queue"]), "query");
  equal(nearest("c", ["a", "b"]), undefined);
  equal(nearest("x", []), undefined);
  equal(nearest("b".repeat(10_000), ["a".repeat(10_000)]), undefined);
});
