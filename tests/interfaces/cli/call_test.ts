/**
 * What `call` makes of the words behind a tool's name, of a result, and of what the server tells meanwhile.
 *
 * @module
 */
import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { readWords, type Written } from "../../../lib/interfaces/cli/commands/call/argument_words.ts";
import { makeArguments } from "../../../lib/interfaces/cli/commands/call/arguments.ts";
import { partsOf, placeOf, save, textOf } from "../../../lib/interfaces/cli/commands/call/content.ts";
import { CallScreen } from "../../../lib/interfaces/cli/commands/call/progress.ts";
import { CliContext } from "../../../lib/interfaces/cli/context.ts";
import { readTool } from "../../../lib/interfaces/cli/tool.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { testWorld } from "./world.ts";

async function read(words: readonly string[], input = ""): Promise<Written> {
  using context = new CliContext(testWorld({ input }).world, () => {});
  return await readWords(context, words);
}

const TOOL = readTool({
  name: "work",
  inputSchema: {
    type: "object",
    properties: {
      text: { type: "string" },
      count: { type: "integer" },
      ratio: { type: "number" },
      sure: { type: "boolean" },
      nothing: { type: "null" },
      tags: { type: "array", items: { type: "string" } },
      numbers: { type: "array", items: { type: "integer" } },
      filter: { $ref: "#/$defs/Filter" },
      level: { enum: ["low", "high", 3] },
      maybe: { anyOf: [{ type: "integer" }, { type: "null" }] },
      words: { type: ["string", "null"] },
      either: { type: ["integer", "string"] },
      any: {},
      "a.b": { type: "string" },
    },
    required: ["text"],
    $defs: {
      Filter: {
        type: "object",
        properties: { since: { type: "integer" }, name: { type: "string" } },
        additionalProperties: { type: "boolean" },
      },
    },
  },
});

/** The arguments by the schema above, by another, or, with null, by none. */
async function make(
  words: readonly string[],
  tool: typeof TOOL | null = TOOL,
): Promise<Record<string, unknown>> {
  const written = await read(words);
  ok("pairs" in written);
  return makeArguments(written.pairs, tool ?? undefined);
}

function usage(says: RegExp, hint?: RegExp): (error: unknown) => boolean {
  return (error) => {
    ok(error instanceof McpAuthError && error.code === "USAGE", String(error));
    match(error.message, says);
    if (hint !== undefined) match(error.hint ?? "", hint);
    return true;
  };
}

