/** Entries out of one store and into another. */
import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import {
  exportEntries,
  type ExportRequest,
  importEntries,
  readExport,
  renameEntries,
} from "../../../lib/services/transfer/mod.ts";
import { fullEntry, ISSUER, NOW, PASSPHRASE, plainEntry, type Scene, setScene } from "./scene.ts";

/** Exports and returns the document. */
async function documentOf(
  { ports }: Scene,
  names: readonly string[],
  options: Partial<ExportRequest> = {},
): Promise<string> {
  let document = "";
  await exportEntries(ports, {
    names,
    passphrase: PASSPHRASE,
    tokens: "copy",
    write: (text) => Promise.resolve(void (document = text)),
    ...options,
  });
  return document;
}

const importing = (entries: Awaited<ReturnType<typeof readExport>>, replace = false) =>
  ({ entries, replace, source: "an export" }) as const;

Deno.test("what is exported from one store is in the other as it was, each member of it", async () => {
  using from = setScene();
  using to = setScene();
  for (const entry of [fullEntry("full"), plainEntry("plain")]) await from.put(entry);
  const document = await documentOf(from, ["plain", "full", "plain"]);
  ok(!/s3cret|issuer|mcp\.example|full/.test(document));
  const entries = await readExport(document, PASSPHRASE);
  deepEqual(entries, [fullEntry("full"), plainEntry("plain")]);
  deepEqual(await importEntries(to.ports, importing(entries)), []);
  deepEqual(await to.entry("full"), fullEntry("full"));
  deepEqual(await to.entry("plain"), { ...plainEntry("plain"), credential: undefined });
});

Deno.test("the counts and pauses of this machine's refreshes stay here", async () => {
  using scene = setScene();
  const entry = fullEntry("demo");
  await scene.put({
    ...entry,
    credential: {
      ...entry.credential!,
      tokenResponses: [NOW],
      lastError: { ...entry.credential!.lastError!, failures: 3, retryAt: NOW + 1 },
    },
  });
  deepEqual(await readExport(await documentOf(scene, ["demo"]), PASSPHRASE), [fullEntry("demo")]);
});

Deno.test("without tokens, the entry and its own registrations go along", async () => {
  using scene = setScene();
  await scene.put(fullEntry("demo"));
  const document = await documentOf(scene, ["demo"], { tokens: "none" });
  const { server, clients } = fullEntry("demo");
  deepEqual(await readExport(document, PASSPHRASE), [{ server, clients }]);
  deepEqual(await scene.entry("demo"), fullEntry("demo"), "the tokens stay here");
});

Deno.test("a name that is none exports nothing", async () => {
  using scene = setScene();
  await scene.put(fullEntry("demo"));
  let written = 0;
  const write = () => Promise.resolve(void written++);
  await rejects(documentOf(scene, ["demo", "none"], { write }), { code: "NOT_FOUND", message: /"none"/ });
  equal(written, 0);
  deepEqual(scene.events, []);
});

Deno.test("an entry is read while nobody refreshes it", async () => {
  using scene = setScene();
  await scene.put(fullEntry("demo"));
  const { wholeEntry } = scene.store;
  const heldAt: string[][] = [];
  scene.store.wholeEntry = (name, signal) => {
    heldAt.push([...scene.held]);
    return wholeEntry.call(scene.store, name, signal);
  };
  await documentOf(scene, ["demo"]);
  deepEqual(heldAt, [["demo"]]);
});

Deno.test("what became of the tokens is said for each entry, and noted", async () => {
  using scene = setScene();
  for (const entry of [fullEntry("a"), plainEntry("b")]) await scene.put(entry);
  const options = { names: ["a", "b"], passphrase: PASSPHRASE, write: () => Promise.resolve() } as const;
  deepEqual(await exportEntries(scene.ports, { ...options, tokens: "copy" }), [
    { name: "a", tokens: "copied", refreshable: true },
    { name: "b", tokens: "none", refreshable: false },
  ]);
  deepEqual(scene.events, [
    {
      event: "exported",
      name: "a",
      issuer: ISSUER,
      outcome: "done",
      detail: "tokens copied",
      secrets: {
        access_token: "s3cret-access-token",
        refresh_token: "s3cret-refresh-token",
        client_id: "own-client",
      },
    },
    {
      event: "exported",
      name: "b",
      issuer: undefined,
      outcome: "done",
      detail: "without tokens",
      secrets: { access_token: undefined, refresh_token: undefined, client_id: undefined },
    },
  ]);
});

