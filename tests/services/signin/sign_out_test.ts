/**
 * Signing out: tokens and registration end at the server where that hurts nobody else, are forgotten here in any case,
 * and each outcome is said.
 *
 * @see RFC 7009, RFC 7592 section 2.3; behaviours rows 9 and 46
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { signOut, type SignOutOptions, type SignOutReport } from "../../../lib/services/signin/mod.ts";
import { startAuthorizationServer } from "../../../scripts/demo/servers/authorization_server.ts";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { browse } from "../../../scripts/demo/browser/scripted_browser.ts";
import { type BentOptions, type BentServer, startBentServer } from "./bent_server.ts";
import { type Manner, type SigningIn, signingIn } from "./signing_in.ts";

async function leave(
  scene: SigningIn,
  name: string,
  options: Partial<SignOutOptions> = {},
): Promise<SignOutReport> {
  const { record } = (await scene.store.server(name))!;
  return await signOut({ ...scene, http: createHttp() }, record, { localOnly: false, ...options });
}

/** A server that revokes tokens and deletes registrations, with what it has ended. */
function startEndingServer(options: BentOptions = {}): { server: BentServer; ended: string[] } {
  const ended: string[] = [];
  const server = startBentServer({
    metadata: (origin) => ({ revocation_endpoint: `${origin}/revoke` }),
    registration: (origin) => ({
      registration_client_uri: `${origin}/register/1`,
      registration_access_token: "rat",
    }),
    ...options,
    other: {
      "/revoke": ({ body }) => {
        ended.push(new URLSearchParams(body).get("token_type_hint") ?? "");
        return new Response();
      },
      "/register/1": ({ method, headers }) => {
        if (method !== "DELETE" || headers.get("authorization") !== "Bearer rat") {
          return new Response(null, { status: 401 });
        }
        ended.push("client");
        return new Response(null, { status: 204 });
      },
      ...options.other,
    },
  });
  return { server, ended };
}

Deno.test("refresh token, access token, registration: ended in this order, forgotten and noted (rows 9 and 46)", async () => {
  const { server, ended } = startEndingServer();
  await using _server = server;
  using scene = signingIn();
  const { accessToken, refreshToken } = await scene.signIn("demo", server.url);
  scene.noted.length = 0;
  deepEqual(await leave(scene, "demo", { client: true }), {
    signedOut: true,
    revocations: [
      { token: "refresh_token", outcome: "revoked" },
      { token: "access_token", outcome: "revoked" },
    ],
    client: { outcome: "deleted" },
  });
  deepEqual(ended, ["refresh_token", "access_token", "client"]);
  equal(await scene.store.credential("demo"), undefined);
  equal(await scene.client(server.origin), undefined);
  const common = { name: "demo", issuer: server.origin, outcome: "done" };
  deepEqual(scene.noted.map(({ code: _, ...event }) => event), [
    { ...common, event: "token_revoked", detail: undefined, secrets: { refresh_token: refreshToken } },
    { ...common, event: "token_revoked", detail: undefined, secrets: { access_token: accessToken } },
    { ...common, event: "signed_out", detail: undefined },
    { ...common, event: "client_forgotten", detail: "deleted", secrets: { client_id: "client-1" } },
  ]);
  deepEqual(await leave(scene, "demo", { client: true }), {
    signedOut: false,
    revocations: [],
    client: { outcome: "unknown" },
  });
});

Deno.test("the registration stays where it is not asked for, and the next sign-in uses it (row 21)", async () => {
  const { server, ended } = startEndingServer();
  await using _server = server;
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  equal("client" in await leave(scene, "demo"), false);
  deepEqual(ended, ["refresh_token", "access_token"]);
  equal((await scene.signIn("demo", server.url)).client.clientId, "client-1");
});

Deno.test("a sign-out that removes the entry takes its tokens along, and says whether it was there", async () => {
  const { server, ended } = startEndingServer();
  await using _server = server;
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  equal((await leave(scene, "demo", { remove: true })).removed, true);
  deepEqual(ended, ["refresh_token", "access_token"]);
  equal(await scene.store.server("demo"), undefined);
});

Deno.test("a sign-out that is cancelled half-way keeps nothing that the server may have ended, and says so (row 46)", async () => {
  const cancelled = new AbortController();
  const { server } = startEndingServer({
    other: {
      "/revoke": () => {
        cancelled.abort(new McpAuthError("AUTH_CANCELLED", "Cancelled"));
        return new Response(null, { status: 200 });
      },
    },
  });
  await using _server = server;
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const { signedOut, revocations } = await leave(scene, "demo", { signal: cancelled.signal });
  equal(signedOut, true);
  deepEqual(revocations.at(-1), {
    token: "access_token",
    outcome: "failed",
    error: { code: "AUTH_CANCELLED", message: "Cancelled" },
  });
  equal(await scene.store.credential("demo"), undefined);
});

