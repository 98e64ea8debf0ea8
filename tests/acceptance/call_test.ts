/**
 * `tools` and `call` as a person uses them: over every transport and in both eras, with progress, questions of the
 * server, content that is no text, and an end before the answer.
 *
 * @see MCP 2025-11-25, Tools, Progress, Elicitation, Cancellation; MCP 2026-07-28, Multi Round-Trip Requests (T9-T17)
 * @module
 */
import assert from "node:assert/strict";
import { type RunningEverything, startEverything } from "../../scripts/demo/servers/everything.ts";
import { type McpServerSettings, startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { startSseServer } from "../../scripts/demo/servers/sse_server.ts";
import { startWebSocketMcpServer } from "../../scripts/demo/servers/websocket_server.ts";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { assertSane, type AtTerminal, atTerminal } from "./terminal.ts";

const STREAMABLE: readonly (readonly [name: string, settings: McpServerSettings])[] = [
  ["Streamable HTTP, event streams", {}],
  ["Streamable HTTP, JSON", { enableJsonResponse: true }],
  ["the second line of the SDK with sessions", { sdk2: "sessions" }],
  ["the second line of the SDK, stateless", { sdk2: "stateless" }],
];

/** A server behind OAuth, by its URL as `add` takes it. */
type Start = () => Promise<AsyncDisposable & { readonly url: string; readonly flags: readonly string[] }>;

async function behindOAuth(
  start: (
    as: Awaited<ReturnType<typeof startAuthorizationServer>>,
  ) => Promise<AsyncDisposable & { url: string }>,
  flags: readonly string[] = [],
): ReturnType<Start> {
  const as = await startAuthorizationServer();
  const server = await start(as);
  return {
    url: server.url,
    flags,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await as.close();
    },
  };
}

const SERVERS: readonly (readonly [name: string, start: Start])[] = [
  ...STREAMABLE.map(([name, settings]) =>
    [
      name,
      () => behindOAuth((authorizationServer) => startMcpServer({ ...settings, authorizationServer })),
    ] as const
  ),
  [
    "HTTP+SSE, named",
    () =>
      behindOAuth((authorizationServer) => startSseServer({ authorizationServer }), ["--transport", "sse"]),
  ],
  [
    "HTTP+SSE, found out",
    () => behindOAuth((authorizationServer) => startSseServer({ authorizationServer })),
  ],
  [
    "WebSocket",
    () =>
      behindOAuth((authorizationServer) => {
        const server = startWebSocketMcpServer({ authorizationServer });
        return Promise.resolve(Object.assign(server, { url: server.socketUrl }));
      }),
  ],
];

for (const [name, start] of SERVERS) {
  Deno.test(`tools and call work with ${name}`, async () => {
    await using server = await start();
    await using home = await Home.make();
    const added = await home.run(["add", "demo", server.url, ...server.flags]);
    assert.equal(added.code, 0, added.stderr);
    const tools = await home.run(["tools", "demo"]);
    assert.match(tools.stdout, /^add a b$\n {4}Adds two numbers$/m, tools.stderr);
    const whole = await home.run(["tools", "demo", "add", "--json"]);
    assert.deepEqual(whole.json.inputSchema.required, ["a", "b"]);
    const sum = await home.run(["call", "demo", "add", "a=1", "b=2.5", "--json"]);
    assert.deepEqual(sum.json.structuredContent, { sum: 3.5 }, sum.stderr);
    assert.equal((await home.run(["call", "demo", "whoami"])).stdout, "alice\n");
    const slow = await home.run(["call", "demo", "slow", ...(/ms/.test(tools.stdout) ? ["ms=40"] : [])]);
    assert.match(slow.stdout, /^Done/, slow.stderr);
    const steps = slow.stderr.split("\n").filter((line) => line.startsWith("Progress: "));
    // Where the answer is JSON there is no place for anything before it.
    assert.equal(steps.length, name.endsWith("JSON") ? 0 : /ms/.test(tools.stdout) ? 4 : 2, slow.stderr);
    assertError(
      await home.run(["call", "demo", "ad", "a=1", "--json"]),
      "NOT_FOUND",
      5,
      /Did you mean "add"/,
    );
    assertError(
      await home.run(["call", "demo", "add", "a=1", "--json"]),
      "USAGE",
      2,
      /b \(number, required\)/,
    );
  });
}

/** The reference server, and an entry for it in a home of its own. */
async function withEverything(
  transport: "sse" | "streamableHttp",
  test: (home: Home, server: RunningEverything) => Promise<void>,
): Promise<void> {
  await using server = await startEverything(transport);
  await using home = await Home.make();
  const added = await home.run(["add", "demo", server.url]);
  assert.match(added.stdout, /no sign-in needed, \d+ tools/, added.stderr);
  await test(home, server);
}