Deno.test("arguments are one JSON object, from the line, from standard input or from a file, or none", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/a.json`, '{"a":[1]}');
  deepEqual(await read(['{"a":1}']), { whole: { a: 1 } });
  deepEqual(await read(['{"a=b":1}']), { whole: { "a=b": 1 } });
  deepEqual(await read(["-"], '{"b":null}'), { whole: { b: null } });
  deepEqual(await read([`@${folder}/a.json`]), { whole: { a: [1] } });
  deepEqual(await read([]), { whole: {} });
  await rejects(read(["-"], "[]"), usage(/"\[\]" is not a JSON object/));
  await rejects(read(['{"a":1}', "b=2"]), usage(/"b=2" follows what are all arguments already/));
  await rejects(read(["a=1", '{"b":2}']), usage(/is not of the form name=value/));
  await rejects(read(["a=1", "b"]), usage(/"b" is not of the form name=value/));
  await Deno.remove(folder, { recursive: true });
});

const CONVERTED: readonly (readonly [word: string, name: string, value: unknown])[] = [
  ["text=5", "text", "5"],
  ["text=", "text", ""],
  ["text=a=b", "text", "a=b"],
  ["text=null", "text", "null"],
  ["text:=5", "text", 5],
  ["count=5", "count", 5],
  ["count=-5", "count", -5],
  ["ratio=.5", "ratio", 0.5],
  ["ratio=1e3", "ratio", 1000],
  ["sure=true", "sure", true],
  ["sure=false", "sure", false],
  ["nothing=null", "nothing", null],
  ["tags=one", "tags", ["one"]],
  ['tags=["one","two"]', "tags", ["one", "two"]],
  ["numbers=7", "numbers", [7]],
  ["numbers=[7,8]", "numbers", [7, 8]],
  ['filter={"since":1}', "filter", { since: 1 }],
  ["level=high", "level", "high"],
  ["level=3", "level", 3],
  ["maybe=4", "maybe", 4],
  ["maybe=null", "maybe", null],
  ["words=null", "words", "null"],
  ["words:=null", "words", null],
  ["either=4", "either", 4],
  ["either=four", "either", "four"],
  ["any=4", "any", 4],
  ["any=four", "any", "four"],
  ['any:="4"', "any", "4"],
  ["a.b=x", "a.b", "x"],
];

for (const [word, name, value] of CONVERTED) {
  Deno.test(`${word} is converted as the schema says`, async () => {
    deepEqual(await make(word.startsWith("text") ? [word] : ["text=x", word]), { text: "x", [name]: value });
  });
}

Deno.test("a name that is repeated makes an array, and dotted names an object", async () => {
  deepEqual(await make(["text=", "tags=a", "tags=b", "numbers=1", "numbers=[2,3]"]), {
    text: "",
    tags: ["a", "b"],
    numbers: [1, 2, 3],
  });
  deepEqual(await make(["text=", "filter.since=5", "filter.name=6", "filter.open=true"]), {
    text: "",
    filter: { since: 5, name: "6", open: true },
  });
  await rejects(make(["text=", "filter.since=5", "filter={}"]), usage(/"filter" is given twice/));
  await rejects(make(["text=", "filter={}", "filter.since=5"]), usage(/"filter.since" is given twice/));
  await rejects(make(["text=a", "text=b"]), usage(/"text" is given twice/, /arrays/));
  await rejects(make(["text=", "filter.since=soon"]), usage(/"filter.since" has to be an integer/));
});

const MISTAKES: readonly (readonly [string, RegExp])[] = [
  ["count=5.5", /"count" has to be an integer, not "5.5"/],
  ["count=99999999999999999999", /"count" has to be an integer/],
  ["ratio=much", /"ratio" has to be a number/],
  ["ratio=", /"ratio" has to be a number/],
  ["sure=yes", /"sure" has to be a boolean, not "yes"/],
  ["level=middle", /"level" has to be one of low, high, 3, not "middle"/],
  ["filter=x", /"filter" has to be an object/],
  ["numbers=x", /"numbers" has to be an integer/],
  ["maybe=x", /"maybe" has to be an integer, null/],
  ["count:=x", /"count" is not JSON: "x"/],
];

for (const [word, says] of MISTAKES) {
  Deno.test(`${word} is a mistake that is told before anything is called`, async () => {
    await rejects(make(["text=x", word]), usage(says));
  });
}

Deno.test("an unknown argument is told with the one that was meant and with all there are", async () => {
  await rejects(
    make(["txet=x"]),
    usage(
      /^Cannot call "work": it has no argument "txet"\. Did you mean "text"\?$/,
      /text \(string, required\), count \(integer\)/,
    ),
  );
  await rejects(make(["text=x", "q=1"]), usage(/no argument "q"$/));
  await rejects(make(["count=1"]), usage(/^Cannot call "work": it needs "text"$/, /Its arguments: /));
  await rejects(
    make(["x=1"], readTool({ name: "none", inputSchema: { type: "object", properties: {} } })),
    usage(/x/, /takes no arguments/),
  );
});

Deno.test("a tool that takes more than it names is given more, and one without a schema anything", async () => {
  const open = readTool({
    name: "open",
    inputSchema: { type: "object", properties: { a: { type: "string" } }, additionalProperties: true },
  });
  deepEqual(await make(["a=1", "b=2", "c=d"], open), { a: "1", b: 2, c: "d" });
  for (const tool of [null, readTool({ name: "bare" })]) {
    deepEqual(await make(['a={"b":1}', "c=true", "d=x", "e.f=1"], tool), {
      a: { b: 1 },
      c: true,
      d: "x",
      "e.f": 1,
    });
  }
  deepEqual(await make(["a=1", "a=x", "a=[2]"], null), { a: [1, "x", [2]] });
});

Deno.test("names of a prototype are names like all others", async () => {
  const args = await make(["__proto__=1", "constructor=2"], null);
  deepEqual(Object.entries(args), [["__proto__", 1], ["constructor", 2]]);
  const tool = readTool({ name: "p", inputSchema: { type: "object", properties: {} } });
  await rejects(make(["toString=1"], tool), usage(/no argument "toString"/));
});

Deno.test("the text of a file is text, and the JSON of one is JSON", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/f`, "5");
  deepEqual(await make([`text=@${folder}/f`, `count:=@${folder}/f`]), { text: "5", count: 5 });
  await rejects(make(["text=@alice"]), (error) => {
    ok(error instanceof McpAuthError && error.code === "CONFIG_MISSING");
    match(error.hint ?? "", /name:='"@text"'/);
    return true;
  });
  deepEqual(await make(['text:="@alice"']), { text: "@alice" });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("an error about a value shows no secret in it", async () => {
  await rejects(make(["text=x", "count=client_secret=hunter2hunter2"]), (error) => {
    ok(error instanceof McpAuthError && !error.message.includes("hunter2"), String(error));
    return true;
  });
});