Deno.test("a move leaves the tokens in the document alone, and holds all entries until then (row 1)", async () => {
  using scene = setScene();
  for (const name of ["a", "b"]) await scene.put(fullEntry(name));
  let document = "";
  const exported = await exportEntries(scene.ports, {
    names: ["b", "a"],
    passphrase: PASSPHRASE,
    tokens: "move",
    write: async (text) => {
      document = text;
      deepEqual([...scene.held].sort(), ["a", "b"]);
      ok((await scene.entry("a"))?.credential, "nothing is removed before the document is written");
    },
  });
  deepEqual(exported.map(({ tokens }) => tokens), ["moved", "moved"]);
  deepEqual(await readExport(document, PASSPHRASE), [fullEntry("a"), fullEntry("b")]);
  for (const name of ["a", "b"]) {
    const { server, clients } = fullEntry(name);
    deepEqual(await scene.entry(name), { server, credential: undefined, clients });
  }
  deepEqual([...scene.held], []);
});

Deno.test("a document that cannot be written moves nothing", async () => {
  using scene = setScene();
  await scene.put(fullEntry("demo"));
  const write = () => Promise.reject(new Error("the disk is full"));
  await rejects(documentOf(scene, ["demo"], { tokens: "move", write }), /the disk is full/);
  deepEqual(await scene.entry("demo"), fullEntry("demo"));
  deepEqual(scene.events, []);
});

Deno.test("tokens of a sign-in that came meanwhile are not removed", async () => {
  using scene = setScene();
  for (const name of ["a", "b", "c"]) await scene.put(fullEntry(name));
  const exported = await exportEntries(scene.ports, {
    names: ["a", "b", "c"],
    passphrase: PASSPHRASE,
    tokens: "move",
    write: async () => {
      const { record, version } = (await scene.store.credential("b"))!;
      await scene.store.changeCredential("b", version, { ...record, accessToken: "of a new sign-in" });
    },
  });
  deepEqual(exported.map(({ name, tokens }) => [name, tokens]), [["a", "moved"], ["b", "changed"], [
    "c",
    "moved",
  ]]);
  equal((await scene.entry("b"))?.credential?.accessToken, "of a new sign-in");
  equal((await scene.entry("c"))?.credential, undefined);
});

Deno.test("tokens that could not be removed after a move are told: they are in two places", async () => {
  using scene = setScene();
  await scene.put(fullEntry("demo"));
  scene.store.forgetCredentials = () => Promise.reject(new Error("the store is busy"));
  await rejects(documentOf(scene, ["demo"], { tokens: "move" }), {
    code: "STORE_UNAVAILABLE",
    message: /^Cannot remove the tokens here: the store is busy; the export is written/,
    hint: /mcp-auth logout --local-only/,
  });
});

Deno.test("names that exist are refused, all of them are named, and nothing is changed", async () => {
  using from = setScene();
  using to = setScene();
  for (const name of ["a", "b", "c"]) await from.put(fullEntry(name));
  const entries = await readExport(await documentOf(from, ["a", "b", "c"]), PASSPHRASE);
  for (const name of ["a", "c"]) await to.put(plainEntry(name));
  await rejects(importEntries(to.ports, importing(entries)), {
    code: "CONFIG_INVALID",
    message: 'Cannot import "a", "c": entries of these names exist',
    hint: /--force/,
  });
  equal(await to.entry("b"), undefined);
  deepEqual(to.events, []);
  deepEqual(await importEntries(to.ports, importing(entries, true)), ["a", "c"]);
  for (const name of ["a", "b", "c"]) deepEqual(await to.entry(name), fullEntry(name));
  deepEqual(to.events.map(({ event, name, detail }) => [event, name, detail]), [
    ["imported", "a", "from an export, with tokens"],
    ["imported", "b", "from an export, with tokens"],
    ["imported", "c", "from an export, with tokens"],
  ]);
});

