/**
 * The demo MCP server speaks to the SDK's own client, and lets in exactly the tokens made for it.
 *
 * @module
 */

import assert from "node:assert/strict";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  ListRootsRequestSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from "../../scripts/demo/servers/authorization_server.ts";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import { type RunningMcpServer, startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { registerClient } from "./hand_written_client.ts";

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

async function tokenFor(server: AuthorizationServer, resource: string, scope = "mcp:read"): Promise<string> {
  const client = await registerClient(server);
  const { body } = await client.signIn({ resource, scope });
  return String(body.access_token);
}

async function connect(server: RunningMcpServer, token?: string) {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const transport = new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } });
  const client = new Client({ name: "test", version: "1" }, { capabilities: { roots: {} } });
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///home/alice" }] }));
  await client.connect(transport);
  return {
    client,
    transport,
    call: async (name: string, args: Record<string, unknown> = {}) => {
      const result = await client.callTool({ name, arguments: args });
      const [first] = result.content as { text: string }[];
      return { text: first?.text, isError: result.isError === true };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function post(server: RunningMcpServer, message: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(server.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify(message),
  });
  await response.body?.cancel();
  return { status: response.status, challenge: response.headers.get("www-authenticate") };
}

Deno.test("the MCP server serves the SDK's client that has a token for it", async () => {
  await using issuer = await startAuthorizationServer();
  await using server = await startMcpServer({ authorizationServer: issuer });
  const token = await tokenFor(issuer, server.resource);
  await using session = await connect(server, token);
  const { tools } = await session.client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), [
    "add",
    "ask_roots",
    "echo",
    "fail",
    "large",
    "slow",
    "whoami",
    "write_note",
  ]);
  assert.deepEqual(await session.call("echo", { text: "hello" }), { text: "hello", isError: false });
  assert.deepEqual(await session.call("add", { a: 2, b: 3 }), { text: "5", isError: false });
  assert.deepEqual(await session.call("whoami"), { text: "alice", isError: false });
  assert.deepEqual(await session.call("fail"), { text: "Failed: it was asked to", isError: true });
  assert.equal((await session.call("large", { size: 100_000 })).text?.length, 100_000);
});

Deno.test("the MCP server refuses a token for another audience", async () => {
  await using issuer = await startAuthorizationServer();
  await using server = await startMcpServer({ authorizationServer: issuer });
  const token = await tokenFor(issuer, "https://other.example/mcp");
  const { status, challenge } = await post(server, INITIALIZE, { authorization: `Bearer ${token}` });
  assert.equal(status, 401);
  assert.match(challenge ?? "", /^Bearer error="invalid_token", error_description=".*aud/);
});

Deno.test("the MCP server refuses a token of another issuer", async () => {
  await using issuer = await startAuthorizationServer();
  await using other = await startAuthorizationServer();
  await using server = await startMcpServer({ authorizationServer: issuer });
  const token = await tokenFor(other, server.resource);
  assert.equal((await post(server, INITIALIZE, { authorization: `Bearer ${token}` })).status, 401);
  server.trust(other);
  assert.equal((await post(server, INITIALIZE, { authorization: `Bearer ${token}` })).status, 200);
  assert.deepEqual((await (await fetch(server.metadataUrl!)).json()).authorization_servers, [other.issuer]);
});

Deno.test("the MCP server asks its issuer about an opaque token", async () => {
  for (const authMethods of [["client_secret_basic", "none"], ["client_secret_post", "none"], ["none"]]) {
    await using issuer = await startAuthorizationServer({
      accessTokenFormat: "opaque",
      tokenEndpointAuthMethods: authMethods,
    });
    await using server = await startMcpServer({ authorizationServer: issuer });
    const good = await tokenFor(issuer, server.resource);
    assert.equal((await post(server, INITIALIZE, { authorization: `Bearer ${good}` })).status, 200);
    const wrong = await tokenFor(issuer, "https://other.example/mcp");
    assert.equal((await post(server, INITIALIZE, { authorization: `Bearer ${wrong}` })).status, 401);
    issuer.forgetGrants();
    assert.equal((await post(server, INITIALIZE, { authorization: `Bearer ${good}` })).status, 401);
  }
});

Deno.test("the MCP server challenges a request without a token and publishes where to get one", async () => {
  await using issuer = await startAuthorizationServer();
  await using server = await startMcpServer({ authorizationServer: issuer, challengeScope: "mcp:read" });
  const { origin } = new URL(server.url);
  assert.deepEqual(await post(server, INITIALIZE), {
    status: 401,
    challenge:
      `Bearer scope="mcp:read", resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`,
  });
  assert.deepEqual(await (await fetch(server.metadataUrl!)).json(), {
    resource: server.url,
    authorization_servers: [issuer.issuer],
    scopes_supported: ["mcp:read", "mcp:write"],
    bearer_methods_supported: ["header"],
    resource_name: "Demo MCP server",
  });
});

Deno.test("the MCP server publishes its metadata at the root, unnamed, edited, or not at all", async () => {
  await using issuer = await startAuthorizationServer();
  await using root = await startMcpServer({
    authorizationServer: issuer,
    metadata: "root",
    advertiseMetadata: false,
    scopesSupported: [],
    editMetadata: (metadata) => ({ ...metadata, resource: "https://evil.example/" }),
  });
  assert.equal(root.metadataUrl, `${new URL(root.url).origin}/.well-known/oauth-protected-resource`);
  assert.equal((await post(root, INITIALIZE)).challenge, "Bearer");
  const metadata = await (await fetch(root.metadataUrl!)).json();
  assert.equal(metadata.resource, "https://evil.example/");
  assert.equal("scopes_supported" in metadata, false);
  await using none = await startMcpServer({ authorizationServer: issuer, metadata: "none" });
  assert.equal(none.metadataUrl, undefined);
  const absent = await fetch(`${new URL(none.url).origin}/.well-known/oauth-protected-resource/mcp`);
  await absent.body?.cancel();
  assert.equal(absent.status, 404);
});

Deno.test("the MCP server asks for more scope where a tool needs it", async () => {
  await using issuer = await startAuthorizationServer();
  await using server = await startMcpServer({ authorizationServer: issuer });
  const call = {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "write_note", arguments: { text: "x" } },
  };
  const reader = await tokenFor(issuer, server.resource);
  const refused = await post(server, call, { authorization: `Bearer ${reader}` });
  assert.equal(refused.status, 403);
  assert.match(
    refused.challenge ?? "",
    /^Bearer error="insufficient_scope", scope="mcp:write", resource_metadata="/,
  );
  const writer = await tokenFor(issuer, server.resource, "mcp:read mcp:write");
  await using session = await connect(server, writer);
  assert.equal((await session.call("write_note", { text: "buy milk" })).text, "Note 1 written");
  assert.deepEqual(server.notes, ["buy milk"]);
});

