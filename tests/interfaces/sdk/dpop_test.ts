/** The library with tokens that are bound to a key: `authorizedFetch` does all of it, and nothing else hands them out. */
import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { createClient } from "@x/mcp-auth/sdk";
import { startAuthorizationServer } from "../../../scripts/demo/servers/authorization_server.ts";
import { type McpServerSettings, startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { codeOf, INITIALIZE, openBrowser, valueOf } from "./scene.ts";

async function bound(settings: McpServerSettings = { dpop: "require", dpopNonce: true }) {
  const home = await Deno.makeTempDir();
  const as = await startAuthorizationServer({ dpopNonce: true });
  const mcp = await startMcpServer({ ...settings, authorizationServer: as });
  const client = createClient({ home, keystore: "file", openBrowser });
  return {
    as,
    mcp,
    client,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await mcp.close();
      await as.close();
      await Deno.remove(home, { recursive: true });
    },
  };
}

Deno.test("X16, X17: authorizedFetch proves each request, takes nonces, and refreshes with the same key", async () => {
  await using scene = await bound();
  const { client, mcp, as } = scene;
  const tokens = valueOf(await client.authenticate("demo", { url: mcp.url }));
  ok(tokens.isBound);
  const send = client.authorizedFetch("demo");
  const status = async () => {
    const response = await send(mcp.url, INITIALIZE);
    await response.body?.cancel();
    return response.status;
  };
  equal(await status(), 200);
  mcp.rotateDpopNonce();
  deepEqual(await Promise.all(Array.from({ length: 20 }, status)), Array.from({ length: 20 }, () => 200));
  const before = as.requests("POST /token").length;
  mcp.refuseSeenTokens();
  equal(await status(), 200);
  ok(as.requests("POST /token").length > before);
  const sent = mcp.log.filter(({ headers }) => headers.has("authorization"));
  ok(sent.every(({ headers }) => headers.get("authorization")?.startsWith("DPoP ")));
  equal(new Set(sent.map(({ headers }) => headers.get("dpop"))).size, sent.length);
  notEqual(valueOf(await client.getTokens("demo")).accessToken, tokens.accessToken);
});

Deno.test("a caller's own DPoP header never stands beside ours, and the proof is for the URL that is asked", async () => {
  await using scene = await bound({ dpop: "require" });
  const { client, mcp } = scene;
  valueOf(await client.authenticate("demo", { url: mcp.url }));
  const send = client.authorizedFetch("demo");
  const response = await send(`${mcp.url}?a=1`, {
    ...INITIALIZE,
    headers: { ...INITIALIZE.headers, DPoP: "own", Authorization: "Bearer own" },
  });
  equal(response.status, 200);
  await response.body?.cancel();
  const proof = mcp.log.at(-1)?.headers.get("dpop") ?? "";
  ok(!proof.includes("own") && !proof.includes(","));
});

Deno.test("a bound token is not given as a Bearer header, and says so in its state", async () => {
  await using scene = await bound();
  const { client, mcp } = scene;
  valueOf(await client.authenticate("demo", { url: mcp.url }));
  equal(codeOf(await client.getBearerToken("demo")), "CONFIG_INVALID");
  equal(valueOf(await client.getStatus("demo")).tokens?.isBound, true);
  equal(valueOf(await client.ensureValid("demo")).isBound, true);
});

Deno.test("a server that never takes the proof is believed, and no token is spent on it", async () => {
  await using scene = await bound();
  const { client, mcp, as } = scene;
  valueOf(await client.authenticate("demo", { url: mcp.url }));
  const before = as.requests("POST /token").length;
  mcp.fail("POST /mcp", Infinity, () =>
    new Response("no", {
      status: 401,
      headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": crypto.randomUUID() },
    }));
  const response = await client.authorizedFetch("demo")(mcp.url, INITIALIZE);
  deepEqual([response.status, await response.text()], [401, "no"]);
  equal(as.requests("POST /token").length, before);
});

Deno.test("options.dpop binds the tokens where the server leaves the choice", async () => {
  await using scene = await bound({ dpop: "accept" });
  const { client, mcp } = scene;
  equal(valueOf(await client.authenticate("plain", { url: mcp.url })).isBound, false);
  const options = { dpop: true };
  equal(valueOf(await client.authenticate("bound", { url: mcp.url, options })).isBound, true);
});
