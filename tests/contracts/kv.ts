/**
 * What every {@linkcode Kv} does, whatever it is made of. Each adapter's test calls {@linkcode testKvContract}.
 *
 * @module
 */
import assert from "node:assert/strict";
import { STORE_VALUE_MAX_BYTES } from "../../lib/primitives/limits.ts";
import { type Kv, KV_GET_MAX_KEYS, type KvKey } from "../../lib/primitives/system/kv.ts";

/** Returns the bytes of a text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/**
 * Registers the tests of the contract.
 *
 * @param adapter The adapter's name, for the names of the tests.
 * @param open Opens a new, empty store.
 * @param remove Removes what a closed store leaves behind.
 */
export function testKvContract(adapter: string, open: () => Promise<Kv>, remove: () => Promise<void>): void {
  function test(name: string, body: (kv: Kv) => Promise<void>): void {
    Deno.test(`${adapter}: ${name}`, async () => {
      try {
        using kv = await open();
        await body(kv);
      } finally {
        await remove();
      }
    });
  }

  async function text(kv: Kv, key: KvKey): Promise<string | undefined> {
    const [entry] = await kv.get([key]);
    return entry!.value === undefined ? undefined : new TextDecoder().decode(entry!.value);
  }

  test("a key that holds nothing has no value and the version null", async (kv) => {
    assert.deepEqual(await kv.get([["a", 1]]), [{ key: ["a", 1], value: undefined, version: null }]);
  });

  test("what was written is read, with the version that the commit returned", async (kv) => {
    const version = await kv.commit({ sets: [{ key: ["a"], value: bytes("one") }] });
    assert.deepEqual(await kv.get([["a"]]), [{ key: ["a"], value: bytes("one"), version }]);
  });

  test("several keys are read in the order that was asked for", async (kv) => {
    await kv.commit({ sets: [{ key: ["a"], value: bytes("one") }, { key: ["b"], value: bytes("two") }] });
    const entries = await kv.get([["b"], ["none"], ["a"]]);
    assert.deepEqual(entries.map(({ key, value }) => [key, value]), [
      [["b"], bytes("two")],
      [["none"], undefined],
      [["a"], bytes("one")],
    ]);
  });

  test(`a read takes ${KV_GET_MAX_KEYS} keys and no more`, async (kv) => {
    const keys = Array.from({ length: KV_GET_MAX_KEYS + 1 }, (_, index) => ["k", index]);
    assert.equal((await kv.get(keys.slice(1))).length, KV_GET_MAX_KEYS);
    await assert.rejects(kv.get(keys), { code: "STORE_UNAVAILABLE" });
  });

  test("every write gives a key another, greater version", async (kv) => {
    const versions: string[] = [];
    for (const value of ["one", "two", "two"]) {
      versions.push((await kv.commit({ sets: [{ key: ["a"], value: bytes(value) }] }))!);
    }
    assert.equal(new Set(versions).size, 3);
    assert.deepEqual([...versions].sort(), versions);
  });

  test("all that one commit writes has one version", async (kv) => {
    await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }, { key: ["b"], value: bytes("2") }] });
    const [a, b] = await kv.get([["a"], ["b"]]);
    assert.equal(a!.version, b!.version);
  });

  test("a commit whose check holds is written", async (kv) => {
    const first = await kv.commit({
      checks: [{ key: ["a"], version: null }],
      sets: [{ key: ["a"], value: bytes("1") }],
    });
    assert.ok(first);
    const second = await kv.commit({
      checks: [{ key: ["a"], version: first }],
      sets: [{ key: ["a"], value: bytes("2") }],
    });
    assert.ok(second);
    assert.equal(await text(kv, ["a"]), "2");
  });

  test("a commit with one check that does not hold writes nothing", async (kv) => {
    const old = (await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] }))!;
    const current = (await kv.commit({ sets: [{ key: ["a"], value: bytes("2") }] }))!;
    for (const version of [old, null]) {
      const result = await kv.commit({
        checks: [{ key: ["none"], version: null }, { key: ["a"], version }],
        sets: [{ key: ["b"], value: bytes("3") }],
        deletes: [["a"]],
      });
      assert.equal(result, undefined);
    }
    assert.equal(await text(kv, ["b"]), undefined);
    assert.equal((await kv.get([["a"]]))[0]!.version, current);
  });

  test("of two commits against one version only the first is written", async (kv) => {
    const changes = ["one", "two"].map((value) =>
      kv.commit({ checks: [{ key: ["a"], version: null }], sets: [{ key: ["a"], value: bytes(value) }] })
    );
    const results = await Promise.all(changes);
    assert.equal(results.filter((version) => version !== undefined).length, 1);
  });

  test("a deleted key holds nothing, and a deleted nothing stays nothing", async (kv) => {
    const version = (await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] }))!;
    assert.ok(await kv.commit({ checks: [{ key: ["a"], version }], deletes: [["a"], ["never"]] }));
    assert.deepEqual((await kv.get([["a"]]))[0], { key: ["a"], value: undefined, version: null });
  });

  test("a version that was deleted does not hold for what is written later", async (kv) => {
    const version = (await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] }))!;
    await kv.commit({ deletes: [["a"]] });
    await kv.commit({ sets: [{ key: ["a"], value: bytes("1") }] });
    assert.equal(await kv.commit({ checks: [{ key: ["a"], version }], deletes: [["a"]] }), undefined);
    assert.equal(await text(kv, ["a"]), "1");
  });

  test("a list holds what is below a prefix, ordered by key, and not the prefix itself", async (kv) => {
    const keys: KvKey[] = [
      ["p", "b"],
      ["p"],
      ["p", "a", "x"],
      ["p", "é"],
      ["p", "𝒳"],
      ["p", "\uffee"],
      [
        "p",
        "a",
      ],
      ["p", 2],
      ["p", 10],
      ["pp", "a"],
      ["o", "a"],
    ];
    await kv.commit({ sets: keys.map((key) => ({ key, value: bytes(JSON.stringify(key)) })) });
    const listed = await kv.list(["p"]);
    assert.deepEqual(listed.map(({ key }) => key), [
      ["p", "a"],
      ["p", "a", "x"],
      ["p", "b"],
      ["p", "é"],
      ["p", "\uffee"],
      ["p", "𝒳"],
      ["p", 2],
      ["p", 10],
    ]);
    assert.deepEqual(listed[0]!.value, bytes('["p","a"]'));
    assert.deepEqual(await kv.list(["none"]), []);
  });

  test("a list of hundreds is complete", async (kv) => {
    const sets = Array.from({ length: 450 }, (_, index) => ({ key: ["n", index], value: bytes(`${index}`) }));
    await kv.commit({ sets });
    assert.deepEqual((await kv.list(["n"])).map(({ key }) => key[1]), sets.map(({ key }) => key[1]));
  });

  test(`a value of ${STORE_VALUE_MAX_BYTES} bytes is stored and a longer one refused with a code`, async (kv) => {
    const largest = crypto.getRandomValues(new Uint8Array(STORE_VALUE_MAX_BYTES));
    assert.ok(await kv.commit({ sets: [{ key: ["large"], value: largest }] }));
    assert.deepEqual((await kv.get([["large"]]))[0]!.value, largest);
    const longer = new Uint8Array(STORE_VALUE_MAX_BYTES + 1);
    await assert.rejects(
      kv.commit({ sets: [{ key: ["small"], value: bytes("1") }, { key: ["large"], value: longer }] }),
      { code: "STORE_UNAVAILABLE", message: /\["large"\].* 65537 bytes/ },
    );
    assert.equal(await text(kv, ["small"]), undefined);
  });

  test("the bytes that were given and returned are the caller's: changing them changes nothing stored", async (kv) => {
    const given = bytes("one");
    await kv.commit({ sets: [{ key: ["a"], value: given }] });
    given[0] = 0;
    const [entry] = await kv.get([["a"]]);
    entry!.value![0] = 0;
    assert.equal(await text(kv, ["a"]), "one");
  });

  test("a closed store refuses everything with a code, and may be closed again", async (kv) => {
    kv.close();
    kv.close();
    await assert.rejects(kv.get([["a"]]), { code: "STORE_UNAVAILABLE" });
    await assert.rejects(kv.list(["a"]), { code: "STORE_UNAVAILABLE" });
    await assert.rejects(kv.commit({ deletes: [["a"]] }), { code: "STORE_UNAVAILABLE" });
  });
}
