/** Changes of TOML in all the ways that a table can be written. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { parse } from "smol-toml";
import { readToml } from "../../../lib/services/hosts/toml_document.ts";
import { inlinePairs, tomlStatements } from "../../../lib/services/hosts/toml_statements.ts";

const ENTRY = { command: "/bin/x", args: ["bridge", "n"], env: { MCP_AUTH_HOME: "C:\\h" } };
const DROP = ["url", "http_headers"];

// deno-lint-ignore no-explicit-any -- tests look into any shape
type Any = Record<string, any>;

function put(text: string): string {
  return readToml(text, "f").put(["mcp_servers"], "n", ENTRY, DROP);
}

/** A server in one way of writing, what has to be left of its own, and what of the rest has to be there still. */
const WRITTEN: readonly (readonly [what: string, text: string, own: object, keeps: readonly string[]])[] = [
  ["not at all", 'model = "x" # best\n[tui]\na = 1 # tui\n', {}, ["# best", "# tui"]],
  ["not at all, without a line end", "a = 1 # last", {}, ["# last"]],
  ["not at all, among others", '[mcp_servers.a]\ncommand = "q" # a\n\n# about z\n[z]\ny = 1\n', {}, [
    "# a",
    "# about z",
  ]],
  ["as a table", '# mine\n[mcp_servers.n]\nurl = "https://x"\n# keep\nenabled = false # why\n[z]\n', {
    enabled: false,
  }, ["# mine", "# keep", "# why"]],
  [
    "as a table with tables below it",
    '[mcp_servers.n]\nurl = "u"\n[mcp_servers.n.http_headers]\nA = "b"\n\n[mcp_servers.n.tools.t]\napproval_mode = "prompt" # t\n',
    { tools: { t: { approval_mode: "prompt" } } },
    ["# t"],
  ],
  [
    "as an inline table",
    '[mcp_servers]\nn = { url = "u", enabled = false, startup_timeout_sec = 20.5 } # n\na = {command = "b"} # a\n',
    {
      enabled: false,
      startup_timeout_sec: 20.5,
    },
    ["# n", "# a"],
  ],
  [
    "by dotted keys",
    'mcp_servers.n.command = "npx"\nmcp_servers.n.args = [ # list\n  "]", # odd\n]\nmcp_servers.n.enabled = true # on\nq = 1 # q\n[z]\n',
    {
      enabled: true,
    },
    ["# on", "# q"],
  ],
  [
    "by dotted keys in a table",
    '[mcp_servers]\nn.command = "x"\nn.enabled = true # on\nb.command = "y" # b\n',
    {
      enabled: true,
    },
    ["# on", "# b"],
  ],
  [
    "with quoted keys",
    "[ \"mcp_servers\" . 'n' ]\r\ncommand = '''a\r\nb''' # cmd\r\n[[list]]\r\nx = 1 # x\r\n",
    {},
    ["# x"],
  ],
  ["before its own parent", '[mcp_servers.n]\ncommand = "a"\n[mcp_servers] # parent\n', {}, ["# parent"]],
  ["as nothing but a table below it", '[mcp_servers.n.env]\nA = "1"\n[z] # z\n', {}, ["# z"]],
  [
    "beside values that look like structure",
    'a = "[mcp_servers.n]" # one\nb = """\n[mcp_servers.n]\nurl = "x" \\\n"""" # two\nc = [\'#\', "]", { d = \'}\' }] # three\nt = 1979-05-27 07:32:00 # four\n',
    {},
    ["# one", "# two", "# three", "# four"],
  ],
];

for (const [what, text, own, keeps] of WRITTEN) {
  Deno.test(`a server that is written ${what} becomes what is wanted, and all else stays`, () => {
    const after = put(text);
    const [old, now] = [parse(text), parse(after)] as [Any, Any];
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
    deepEqual(plain(now.mcp_servers.n), plain({ ...own, ...ENTRY }));
    const others = ({ mcp_servers = {}, ...rest }: Any) => {
      const { n: _n, ...servers } = mcp_servers;
      return plain({ rest, servers });
    };
    deepEqual(others(now), others(old));
    for (const comment of keeps) ok(after.includes(comment), after);
    equal(after.includes("\r\n"), text.includes("\r\n"));
    equal(put(after), after, "the same once more changes nothing");
    const removed = readToml(after, "f").remove(["mcp_servers"], "n");
    deepEqual(others(parse(removed) as Any), others(old));
    equal((parse(removed) as Any).mcp_servers?.n, undefined);
  });
}

Deno.test("a table that was added is gone without a trace when it is removed", () => {
  for (
    const text of [
      "",
      "# c\n",
      'a = 1\n\n[mcp_servers.a]\ncommand = "q"\n\n[z]\ny = 1\n',
      "a = 1\r\n[b]\r\nc = 2\r\n",
      "[[mcp_servers.a.list]]\nx = 1\n",
    ]
  ) equal(readToml(put(text), "f").remove(["mcp_servers"], "n"), text);
});

Deno.test("what cannot be changed without touching anything else is refused", () => {
  throws(() => put("mcp_servers = { a = { command = 'x' } }\n"), {
    code: "CONFIG_INVALID",
    message: /mcp_servers is written as an inline table: write it as \[mcp_servers\] first/,
  });
  throws(() => put("[[mcp_servers]]\na = 1\n"), { code: "CONFIG_INVALID" });
  throws(() => put("mcp_servers = 1\n"), { code: "CONFIG_INVALID" });
  equal(readToml("a = 1\n", "f").remove(["mcp_servers"], "n"), "a = 1\n");
});

Deno.test("large numbers, dates and times, infinities and odd keys survive the comparison", () => {
  const text =
    "i = 9007199254740993\nf = nan\ng = -inf\nd = 1979-05-27\nt = 07:32:00.5\n\"__proto__\" = 1\n'a.b' = 2\n";
  ok(put(text).startsWith(text));
});

Deno.test("statements are found with their ways and places", () => {
  const text = 'a.b = [1, # c\n 2]\n[x."y.z"] # h\nk = "\\"]"\n[[l]]\nm = { n = 1, "o" = { p = 2 } }\n';
  const found = tomlStatements(text);
  deepEqual(found.map(({ kind, path }) => [kind, path.join("/")]), [
    ["pair", "a/b"],
    ["table", "x/y.z"],
    ["pair", "x/y.z/k"],
    ["array", "l"],
    ["pair", "l/m"],
  ]);
  deepEqual(found.map(({ start, end }) => text.slice(start, end)), [
    "a.b = [1, # c\n 2]",
    '[x."y.z"]',
    'k = "\\"]"',
    "[[l]]",
    'm = { n = 1, "o" = { p = 2 } }',
  ]);
  deepEqual(inlinePairs(text, found[4]!.valueStart).map(({ path }) => path), [["n"], ["o"]]);
  match(text, /\[\[l\]\]/);
});
