/**
 * What a sign-in leaves behind, whatever other commands do to the entry while a person approves.
 *
 * @see behaviours rows 11, 21 and 33
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { ServerOptions, ServerRecord } from "../../../lib/services/credentials/mod.ts";
import { signOut } from "../../../lib/services/signin/mod.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { coded } from "../../primitives/coded_error.ts";
import { startBentServer } from "./bent_server.ts";
import { approve, type SigningIn, signingIn } from "./signing_in.ts";

/** A browser that lets something else happen before it approves. */
function after(work: () => Promise<unknown>): (url: string) => Promise<void> {
  return async (url) => {
    await work();
    await approve(url);
  };
}

async function change(
  scene: SigningIn,
  name: string,
  changes: (server: ServerRecord) => ServerRecord,
): Promise<void> {
  const found = (await scene.store.server(name))!;
  ok(await scene.store.putServer(changes(found.record), found.version));
}

Deno.test("what `set` changed while a person approved stays, and so does what the sign-in changed", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url, { options: { headers: { a: "1" }, resource: "urn:x" } });
  await scene.signIn("demo", server.url, {
    options: { scopes: ["files", "more"] },
    open: after(() =>
      change(scene, "demo", ({ options: { resource: _, ...options }, ...entry }) => ({
        ...entry,
        options: { ...options, headers: { b: "2" } },
      }))
    ),
  });
  deepEqual((await scene.store.server("demo"))?.record.options, {
    headers: { b: "2" },
    scopes: ["files", "more"],
  });
});

Deno.test("a command that runs for long signs in without undoing what `set` changed since it began", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const { record } = (await scene.store.server("demo"))!;
  await change(scene, "demo", (entry) => ({ ...entry, options: { headers: { b: "2" } } }));
  await scene.signIn("demo", server.url, {
    server: { ...record, options: { scopes: ["of-this-run"] } },
    expected: undefined,
  });
  deepEqual((await scene.store.server("demo"))?.record.options, { headers: { b: "2" } });
  deepEqual((await scene.store.credential("demo"))?.record.requestedScopes, ["of-this-run"]);
});

Deno.test("of two sign-ins at once the one that is approved last wins, whole", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  let second: Awaited<ReturnType<typeof scene.signIn>> | undefined;
  const first = await scene.signIn("demo", server.url, {
    options: { scopes: ["first"] },
    open: after(async () =>
      second = await scene.signIn("demo", server.url, { options: { headers: { b: "2" } } })
    ),
  });
  const found = (await scene.store.serverWithCredential("demo"))!;
  deepEqual(found.credential?.record, first);
  ok(second !== undefined && second.accessToken !== first.accessToken);
  deepEqual(found.server.record.options, { headers: { b: "2" }, scopes: ["first"] });
});

Deno.test("an entry that is removed while a person approves does not come back", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  for (const expected of ["as it is", undefined]) {
    await scene.signIn("demo", server.url);
    const signingIn = scene.signIn("demo", server.url, {
      ...(expected === undefined ? { expected } : {}),
      open: after(() => scene.store.removeEntry("demo")),
    });
    await rejects(signingIn, coded("NOT_FOUND", /it was removed or renamed meanwhile$/));
    equal(await scene.store.serverWithCredential("demo"), undefined);
  }
});

Deno.test("an entry that is renamed while a person approves does not come back under its old name", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  const before = await scene.signIn("demo", server.url);
  const signingInAgain = scene.signIn("demo", server.url, {
    open: after(() => scene.store.rename("demo", "other")),
  });
  await rejects(signingInAgain, coded("NOT_FOUND"));
  equal(await scene.store.server("demo"), undefined);
  equal((await scene.store.credential("other"))?.record.accessToken, before.accessToken);
});

Deno.test("another entry that has got the name meanwhile is not overwritten", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  const other: ServerRecord = {
    name: "demo",
    url: "https://other.example/mcp",
    createdAt: 1,
    signIn: "none",
    options: {},
  };
  await rejects(
    scene.signIn("demo", server.url, { open: after(() => scene.store.putServer(other, null)) }),
    coded("CONFIG_INVALID", /an entry of that name was added meanwhile$/),
  );
  deepEqual((await scene.store.server("demo"))?.record, other);
  await scene.store.removeEntry("demo");
  await scene.signIn("demo", server.url);
  await rejects(
    scene.signIn("demo", server.url, {
      open: after(async () => {
        await scene.store.removeEntry("demo");
        await scene.store.putServer(other, null);
      }),
    }),
    coded("CONFIG_INVALID", /changed by another command meanwhile$/),
  );
  equal(await scene.store.credential("demo"), undefined);
});

