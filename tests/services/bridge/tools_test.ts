/**
 * The choice of tools: what a host sees of lists, what becomes of its calls, and that everything else stays as it is.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { elementsOf, membersOf, withoutElements } from "../../../lib/services/bridge/tools/json_text.ts";
import { isChosen, matchesGlob } from "../../../lib/services/bridge/tools/tool_choice.ts";
import { Host } from "./host.ts";
import { event, type ScriptedServer, startScriptedServer } from "./scripted_server.ts";

for (
  const [pattern, name, expected] of [
    ["delete*", "delete", true],
    ["delete*", "deleteTask", true],
    ["delete*", "undelete", false],
    ["*account", "getAccount", false],
    ["*account", "get_account", true],
    ["exactTool", "exactTool", true],
    ["exactTool", "ExactTool", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["?", "ö", true],
    ["?", "🙂", true],
    ["*", "", true],
    ["", "", true],
    ["", "x", false],
    ["a.c", "abc", false],
    ["[ab]", "a", false],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["**x", "x", true],
  ] as const
) {
  Deno.test(`pattern "${pattern}" ${expected ? "matches" : "does not match"} "${name}"`, () => {
    equal(matchesGlob(pattern, name), expected);
  });
}

Deno.test("patterns mean what the regular expression means that they stand for", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
  const names = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
  fc.assert(fc.property(letters, names, (pattern, name) => {
    const meant = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
    return matchesGlob(pattern, name) === meant.test(name);
  }));
});

Deno.test("a pattern of many stars is no trap", () => {
  const started = performance.now();
  equal(matchesGlob(`${"*a".repeat(50)}b`, "a".repeat(20_000)), false);
  ok(performance.now() - started < 2_000);
});

Deno.test("what is ignored stays hidden, whatever is allowed", () => {
  ok(isChosen({ allow: ["get*"] }, "getX"));
  ok(!isChosen({ allow: ["get*"] }, "setX"));
  ok(!isChosen({ allow: ["get*"], ignore: ["*X"] }, "getX"));
  ok(isChosen({ ignore: ["*X"] }, "getY"));
  ok(!isChosen({ allow: [] }, "getY"));
});

Deno.test("the parts of a JSON text are found where JSON.parse finds them", () => {
  const blanks = fc.constantFrom("", " ", "\n\t ");
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      blanks,
      (list, map, b) => {
        const text = `${b}[${list.map((each) => `${b}${JSON.stringify(each, null, 1)}${b}`).join(",")}]${b}`;
        const elements = elementsOf(text) ?? [];
        deepEqual(elements.map(({ start, end }) => JSON.parse(text.slice(start, end))), JSON.parse(text));
        const kept = withoutElements(text, elements, (index) => index % 2 === 0);
        deepEqual(JSON.parse(kept), JSON.parse(text).filter((_: unknown, index: number) => index % 2 === 0));
        const object = JSON.stringify(map, null, b.includes("\n") ? 2 : 0);
        const { values, hasTwice } = membersOf(object)!;
        equal(hasTwice, false);
        for (const [name, { start, end }] of values) {
          deepEqual(JSON.parse(object.slice(start, end)), JSON.parse(object)[name]);
        }
        equal(values.size, Object.keys(JSON.parse(object)).length);
      },
    ),
  );
  equal(membersOf('{"a":1,"\\u0061":2}')?.hasTwice, true);
  equal(elementsOf("{}"), undefined);
  equal(membersOf("[]"), undefined);
});

const CHOICE = { tools: { ignore: ["delete*"] } };
const TOOLS =
  '{"jsonrpc": "2.0", "result": {"n":12345678901234567890, "tools": [ {"name":"get","x":1.0} , {"name":"deleteAll"},' +
  '{"name":"set"}], "nextCursor": "2"}, "id": ID}';

function answering(list = TOOLS): Promise<ScriptedServer> {
  return startScriptedServer({
    "tools/list": (call) => call.json(list.replace("ID", JSON.stringify(call.message.id))),
  });
}

Deno.test("a list comes without the hidden tools, and is otherwise as it was, to the last blank", async () => {
  await using server = await answering();
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  await host.request("tools/list", {}, "L");
  equal(
    host.raw.at(-1),
    '{"jsonrpc": "2.0", "result": {"n":12345678901234567890, "tools": [ {"name":"get","x":1.0},{"name":"set"}], ' +
      '"nextCursor": "2"}, "id": "L"}',
  );
});

Deno.test("a page on which nothing is left keeps its cursor", async () => {
  await using server = await answering(
    '{"jsonrpc":"2.0","id":ID,"result":{"tools":[{"name":"deleteA"},{"name":"deleteB"}],"nextCursor":"more"}}',
  );
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  deepEqual((await host.request("tools/list")).result, { tools: [], nextCursor: "more" });
});

Deno.test("a list without hidden tools passes byte for byte", async () => {
  const list = '{"jsonrpc":"2.0",  "id":ID,"result":{"tools":[{"name":"a"}]  }}';
  await using server = await answering(list);
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  await host.request("tools/list", {}, "L");
  equal(host.raw.at(-1), list.replace("ID", '"L"'));
});

Deno.test("a list that comes as an event, with what is no tool in it, is shortened as well", async () => {
  await using server = await startScriptedServer({
    "tools/list": (call) =>
      void (call.stream(
        event({
          jsonrpc: "2.0",
          id: call.message.id,
          result: { tools: [{ name: "get" }, null, { name: 5 }, { name: "delete" }, "delete"] },
        }),
      ),
        call.response.end()),
  });
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  deepEqual((await host.request("tools/list")).result, { tools: [{ name: "get" }] });
});

Deno.test("a list in which a name stands twice is written anew, so that no reader finds the hidden tools", async () => {
  await using server = await answering(
    '{"jsonrpc":"2.0","id":ID,"result":{"tools":[{"name":"delete1"}],"tools":[{"name":"get"},{"name":"delete2"}]}}',
  );
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  deepEqual((await host.request("tools/list")).result, { tools: [{ name: "get" }] });
  ok(!host.raw.at(-1)?.includes("delete"));
});

Deno.test("a call of a hidden tool is refused and not sent; other calls go through", async () => {
  await using server = await answering();
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  const refused = await host.request("tools/call", { name: "deleteAll", arguments: {} });
  equal(refused.error?.code, -32602);
  equal(refused.error?.data.code, "PERMISSION_DENIED");
  match(refused.error?.message ?? "", /^Cannot call tool "deleteAll": the tool is hidden \(.*--ignore-tool/);
  ok(!server.methods.includes("tools/call"));
  equal((await host.request("tools/call", { name: "get" })).result.method, "tools/call");
});

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

Deno.test("the same holds in the stateless era, also for a call that is made again with answers", async () => {
  await using server = await answering();
  await using host = new Host(server.url, { more: CHOICE });
  deepEqual(
    (await host.request("tools/list", { _meta: META })).result.tools.map(({ name }: { name: string }) =>
      name
    ),
    [
      "get",
      "set",
    ],
  );
  const call = { name: "deleteAll", inputResponses: {}, requestState: "s", _meta: META };
  equal((await host.request("tools/call", call)).error?.code, -32602);
  ok(!server.methods.includes("tools/call"));
});

for (
  const [what, line] of [
    ["no name", '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{}}'],
    ["no parameters", '{"jsonrpc":"2.0","id":9,"method":"tools/call"}'],
    ["a list of names", '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":["deleteAll"]}}'],
    [
      "its name twice",
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"deleteAll","name":"get"}}',
    ],
    [
      "its name twice, once in escapes",
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"n\\u0061me":"deleteAll","name":"get"}}',
    ],
    [
      "its name in another case",
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"get","Name":"deleteAll"}}',
    ],
    [
      "its parameters twice",
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"deleteAll"},"params":{"name":"get"}}',
    ],
    [
      "its method twice",
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","method":"ping","params":{"name":"deleteAll"}}',
    ],
    [
      "its method in another case",
      '{"jsonrpc":"2.0","id":9,"method":"ping","METHOD":"tools/call","params":{"name":"deleteAll"}}',
    ],
  ] as const
) {
  Deno.test(`a call with ${what} is refused`, async () => {
    await using server = await answering();
    await using host = new Host(server.url, { more: CHOICE });
    await host.initialize();
    const before = server.methods.length;
    host.send(line);
    equal((await host.answer(9)).error?.code, -32602);
    deepEqual(
      server.methods.slice(before).filter((method) =>
        method !== "notifications/initialized" && method !== "GET"
      ),
      [],
    );
  });
}

Deno.test("a call without an id, which some servers carry out all the same, is not sent", async () => {
  await using server = await answering();
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  host.send({ jsonrpc: "2.0", method: "tools/call", params: { name: "deleteAll" } });
  await host.request("ping");
  ok(!server.methods.includes("tools/call"));
  ok(host.log.some((line) => line.includes("deleteAll")));
});

Deno.test("of a batch the hidden calls are refused and the rest is sent as it was", async () => {
  await using server = await startScriptedServer({
    batch: (call) =>
      call.json(JSON.stringify(
        call.message.filter(({ id }: { id?: unknown }) => id !== undefined).map((
          { id }: { id: unknown },
        ) => ({
          jsonrpc: "2.0",
          id,
          result: { tools: [{ name: "deleteAll" }, { name: "get" }] },
        })),
      )),
  });
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  host.send(
    '[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"deleteAll"}},' +
      '{"jsonrpc":"2.0", "id":2,"method":"tools/list","params":{"x":1.0}},' +
      '{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"deleteAll"}},' +
      '{"jsonrpc":"2.0","id":3,"method":"prompts/list"},' +
      '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"deleteAll"}}]',
  );
  equal((await host.answer(1)).error?.code, -32602);
  deepEqual((await host.answer(2)).result.tools, [{ name: "get" }]);
  equal((await host.answer(3)).result.tools.length, 2, "only lists of tools are shortened");
  const sent = server.log.findLast(({ body }) => body.startsWith("["));
  equal(
    sent?.body,
    '[{"jsonrpc":"2.0", "id":2,"method":"tools/list","params":{"x":1.0}},{"jsonrpc":"2.0","id":3,"method":"prompts/list"}]',
  );
  host.send('[{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"deleteAll"}}]');
  equal((await host.answer(4)).error?.code, -32602);
  equal(server.methods.filter((method) => method === "batch").length, 1);
});

Deno.test("an id that is used again is judged by what it is used for", async () => {
  await using server = await startScriptedServer({
    "tools/list": (call) => call.result({ tools: [{ name: "deleteAll" }] }),
    "vendor/state": (call) => call.result({ tools: [{ name: "deleteAll" }] }),
  });
  await using host = new Host(server.url, { more: CHOICE });
  await host.initialize();
  await host.request("tools/list", {}, 7);
  deepEqual(JSON.parse(host.raw.at(-1)!).result.tools, []);
  host.lines.length = 0;
  await host.request("vendor/state", {}, 7);
  equal(JSON.parse(host.raw.at(-1)!).result.tools.length, 1);
  host.lines.length = 0;
  await host.request("tools/list", {}, 7);
  deepEqual(JSON.parse(host.raw.at(-1)!).result.tools, []);
});

Deno.test("only what is allowed is shown, where anything is allowed", async () => {
  await using server = await answering();
  await using host = new Host(server.url, {
    more: { tools: { allow: ["g*", "deleteAll"], ignore: ["delete*"] } },
  });
  await host.initialize();
  const { tools } = (await host.request("tools/list")).result;
  deepEqual(tools.map(({ name }: { name: string }) => name), ["get"]);
  equal((await host.request("tools/call", { name: "set" })).error?.code, -32602);
});
