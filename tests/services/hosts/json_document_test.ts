/** Changes of JSON with comments, trailing commas, and any indentation: what is not changed stays to the byte. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { readJson } from "../../../lib/services/hosts/json_document.ts";

const ENTRY = { command: "/bin/x", args: ["bridge", "n"] };

function put(text: string, name = "n", drop: readonly string[] = []): string {
  return readJson(text, "f").put(["mcpServers"], name, ENTRY, drop);
}

const CASES: readonly (readonly [what: string, before: string, after: string])[] = [
  [
    "nothing at all",
    "",
    '{\n  "mcpServers": {\n    "n": {\n      "command": "/bin/x",\n      "args": ["bridge", "n"]\n    }\n  }\n}\n',
  ],
  [
    "comments alone",
    "// mine\r\n",
    '// mine\r\n{\r\n  "mcpServers": {\r\n    "n": {\r\n      "command": "/bin/x",\r\n      "args": ["bridge", "n"]\r\n    }\r\n  }\r\n}\r\n',
  ],
  [
    "an empty object with a mark at the beginning",
    "\ufeff{}",
    '\ufeff{\n  "mcpServers": {\n    "n": {\n      "command": "/bin/x",\n      "args": ["bridge", "n"]\n    }\n  }\n}',
  ],
  [
    "tabs, and a comment behind the last server",
    '{\n\t"mcpServers": {\n\t\t"a": {} // a\n\t\t/* end */\n\t}\n}\n',
    '{\n\t"mcpServers": {\n\t\t"a": {}, // a\n\t\t/* end */\n\t\t"n": {\n\t\t\t"command": "/bin/x",\n\t\t\t"args": ["bridge", "n"]\n\t\t}\n\t}\n}\n',
  ],
  [
    "a trailing comma and CRLF",
    '{\r\n    "mcpServers": {\r\n        "a": {},\r\n    },\r\n}',
    '{\r\n    "mcpServers": {\r\n        "a": {},\r\n        "n": {\r\n            "command": "/bin/x",\r\n            "args": ["bridge", "n"]\r\n        },\r\n    },\r\n}',
  ],
  [
    "one line",
    '{"x":1,"mcpServers":{"a":{}}}\n',
    '{"x":1,"mcpServers":{"a":{},"n":{"command":"/bin/x","args":["bridge","n"]}}}\n',
  ],
  [
    "one line with blanks",
    '{ "mcpServers": { "a": 1 } }',
    '{ "mcpServers": { "a": 1, "n": { "command": "/bin/x", "args": ["bridge", "n"] } } }',
  ],
  [
    "a line comment before the brace of an empty object",
    '{\n  "mcpServers": { // none yet\n  }\n}',
    '{\n  "mcpServers": { // none yet\n    "n": {\n      "command": "/bin/x",\n      "args": ["bridge", "n"]\n    }\n  }\n}',
  ],
];

for (const [what, before, after] of CASES) {
  Deno.test(`a server is added to ${what}, and is gone again when it is removed`, () => {
    equal(put(before), after);
    equal(put(after), after, "the same once more changes nothing");
    const back = readJson(after, "f").remove(["mcpServers"], "n");
    const { mcpServers: _gone = {}, ...rest } = readJson(before, "f").root;
    const { mcpServers = {}, ...left } = readJson(back, "f").root;
    deepEqual([left, mcpServers], [rest, _gone]);
    if (before.includes("mcpServers") && !what.includes("empty")) equal(back, before);
  });
}

Deno.test("members that mean another way to the server go, and what nobody knows stays, with its comments", () => {
  const before = `{
  "mcpServers": {
    "n": {
      "url": "https://x", // old
      "headers": { "A": "b" },
      /* mine */ "disabled": true,
      "command": "npx", "args": ["-y",
        "mcp-remote"] // and this
    },
    "z": {}
  }
}`;
  const after = put(before, "n", ["url", "headers"]);
  deepEqual(readJson(after, "f").root, {
    mcpServers: { n: { disabled: true, ...ENTRY }, z: {} },
  });
  for (const comment of ["// old", "/* mine */", "// and this"]) ok(after.includes(comment), after);
});

Deno.test("a comment between a member and its comma stays", () => {
  const after = readJson('{"a": {"x": 1 /* one */ , "y": 2}}', "f").remove(["a"], "x");
  match(after, /\/\* one \*\//);
  deepEqual(readJson(after, "f").root, { a: { y: 2 } });
  const last = readJson('{"a": {"x": 1, /* two */ "y": 2}}', "f").remove(["a"], "y");
  match(last, /\/\* two \*\//);
  deepEqual(readJson(last, "f").root, { a: { x: 1 } });
});

Deno.test("names that all objects have are names like others", () => {
  for (const name of ["__proto__", "constructor", "toString", 'a"b\\c', "ü 😀", ""]) {
    const text = put('{"mcpServers":{}}', name);
    const { mcpServers } = readJson(text, "f").root as { mcpServers: Record<string, unknown> };
    ok(Object.hasOwn(mcpServers, name), name);
    equal(readJson(text, "f").remove(["mcpServers"], name), '{"mcpServers":{}}');
  }
});

Deno.test("what stands there twice, or is no object, is refused", () => {
  throws(() => put('{"mcpServers":{},"mcpServers":{}}'), { code: "CONFIG_INVALID", message: /twice/ });
  throws(() => put('{"mcpServers":{"n":1,"n":2}}'), { code: "CONFIG_INVALID", message: /twice/ });
  throws(() => put('{"mcpServers":[]}'), { code: "CONFIG_INVALID" });
  equal(readJson("{}", "f").remove(["mcpServers"], "n"), "{}");
});

Deno.test("a text says whether it is more than JSON", () => {
  deepEqual(
    ["{}", "", '{"a":1,}', '{"a":1} // x'].map((text) => readJson(text, "f").relaxed),
    [false, false, true, true],
  );
});