const PNG = "iVBORw0KGgo=";
const RESULT = {
  content: [
    { type: "text", text: "one\u001b[2J\r\ntwo\u0007" },
    { type: "image", data: PNG, mimeType: "image/png" },
    { type: "audio", data: "AAAA", mimeType: "audio/x-thing" },
    {
      type: "resource",
      resource: { uri: "file:///../../etc/passwd", mimeType: "text/plain", text: "words" },
    },
    { type: "resource_link", uri: "https://x.example/a?token=secret", name: "a\u202elink" },
    { type: "novelty" },
    null,
  ],
};

Deno.test("a result is shown as text: what is none is named, and nothing steers the terminal", () => {
  equal(
    textOf(partsOf(RESULT)),
    [
      "one[2J",
      "two",
      "[image image/png, 8 bytes: save it with --output]",
      "[audio audio/x-thing, 3 bytes: save it with --output]",
      "[resource file:///../../etc/passwd text/plain]",
      "words",
      '[link https://x.example/a "a link"]',
      "[novelty]",
    ].join("\n"),
  );
  for (const odd of [undefined, null, 5, "x", {}, { content: "x" }, { content: {} }]) {
    equal(textOf(partsOf(odd)), "");
  }
});

Deno.test("attachments are saved under the tool's name, never under one of the server's, and replace nothing", async () => {
  const folder = await Deno.makeTempDir();
  const names = async () => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  const parts = partsOf(RESULT);
  const place = await placeOf(folder, false);
  await save(parts, "Draw/../it", place);
  deepEqual(await names(), ["draw-it-1.png", "draw-it-2.bin", "draw-it-3.txt"]);
  deepEqual(await Deno.readFile(`${folder}/draw-it-1.png`), Uint8Array.fromBase64(PNG));
  equal(await Deno.readTextFile(`${folder}/draw-it-3.txt`), "words");
  await save(parts, "Draw/../it", place);
  deepEqual((await names()).filter((name) => name.endsWith(".png")), ["draw-it-1.png", "draw-it-2.png"]);

  const file = `${folder}/a.b.png`;
  const saved = await save(parts, "draw", await placeOf(file, false));
  deepEqual(saved.map(({ path }) => path), [file, `${folder}/a.b-2.png`, `${folder}/a.b-3.png`]);
  await rejects(placeOf(file, false), (error) => {
    ok(error instanceof McpAuthError && error.code === "CONFIG_INVALID");
    match(error.hint ?? "", /--force/);
    return true;
  });
  // One that was made since is not replaced either.
  await rejects(save(parts, "draw", { path: file, isFolder: false, replace: false }), /there is such a file/);
  await Deno.writeTextFile(file, "mine");
  await save(parts.slice(1, 2), "draw", await placeOf(file, true));
  deepEqual(await Deno.readFile(file), Uint8Array.fromBase64(PNG));
  await rejects(placeOf(`${folder}/none/`, false), /there is no such folder/);
  await rejects(
    save(partsOf({ content: [{ type: "image", data: "not base64!" }] }), "draw", place),
    /it is not base64/,
  );
  ok((await names()).every((name) => !name.endsWith(".tmp")));
  await Deno.remove(folder, { recursive: true });
});