Deno.test("a sign-in to an entry that has changed already ends before the browser opens", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const { record, version } = (await scene.store.server("demo"))!;
  await change(scene, "demo", (entry) => ({ ...entry, options: { scopes: ["x"] } }));
  await rejects(
    scene.signIn("demo", server.url, { server: record, expected: version }),
    coded("CONFIG_INVALID"),
  );
  await rejects(scene.signIn("none", server.url, { expected: undefined }), coded("NOT_FOUND"));
  await rejects(scene.signIn("demo", server.url, { expected: null }), coded("CONFIG_INVALID"));
  equal(scene.opened.length, 1);
});

Deno.test("a sign-out while a person approves ends the sign-in before it, and not this one", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const entry = (await scene.store.server("demo"))!.record;
  const again = await scene.signIn("demo", server.url, {
    open: after(() =>
      scene.exclusive("demo", () => signOut({ ...scene, http: createHttp() }, entry, { localOnly: true }))
    ),
  });
  equal((await scene.store.credential("demo"))?.record.accessToken, again.accessToken);
});

Deno.test("the outcome is stored while nobody else has the entry: whoever has it is waited for", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const [held, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let seen: string | undefined;
  const holder = scene.exclusive("demo", async () => {
    held.resolve();
    await release.promise;
    seen = (await scene.store.credential("demo"))?.record.accessToken;
  });
  await held.promise;
  const before = (await scene.store.credential("demo"))?.record.accessToken;
  const signingInAgain = scene.signIn("demo", server.url);
  while (scene.told.filter(({ kind }) => kind === "received").length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  release.resolve();
  await holder;
  equal(seen, before);
  const { accessToken } = await signingInAgain;
  equal((await scene.store.credential("demo"))?.record.accessToken, accessToken);
});

Deno.test("the client of an issuer is registered once, whatever the port was that it got (row 21)", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const callbackPorts = [taken.addr.port, 0];
  await scene.signIn("a", server.url, { options: { callbackPorts } });
  for (const name of ["a", "b", "c", "a"]) await scene.signIn(name, server.url);
  equal(server.asked.filter((each) => each === "POST /register").length, 1);
  // The redirect URI is compared whole: RFC 8252 section 7.3 lets the port vary, and not every server does.
  const redirect = (await scene.client(server.origin))!.redirectUris[0]!;
  using _taken = Deno.listen({ hostname: "127.0.0.1", port: Number(new URL(redirect).port) });
  await scene.signIn("a", server.url);
  equal(server.asked.filter((each) => each === "POST /register").length, 2);
});

Deno.test("an entry with a name of its own for clients registers under it, apart from all others (rows 20 and 21)", async () => {
  const names: unknown[] = [];
  await using server = startBentServer({ register: ({ client_name }) => void names.push(client_name) });
  using scene = signingIn();
  const registered = async (name: string, clientName?: string) => {
    const { client } = await scene.signIn(name, server.url, {
      options: clientName === undefined ? {} : { clientName },
    });
    return client.clientId;
  };
  equal(await registered("plain"), "client-1");
  equal(await registered("named", "Acme Agent"), "client-2");
  equal(await registered("named"), "client-2", "remembered, and used again");
  equal(await registered("plain"), "client-1");
  equal(await registered("named", "Acme Agent 2"), "client-3");
  deepEqual(names, ["mcp-auth", "Acme Agent", "Acme Agent 2"]);
  equal((await scene.client(server.origin, "named"))?.clientId, "client-3");
  await scene.store.rename("named", "renamed");
  equal(await registered("renamed"), "client-3", "it goes with the entry");
});

Deno.test("parameters of the entry go with each authorization request (row 8)", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  const authorizeParameters = { access_type: "offline", prompt: "consent" };
  await scene.signIn("demo", server.url, { options: { authorizeParameters } });
  await scene.signIn("demo", server.url);
  const asked = server.received.filter(({ url }) => url.pathname === "/authorize");
  equal(asked.length, 3);
  for (const { url } of asked) {
    equal(url.searchParams.get("access_type"), "offline");
    equal(url.searchParams.get("prompt"), "consent");
  }
});

Deno.test("the sixth sign-in within a minute is refused before anything is asked, and says how long to wait (row 33)", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  for (let count = 0; count < 5; count++) {
    await scene.signIn("demo", server.url);
    scene.clock.time += 5_000;
  }
  const asked = server.received.length;
  await rejects(scene.signIn("demo", server.url), (error: McpAuthError) => {
    coded("RATE_LIMITED", /^Cannot sign in to "demo": more than 5 times in 60 s$/)(error);
    match(error.hint ?? "", /^Try again in 35 s/);
    return true;
  });
  equal(server.received.length, asked);
  equal(scene.opened.length, 5);
  deepEqual(scene.noted.slice(-2).map(({ event, code }) => [event, code]), [
    ["sign_in_started", undefined],
    ["sign_in_failed", "RATE_LIMITED"],
  ]);
  await scene.signIn("other", server.url);
  scene.clock.time += 35_000;
  await scene.signIn("demo", server.url);
});