Deno.test("a registration that others are signed in with is not deleted: their refresh tokens would die", async () => {
  const { server, ended } = startEndingServer();
  await using _server = server;
  using scene = signingIn();
  for (const name of ["a", "b", "c"]) await scene.signIn(name, server.url);
  deepEqual((await leave(scene, "a", { client: true })).client, { outcome: "in-use", usedBy: ["b", "c"] });
  equal(await scene.client(server.origin), undefined, "it is forgotten here");
  deepEqual((await leave(scene, "b", { client: true })).client, { outcome: "in-use", usedBy: ["c"] });
  deepEqual((await leave(scene, "c", { client: true })).client, { outcome: "deleted" });
  equal(ended.filter((each) => each === "client").length, 1);
});

Deno.test("a registration that has taken the place of the entry's own stays", async () => {
  const { server } = startEndingServer();
  await using _server = server;
  using scene = signingIn();
  await scene.signIn("old", server.url);
  await scene.signIn("new", server.url, { reRegister: true });
  equal((await leave(scene, "old", { client: true })).client?.outcome, "deleted");
  equal((await scene.client(server.origin))?.clientId, "client-2");
});

const ways: readonly (readonly [string, BentOptions, Manner, Partial<SignOutOptions>, string])[] = [
  ["here only", {}, {}, { localOnly: true }, "forgotten"],
  ["at a server that gave no way to delete it", { registration: () => ({}) }, {}, {}, "unsupported"],
  [
    "at a server that deletes none",
    {
      other: { "/register/1": () => new Response(null, { status: 405 }) },
    },
    {},
    {},
    "unsupported",
  ],
  [
    "at a server that refuses",
    {
      other: { "/register/1": () => new Response(null, { status: 403 }) },
    },
    {},
    {},
    "failed",
  ],
  [
    "of which the server names a place that may not be asked",
    {
      registration: () => ({
        registration_client_uri: "http://as.example/1",
        registration_access_token: "rat",
      }),
    },
    {},
    {},
    "failed",
  ],
  [
    "that is a metadata document",
    { metadata: () => ({ client_id_metadata_document_supported: true }) },
    {
      options: { clientMetadataUrl: "https://c.example/client.json" },
    },
    {},
    "forgotten",
  ],
];

for (const [description, options, manner, how, outcome] of ways) {
  Deno.test(`a client ${description} is forgotten here, and the outcome said: ${outcome}`, async () => {
    const { server, ended } = startEndingServer({
      ...(description.includes("metadata") ? { token: () => Response.json({ access_token: "at" }) } : {}),
      authorize: (query) => {
        const url = new URL(query.get("redirect_uri")!);
        for (const name of ["state"]) url.searchParams.set(name, query.get(name)!);
        const code = crypto.randomUUID();
        server.codes.set(code, query.get("client_id")!);
        url.searchParams.set("code", code);
        return Response.redirect(url, 302);
      },
      ...options,
    });
    await using _server = server;
    using scene = signingIn();
    await scene.signIn("demo", server.url, manner);
    const { client } = await leave(scene, "demo", { client: true, ...how });
    equal(client?.outcome, outcome);
    equal(client?.error !== undefined, outcome === "failed");
    equal(ended.includes("client"), false);
    equal(await scene.client(server.origin), undefined);
    equal(await scene.client(server.origin, "demo"), undefined);
    equal(await scene.store.credential("demo"), undefined);
  });
}

Deno.test("a client registered by hand is forgotten with its secret, and is no option of the entry any more", async () => {
  const { server } = startEndingServer();
  await using _server = server;
  using scene = signingIn();
  server.clients.set("by-hand", "s3cret");
  const given = { clientId: "by-hand", clientSecret: "s3cret" };
  await scene.signIn("demo", server.url, { given, options: { clientId: "by-hand", scopes: ["files"] } });
  deepEqual((await leave(scene, "demo", { client: true })).client, { outcome: "forgotten" });
  equal(await scene.client(server.origin, "demo"), undefined);
  deepEqual((await scene.store.server("demo"))?.record.options, { scopes: ["files"] });
  equal((await scene.signIn("demo", server.url)).client.source, "dynamic");
});

Deno.test("a server that is gone is said for each token, and nothing is kept for it (row 46)", async () => {
  const { server } = startEndingServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  await server[Symbol.asyncDispose]();
  const { revocations, client } = await leave(scene, "demo", { client: true });
  deepEqual(revocations.map(({ outcome, error }) => [outcome, error?.code]), [
    ["failed", "NETWORK_ERROR"],
    ["failed", "NETWORK_ERROR"],
  ]);
  deepEqual([client?.outcome, client?.error?.code], ["failed", "NETWORK_ERROR"]);
  equal(await scene.store.credential("demo"), undefined);
});

Deno.test("oidc-provider deletes the registration, and knows it no more (rows 9 and 46)", async () => {
  await using as = await startAuthorizationServer({ registration: { management: true } });
  const mcp = await startMcpServer({ authorizationServer: as });
  using scene = signingIn();
  try {
    await scene.signIn("demo", mcp.url, { open: async (url) => void await browse(url) });
    const { client } = (await scene.store.credential("demo"))!.record;
    deepEqual((await leave(scene, "demo", { client: true })).client, { outcome: "deleted" });
    const gone = await fetch(client.registrationClientUri!, {
      headers: { authorization: `Bearer ${client.registrationAccessToken}` },
    });
    await gone.body?.cancel();
    equal(gone.status, 401);
    deepEqual(as.errors, []);
  } finally {
    await mcp.close();
  }
});
