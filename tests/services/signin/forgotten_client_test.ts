/**
 * A client that its server has lost, wherever that shows: before the browser opens, in the answer of the browser, at the
 * exchange of the code. It is registered again once, and only where we registered it ourselves.
 *
 * @see RFC 6749 sections 4.1.2.1 and 5.2; behaviours rows 9 and 22
 * @module
 */
import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { browse } from "../../../scripts/demo/browser/scripted_browser.ts";
import { startAuthorizationServer } from "../../../scripts/demo/servers/authorization_server.ts";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { coded } from "../../primitives/coded_error.ts";
import { back, startBentServer } from "./bent_server.ts";
import { signingIn } from "./signing_in.ts";

Deno.test("oidc-provider has pruned the client: it is registered again before the browser opens, and said (row 9)", async () => {
  await using as = await startAuthorizationServer();
  const mcp = await startMcpServer({ authorizationServer: as });
  using scene = signingIn();
  const open = async (url: string) => void await browse(url);
  try {
    const first = await scene.signIn("demo", mcp.url, { open });
    await scene.signIn("demo", mcp.url, { open });
    equal(as.requests("POST /reg").length, 1, "a client that is known is used again (row 21)");
    as.forgetClients();
    scene.told.length = scene.noted.length = 0;
    const second = await scene.signIn("demo", mcp.url, { open });
    notEqual(second.client.clientId, first.client.clientId);
    equal(as.requests("POST /reg").length, 2);
    equal(scene.opened.length, 3, "one browser for each sign-in");
    deepEqual(scene.told.map(({ kind }) => kind), [
      ...["discovered", "registered", "client-forgotten", "registered", "authorize", "received"],
    ]);
    deepEqual(scene.told[2], { kind: "client-forgotten", issuer: as.issuer });
    equal((await scene.client(as.issuer))?.clientId, second.client.clientId);
    deepEqual(scene.noted.map(({ event }) => event), [
      ...["sign_in_started", "client_registered", "client_forgotten", "signed_in"],
    ]);
    equal(scene.noted[2]?.secrets?.client_id, first.client.clientId);
    await scene.signIn("demo", mcp.url, { open });
    equal(as.requests("POST /reg").length, 2, "the new one is used again");
    deepEqual(as.errors, []);
  } finally {
    await mcp.close();
  }
});

Deno.test("the state and the challenge of the preflight are its own", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  await scene.signIn("demo", server.url);
  const asked = server.received.filter(({ url }) => url.pathname === "/authorize").map(({ url }) =>
    url.searchParams
  );
  equal(asked.length, 3, "a first sign-in has none");
  const [, preflight, authorization] = asked;
  for (const name of ["state", "code_challenge"]) notEqual(preflight?.get(name), authorization?.get(name));
  for (const name of ["client_id", "redirect_uri", "scope", "resource", "response_type"]) {
    equal(preflight?.get(name), authorization?.get(name));
  }
  equal(server.received.some(({ headers }) => headers.has("cookie")), false);
});

for (const error of ["invalid_client", "unauthorized_client"]) {
  Deno.test(`the browser comes back with ${error}: one more registration, one more browser (row 9)`, async () => {
    let opened = 0;
    await using server = startBentServer({
      // Only a person's browser is told: the preflight sees a sign-in page.
      authorize: (query, { clients }) => {
        if (query.get("client_id") !== "client-1" || opened < 2) return undefined;
        clients.delete("client-1");
        return back(query, { error });
      },
    });
    using scene = signingIn();
    const open = async (url: string) => {
      opened++;
      await (await fetch(url)).body?.cancel();
    };
    await scene.signIn("demo", server.url, { open });
    const again = await scene.signIn("demo", server.url, { open });
    equal(again.client.clientId, "client-2");
    equal(opened, 3);
    equal((await scene.client(server.origin))?.clientId, "client-2");
    equal(scene.told.filter(({ kind }) => kind === "client-forgotten").length, 1);
  });
}