Deno.test("the MCP server refuses the tokens it has seen when told to, and accepts a refreshed one", async () => {
  await using issuer = await startAuthorizationServer();
  await using server = await startMcpServer({ authorizationServer: issuer });
  const client = await registerClient(issuer);
  const { body: first } = await client.signIn({ scope: "mcp:read", resource: server.resource });
  const old = { authorization: `Bearer ${first.access_token}` };
  assert.equal((await post(server, INITIALIZE, old)).status, 200);
  server.refuseSeenTokens();
  assert.equal((await post(server, INITIALIZE, old)).status, 401);
  const { body: second } = await client.refresh(first.refresh_token);
  assert.equal(
    (await post(server, INITIALIZE, { authorization: `Bearer ${second.access_token}` })).status,
    200,
  );
});

Deno.test("the MCP server accepts the new keys of an issuer that restarts on its port", async () => {
  await using issuer = await startAuthorizationServer();
  await using server = await startMcpServer({ authorizationServer: issuer });
  const before = await tokenFor(issuer, server.resource);
  assert.equal((await post(server, INITIALIZE, { authorization: `Bearer ${before}` })).status, 200);
  await issuer.close();
  await using restarted = await startAuthorizationServer({ port: Number(new URL(issuer.issuer).port) });
  const after = await tokenFor(restarted, server.resource);
  assert.equal((await post(server, INITIALIZE, { authorization: `Bearer ${after}` })).status, 200);
});

Deno.test("the MCP server carries a message of 10 MiB both ways", async () => {
  await using server = await startMcpServer({ open: true });
  await using session = await connect(server);
  const text = "x".repeat(10 * 1024 * 1024);
  assert.equal((await session.call("echo", { text })).text?.length, text.length);
});

Deno.test("the open MCP server needs no token and publishes no metadata", async () => {
  await using server = await startMcpServer({ open: true });
  await using session = await connect(server);
  assert.equal((await session.call("whoami")).text, "nobody");
  assert.equal(server.metadataUrl, undefined);
});

Deno.test("the MCP server answers in JSON where it is told to", async () => {
  await using server = await startMcpServer({ open: true, enableJsonResponse: true, path: "/" });
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify(INITIALIZE),
  });
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal((await response.json()).result.serverInfo.name, "demo");
});

Deno.test("the MCP server reports progress and asks the client, on the call's stream and on the GET stream", async () => {
  await using server = await startMcpServer({ open: true });
  await using session = await connect(server);
  const progress: number[] = [];
  const request = { name: "slow", arguments: { ms: 40 } };
  await session.client.callTool(request, undefined, { onprogress: (each) => progress.push(each.progress) });
  assert.deepEqual(progress, [1, 2, 3, 4]);
  assert.equal((await session.call("ask_roots")).text, "file:///home/alice");
  assert.equal((await session.call("ask_roots", { over: "stream" })).text, "file:///home/alice");
});

Deno.test("the MCP server announces on the GET stream", async () => {
  await using server = await startMcpServer({ open: true });
  await using session = await connect(server);
  while (server.requests("GET /mcp").length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const { promise, resolve } = Promise.withResolvers<void>();
  session.client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
  await session.call("echo", { text: "the stream is open" });
  await server.announce("notifications/tools/list_changed");
  await promise;
});

Deno.test("the MCP server ends a session on DELETE, and forgets all when told to", async () => {
  await using server = await startMcpServer({ open: true });
  await using first = await connect(server);
  await using second = await connect(server);
  assert.equal(server.sessions.length, 2);
  await first.transport.terminateSession();
  assert.deepEqual(server.sessions, [second.transport.sessionId]);
  await server.forgetSessions();
  await assert.rejects(second.call("echo", { text: "lost" }), /Session not found/);
});

Deno.test("the MCP server can be made to fail", async () => {
  await using server = await startMcpServer({ open: true });
  server.fail("POST /mcp", 1, jsonFault(502, { error: "bad gateway" }));
  assert.equal((await post(server, INITIALIZE)).status, 502);
  assert.equal((await post(server, INITIALIZE)).status, 200);
});

Deno.test("closing the MCP server cuts a call in flight", async () => {
  const server = await startMcpServer({ open: true });
  const { headers } = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify(INITIALIZE),
  }).then(async (response) => (await response.text(), response));
  const call = {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "slow", arguments: { ms: 60_000 } },
  };
  const response = await fetch(server.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-session-id": headers.get("mcp-session-id") ?? "",
    },
    body: JSON.stringify(call),
  });
  const text = assert.rejects(response.text(), TypeError);
  await server.close();
  await text;
});
