import assert from "node:assert/strict";
import { contents, makeStore, signIn, UNAVAILABLE } from "./assertions.ts";
import { testWithHome } from "./homes.ts";
import { credentialRecord, SECRETS, serverRecord } from "./records.ts";

testWithHome(
  "nothing in the folder holds a secret, a URL or an issuer in the clear (row 44)",
  async (home) => {
    using store = home.open();
    await signIn(store, "a");
    let files = 0;
    for await (const { name } of Deno.readDir(home.path)) {
      const content = new TextDecoder("latin1").decode(await Deno.readFile(`${home.path}/${name}`));
      for (const secret of SECRETS) {
        assert.ok(!content.includes(secret), `${secret} in ${name}`);
        assert.ok(!content.includes([...secret].join("\0")), `${secret} as UTF-16 in ${name}`);
      }
      files += content.length > 0 ? 1 : 0;
    }
    assert.ok(files >= 3, "the database, its log and the key have been looked through");
  },
);

testWithHome("each record is sealed for its own key: moved to another it does not open", async (home) => {
  await makeStore(home);
  {
    using store = home.open();
    await signIn(store, "b");
  }
  {
    using kv = await home.raw();
    for (const kind of ["server", "credential"]) {
      const { value } = await kv.get(["mcp-auth", 1, kind, "a"]);
      await kv.set(["mcp-auth", 1, kind, "b"], value);
      await kv.set(["mcp-auth", 1, kind, "c"], value);
    }
    const { value } = await kv.get(["mcp-auth", 1, "credential", "a"]);
    await kv.set(["mcp-auth", 1, "server", "a"], value);
  }
  using store = home.open();
  for (const name of ["a", "b", "c"]) {
    await assert.rejects(store.server(name), {
      ...UNAVAILABLE,
      message: new RegExp(`\\["mcp-auth",1,"server","${name}"\\]`),
    });
  }
  for (const name of ["b", "c"]) {
    await assert.rejects(store.credential(name), {
      ...UNAVAILABLE,
      message: new RegExp(`"credential","${name}"`),
    });
  }
  await assert.rejects(store.servers(), { ...UNAVAILABLE, message: /"server"/ });
  assert.deepEqual((await store.credential("a"))?.record, credentialRecord("a"));
});

testWithHome("a record of one store does not open in another with the same key file", async (home) => {
  await makeStore(home);
  const { value } = (await contents(home)).get('["mcp-auth",1,"server","a"]')!;
  await Deno.remove(`${home.path}/store.db`);
  for (const log of ["-wal", "-shm"]) await Deno.remove(`${home.path}/store.db${log}`).catch(() => {});
  await makeStore(home);
  {
    using kv = await home.raw();
    await kv.set(["mcp-auth", 1, "server", "a"], value);
  }
  using store = home.open();
  await assert.rejects(store.server("a"), UNAVAILABLE);
});

for (
  const [damage, spoil] of [
    ["other bytes", () => crypto.getRandomValues(new Uint8Array(200))],
    ["one bit changed", (value: Uint8Array) => value.with(value.length - 1, value.at(-1)! ^ 1)],
    ["an unknown version", (value: Uint8Array) => value.with(0, 2)],
    ["nothing", () => new Uint8Array()],
    ["a text", () => "text"],
  ] as const
) {
  testWithHome(
    `a record that has become ${damage} is reported by its key, stays, and can be removed`,
    async (home) => {
      await makeStore(home);
      const key = ["mcp-auth", 1, "credential", "a"];
      {
        using kv = await home.raw();
        await kv.set(key, spoil((await kv.get<Uint8Array>(key)).value!));
      }
      const before = await contents(home);
      using store = home.open();
      const error = { ...UNAVAILABLE, message: /\["mcp-auth",1,"credential","a"\]/ };
      await assert.rejects(store.credential("a"), error);
      await assert.rejects(store.serverWithCredential("a"), error);
      await assert.rejects(store.credentials(), error);
      await assert.rejects(store.rename("a", "b"), error);
      assert.deepEqual(
        (await store.server("a"))?.record,
        serverRecord("a"),
        "other records are not affected",
      );
      assert.deepEqual(await contents(home), before);
      assert.equal(await store.removeEntry("a"), true);
      assert.equal(await store.serverWithCredential("a"), undefined);
    },
  );
}