for (const transport of ["sse", "streamableHttp"] as const) {
  Deno.test(`the reference server's content, progress and logging over ${transport}`, () =>
    withEverything(transport, async (home) => {
      const image = await home.run(["call", "demo", "get-tiny-image"]);
      assert.match(image.stdout, /^\[image image\/png, \d+ bytes: save it with --output\]$/m, image.stderr);
      const saved = await home.run(["call", "demo", "get-tiny-image", "--output", home.path]);
      assert.match(saved.stderr, /^Saved image image\/png as .*get-tiny-image-1\.png$/m);
      const bytes = await Deno.readFile(`${home.path}/get-tiny-image-1.png`);
      assert.deepEqual([...bytes.subarray(1, 4)], [...new TextEncoder().encode("PNG")]);
      const again = ["call", "demo", "get-tiny-image", "--output", `${home.path}/get-tiny-image-1.png`];
      assertError(await home.run([...again, "--json"]), "CONFIG_INVALID", 1, /--force/);
      assert.equal((await home.run([...again, "--force"])).code, 0);
      const long = await home.run([
        "call",
        "demo",
        "trigger-long-running-operation",
        "duration=0.2",
        "steps=3",
      ]);
      assert.equal(long.stderr, "Progress: 1/3\nProgress: 2/3\nProgress: 3/3\n");
      const words = '{"messageType":"error","includeImage":true}';
      const piped = await home.run(["call", "demo", "get-annotated-message", "-", "--json"], {
        stdin: words,
      });
      assert.deepEqual(piped.json.content.map((part: { type: string }) => part.type), ["text", "image"]);
      const logging = await home.run(["call", "demo", "toggle-simulated-logging", "--verbose"]);
      assert.match(logging.stderr, /^\[\w+\]: .*level.message/im);
      // Nobody sits here: the server is not told that somebody could be asked.
      const refused = await home.run(["call", "demo", "trigger-elicitation-request"]);
      assert.match(refused.stdout + refused.stderr, /trigger-elicitation-request.*not found/i);
    }));
}

const DOWN = "\x1b[B";

/** Types without an end of line. */
async function press(terminal: AtTerminal, keys: string): Promise<void> {
  await terminal.running.write(keys);
}

Deno.test("a form of the server is asked at the terminal, with its defaults and its checks", () =>
  withEverything("streamableHttp", async (home) => {
    await using terminal = atTerminal(home, ["call", "demo", "trigger-elicitation-request"]);
    await terminal.shows('The server of "demo" asks');
    await terminal.shows("Do you want to answer?");
    await terminal.type("");
    await terminal.shows("Your full, legal name");
    await terminal.type("Ada");
    await terminal.shows("Agree to the terms");
    await terminal.type("");
    await terminal.shows("Favorite first line");
    await terminal.type("");
    await terminal.shows("Your email address");
    await terminal.type("nobody");
    await terminal.shows("Type an email address");
    await terminal.type("@example.com");
    await terminal.shows("Portfolio");
    await terminal.type("");
    await terminal.shows("Your date of birth");
    await terminal.type("1815-12-10");
    await terminal.shows("Your favorite integer");
    await terminal.type("000");
    await terminal.shows("At most 100");
    await press(terminal, "\x7f\x7f\x7f");
    await terminal.type("");
    await terminal.shows("Favorite number");
    await terminal.type("");
    await terminal.shows("Choose your favorite friend");
    await press(terminal, DOWN);
    await terminal.type("");
    await terminal.shows("Choose your favorite instruments");
    await terminal.type("");
    await terminal.shows("Choose your favorite hero");
    await terminal.type("");
    await terminal.shows("Choose your favorite types of fish");
    await terminal.type("");
    await terminal.shows("Legacy");
    await terminal.type("");
    const { code, terminal: state, lines } = await terminal.end();
    assert.equal(code, 0, lines.join("\n"));
    const text = lines.join("\n");
    for (
      const said of [
        "Name: Ada",
        "nobody@example.com",
        "1815-12-10",
        "Integer: 42",
        "3.14",
        "Rachel",
        "Guitar",
        "hero-1",
      ]
    ) assert.ok(text.includes(said), `${said}: ${text}`);
    assertSane(state);
  }));

Deno.test("a page to visit is shown whole and opened by nobody, and declining is an answer", () =>
  withEverything("streamableHttp", async (home) => {
    const browser = await home.recordingBrowser();
    const url = "https://pages.example/visit?id=1";
    const args = ["call", "demo", "trigger-url-elicitation", `url=${url}`, "message=Please go there"];
    await using declined = atTerminal(home, args, { BROWSER: browser });
    await declined.shows("Please go there");
    await declined.shows("It is a page of pages.example");
    await declined.shows(url);
    await declined.shows("Decline");
    await press(declined, DOWN);
    await declined.type("");
    assert.match((await declined.end()).lines.join("\n"), /declin/i);
    // The other way of the server: it refuses until the page was visited.
    await using visited = atTerminal(home, [...args, "errorPath=true"], { BROWSER: browser });
    await visited.shows("Decline");
    await visited.type("");
    // This server asks once more when the call comes again.
    assert.ok(
      await until(() => /Decline[^]*you to visit a page[^]*Decline/.test(visited.running.stdout), 10_000),
    );
    await visited.type("");
    const { code, lines } = await visited.end();
    assert.equal(code, 0, lines.join("\n"));
    assert.deepEqual(await home.opened(), []);
  }));

