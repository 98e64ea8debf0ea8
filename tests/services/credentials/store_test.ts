import assert from "node:assert/strict";
import { STORE_VALUE_MAX_BYTES } from "../../../lib/primitives/limits.ts";
import { type CredentialStore, entryShape } from "../../../lib/services/credentials/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { Home } from "./homes.ts";
import { clientRecord, credentialRecord, serverRecord } from "./records.ts";

/** Runs a test over a store on disk and over one in memory. */
function test(name: string, body: (store: CredentialStore) => Promise<void>): void {
  for (const keystore of ["file", "memory"]) {
    Deno.test(`${name} (${keystore})`, async () => {
      await using home = new Home();
      using store = home.open({ keystore });
      await body(store);
    });
  }
}

async function signIn(store: CredentialStore, name: string): Promise<void> {
  const credential = credentialRecord(name);
  assert.ok(await store.saveSignedIn({ server: serverRecord(name), credential, client: credential.client }));
}

test("a new store holds nothing", async (store) => {
  assert.equal(await store.server("a"), undefined);
  assert.equal(await store.credential("a"), undefined);
  assert.equal(await store.serverWithCredential("a"), undefined);
  assert.equal(await store.client("https://issuer.example", "loopback"), undefined);
  assert.deepEqual(await store.servers(), []);
  assert.deepEqual(await store.credentials(), []);
  assert.equal(await store.removeEntry("a"), false);
});

test("an entry is read as it was written, and listed by name", async (store) => {
  for (const name of ["b", "a", "c"]) assert.ok(await store.putServer(serverRecord(name), null));
  assert.deepEqual((await store.server("a"))?.record, serverRecord("a"));
  assert.deepEqual((await store.servers()).map(({ record }) => record.name), ["a", "b", "c"]);
});

test("a new entry does not replace one that exists, and a change names the version it was read at", async (store) => {
  const version = (await store.putServer(serverRecord("a"), null))!;
  assert.equal(await store.putServer({ ...serverRecord("a"), createdAt: 2 }, null), undefined);
  const next = await store.putServer({ ...serverRecord("a"), createdAt: 3 }, version);
  assert.equal(await store.putServer({ ...serverRecord("a"), createdAt: 4 }, version), undefined);
  assert.deepEqual(await store.server("a"), {
    record: { ...serverRecord("a"), createdAt: 3 },
    version: next,
  });
});

test("two entries may share one URL with two accounts (row 45)", async (store) => {
  for (const name of ["work", "home"]) {
    const credential = { ...credentialRecord(name), accessToken: `token of ${name}` };
    await store.saveSignedIn({ server: serverRecord(name), credential, client: credential.client });
  }
  const found = await Promise.all(["work", "home"].map((name) => store.serverWithCredential(name)));
  assert.deepEqual(
    found.map((entry) => entry?.server.record.url),
    Array(2).fill("https://resource.example/mcp"),
  );
  assert.deepEqual(found.map((entry) => entry?.credential?.record.accessToken), [
    "token of work",
    "token of home",
  ]);
});

test("a sign-in stores entry, tokens and registration together", async (store) => {
  await signIn(store, "a");
  const found = (await store.serverWithCredential("a"))!;
  assert.deepEqual(found.server.record, serverRecord("a"));
  assert.deepEqual(found.credential?.record, credentialRecord("a"));
  assert.deepEqual(await store.client("https://issuer.example", "loopback"), clientRecord());
  assert.deepEqual((await store.credentials()).map(({ record }) => record), [credentialRecord("a")]);
});

test("a sign-in against versions that are gone stores nothing", async (store) => {
  await store.putServer(serverRecord("a"), null);
  const credential = credentialRecord("a");
  const signedIn = {
    server: { ...serverRecord("a"), url: "https://other.example/" },
    credential,
    client: credential.client,
  };
  assert.equal(await store.saveSignedIn({ ...signedIn, expected: { server: null } }), false);
  assert.equal(
    await store.saveSignedIn({ ...signedIn, expected: { credential: "00000000000000010000" } }),
    false,
  );
  assert.deepEqual((await store.server("a"))?.record, serverRecord("a"));
  assert.equal(await store.credential("a"), undefined);
  assert.equal(await store.client("https://issuer.example", "loopback"), undefined);
  const { version } = (await store.server("a"))!;
  assert.ok(await store.saveSignedIn({ ...signedIn, expected: { server: version, credential: null } }));
  assert.equal((await store.server("a"))?.record.url, "https://other.example/");
});

test("tokens change only against the version that was read (row 4)", async (store) => {
  await signIn(store, "a");
  const { record, version } = (await store.credential("a"))!;
  const next = await store.changeCredential("a", version, { ...record, accessToken: "winner" });
  assert.ok(next);
  assert.equal(await store.changeCredential("a", version, { ...record, accessToken: "loser" }), undefined);
  assert.equal(await store.changeCredential("a", version, undefined), undefined);
  assert.deepEqual(await store.credential("a"), {
    record: { ...record, accessToken: "winner" },
    version: next,
  });
  assert.ok(await store.changeCredential("a", next, undefined));
  assert.equal(await store.credential("a"), undefined);
  assert.deepEqual((await store.server("a"))?.record, serverRecord("a"), "the entry stays");
});

