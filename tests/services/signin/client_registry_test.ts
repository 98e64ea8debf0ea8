/**
 * The registry of clients over a real store: who uses which, what a person means, and what a server changes when it is
 * asked.
 *
 * @see RFC 7592; MCP 2026-07-28 client registration (C35)
 * @module
 */
import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import {
  type ClientRecord,
  type CredentialStore,
  entryShape,
  openStore,
} from "../../../lib/services/credentials/mod.ts";
import {
  deleteClient,
  findClient,
  listClients,
  readClient,
  type RegistryPorts,
} from "../../../lib/services/signin/client_registry.ts";
import { givenCredential } from "../../../lib/services/signin/given_token.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../../primitives/coded_error.ts";
import { serve } from "../../primitives/http/local_server.ts";
import { fullCredential, plainEntry } from "../transfer/scene.ts";

const ISSUER = "https://as.example";

function client(clientId: string, changes: Partial<ClientRecord> = {}): ClientRecord {
  return {
    issuer: ISSUER,
    redirectShape: "loopback",
    source: "dynamic",
    clientId,
    tokenEndpointAuthMethod: "none",
    redirectUris: ["http://127.0.0.1:8456/callback"],
    registeredAt: 1,
    ...changes,
  };
}

/** A store in which these entries are signed in with these clients. */
async function storeOf(entries: Readonly<Record<string, ClientRecord>>): Promise<CredentialStore> {
  const store = openStore({ env: fakeEnv(), keystore: "memory" });
  for (const [name, record] of Object.entries(entries)) {
    const credential = { ...fullCredential(name), issuer: record.issuer, client: record };
    await store.saveSignedIn({ server: plainEntry(name).server, credential, client: record });
  }
  return store;
}

function ports(store: CredentialStore, http: RegistryPorts["http"] = createHttp()): RegistryPorts {
  return { store, http, audit: { record: () => {} } };
}

Deno.test("each client is listed once, with the entries that use it, and those that only tokens name any more", async () => {
  const shared = client("shared");
  const own = client("own", { redirectShape: entryShape("c"), source: "pre-registered" });
  using store = await storeOf({ a: shared, b: shared, c: own, d: client("lost") });
  await store.putClient(shared);
  const given = plainEntry("hand").server;
  await store.putServer({ ...given, signIn: "token" }, null);
  await store.changeCredential("hand", null, givenCredential(given, { accessToken: "t" }, 1));
  const listed = (await listClients(store)).map((
    { client, entry, usedBy },
  ) => [client.clientId, entry, usedBy]);
  deepEqual(listed, [
    ["shared", undefined, ["a", "b"]],
    ["lost", undefined, ["d"]],
    ["own", "c", ["c"]],
  ]);
});

Deno.test("a name means the client that its tokens came by, an issuer the one that its entries share", async () => {
  const shared = client("shared");
  const own = client("own", { redirectShape: entryShape("c") });
  using store = await storeOf({ a: shared, c: own });
  const known = await listClients(store);
  equal(findClient(known, "c").client.clientId, "own");
  equal(findClient(known, "a").client.clientId, "shared");
  equal(findClient(known, ISSUER).client.clientId, "shared");
  equal(findClient(known, `${ISSUER}/`).client.clientId, "shared");
  throws(() => findClient(known, "https://other.example"), coded("NOT_FOUND"));
  throws(() => findClient(known, "nobody"), coded("NOT_FOUND"));
  const two = known.filter(({ entry }) => entry !== undefined)
    .flatMap((each) => [each, { ...each, entry: "d" }]);
  throws(() => findClient(two, ISSUER), (error: McpAuthError) => {
    coded("USAGE")(error);
    match(error.hint ?? "", /c, d$/);
    return true;
  });
});

