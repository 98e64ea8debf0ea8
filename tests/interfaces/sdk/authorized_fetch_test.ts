/** `authorizedFetch`: a fetch with the entry's token, which goes nowhere else. */
import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { startTokenEndpoint } from "../../services/tokens/token_endpoint.ts";
import { openStore } from "../../../lib/services/credentials/mod.ts";
import { coded } from "../../primitives/coded_error.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { createClient } from "@x/mcp-auth/sdk";
import { INITIALIZE, valueOf, withScene } from "./scene.ts";

Deno.test("the token of the entry is added, whatever the caller put there", () =>
  withScene(async ({ client, mcp }) => {
    const tokens = valueOf(await client.authenticate("demo", { url: mcp.url }));
    const send = client.authorizedFetch("demo");
    const response = await send(mcp.url, {
      ...INITIALIZE,
      headers: { ...INITIALIZE.headers, Authorization: "Basic eDp5", "X-Own": "kept" },
    });
    equal(response.status, 200);
    ok((await response.text()).includes('"protocolVersion"'));
    const { headers, method, body } = mcp.log.at(-1)!;
    equal(headers.get("authorization"), `Bearer ${tokens.accessToken}`);
    equal(headers.get("x-own"), "kept");
    equal(method, "POST");
    equal(body, INITIALIZE.body);
  }));

Deno.test("a 401 is met with one refresh and one more try, with method, headers and body as they were", () =>
  withScene(async ({ client, as, mcp }) => {
    const before = valueOf(await client.authenticate("demo", { url: mcp.url }));
    const send = client.authorizedFetch("demo");
    await (await send(mcp.url, INITIALIZE)).body?.cancel();
    mcp.refuseSeenTokens();
    const seen = mcp.log.length;
    const response = await send(new Request(mcp.url, INITIALIZE));
    equal(response.status, 200);
    await response.body?.cancel();
    const [refused, sent] = mcp.log.slice(seen);
    deepEqual([refused?.status, refused?.method, refused?.body], [401, "POST", INITIALIZE.body]);
    deepEqual([sent?.status, sent?.method, sent?.body], [200, "POST", INITIALIZE.body]);
    equal(sent?.headers.get("content-type"), "application/json");
    notEqual(valueOf(await client.getTokens("demo")).accessToken, before.accessToken);
    equal(as.requests(as.paths.token).length, 2);
  }));

