/**
 * Whatever a configuration says and however it is written: a change of one server changes nothing else.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { parse as parseJsonc } from "jsonc-parser";
import { parse as parseToml } from "smol-toml";
import type { ConfigTable } from "../../../lib/services/hosts/mod.ts";
import { readJson } from "../../../lib/services/hosts/json_document.ts";
import { readToml } from "../../../lib/services/hosts/toml_document.ts";
import { unifiedDiff } from "../../../lib/services/hosts/mod.ts";
import { property, tried } from "../../properties/property.ts";

const ENTRY: ConfigTable = { command: "/bin/x y", args: ["bridge", "n"], env: { A: "${B}" } };
const DROP = ["url", "headers"];

// deno-lint-ignore no-explicit-any -- any shape
type Any = Record<string, any>;

/** Blanks, line ends and comments, as people put them anywhere. */
const gap = fc.array(
  fc.constantFrom(" ", "\t", "\n", "\r\n", "  ", "// it's {a} [comment,\n", "/* , } */", "// x\r\n"),
  { maxLength: 2 },
).map((parts) => parts.join(""));

const key = fc.oneof(
  fc.constantFrom("n", "a", "url", "headers", "env", "__proto__", "command", "args", 'q"\\', "mcpServers"),
  fc.string({ maxLength: 6 }),
);
const leaf = fc.oneof(
  fc.constantFrom("true", "null", "-1.5e3", '"// no comment"', '"}"', '"\\""', "[]", "{}"),
  fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text)),
);

/** An object as text, of members with texts as values; no name twice. */
function object(value: fc.Arbitrary<string>, names: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const member = fc.tuple(gap, names, gap, gap, value, gap);
  return fc.tuple(fc.uniqueArray(member, { maxLength: 4, selector: ([, name]) => name }), gap, fc.boolean())
    .map(
      ([members, end, trailing]) => {
        const texts = members.map(([a, name, b, c, value, d]) =>
          `${a}${JSON.stringify(name)}${b}:${c}${value}${d}`
        );
        return `{${texts.join(",")}${trailing && texts.length > 0 ? "," : ""}${end}}`;
      },
    );
}

const server = object(fc.oneof(leaf, object(leaf, key), fc.constantFrom('["a", // b\n "c",]')), key);
const servers = object(fc.oneof(server, leaf), key);
const jsonConfig = fc.tuple(
  fc.constantFrom("", "\ufeff"),
  gap,
  object(fc.oneof(leaf, servers), key.filter((name) => name !== "mcpServers")),
  fc.option(servers),
  gap,
).map(([mark, start, rest, own, end]) => {
  const member = own === null ? "" : `"mcpServers":${own}${rest.slice(1).trim() === "}" ? "" : ","}`;
  return `${mark}${start}{${member}${rest.slice(1)}${end}`;
});

function jsonOf(text: string): Any {
  return parseJsonc(text.replace(/^\ufeff/, ""), [], { allowTrailingComma: true });
}

/** The comments of a text, in order. */
function commentsOf(text: string): readonly string[] {
  return (text.match(/"(?:[^"\\]|\\.)*"|\/\/[^\r\n]*|\/\*[^]*?\*\//g) ?? []).filter((each) =>
    !each.startsWith('"')
  );
}

/** Whether a text is another with some characters left out. */
function isWithin(part: string, whole: string): boolean {
  let at = 0;
  for (const character of whole) if (character === part[at]) at++;
  return at === part.length;
}

property("JSON: a server that is put in changes nothing else", jsonConfig, async (text) => {
  const document = await tried(() => readJson(text, "f"));
  if ("error" in document) return equal(document.error.code, "CONFIG_INVALID");
  const before = jsonOf(text);
  const result = await tried(() => document.value.put(["mcpServers"], "n", ENTRY, DROP));
  if ("error" in result) return equal(result.error.code, "CONFIG_INVALID");
  const after = jsonOf(result.value);
  const old = before.mcpServers?.n;
  const isServer = typeof old === "object" && old !== null && !Array.isArray(old);
  const kept = isServer
    ? Object.entries(old).filter(([name]) => !DROP.includes(name) && !(Object.hasOwn(ENTRY, name)))
    : [];
  deepEqual(after.mcpServers.n, { ...Object.fromEntries(kept), ...ENTRY });
  const rest = ({ mcpServers: { n: _n, ...others } = {} as Any, ...all }: Any) => ({ others, all });
  deepEqual(rest(after), rest(before));
  deepEqual(
    Object.keys(after).filter((name) => name !== "mcpServers"),
    Object.keys(before).filter((name) => name !== "mcpServers"),
  );
  if (old === undefined) {
    ok(isWithin(text, result.value), "only something was added");
    deepEqual(commentsOf(result.value), commentsOf(text));
  }
  equal(readJson(result.value, "f").put(["mcpServers"], "n", ENTRY, DROP), result.value);
});

property("JSON: a server that is taken out takes nothing along", jsonConfig, async (text) => {
  const document = await tried(() => readJson(text, "f"));
  if ("error" in document) return;
  const result = await tried(() => document.value.remove(["mcpServers"], "n"));
  if ("error" in result) return equal(result.error.code, "CONFIG_INVALID");
  const before = jsonOf(text);
  const after = jsonOf(result.value);
  const rest = ({ mcpServers, ...all }: Any) => {
    if (typeof mcpServers !== "object" || mcpServers === null || Array.isArray(mcpServers)) {
      return { mcpServers, all };
    }
    const { n: _n, ...others } = mcpServers;
    return { others, all };
  };
  deepEqual(rest(after), rest(before));
  equal(after.mcpServers?.n, undefined);
  ok(isWithin(result.value, text), "only something was left out");
});

