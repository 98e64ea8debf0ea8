/**
 * A host of the era of sessions, built on the first line of the official SDK, in front of a server that has none, built on
 * the second: everything that has a meaning in both goes through the bridge, in both directions.
 *
 * @see MCP 2026-07-28, Versioning (T9-T20)
 * @module
 */
import assert from "node:assert/strict";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  // @ts-types="@modelcontextprotocol/sdk/types"
} from "@modelcontextprotocol/sdk/types.js";
import { type ModernServer, RESOURCE, startModernServer } from "./modern_server.ts";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, Home } from "./program.ts";

const WAIT_MS = 10_000;

/** A host with its bridge in front of a server. */
interface Setting extends AsyncDisposable {
  readonly server: ModernServer;
  readonly client: Client;
  /** The notifications that the host got, in order. */
  readonly heard: readonly { readonly method: string; readonly params?: unknown }[];
  /** The text of a call's result. */
  text(name: string, args?: Record<string, unknown>): Promise<string>;
}

async function start(capabilities: ConstructorParameters<typeof Client>[1]): Promise<Setting> {
  const server = await startModernServer();
  const home = await Home.make();
  const [command = "", ...args] = FROM_CHECKOUT;
  const transport = new StdioClientTransport({
    command,
    args: [...args, "bridge", server.url],
    env: home.environment(),
    stderr: "ignore",
    cwd: home.path,
  });
  const client = new Client({ name: "host", version: "1.0.0" }, capabilities);
  const heard: { method: string; params?: unknown }[] = [];
  client.fallbackNotificationHandler = (notification) => Promise.resolve(void heard.push(notification));
  const setting: Setting = {
    server,
    client,
    heard,
    text: async (name, args = {}) => {
      const { content } = await client.callTool({ name, arguments: args });
      return (content as { text: string }[])[0]?.text ?? "";
    },
    [Symbol.asyncDispose]: async () => {
      // The SDK's own end of a process leaves timers behind.
      const closed = new Promise<void>((resolve) => client.onclose = resolve);
      if (transport.pid !== null) {
        Deno.kill(transport.pid, "SIGTERM");
        await closed;
      }
      await home[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
  try {
    await client.connect(transport);
  } catch (error) {
    await setting[Symbol.asyncDispose]();
    throw error;
  }
  return setting;
}

/** The parameters of the messages of a method that the server got. */
function paramsOf(server: ModernServer, method: string): Record<string, unknown>[] {
  return server.requests("POST /mcp")
    .map((each) => each.json() as { method?: string; params: Record<string, unknown> })
    .filter((message) => message.method === method)
    .map(({ params }) => params);
}

Deno.test("a host with sessions works in front of a server without (T9, T14, T20)", async (t) => {
  await using setting = await start({ capabilities: { elicitation: {}, sampling: {}, roots: {} } });
  const { client, server, heard, text } = setting;
  client.setRequestHandler(
    ElicitRequestSchema,
    ({ params }) => ({ action: "accept", content: { name: `Ada, ${params.message}` } }),
  );
  client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
    role: "assistant",
    model: "test",
    content: { type: "text", text: `Hello ${(params.messages[0]?.content as { text: string }).text}` },
  }));
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///work" }] }));

  await t.step("what the server says of itself reaches the host", () => {
    assert.equal(client.getServerVersion()?.name, "modern");
    assert.equal(client.getInstructions(), "No sessions here.");
    assert.equal(client.getServerCapabilities()?.resources?.subscribe, true);
  });
  await t.step("lists, calls, structured results, prompts, resources and pings", async () => {
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(({ name }) => name).slice(0, 3), ["add", "list", "where"]);
    const sum = await client.callTool({ name: "add", arguments: { a: 2, b: 3 } });
    assert.deepEqual(sum.structuredContent, { sum: 5 });
    assert.equal(await text("list"), "[1]");
    assert.equal((await client.getPrompt({ name: "greet" })).messages.length, 1);
    assert.deepEqual((await client.readResource({ uri: RESOURCE })).contents, [{ uri: RESOURCE, text: "1" }]);
    assert.deepEqual(await client.ping(), {});
  });
  await t.step("arguments that the server wants in headers are there (T12)", async () => {
    assert.equal(await text("where", { region: "us-west1" }), "us-west1 by us-west1");
    assert.equal(await text("where", { region: "Grüße" }), "Grüße by =?base64?R3LDvMOfZQ==?=");
  });
  await t.step("a person and a model are asked, round by round (T15)", async () => {
    assert.equal(await text("ask"), "named Ada, Who are you?: Hello Ada, Who are you?");
    assert.equal(await text("ask_roots"), '{"roots":[{"uri":"file:///work"}]}');
  });
  await t.step("progress and log messages come with the call that they are of (T10, T11)", async () => {
    await client.setLoggingLevel("debug");
    const progress: number[] = [];
    await client.callTool({ name: "progress", arguments: {} }, undefined, {
      onprogress: (each) => void progress.push(each.progress),
    });
    assert.deepEqual(progress, [1, 2]);
    const ofLog = () => heard.find(({ method }) => method === "notifications/message");
    await until(() => ofLog() !== undefined, WAIT_MS);
    const logged = ofLog();
    assert.equal((logged?.params as { data: unknown } | undefined)?.data, "half way");
  });
  await t.step("changes are heard of: of lists at once, of a resource after subscribing (T16)", async () => {
    await until(() => paramsOf(server, "subscriptions/listen").length > 0, WAIT_MS);
    const changed = () => heard.filter(({ method }) => method === "notifications/tools/list_changed").length;
    await until(() => {
      server.toolsChanged();
      return changed() > 0;
    }, WAIT_MS);
    assert.ok(changed() > 0);
    await client.subscribeResource({ uri: RESOURCE });
    server.resourceUpdated(RESOURCE);
    const updated = () => heard.filter(({ method }) => method === "notifications/resources/updated");
    await until(() => updated().length > 0, WAIT_MS);
    assert.deepEqual(updated()[0]?.params, { uri: RESOURCE });
    await client.unsubscribeResource({ uri: RESOURCE });
    const last = paramsOf(server, "subscriptions/listen").at(-1);
    assert.equal("resourceSubscriptions" in (last?.["notifications"] as object), false);
  });
  await t.step("a call that the host gives up is given up at the server (T17)", async () => {
    const giveUp = new AbortController();
    const call = client.callTool({ name: "wait", arguments: {} }, undefined, { signal: giveUp.signal });
    await until(() => paramsOf(server, "tools/call").some(({ name }) => name === "wait"), WAIT_MS);
    giveUp.abort("enough");
    await assert.rejects(call);
    await until(() => server.cancelled() === 1, WAIT_MS);
    assert.equal(server.cancelled(), 1);
    assert.equal(paramsOf(server, "notifications/cancelled").length, 0);
  });
  await t.step("nothing of the era of sessions has reached the server but the first initialize (T9)", () => {
    assert.equal(paramsOf(server, "initialize").length, 1);
    const methods = server.log.map(({ method }) => method);
    assert.deepEqual([...new Set(methods)], ["POST"]);
    assert.ok(server.requests("POST /mcp").every(({ headers }) => !headers.has("mcp-session-id")));
  });
});

Deno.test("a host that cannot be asked gets an error that says what the server wanted (T15)", async () => {
  await using setting = await start({ capabilities: {} });
  // Servers must not ask for what the host has not offered: this one says which capability it misses.
  await assert.rejects(setting.text("ask"), /elicitation/);
});