Deno.test("the token endpoint has lost the client: registered and authorized once more (row 9)", async () => {
  await using server = startBentServer({
    authorize: (query) => back(query, { code: "c" }),
    token: ({ form }, { refuse }) =>
      form.get("client_id") === "lost" ? refuse("invalid_client") : Response.json({ access_token: "at" }),
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const { client } = (await scene.store.credential("demo"))!.record;
  await scene.store.putClient({ ...client, clientId: "lost" });
  const again = await scene.signIn("demo", server.url);
  equal(again.client.clientId, "client-2");
  equal(scene.opened.length, 3);
  deepEqual(server.asked.slice(3), [
    ...["GET /authorize", "GET /authorize", "POST /token"],
    ...["POST /register", "GET /authorize", "POST /token"],
  ]);
});

Deno.test("a server that knows no client at all gets one more and not another", async () => {
  await using server = startBentServer({
    authorize: (query) => back(query, { code: "c" }),
    token: (_, { refuse }) => refuse("invalid_client"),
  });
  using scene = signingIn();
  await rejects(scene.signIn("demo", server.url), coded("AUTH_FAILED", /invalid_client/));
  equal(server.asked.filter((each) => each === "POST /register").length, 1, "a fresh client is not replaced");
  equal(await scene.store.server("demo"), undefined);
});

Deno.test("a second refusal in one sign-in is the error, and the lost registration is gone (row 9)", async () => {
  await using server = startBentServer({
    authorize: (query) => back(query, { code: "c" }),
    token: ({ form }, { refuse }) =>
      form.get("client_id") === "client-1" ? undefined : refuse("invalid_client"),
  });
  using scene = signingIn();
  server.codes.set("c", "client-1");
  await scene.signIn("demo", server.url);
  const { client } = (await scene.store.credential("demo"))!.record;
  await scene.store.putClient({ ...client, clientId: "lost" });
  await rejects(scene.signIn("demo", server.url), coded("AUTH_FAILED", /invalid_client/));
  equal(server.asked.filter((each) => each === "POST /register").length, 2);
  equal(scene.opened.length, 3);
  equal(await scene.client(server.origin), undefined);
  equal((await scene.store.credential("demo"))?.record.client.clientId, "client-1", "the old sign-in stays");
});

Deno.test("a lost registration is kept where no other can be had", async () => {
  let closed = false;
  await using server = startBentServer({
    register: () => closed ? new Response("Closed", { status: 403 }) : undefined,
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  closed = true;
  server.clients.clear();
  await rejects(scene.signIn("demo", server.url), coded("REGISTRATION_FAILED", /\(403\): "Closed"/));
  equal((await scene.client(server.origin))?.clientId, "client-1");
  equal(scene.opened.length, 1);
});

Deno.test("a registration that somebody else has made anew meanwhile is not forgotten", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const lost = (await scene.client(server.origin))!;
  await scene.store.putClient({ ...lost, clientId: "newer" });
  equal(await scene.store.forgetClient(lost), false);
  equal((await scene.client(server.origin))?.clientId, "newer");
  const byHand = { ...lost, clientId: "by-hand", source: "pre-registered" } as const;
  await scene.store.putClient(byHand);
  equal(await scene.store.forgetClient(byHand), false);
});

for (
  const [what, bend] of [
    ["the browser", { authorize: (query: URLSearchParams) => back(query, { error: "unauthorized_client" }) }],
    ["the token endpoint", {
      authorize: (query: URLSearchParams) => back(query, { code: "c" }),
      token: (_: unknown, { refuse }: { refuse(error: string): Response }) => refuse("invalid_client"),
    }],
  ] as const
) {
  for (const kind of ["pre-registered", "client-id-metadata"] as const) {
    Deno.test(`a ${kind} client that ${what} does not accept is not replaced; the way on is named (row 9)`, async () => {
      await using server = startBentServer({
        ...bend,
        metadata: () => ({ client_id_metadata_document_supported: true }),
      });
      using scene = signingIn();
      const signingInAs = kind === "pre-registered"
        ? scene.signIn("demo", server.url, { given: { clientId: "by-hand" } })
        : scene.signIn("demo", server.url, {
          options: { clientMetadataUrl: "https://c.example/client.json" },
        });
      await rejects(signingInAs, (error: McpAuthError) => {
        coded("REGISTRATION_FAILED", /^Cannot sign in as client "[^"]+": "http:[^"]+" does not accept it: /)(
          error,
        );
        match(error.hint ?? "", /mcp-auth login demo --client-id <id>$/);
        return true;
      });
      ok(!server.asked.includes("POST /register"));
      equal(scene.opened.length, 1);
    });
  }
}

for (
  const [registered, wanted] of [
    ["client_secret_post", "client_secret_basic"],
    ["client_secret_basic", "client_secret_post"],
    ["none", "client_secret_post"],
  ] as const
) {
  Deno.test(`registered for ${registered}, accepted by ${wanted}: tried once with the same code, and remembered (row 22)`, async () => {
    const tries: string[] = [];
    await using server = startBentServer({
      metadata: () => ({ token_endpoint_auth_methods_supported: ["none"] }),
      registration: () => ({ client_secret: "s3cret", token_endpoint_auth_method: registered }),
      token: ({ form, basic }, { refuse }) => {
        const method = basic !== undefined
          ? "client_secret_basic"
          : form.has("client_secret")
          ? "client_secret_post"
          : "none";
        tries.push(method);
        return method === wanted ? undefined : refuse("invalid_client");
      },
    });
    using scene = signingIn();
    const { client } = await scene.signIn("demo", server.url);
    deepEqual(tries, [registered, wanted]);
    equal(client.tokenEndpointAuthMethod, wanted);
    equal((await scene.client(server.origin))?.tokenEndpointAuthMethod, wanted);
    equal(scene.opened.length, 1);
    await scene.signIn("demo", server.url);
    deepEqual(tries, [registered, wanted, wanted]);
  });
}

Deno.test("a code that is spent by the first method is asked for once more, with the other (row 22)", async () => {
  await using server = startBentServer({
    registration: () => ({ client_secret: "s", token_endpoint_auth_method: "client_secret_post" }),
    token: ({ form, basic }, { codes, refuse }) => {
      if (basic !== undefined) return undefined;
      codes.delete(form.get("code") ?? "");
      return refuse("invalid_client");
    },
  });
  using scene = signingIn();
  const { client } = await scene.signIn("demo", server.url);
  equal(client.tokenEndpointAuthMethod, "client_secret_basic");
  equal(scene.opened.length, 2);
  equal(server.asked.filter((each) => each === "POST /register").length, 1);
});

Deno.test("a secret that neither method makes acceptable is the first error, after one try of each (row 22)", async () => {
  await using server = startBentServer({
    registration: () => ({ client_secret: "s", token_endpoint_auth_method: "client_secret_post" }),
    token: (_, { refuse }) => refuse("invalid_client"),
  });
  using scene = signingIn();
  await rejects(scene.signIn("demo", server.url), coded("AUTH_FAILED", /invalid_client/));
  equal(server.asked.filter((each) => each === "POST /token").length, 2);
});

Deno.test("--re-register uses no stored registration, and keeps it where the sign-in fails (row 9)", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const denied = (url: string) => {
    const query = new URL(url).searchParams;
    const { headers } = back(query, { error: "access_denied" });
    return fetch(headers.get("location")!).then((response) => response.body?.cancel());
  };
  await rejects(
    scene.signIn("demo", server.url, { reRegister: true, open: denied }),
    coded("AUTH_CANCELLED"),
  );
  equal((await scene.client(server.origin))?.clientId, "client-1");
  const { client } = await scene.signIn("demo", server.url, { reRegister: true });
  equal(client.clientId, "client-3");
  equal((await scene.client(server.origin))?.clientId, "client-3");
});

for (
  const [what, manner] of [
    ["given with the command", { given: { clientId: "c" } }],
    ["of the entry", { options: { clientId: "c" } }],
    ["that is a metadata document", { options: { clientMetadataUrl: "https://c.example/client.json" } }],
  ] as const
) {
  Deno.test(`a client ${what} is not registered anew`, async () => {
    await using server = startBentServer({
      metadata: () => ({ client_id_metadata_document_supported: true }),
    });
    using scene = signingIn();
    await rejects(
      scene.signIn("demo", server.url, { ...manner, reRegister: true }),
      coded("CONFIG_INVALID", /^Cannot register a client for "demo" anew/),
    );
    deepEqual(server.asked, []);
  });
}

Deno.test("a server that loses every client at once gets one new registration in a sign-in (row 9)", async () => {
  let lost = false;
  await using server = startBentServer({
    authorize: (query) => lost ? back(query, { error: "invalid_client" }) : undefined,
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  lost = true;
  // The preflight has used up the one.
  await rejects(scene.signIn("demo", server.url), coded("AUTH_FAILED", /"invalid_client"$/));
  equal(server.asked.filter((each) => each === "POST /register").length, 2);
  equal(scene.opened.length, 2);
});

Deno.test("a server that spends each code by whatever method opens two browsers, and no more (row 22)", async () => {
  let tries = 0;
  await using server = startBentServer({
    registration: () => ({ client_secret: "s", token_endpoint_auth_method: "client_secret_post" }),
    token: (_, { refuse }) => refuse(tries++ % 2 === 0 ? "invalid_client" : "invalid_grant"),
  });
  using scene = signingIn();
  await rejects(scene.signIn("demo", server.url), coded("AUTH_FAILED", /invalid_client/));
  equal(scene.opened.length, 2);
  equal(tries, 4);
});

Deno.test("no browser opens for somebody who has gone", async () => {
  const gone = new AbortController();
  await using server = startBentServer();
  using scene = signingIn();
  scene.told.push = ({ kind }: { readonly kind: string }) => {
    if (kind === "registered") gone.abort(new Error("gone"));
    return 0;
  };
  const given = { clientId: "c" };
  await rejects(scene.signIn("demo", server.url, { given, signal: gone.signal }));
  deepEqual(scene.opened, []);
});

Deno.test("no answer of the browser to a client of an earlier sign-in names --re-register as a way on", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const timeout = scene.signIn("demo", server.url, { open: () => Promise.resolve(), timeoutS: 0.05 });
  await rejects(timeout, (error: McpAuthError) => {
    coded("TIMEOUT")(error);
    match(error.hint ?? "", /mcp-auth login demo --re-register$/);
    return true;
  });
});