test("tokens of a removed entry do not come back by a change under way", async (store) => {
  await signIn(store, "a");
  const { record, version } = (await store.credential("a"))!;
  assert.equal(await store.removeEntry("a"), true);
  assert.equal(await store.changeCredential("a", version, record), undefined);
  assert.equal(await store.credential("a"), undefined);
});

test("a registration is found at its own issuer and for its own redirect shape alone", async (store) => {
  await store.putClient({ ...clientRecord(), clientId: "one" });
  await store.putClient({ ...clientRecord("https://issuer.example", entryShape("a")), clientId: "two" });
  assert.equal((await store.client("https://issuer.example", "loopback"))?.clientId, "one");
  assert.equal((await store.client("https://issuer.example", "entry:a"))?.clientId, "two");
  for (const issuer of ["https://issuer.example/", "https://ISSUER.example", "https://other.example"]) {
    assert.equal(await store.client(issuer, "loopback"), undefined, issuer);
  }
  await store.deleteClient("https://issuer.example", "loopback");
  assert.equal(await store.client("https://issuer.example", "loopback"), undefined);
  assert.equal((await store.client("https://issuer.example", "entry:a"))?.clientId, "two");
});

test("removing an entry takes its tokens and its own registrations, and no others", async (store) => {
  await signIn(store, "a");
  await signIn(store, "ab");
  await store.putClient(clientRecord("https://issuer.example", entryShape("a")));
  await store.putClient(clientRecord("https://issuer.example", entryShape("ab")));
  assert.equal(await store.removeEntry("a"), true);
  assert.equal(await store.serverWithCredential("a"), undefined);
  assert.equal(await store.credential("a"), undefined);
  assert.equal(await store.client("https://issuer.example", entryShape("a")), undefined);
  assert.ok(await store.client("https://issuer.example", entryShape("ab")));
  assert.ok(await store.client("https://issuer.example", "loopback"));
  assert.ok((await store.serverWithCredential("ab"))?.credential);
  assert.equal(await store.removeEntry("a"), false);
});

test("a renamed entry keeps all it had under the new name", async (store) => {
  const client = clientRecord("https://issuer.example", entryShape("a"));
  const credential = credentialRecord("a", client);
  await store.saveSignedIn({ server: serverRecord("a"), credential, client });
  await store.rename("a", "b");
  const moved = clientRecord("https://issuer.example", entryShape("b"));
  const found = (await store.serverWithCredential("b"))!;
  assert.deepEqual(found.server.record, serverRecord("b"));
  assert.deepEqual(found.credential?.record, credentialRecord("b", moved));
  assert.deepEqual(await store.client("https://issuer.example", entryShape("b")), moved);
  assert.equal(await store.serverWithCredential("a"), undefined);
  assert.equal(await store.credential("a"), undefined);
  assert.equal(await store.client("https://issuer.example", entryShape("a")), undefined);
});

test("an entry without tokens is renamed too, and one with shared registrations leaves them", async (store) => {
  await store.putServer(serverRecord("a"), null);
  await store.putClient(clientRecord());
  await store.rename("a", "b");
  assert.deepEqual((await store.serverWithCredential("b"))?.server.record, serverRecord("b"));
  assert.equal(await store.credential("b"), undefined);
  assert.deepEqual(await store.client("https://issuer.example", "loopback"), clientRecord());
});

test("an entry is not renamed to a name that is taken, and one that does not exist is not found", async (store) => {
  await signIn(store, "a");
  await store.putServer(serverRecord("b"), null);
  for (const to of ["a", "b"]) {
    await assert.rejects(store.rename("a", to), {
      code: "CONFIG_INVALID",
      message: new RegExp(`"${to}" exists`),
    });
  }
  await assert.rejects(store.rename("none", "c"), { code: "NOT_FOUND", hint: /mcp-auth list/ });
  assert.deepEqual((await store.serverWithCredential("a"))?.credential?.record, credentialRecord("a"));
  assert.deepEqual((await store.server("b"))?.record, serverRecord("b"));
});

test("tokens that are too large are refused with a code, and the old ones stay", async (store) => {
  await signIn(store, "a");
  const { record, version } = (await store.credential("a"))!;
  const large = { ...record, accessToken: "x".repeat(STORE_VALUE_MAX_BYTES) };
  await assert.rejects(store.changeCredential("a", version, large), {
    code: "STORE_UNAVAILABLE",
    message: /"credential","a".* at most 65536/,
  });
  assert.deepEqual(await store.credential("a"), { record, version });
});

Deno.test("a store in memory leaves nothing on disk, and is another one each time", async () => {
  await using home = new Home();
  for (const options of [{ keystore: "memory" }, { env: fakeEnv({ MCP_AUTH_KEYSTORE: "memory" }) }]) {
    using store = home.open(options);
    assert.equal(store.inMemory, true);
    await signIn(store, "a");
    assert.ok((await store.serverWithCredential("a"))?.credential);
    using other = home.open(options);
    assert.equal(await other.server("a"), undefined);
  }
  await assert.rejects(Deno.stat(home.path), Deno.errors.NotFound);
});

Deno.test("a store on disk is opened when it is used and not before", async () => {
  await using home = new Home();
  {
    using store = home.open();
    assert.equal(store.inMemory, false);
  }
  await assert.rejects(Deno.stat(home.path), Deno.errors.NotFound);
});

Deno.test("reading a store that does not exist makes no key", async () => {
  await using home = new Home();
  using store = home.open();
  assert.equal(await store.server("a"), undefined);
  assert.deepEqual(await home.keyFiles(), []);
});