Deno.test("a server that refuses every token is believed after one more try", () =>
  withScene(async ({ client, as, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    mcp.fail(new URL(mcp.url).pathname, Infinity, () => new Response("no", { status: 401 }));
    const seen = mcp.log.length;
    const response = await client.authorizedFetch("demo")(mcp.url, INITIALIZE);
    deepEqual([response.status, await response.text()], [401, "no"]);
    equal(mcp.log.length, seen + 2);
    equal(as.requests(as.paths.token).length, 2);
  }));

Deno.test("a token goes to its server's origin alone", () =>
  withScene(async ({ client, mcp, as }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const send = client.authorizedFetch("demo");
    const seen = as.log.length;
    const { port } = new URL(mcp.url);
    for (const url of [`${as.issuer}/x`, `http://localhost:${port}/mcp`, `https://127.0.0.1:${port}/mcp`]) {
      await rejects(send(url), coded("UNSAFE_URL", /^Cannot send the token of "demo" to/));
    }
    equal(as.log.length, seen);
    mcp.fail("/elsewhere", 1, () => Response.redirect(`${as.issuer}/taken`));
    await (await send(new URL("/elsewhere", mcp.url))).body?.cancel();
    equal(as.log.at(-1)?.path, "/taken");
    equal(as.log.at(-1)?.headers.get("authorization"), null);
  }));

Deno.test("every status but 401 is the caller's, and errors are where fetch has them", () =>
  withScene(async ({ client, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const send = client.authorizedFetch("demo");
    for (const status of [403, 404, 500]) {
      mcp.fail("/x", 1, () => new Response("as it is", { status }));
      const response = await send(new URL("/x", mcp.url));
      deepEqual([response.status, await response.text()], [status, "as it is"]);
    }
    await rejects(client.authorizedFetch("nobody")(mcp.url), coded("NOT_FOUND"));
    await rejects(send(mcp.url, { signal: AbortSignal.abort() }), coded("AUTH_CANCELLED"));
    await client.logout("demo");
    await rejects(send(mcp.url), coded("AUTH_REQUIRED"));
  }));

Deno.test("a body can be a stream, a form or bytes, and a GET has none", () =>
  withScene(async ({ client, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const send = client.authorizedFetch("demo");
    const bodies: readonly (readonly [BodyInit, string])[] = [
      [new Blob(["blob"]), "blob"],
      [new TextEncoder().encode("bytes"), "bytes"],
      [new URLSearchParams({ a: "1" }), "a=1"],
      [ReadableStream.from([new TextEncoder().encode("stream")]), "stream"],
    ];
    for (const [body, text] of bodies) {
      mcp.fail("/x", 2, (request) => new Response(request.body, { status: 401 }));
      const response = await send(new URL("/x", mcp.url), { method: "PUT", body });
      equal(await response.text(), text);
    }
    mcp.fail("/x", 1, (request) => new Response(request.method));
    equal(await (await send(new URL("/x", mcp.url))).text(), "GET");
    equal(mcp.log.at(-1)?.body, "");
  }));

Deno.test("an entry that needs no sign-in is fetched without one", async () => {
  const home = await Deno.makeTempDir();
  const mcp = await startMcpServer({ open: true });
  try {
    using store = openStore({ env: fakeEnv(), keystore: "file", home });
    await store.putServer({ name: "free", url: mcp.url, createdAt: 1, signIn: "none", options: {} }, null);
    await using client = createClient({ home });
    const response = await client.authorizedFetch("free")(mcp.url, INITIALIZE);
    equal(response.status, 200);
    await response.body?.cancel();
    equal(mcp.log.at(-1)?.headers.get("authorization"), null);
  } finally {
    await mcp.close();
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("an expired token is refreshed before it is sent, and the entry's own headers go along", async () => {
  const home = await Deno.makeTempDir();
  await using endpoint = startTokenEndpoint();
  const mcp = await startMcpServer({ open: true });
  try {
    using store = openStore({ env: fakeEnv(), keystore: "file", home });
    const client = {
      issuer: endpoint.issuer,
      redirectShape: "loopback",
      source: "dynamic",
      clientId: "client",
      tokenEndpointAuthMethod: "none",
      redirectUris: [],
      registeredAt: 1,
    } as const;
    await store.saveSignedIn({
      server: {
        name: "demo",
        url: mcp.url,
        createdAt: 1,
        signIn: "oauth",
        options: { headers: { "X-Team": "blue" } },
      },
      client,
      credential: {
        name: "demo",
        issuer: endpoint.issuer,
        authorizationServer: { issuer: endpoint.issuer, token_endpoint: `${endpoint.issuer}/token` },
        client,
        requestedScopes: [],
        grantedScopes: [],
        accessToken: "at-0",
        tokenType: "bearer",
        refreshToken: "rt-0",
        obtainedAt: 1,
        expiresAt: 2,
      },
    });
    await using library = createClient({ home });
    const response = await library.authorizedFetch("demo")(mcp.url, INITIALIZE);
    await response.body?.cancel();
    equal(mcp.log.length, 1);
    equal(mcp.log[0]?.headers.get("authorization"), "Bearer at-1");
    equal(mcp.log[0]?.headers.get("x-team"), "blue");
    deepEqual(endpoint.presented, ["rt-0"]);
  } finally {
    await mcp.close();
    await Deno.remove(home, { recursive: true });
  }
});
