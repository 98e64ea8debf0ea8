/** Entries with all that is theirs: read in one look, written together. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { STORE_COMMIT_MAX_CHECKS, STORE_VALUE_MAX_BYTES } from "../../../lib/primitives/limits.ts";
import { type CredentialStore, entryShape, type WholeEntry } from "../../../lib/services/credentials/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { openStore } from "../../../lib/services/credentials/mod.ts";
import { Home } from "./homes.ts";
import { clientRecord, credentialRecord, serverRecord } from "./records.ts";

const NEW = { server: null, credential: null };

/** Runs a test over a store in memory, and over one on disk. */
function test(name: string, body: (store: CredentialStore) => Promise<void>): void {
  Deno.test(`${name} (memory)`, async () => {
    using store = openStore({ env: fakeEnv(), keystore: "memory" });
    await body(store);
  });
  Deno.test(`${name} (disk)`, async () => {
    await using home = new Home();
    using store = home.open({ keystore: "file" });
    await body(store);
  });
}

function entry(name: string, clients = 1): WholeEntry {
  const own = Array.from(
    { length: clients },
    (_, index) => clientRecord(`https://issuer${index}.example`, entryShape(name)),
  );
  return { server: serverRecord(name), credential: credentialRecord(name), clients: own };
}

const byIssuer = (whole: WholeEntry | undefined) => ({
  ...whole,
  clients: whole?.clients.toSorted((a, b) => a.issuer < b.issuer ? -1 : 1),
});

test("an entry is written and read with its tokens and its own registrations", async (store) => {
  const whole = entry("a", 12);
  deepEqual(await store.putWholeEntries([{ entry: whole, expected: NEW }]), ["a"]);
  await store.putClient(clientRecord());
  await store.putClient(clientRecord("https://issuer.example", entryShape("ab")));
  const found = (await store.wholeEntry("a"))!;
  deepEqual(byIssuer(found.entry), byIssuer(whole));
  deepEqual(found.versions, {
    server: (await store.server("a"))!.version,
    credential: (await store.credential("a"))!.version,
  });
  equal(await store.wholeEntry("b"), undefined);
});

test("an entry without tokens takes away those that were there, and the old registrations", async (store) => {
  await store.putWholeEntries([{ entry: entry("a", 3), expected: NEW }]);
  await store.putClient(clientRecord());
  const { versions } = (await store.wholeEntry("a"))!;
  const next: WholeEntry = { server: serverRecord("a"), clients: [entry("a").clients[0]!] };
  deepEqual(await store.putWholeEntries([{ entry: next, expected: versions }]), ["a"]);
  deepEqual((await store.wholeEntry("a"))!.entry, { ...next, credential: undefined });
  equal(await store.credential("a"), undefined);
  ok(await store.client("https://issuer.example", "loopback"), "what is shared stays");
});

test("where one of the entries is not as expected, none of them is written", async (store) => {
  await store.putServer(serverRecord("b"), null);
  const writes = ["a", "b", "c"].map((name) => ({ entry: entry(name), expected: NEW }));
  deepEqual(await store.putWholeEntries(writes), []);
  equal(await store.server("a"), undefined);
  equal(await store.credential("b"), undefined);
});

test("tokens that were changed since are not written over", async (store) => {
  await store.putWholeEntries([{ entry: entry("a"), expected: NEW }]);
  const { versions } = (await store.wholeEntry("a"))!;
  const refreshed = { ...credentialRecord("a"), accessToken: "refreshed" };
  await store.changeCredential("a", versions.credential, refreshed);
  deepEqual(await store.putWholeEntries([{ entry: entry("a"), expected: versions }]), []);
  equal((await store.credential("a"))!.record.accessToken, "refreshed");
});

test("more entries than one commit takes are written in several", async (store) => {
  const names = Array.from({ length: 130 }, (_, index) => `entry-${String(index).padStart(3, "0")}`);
  const writes = names.map((name) => ({ entry: entry(name), expected: NEW }));
  deepEqual(await store.putWholeEntries(writes), names);
  equal((await store.servers()).length, 130);
  equal((await store.credentials()).length, 130);
});

test("large entries are written in as many commits as they need", async (store) => {
  const names = Array.from({ length: 20 }, (_, index) => `entry-${index}`);
  const accessToken = "x".repeat(STORE_VALUE_MAX_BYTES - 2_000);
  const writes = names.map((name) => ({
    entry: { ...entry(name), credential: { ...credentialRecord(name), accessToken } },
    expected: NEW,
  }));
  deepEqual(await store.putWholeEntries(writes), names);
});

test("a record that no store takes ends the whole before anything is written", async (store) => {
  const names = Array.from({ length: 60 }, (_, index) => `entry-${index}`);
  const writes = names.map((name) => ({ entry: entry(name), expected: NEW }));
  const accessToken = "x".repeat(STORE_VALUE_MAX_BYTES);
  const large = { ...entry("last"), credential: { ...credentialRecord("last"), accessToken } };
  await rejects(store.putWholeEntries([...writes, { entry: large, expected: NEW }]), {
    code: "STORE_UNAVAILABLE",
    message: /"credential","last"/,
  });
  equal((await store.servers()).length, 0);
});

test("where a later commit cannot be made, the names say what was written", async (store) => {
  const names = Array.from({ length: 60 }, (_, index) => `entry-${String(index).padStart(2, "0")}`);
  await store.putServer(serverRecord("entry-59"), null);
  const written = await store.putWholeEntries(names.map((name) => ({ entry: entry(name), expected: NEW })));
  ok(written.length > 0 && written.length < 60);
  deepEqual(written, names.slice(0, written.length));
  deepEqual(
    (await store.credentials()).map(({ record }) => record.name),
    written,
  );
});

test("tokens are forgotten together, or none of them", async (store) => {
  const names = Array.from({ length: STORE_COMMIT_MAX_CHECKS }, (_, index) => `entry-${index}`);
  await store.putWholeEntries(names.map((name) => ({ entry: entry(name), expected: NEW })));
  const stored = (await store.credentials()).map(({ record, version }) => ({ name: record.name, version }));
  await store.changeCredential(
    "entry-7",
    (await store.credential("entry-7"))!.version,
    credentialRecord("entry-7"),
  );
  equal(await store.forgetCredentials(stored), false);
  equal((await store.credentials()).length, names.length);
  const again = (await store.credentials()).map(({ record, version }) => ({ name: record.name, version }));
  equal(await store.forgetCredentials(again), true);
  equal((await store.credentials()).length, 0);
  equal((await store.servers()).length, names.length);
});