function screen(columns: number | undefined): { screen: CallScreen; shown: () => string } {
  let text = "";
  const { terminal } = testWorld().world;
  return {
    screen: new CallScreen({ ...terminal, err: (more) => void (text += more), columns: () => columns }),
    shown: () => text,
  };
}

const PROGRESS = "notifications/progress";
const LOG = "notifications/message";

Deno.test("progress is lines where there is no terminal, and in place where there is one", () => {
  const lines = screen(undefined);
  lines.screen.take(PROGRESS, { progress: 1, total: 4 });
  lines.screen.take(PROGRESS, { progress: 2.5, message: "half\u001b[2J way" });
  lines.screen.take(PROGRESS, { progress: 2 });
  lines.screen.take(PROGRESS, { progress: "x" });
  lines.screen.take(PROGRESS, undefined);
  lines.screen.take("notifications/other", { progress: 9 });
  lines.screen.clear();
  equal(lines.shown(), "Progress: 1/4\nProgress: 2.5 half [2J way\n");

  const place = screen(30);
  place.screen.take(PROGRESS, { progress: 1, total: 4, message: "a long message that does not fit" });
  equal(place.shown(), "\r\x1b[2KProgress: 1/4 25 % a long me…");
  place.screen.take(LOG, { level: "warning", logger: "l", data: "careful" });
  ok(
    place.shown().endsWith("\r\x1b[2K[warning] l: careful\n\r\x1b[2KProgress: 1/4 25 % a long me…"),
    place.shown(),
  );
  place.screen.clear();
  ok(place.shown().endsWith("\r\x1b[2K"));
});

Deno.test("while a person is asked nothing moves on the screen", async () => {
  const { screen: held, shown } = screen(80);
  held.take(PROGRESS, { progress: 1 });
  await held.held(() => {
    const before = shown();
    held.take(PROGRESS, { progress: 2 });
    equal(shown(), before);
    return Promise.resolve();
  });
  held.take(PROGRESS, { progress: 3 });
  ok(shown().endsWith("Progress: 3"));
});

Deno.test("what the server logs is shown with its level, whatever it is", () => {
  const { screen: lines, shown } = screen(undefined);
  lines.take(LOG, { level: "info", data: { message: "only this" } });
  lines.take(LOG, { level: "error\n", logger: "db", data: { message: "m", code: 5 } });
  lines.take(LOG, { data: ["x"] });
  equal(shown(), '[info]: only this\n[error] db: {"message":"m","code":5}\n[log]: ["x"]\n');
});

Deno.test("call wants a name and a tool, and --force only beside --output", async () => {
  const world = testWorld();
  for (
    const [argv, says] of [
      [["call"], /expected argument for name/],
      [["call", "x"], /expected argument for tool/],
      [["call", "x", "y", "--force"], /Cannot use "?--force"? without --output/],
    ] as const
  ) {
    const { code, err } = await world.run(...argv);
    equal(code, 2);
    match(err, says);
  }
  throws(() => makeArguments([{ key: "a", kind: "text", text: "", value: undefined }], TOOL), McpAuthError);
});
