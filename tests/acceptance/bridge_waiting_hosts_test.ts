/**
 * A waiting bridge in front of real hosts, built on both lines of the official SDK: one that gives up after ten seconds,
 * one that shows pages itself (URL elicitation), one of the stateless era. The person's browser is the scripted one.
 *
 * @see MCP 2025-11-25 and 2026-07-28, Elicitation, URL mode (C80); behaviours row 12
 * @module
 */
import assert from "node:assert/strict";
import { Client as ClientOfLine2 } from "@modelcontextprotocol/client";
import { StdioClientTransport as StdioOfLine2 } from "@modelcontextprotocol/client/stdio";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  ElicitationCompleteNotificationSchema,
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, Home, type ProgramOptions } from "./program.ts";
import { startServers } from "./servers.ts";
import { addressIn, addSignedOut, BY_HAND, LOGIN, pause, SIGNED_IN, visits } from "./waiting.ts";

/** A result of a tool, in the words of either line of the SDK. */
interface Called {
  readonly [member: string]: unknown;
}

function textOf({ content }: Called): string {
  return (content as { readonly text: string }[])[0]?.text ?? "";
}

/** The SDK's own end of a process leaves timers behind. */
async function end(client: { onclose?: (() => void) | undefined }, pid: number | null): Promise<void> {
  const closed = new Promise<void>((resolve) => client.onclose = resolve);
  if (pid !== null) Deno.kill(pid, "SIGTERM");
  await closed;
}

function bridgeOf(home: Home, args: readonly string[], options: ProgramOptions = BY_HAND) {
  const [command = "", ...first] = FROM_CHECKOUT;
  return {
    command,
    args: [...first, "bridge", ...args],
    env: home.environment(options),
    stderr: "ignore" as const,
    cwd: home.path,
  };
}

Deno.test("row 12: a host that gives up after 10 s is never kept waiting, with a person who takes their time", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  const timeout = 10_000;
  const client = new Client({ name: "host", version: "1.0.0" });
  let changes = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
  const transport = new StdioClientTransport(bridgeOf(home, ["demo"]));
  await client.connect(transport, { timeout });
  try {
    assert.equal(client.getServerVersion()?.name, "mcp-auth");
    const { tools } = await client.listTools({}, { timeout });
    assert.deepEqual(tools.map(({ name }) => name), [LOGIN]);
    const text = textOf(await client.callTool({ name: LOGIN }, undefined, { timeout }));
    // The host gives up the call that waits; the sign-in goes on.
    await assert.rejects(client.callTool({ name: LOGIN }, undefined, { timeout: 1_000 }), /timed out/);
    assert.equal((await browse(addressIn(text))).status, 200);
    assert.ok(await until(() => changes > 0, 10_000));
    const called = await client.callTool({ name: "whoami" }, undefined, { timeout });
    assert.equal(textOf(called), "alice");
    assert.ok((await client.listTools({}, { timeout })).tools.length > 1);
  } finally {
    await end(client, transport.pid);
  }
});

/** A host that shows pages, and does with each what it is told to. */
async function showingHost(
  home: Home,
  show: (url: string, message: string) => "accept" | "decline" | "cancel",
) {
  const client = new Client({ name: "host", version: "1.0.0" }, {
    capabilities: { elicitation: { url: {} } },
  });
  const shown: string[] = [];
  const completed: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    assert.ok(params.mode === "url");
    shown.push(params.elicitationId);
    return { action: show(params.url, params.message) };
  });
  client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
    completed.push(params.elicitationId);
  });
  const transport = new StdioClientTransport(bridgeOf(home, ["demo"]));
  await client.connect(transport);
  return { client, transport, shown, completed };
}

Deno.test("row 12: a host that shows pages shows the person the address, and the call ends with the sign-in (C80)", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await addSignedOut(home, servers);
  const before = visits(servers);
  let visit: Promise<unknown> | undefined;
  const { client, transport, shown, completed } = await showingHost(home, (url, message) => {
    assert.equal(
      message,
      `Sign in to "demo" (${servers.mcp.url}) at ${servers.as.issuer}, so that its tools can be used here`,
    );
    assert.equal(visits(servers), before, "nothing fetched the address");
    // People take longer than the host's question.
    visit = new Promise((resolve) => setTimeout(resolve, 6_000)).then(() => browse(url));
    return "accept";
  });
  try {
    const progress: unknown[] = [];
    const called = await client.callTool({ name: LOGIN }, undefined, {
      onprogress: ({ message }) => void progress.push(message),
    });
    await visit;
    assert.equal(textOf(called), SIGNED_IN);
    assert.deepEqual(progress, [
      `Waiting for the approval: Sign in to "demo" (${servers.mcp.url}) at ${servers.as.issuer}`,
    ]);
    assert.ok(await until(() => completed.length > 0, 5_000));
    assert.deepEqual(completed, shown);
    assert.equal(textOf(await client.callTool({ name: "whoami" })), "alice");
    assert.equal(visits(servers), before + 1);
  } finally {
    await end(client, transport.pid);
  }
});