Deno.test("a stateless server's question is asked at the terminal, and the call goes on with the answer (T15)", async () => {
  await using mcp = await startMcpServer({ open: true, sdk2: "stateless" });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  await using terminal = atTerminal(home, ["call", "demo", "ask"]);
  await terminal.shows("Who are you?");
  await terminal.shows("Do you want to answer?");
  await terminal.type("");
  await terminal.shows("name (optional)");
  await terminal.type("Ada");
  await until(() => callsAt(mcp).length >= 2, 10_000);
  const [, second] = callsAt(mcp);
  assert.deepEqual((second as { inputResponses: unknown }).inputResponses, {
    name: { action: "accept", content: { name: "Ada" } },
  });
  // Its tool asks without end.
  await press(terminal, "\x03");
  assert.equal((await terminal.end()).code, 130);
});

function callsAt(mcp: Awaited<ReturnType<typeof startMcpServer>>): readonly unknown[] {
  return mcp.requests("POST /mcp").map((each) => each.json() as { method?: string; params?: unknown })
    .filter(({ method }) => method === "tools/call").map(({ params }) => params);
}

Deno.test("Ctrl-C in a call is told a stateful server, and exits with 130 (T17)", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  await using terminal = atTerminal(home, ["call", "demo", "slow", "ms=60000"]);
  await until(() => callsAt(mcp).length === 1, 10_000);
  await press(terminal, "\x03");
  const { code, terminal: state, lines } = await terminal.end();
  assert.equal(code, 130, lines.join("\n"));
  assertSane(state);
  assert.deepEqual(methodsAt(mcp).slice(-1), ["notifications/cancelled"]);
  assert.deepEqual(mcp.sessions, []);
});

Deno.test("Ctrl-C in a call to a stateless server ends its stream, tells nothing more, and exits with 130 (T17)", async () => {
  await using mcp = await startMcpServer({ open: true, sdk2: "stateless" });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  assert.equal((await home.run(["tools", "demo"])).code, 0);
  mcp.fail("POST /mcp", 1, "hang");
  await using terminal = atTerminal(home, ["call", "demo", "slow"]);
  await until(() => callsAt(mcp).length === 1, 10_000);
  await press(terminal, "\x03");
  const { code, terminal: state, lines } = await terminal.end();
  assert.equal(code, 130, lines.join("\n"));
  assertSane(state);
  assert.deepEqual(methodsAt(mcp).slice(-1), ["tools/call"]);
});

function methodsAt(mcp: Awaited<ReturnType<typeof startMcpServer>>): readonly unknown[] {
  return mcp.requests("POST /mcp").map((each) => (each.json() as { method?: string }).method);
}

Deno.test("progress moves in place on a terminal, and leaves nothing behind", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  await using terminal = atTerminal(home, ["call", "demo", "slow", "ms=400"]);
  const { code, lines } = await terminal.end();
  assert.equal(code, 0);
  assert.ok(terminal.running.stdout.includes("\r\x1b[2KProgress: 3/4 75 %"), terminal.running.stdout);
  // What stood there before is overwritten by the result.
  assert.deepEqual(lines.map((line) => line.split("\r").at(-1)), ["Done after 400 ms"]);
});

Deno.test("--timeout gives a call up, whatever its progress, and the server is told", async () => {
  await using mcp = await startMcpServer({ open: true });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  const outcome = await home.run(["call", "demo", "slow", "ms=3000", "--timeout", "1", "--json"]);
  assertError(outcome, "TIMEOUT", 3, /--timeout/);
  assert.match(outcome.stderr, /^Progress: 1\/4$/m);
  assert.deepEqual(methodsAt(mcp).slice(-1), ["notifications/cancelled"]);
});

Deno.test("a stateless server is asked for initialize once, also after the entry was renamed or its server has changed", async () => {
  await using mcp = await startMcpServer({ open: true, sdk2: "stateless" });
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", mcp.url])).code, 0);
  const asked = async (name: string) => {
    const before = mcp.log.length;
    const outcome = await home.run(["tools", name]);
    assert.equal(outcome.code, 0, outcome.stderr);
    return methodsAt(mcp).slice(before);
  };
  assert.deepEqual(await asked("demo"), ["initialize", "tools/list"]);
  assert.deepEqual(await asked("demo"), ["tools/list"]);
  assert.equal((await home.run(["rename", "demo", "other"])).code, 0);
  assert.deepEqual(await asked("other"), ["initialize", "tools/list"]);
  assert.deepEqual(await asked("other"), ["tools/list"]);
  // A server of the first line in its place.
  const port = Number(new URL(mcp.url).port);
  await mcp.close();
  await using stateful = await startMcpServer({ open: true, port });
  const run = () => home.run(["call", "other", "echo", "text=hi"]);
  assert.equal((await run()).stdout, "hi\n");
  const first = stateful.requests("POST /mcp").map(({ status }) => status);
  assert.equal(first.filter((status) => status === 400).length, 1);
  assert.equal((await run()).stdout, "hi\n");
  assert.equal(stateful.requests("POST /mcp").filter(({ status }) => status === 400).length, 1);
});