Deno.test("what comes without tokens takes none away from an entry for the same server", async () => {
  using scene = setScene();
  await scene.put(fullEntry("demo"));
  const entries = await readExport(await documentOf(scene, ["demo"], { tokens: "none" }), PASSPHRASE);
  const changed = entries.map((entry) => ({
    ...entry,
    server: { ...entry.server, options: { scopes: ["x"] } },
  }));
  deepEqual(await importEntries(scene.ports, importing(changed, true)), ["demo"]);
  const { credential, server } = (await scene.entry("demo"))!;
  deepEqual([credential, server.options], [fullEntry("demo").credential, { scopes: ["x"] }]);
  const moved = entries.map((entry) => ({
    ...entry,
    server: { ...entry.server, url: "https://other.example/mcp" },
  }));
  await importEntries(scene.ports, importing(moved, true));
  equal((await scene.entry("demo"))?.credential, undefined);
});

Deno.test("an entry is replaced while nobody refreshes it", async () => {
  using to = setScene();
  await to.put(plainEntry("a"));
  const { putWholeEntries } = to.store;
  to.store.putWholeEntries = (writes, signal) => {
    deepEqual([...to.held], ["a"]);
    return putWholeEntries.call(to.store, writes, signal);
  };
  await importEntries(to.ports, importing([fullEntry("a"), fullEntry("b")], true));
  deepEqual(await to.entry("b"), fullEntry("b"));
});

Deno.test("an entry that somebody else adds meanwhile is not replaced", async () => {
  using to = setScene();
  const { putWholeEntries } = to.store;
  to.store.putWholeEntries = async (writes, signal) => {
    to.store.putWholeEntries = putWholeEntries;
    await to.put(plainEntry("b"));
    return await to.store.putWholeEntries(writes, signal);
  };
  await rejects(importEntries(to.ports, importing([fullEntry("a"), fullEntry("b")], true)), {
    code: "CONFIG_INVALID",
    message:
      'Cannot import "a", "b": entries were changed by another command meanwhile; nothing was imported',
  });
  equal(await to.entry("a"), undefined);
  deepEqual(await to.entry("b"), { ...plainEntry("b"), credential: undefined });
});

Deno.test("where dozens were imported only in part, the error says which", async () => {
  using to = setScene();
  const entries = Array.from(
    { length: 60 },
    (_, index) => plainEntry(`entry-${String(index).padStart(2, "0")}`),
  );
  const { putWholeEntries } = to.store;
  to.store.putWholeEntries = async (writes, signal) => {
    to.store.putWholeEntries = putWholeEntries;
    await to.put(plainEntry("entry-59"));
    return await to.store.putWholeEntries(writes, signal);
  };
  await rejects(importEntries(to.ports, importing(entries)), (error: Error) => {
    match(error.message, /^Cannot import "entry-\d\d".*"entry-59": .*; imported were only "entry-00", /);
    return true;
  });
  equal(to.events.length, (await to.store.servers()).length - 1);
});

Deno.test("an entry takes another name with its tokens and registrations", () => {
  const [renamed] = renameEntries([fullEntry("old")], new Map([["old", "new"]]));
  deepEqual(renamed, fullEntry("new"));
  deepEqual(renameEntries([fullEntry("old")], new Map()), [fullEntry("old")]);
});

Deno.test("names that cannot be given are refused", () => {
  const two = [plainEntry("a"), plainEntry("b")];
  const table = [
    [new Map([["c", "d"]]), /"c": there is no such entry/],
    [new Map([["a", "b"]]), /two entries as "b"/],
    [new Map([["a", "B!"]]), /"B!"/],
  ] as const;
  for (const [names, message] of table) {
    throws(() => renameEntries(two, names), { code: "USAGE", message });
  }
  deepEqual(renameEntries(two, new Map([["a", "b"], ["b", "a"]])).map(({ server }) => server.name), [
    "b",
    "a",
  ]);
});

Deno.test("a document in which a name occurs twice is refused", async () => {
  const { sealDocument } = await import("../../../lib/services/transfer/document.ts");
  const twice = await sealDocument({ entries: [plainEntry("a"), plainEntry("a")] }, PASSPHRASE);
  await rejects(readExport(twice, PASSPHRASE), { code: "CONFIG_INVALID", message: /occurs twice/ });
});