Deno.test("a server that is down does not use up sign-ins, and a refused sign-in none either (row 33)", async () => {
  let down = true;
  await using server = startBentServer({
    register: () => down ? new Response("Down", { status: 503 }) : undefined,
  });
  using scene = signingIn();
  for (let count = 0; count < 8; count++) {
    await rejects(scene.signIn("demo", server.url), coded("SERVER_ERROR"));
  }
  down = false;
  for (let count = 0; count < 5; count++) await scene.signIn("demo", server.url);
  for (let count = 0; count < 8; count++) {
    await rejects(scene.signIn("demo", server.url), coded("RATE_LIMITED"));
  }
  scene.clock.time += 60_000;
  await scene.signIn("demo", server.url);
});

Deno.test("a clock that is set back locks nobody out; a rename keeps the count, a removal clears it (row 33)", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  for (let count = 0; count < 5; count++) await scene.signIn("demo", server.url);
  await scene.store.rename("demo", "renamed");
  await rejects(scene.signIn("renamed", server.url), coded("RATE_LIMITED"));
  await scene.signIn("demo", server.url);
  await scene.store.removeEntry("renamed");
  await scene.signIn("renamed", server.url);
  for (let count = 0; count < 4; count++) await scene.signIn("demo", server.url);
  await rejects(scene.signIn("demo", server.url), coded("RATE_LIMITED"));
  scene.clock.time -= 24 * 3_600_000;
  await scene.signIn("demo", server.url);
});

Deno.test("another browser for a lost client belongs to the same sign-in (row 33)", async () => {
  await using server = startBentServer({
    token: ({ form }, { refuse }) => form.get("client_id") === "lost" ? refuse("invalid_client") : undefined,
    authorize: (_query, { clients }) => void clients.set("lost", undefined),
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const { client } = (await scene.store.credential("demo"))!.record;
  await scene.store.putClient({ ...client, clientId: "lost" });
  await scene.signIn("demo", server.url);
  equal(scene.opened.length, 3);
  equal((await scene.store.attempts.read("demo")).times.length, 2);
});

Deno.test("a sign-in is noted from its start to its end, with its secrets for fingerprints", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  const credential = await scene.signIn("demo", server.url);
  deepEqual(scene.noted, [
    { event: "sign_in_started", name: "demo", outcome: "done" },
    {
      event: "client_registered",
      name: "demo",
      issuer: server.origin,
      outcome: "done",
      secrets: { client_id: "client-1" },
    },
    { event: "entry_added", name: "demo", outcome: "done" },
    {
      event: "signed_in",
      name: "demo",
      issuer: server.origin,
      outcome: "done",
      secrets: {
        access_token: credential.accessToken,
        refresh_token: credential.refreshToken,
        client_id: "client-1",
      },
    },
  ]);
  scene.noted.length = 0;
  server.clients.clear();
  const aborted = AbortSignal.abort(new Error("enough"));
  await rejects(scene.signIn("demo", server.url, { signal: aborted }));
  deepEqual(scene.noted.map(({ event, outcome }) => [event, outcome]), [
    ["sign_in_started", "done"],
    ["sign_in_failed", "failed"],
  ]);
});

Deno.test("a machine does not ask for what a person asked for, nor a person for what a machine did", async () => {
  await using server = startBentServer({
    token: ({ form }) =>
      form.get("grant_type") === "client_credentials"
        ? Response.json({ access_token: `at-${crypto.randomUUID()}`, token_type: "Bearer" })
        : undefined,
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  const { record } = (await scene.store.server("demo"))!;
  const asking = async (options: ServerOptions, run: ServerOptions) => {
    await change(scene, "demo", (entry) => ({ ...entry, options }));
    const entry = { ...record, options: { ...options, ...run } };
    const given = options.grant && { clientId: "ci", clientSecret: "the-secret-of-the-machine" };
    const credential = await scene.signIn("demo", server.url, { server: entry, expected: undefined, given });
    return [credential.grant, credential.requestedScopes];
  };
  const grant = { kind: "client-credentials" } as const;
  deepEqual(await asking({}, { scopes: ["profile"] }), [undefined, ["profile"]]);
  deepEqual(await asking({}, {}), [undefined, ["profile", "files"]]);
  deepEqual(await asking({ grant }, {}), ["client-credentials", ["files"]]);
  // More sign-ins than a minute may have.
  scene.clock.time += 3_600_000;
  deepEqual(await asking({ grant }, { scopes: ["robots"] }), ["client-credentials", ["robots"]]);
  deepEqual(await asking({ grant }, {}), ["client-credentials", ["robots", "files"]]);
  deepEqual(await asking({}, {}), [undefined, ["files"]]);
});