Deno.test("a registration token that the server rotates is stored with the client and with the tokens that it brought", async () => {
  await using server = serve(() =>
    Response.json({ client_id: "1", client_secret: "next-secret", registration_access_token: "next-token" })
  );
  const issuer = server.origin;
  const record = client("1", {
    issuer,
    clientSecret: "secret",
    registrationClientUri: `${issuer}/reg/1`,
    registrationAccessToken: "token",
  });
  using store = await storeOf({ a: record, b: record });
  const before = await store.credential("a");
  const reading = await readClient(ports(store), record);
  equal(reading.kind, "read");
  const stored = await store.client(issuer, "loopback");
  deepEqual([stored?.clientSecret, stored?.registrationAccessToken], ["next-secret", "next-token"]);
  for (const name of ["a", "b"]) {
    const { record: credential } = (await store.credential(name))!;
    deepEqual(credential.client, stored);
    deepEqual(credential, { ...before!.record, name, client: stored });
  }
});

Deno.test("an answer that changes nothing writes nothing", async () => {
  await using server = serve(() => Response.json({ client_id: "1" }));
  const record = client("1", {
    issuer: server.origin,
    registrationClientUri: `${server.origin}/reg/1`,
    registrationAccessToken: "token",
  });
  using store = await storeOf({ a: record });
  const before = await store.credential("a");
  await readClient(ports(store), record);
  equal((await store.credential("a"))?.version, before?.version);
});

Deno.test("what is deleted leaves alone what another process has put in its place", async () => {
  await using server = serve(() => new Response(null, { status: 204 }));
  const issuer = server.origin;
  const record = client("1", {
    issuer,
    registrationClientUri: `${issuer}/reg/1`,
    registrationAccessToken: "token",
  });
  using store = await storeOf({});
  await store.putClient(client("2", { issuer }));
  const deletion = await deleteClient(ports(store), { client: record, entry: undefined, usedBy: [] }, {
    force: false,
  });
  equal(deletion.outcome, "deleted");
  equal((await store.client(issuer, "loopback"))?.clientId, "2");
});

Deno.test("one of two entries with the same client by hand forgets its own alone", async () => {
  const of = (name: string) =>
    client("by-hand", { redirectShape: entryShape(name), source: "pre-registered" });
  using store = await storeOf({ a: of("a"), b: of("b") });
  for (const name of ["a", "b"]) {
    const { record, version } = (await store.server(name))!;
    await store.putServer({ ...record, options: { clientId: "by-hand" } }, version);
  }
  const http = () => Promise.reject(new Error("asked"));
  const known = findClient(await listClients(store), "a");
  deepEqual(known.usedBy, ["a"]);
  await rejects(deleteClient(ports(store, http), known, { force: false }), coded("CONFIG_INVALID"));
  equal((await deleteClient(ports(store, http), known, { force: true })).outcome, "forgotten");
  equal(await store.client(ISSUER, entryShape("a")), undefined);
  equal((await store.server("a"))?.record.options.clientId, undefined);
  equal((await store.client(ISSUER, entryShape("b")))?.clientId, "by-hand");
  equal((await store.server("b"))?.record.options.clientId, "by-hand");
});

Deno.test("a server that fails keeps the client here, unless it is forced", async () => {
  await using server = serve(() => new Response("no", { status: 503 }));
  const issuer = server.origin;
  const record = client("1", {
    issuer,
    registrationClientUri: `${issuer}/reg/1`,
    registrationAccessToken: "token",
  });
  using store = await storeOf({});
  await store.putClient(record);
  const known = { client: record, entry: undefined, usedBy: [] };
  await rejects(deleteClient(ports(store), known, { force: false }), (error: McpAuthError) => {
    coded("SERVER_ERROR")(error);
    match(error.hint ?? "", /--force/);
    return true;
  });
  equal((await store.client(issuer, "loopback"))?.clientId, "1");
  const forced = await deleteClient(ports(store), known, { force: true });
  deepEqual([forced.outcome, forced.error?.code], ["failed", "SERVER_ERROR"]);
  equal(await store.client(issuer, "loopback"), undefined);
});