const comment = fc.nat(999).map((number) => `# c${number}`);
const tomlValue = fc.constantFrom(
  "1",
  '"x # no"',
  "'[a]'",
  '"""\n[mcp_servers.n]\n# no\n"""',
  "[1, # in\n 2]",
  '{ a = 1, b = ["}"] }',
  "1979-05-27 07:32:00Z",
  "'''\n'' ]'''",
  "true",
);
const pairs = (names: readonly string[]) =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...names), tomlValue, comment), {
    maxLength: 3,
    selector: ([name]) => name,
  })
    .map((all) => all.map(([name, value, note]) => `${name} = ${value} ${note}\n`).join(""));
const table = fc.tuple(
  fc.constantFrom(
    "[z]",
    "[[list]]",
    "[z.y]",
    '[mcp_servers."a.b"]',
    "[mcp_servers.b]",
    "[mcp_servers.b.env]",
  ),
  comment,
  pairs(["k", "'q q'", "x.y"]),
  fc.constantFrom("", "\n", "# alone\n\n"),
).map(([header, note, body, end]) => ({ header, text: `${header} ${note}\n${body}${end}` }));
const own = fc.constantFrom(
  "",
  '[mcp_servers.n]\nurl = "u"\nenabled = true\n',
  "[mcp_servers.n] # own\n[mcp_servers.n.headers]\nA = 'b'\n[mcp_servers.n.tools.t]\nx = 1\n",
  '[mcp_servers]\nn = { url = "u", "odd key" = [1, 2] }\nm = 1\n',
  '[mcp_servers]\nn.command = "c"\nn.env.X = "y"\n',
  "['mcp_servers'.n]\nargs = [\n# inside\n'x',\n]\n",
);
const tomlConfig = fc.tuple(
  pairs(["a", "b.c", "'d.e'"]),
  fc.uniqueArray(table, {
    maxLength: 4,
    selector: ({ header }) => header.replace("[[list]]", String(Math.random())),
  }),
  own,
  fc.nat(4),
  fc.boolean(),
).map(([top, tables, mine, at, windows]) => {
  const parts = tables.map(({ text }) => text);
  parts.splice(at, 0, mine);
  const text = top + parts.join("");
  return windows ? text.replaceAll("\n", "\r\n") : text;
});

const plain = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (_name, each) => typeof each === "bigint" ? `${each}` : each));

property(
  "TOML: a server that is put in changes nothing else, or nothing is changed",
  tomlConfig,
  async (text) => {
    const document = await tried(() => readToml(text, "f"));
    if ("error" in document) return equal(document.error.code, "CONFIG_INVALID");
    const before = plain(parseToml(text));
    const result = await tried(() => document.value.put(["mcp_servers"], "n", ENTRY, DROP));
    if ("error" in result) return equal(result.error.code, "CONFIG_INVALID");
    const after = plain(parseToml(result.value));
    const { n: mine, ...servers } = after.mcp_servers;
    const { n: old = {}, ...others } = before.mcp_servers ?? {};
    const kept = Object.entries(old).filter(([name]) => !DROP.includes(name) && !Object.hasOwn(ENTRY, name));
    deepEqual(mine, { ...Object.fromEntries(kept), ...ENTRY });
    deepEqual([servers, { ...after, mcp_servers: 0 }], [others, { ...before, mcp_servers: 0 }]);
    const notes = (each: string) => each.match(/# (?:c\d+|alone|own)\b/g) ?? [];
    deepEqual(notes(result.value), notes(text), "every comment stays, in its order");
    const removed = await tried(() => readToml(result.value, "f").remove(["mcp_servers"], "n"));
    ok("value" in removed);
    const { mcp_servers: left = {}, ...rest } = plain(parseToml(removed.value));
    const { mcp_servers: _servers, ...all } = before;
    deepEqual([left, rest], [others, all]);
  },
);

property(
  "a difference says what goes and what comes, and nothing else",
  fc.tuple(fc.array(fc.constantFrom("a", "b", "c", "d")), fc.array(fc.constantFrom("a", "b", "c", "d"))),
  ([old, now]) => {
    const join = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
    const { text, changes } = unifiedDiff(join(old), join(now), "f");
    if (text === undefined) return deepEqual(old, now);
    const lines = text.split("\n").slice(2).filter((line) => !line.startsWith("@@"));
    deepEqual(lines.filter((line) => !line.startsWith(" ")).join("\n"), changes);
    // Applied by hunk: each names where it begins, and all lines before are the same in both.
    const result: string[] = [...old];
    let shift = 0;
    let at = 0;
    for (const line of text.split("\n").slice(2)) {
      const [, start, count = "1"] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? [];
      if (start !== undefined) at = Number(start) - (count === "0" ? 0 : 1) + shift;
      else if (line.startsWith(" ")) equal(result[at++], line.slice(1));
      else if (line.startsWith("-")) {
        equal(result.splice(at, 1)[0], line.slice(1));
        shift--;
      } else {
        result.splice(at++, 0, line.slice(1));
        shift++;
      }
    }
    deepEqual(result, now);
  },
);