for (const action of ["decline", "cancel"] as const) {
  Deno.test(`a host whose person answers the address with ${action}: the sign-in is over, and that is said`, async () => {
    await using servers = await startServers();
    await using home = await Home.make();
    await addSignedOut(home, servers);
    const urls: string[] = [];
    const { client, transport, shown } = await showingHost(home, (url) => {
      urls.push(url);
      return action;
    });
    try {
      for (let time = 1; time <= 2; time++) {
        const called: Called = await client.callTool({ name: LOGIN });
        assert.equal(called["isError"], true);
        assert.match(
          textOf(called),
          /^The user does not want to sign in to "demo" now; the sign-in was cancelled/,
        );
        assert.equal(shown.length, time, "the next call asks again, for a new address");
      }
      const { status } = await browse(urls[0]!, { decide: "follow" }).catch(() => ({ status: 0 }));
      assert.notEqual(status, 500);
      await assert.rejects(client.callTool({ name: "whoami" }), /nobody is signed in/);
    } finally {
      await end(client, transport.pid);
    }
  });
}

const REVISION = "2026-07-28";

/** The process that the second line of the SDK first asks in leaves a timer behind. */
const PROBE_TIMER_MS = 2_100;

for (const sdk2 of ["stateless", "both", undefined] as const) {
  const server = sdk2 ?? "of the first line";
  Deno.test(`row 12: a host of ${REVISION} waits, signs in by the tool, and is told of it: server ${server}`, async () => {
    await using servers = await startServers({ mcp: sdk2 === undefined ? {} : { sdk2 } });
    await using home = await Home.make();
    await addSignedOut(home, servers);
    let changes = 0;
    const client = new ClientOfLine2({ name: "host", version: "1.0.0" }, {
      versionNegotiation: { mode: { pin: REVISION } },
      listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => void changes++ } },
    });
    const transport = new StdioOfLine2(bridgeOf(home, ["demo"]));
    await client.connect(transport);
    try {
      assert.equal(client.getServerVersion()?.name, "mcp-auth");
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map(({ name }) => name), [LOGIN]);
      assert.deepEqual((await client.listPrompts()).prompts, []);
      await assert.rejects(client.callTool({ name: "whoami" }), /call the tool mcp_auth_login/);
      const text = textOf(await client.callTool({ name: LOGIN }));
      const done = client.callTool({ name: LOGIN });
      assert.equal((await browse(addressIn(text))).status, 200);
      assert.equal(textOf(await done), SIGNED_IN);
      assert.ok(await until(() => changes > 0, 5_000), "the host is told");
      assert.equal(textOf(await client.callTool({ name: "whoami" })), "alice");
      assert.ok((await client.listTools()).tools.some(({ name }) => name === "add"));
    } finally {
      await end(client, transport.pid);
      await pause(PROBE_TIMER_MS);
    }
  });
}

Deno.test(`a host of ${REVISION} that shows pages is asked by an answer that wants input (T15, C80)`, async () => {
  await using servers = await startServers({ mcp: { sdk2: "stateless" } });
  await using home = await Home.make();
  await addSignedOut(home, servers);
  const client = new ClientOfLine2({ name: "host", version: "1.0.0" }, {
    versionNegotiation: { mode: { pin: REVISION } },
    capabilities: { elicitation: { url: {} } },
  });
  let visit: Promise<unknown> | undefined;
  client.setRequestHandler("elicitation/create", ({ params }) => {
    assert.ok(params.mode === "url");
    visit = browse(params.url);
    return { action: "accept" };
  });
  const transport = new StdioOfLine2(bridgeOf(home, ["demo"]));
  await client.connect(transport);
  try {
    assert.equal(textOf(await client.callTool({ name: LOGIN })), SIGNED_IN);
    await visit;
    assert.equal(textOf(await client.callTool({ name: "whoami" })), "alice");
  } finally {
    await end(client, transport.pid);
    await pause(PROBE_TIMER_MS);
  }
});
