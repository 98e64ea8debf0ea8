/**
 * A change of keystore: it happens at once or not at all, whatever stops it, and no key is lost or left behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { memoryLocks } from "../../../lib/primitives/system/lock.ts";
import { openMemoryKv } from "../../../lib/primitives/system/memory_kv.ts";
import type { KeystoreKind } from "../../../lib/services/credentials/keystore.ts";
import { changeKeystore } from "../../../lib/services/credentials/keystore_change.ts";
import { readKeystoreState } from "../../../lib/services/credentials/keystore_state.ts";
import { KEYSTORE_CHANGE_KEY, KEYSTORE_KEY } from "../../../lib/services/credentials/keys.ts";
import { type Around, failing, Mortal, Scene } from "./keystore_scene.ts";

/** From, and to; undefined renews the key. */
const CHANGES: readonly (readonly [from: KeystoreKind, wanted: KeystoreKind | undefined])[] = [
  ["file", "keychain"],
  ["keychain", "file"],
  ["file", "env"],
  ["env", "keychain"],
  ["file", undefined],
  ["keychain", undefined],
  ["env", undefined],
];

for (const [from, wanted] of CHANGES) {
  const name = wanted === undefined ? `a new key in ${from}` : `from ${from} to ${wanted}`;

  Deno.test(`${name}: the data key stays, its wrapping and its place change`, async () => {
    await using scene = await Scene.make(from);
    const before = await scene.record();
    const change = await changeKeystore(scene.ports(), wanted);
    const to = wanted ?? from;
    assert.deepEqual(change, { from, to, changed: true, generation: 2, leftIn: [] });
    const { kind, slot, generation, wrapped } = await scene.record();
    assert.deepEqual([kind, generation], [to, 2]);
    assert.notEqual(wrapped, before.wrapped);
    if (to !== "env") assert.notEqual(slot, before.slot);
    await scene.assertTidy();
  });

  for (const before of [true, false]) {
    Deno.test(`${name}: killed ${before ? "before" : "after"} each step, the store opens and the next change tidies up`, async () => {
      let steps: readonly string[] = [];
      for (let at = 1;; at++) {
        await using scene = await Scene.make(from);
        const process = new Mortal(at, before);
        const ended = await changeKeystore(scene.ports(process.around), wanted).then(() => true, () => false);
        steps = process.steps;
        await scene.assertOpens();
        assert.ok((await scene.keys()).length <= 2, `killed at ${at}: ${steps}`);
        const { kind } = await scene.record();
        const key = scene.variables.MCP_AUTH_NEW_KEY;
        if (kind === "env" && wanted === undefined && (await scene.record()).generation > 1) {
          scene.variables.MCP_AUTH_KEY = key!;
        }
        const next = await changeKeystore(scene.ports(), kind === "file" ? "keychain" : "file");
        assert.deepEqual(next.leftIn, []);
        await scene.assertTidy();
        if (ended && steps.length < at) break;
      }
      for (const step of [`create ${wanted ?? from}`, "note", "seal", `remove ${from}`, "forget the note"]) {
        assert.ok(steps.includes(step), `${step} is one of ${steps}`);
      }
    });

    Deno.test(`${name}: where a step fails ${before ? "before" : "after"} it is done, all is as before or all is changed`, async () => {
      for (let at = 1;; at++) {
        await using scene = await Scene.make(from);
        const old = await scene.record();
        const process = failing(at, before);
        const ended = await changeKeystore(scene.ports(process.around), wanted).then(() => true, () => false);
        await scene.assertOpens();
        assert.equal((await scene.record()).generation, ended ? 2 : 1, `${at}: ${process.steps}`);
        if (!ended) assert.deepEqual(await scene.record(), old);
        // Only what could be neither removed nor noted as removed may be left, and is noted then.
        const { kind, slot } = await scene.record();
        const others = (await scene.keys()).filter((key) => key !== `${kind} ${slot}`);
        if (others.length > 0) assert.notEqual(await scene.note(), undefined, `${at}: ${process.steps}`);
        if (process.steps.length < at) break;
      }
    });
  }
}

Deno.test("a wish for the keystore that the store has changes nothing, but tidies up", async () => {
  await using scene = await Scene.make("file");
  const died = new Mortal(5, false);
  await changeKeystore(scene.ports(died.around), undefined).catch(() => {});
  assert.equal((await scene.keys()).length, 2, `${died.steps}`);
  const record = await scene.record();
  const change = await changeKeystore(scene.ports(), "file");
  assert.deepEqual(change, { from: "file", to: "file", changed: false, generation: 1, leftIn: [] });
  assert.deepEqual(await scene.record(), record);
  await scene.assertTidy();
});

Deno.test("memory is refused, and a store that is not made yet has nothing to move", async () => {
  await using scene = await Scene.make("file");
  await assert.rejects(changeKeystore(scene.ports(), "memory"), { code: "USAGE" });
  await scene.assertTidy();
  const empty = { ...scene.ports(), kv: openMemoryKv() };
  for (const wanted of ["file", undefined] as const) {
    await assert.rejects(changeKeystore(empty, wanted), { code: "CONFIG_MISSING", hint: /--keystore/ });
  }
  assert.equal(await readKeystoreState({ ...empty, choose: () => "file" }), undefined);
  empty.kv.close();
});

Deno.test("a store that machines share goes to no keystore that only one of them has", async () => {
  await using scene = await Scene.make("file");
  const shared = { ...scene.ports(), shared: true };
  for (const wanted of ["file", "keychain"] as const) {
    await assert.rejects(changeKeystore(shared, wanted), { code: "USAGE", hint: /env or passphrase/ });
  }
  assert.equal((await changeKeystore(shared, "env")).to, "env");
  await scene.assertTidy();
});

/** Ports whose keystore is changed by the test. */
function altered(scene: Scene, kind: KeystoreKind, changes: object) {
  const ports = scene.ports();
  return {
    ...ports,
    keystore: async (wanted: KeystoreKind) => ({
      ...await ports.keystore(wanted),
      ...(wanted === kind ? changes : {}),
    }),
  };
}

for (
  const [what, read] of [
    ["loses a key", () => Promise.resolve(undefined)],
    ["gives another key back", () => Promise.resolve(new Uint8Array(32))],
    ["breaks down", () => Promise.reject(new McpAuthError("KEYSTORE_UNAVAILABLE", "Cannot reach it"))],
  ] as const
) {
  Deno.test(`a keystore that ${what} does not get the store`, async () => {
    await using scene = await Scene.make("file");
    const record = await scene.record();
    await assert.rejects(changeKeystore(altered(scene, "keychain", { read }), "keychain"), {
      code: "KEYSTORE_UNAVAILABLE",
    });
    assert.deepEqual(await scene.record(), record);
    await scene.assertTidy();
  });
}

Deno.test("an old key that cannot be removed is said, stays noted through further changes, and goes when it can", async () => {
  await using scene = await Scene.make("keychain");
  const stuck = { remove: () => Promise.reject(new McpAuthError("KEYSTORE_UNAVAILABLE", "Cannot reach it")) };
  const ports = altered(scene, "keychain", stuck);
  const moved = await changeKeystore(ports, "file");
  assert.deepEqual([moved.changed, moved.leftIn], [true, ["keychain"]]);
  const renewed = await changeKeystore(ports, undefined);
  assert.deepEqual([renewed.generation, renewed.leftIn], [3, ["keychain"]]);
  assert.equal(scene.keychain.size, 1);
  const state = await readKeystoreState({ ...ports, choose: () => "file" });
  assert.deepEqual([state?.leftIn, state?.error], [["keychain"], undefined]);
  assert.deepEqual((await changeKeystore(scene.ports(), "file")).leftIn, []);
  await scene.assertTidy();
});

Deno.test("a new key of a change that fails goes, also where the old keystore is the same", async () => {
  await using scene = await Scene.make("keychain");
  const signal = AbortSignal.abort(new McpAuthError("AUTH_CANCELLED", "Cancelled"));
  for (const wanted of [undefined, "file"] as const) {
    const controller = new AbortController();
    const around: Around = async (step, run) => {
      const result = await run();
      if (step.startsWith("create")) controller.abort(signal.reason);
      return result;
    };
    const change = changeKeystore(scene.ports(around), wanted, controller.signal);
    await assert.rejects(change, { code: "AUTH_CANCELLED" });
    await scene.assertTidy();
  }
  await assert.rejects(changeKeystore(scene.ports(), undefined, signal), { code: "AUTH_CANCELLED" });
  assert.equal((await scene.record()).generation, 1);
});

Deno.test("another process that changes the keystore in spite of the lock wins, and nothing is left of the loser", async () => {
  await using scene = await Scene.make("file");
  const around: Around = async (step, run) => {
    // The lease was lost: somebody else has begun and ended a change meanwhile.
    if (step === "seal") {
      await changeKeystore({ ...scene.ports(), locks: memoryLocks() }, "env");
    }
    return await run();
  };
  await assert.rejects(changeKeystore(scene.ports(around), "keychain"), {
    code: "STORE_UNAVAILABLE",
    message: /another process has changed it meanwhile/,
  });
  assert.equal((await scene.record()).kind, "env");
  await scene.assertTidy();
});

Deno.test("a commit that was given up and happens later all the same is refused by then", async () => {
  await using scene = await Scene.make("file");
  let late: (() => Promise<unknown>) | undefined;
  const around: Around = async (step, run) => {
    if (step !== "seal") return await run();
    late = run;
    throw new McpAuthError("STORE_UNAVAILABLE", "Cannot write to the store: other processes keep it busy");
  };
  await assert.rejects(changeKeystore(scene.ports(around), "keychain"), { message: /busy/ });
  assert.equal(await late!(), undefined);
  await scene.assertTidy();
});

Deno.test("a commit that was given up and happens before its process dies is refused after the next change", async () => {
  await using scene = await Scene.make("file");
  let late: (() => Promise<unknown>) | undefined;
  let dead = false;
  const around: Around = async (step, run) => {
    if (step === "seal") {
      late = run;
      dead = true;
    }
    if (dead) throw new Error("Dead");
    return await run();
  };
  await assert.rejects(changeKeystore(scene.ports(around), "keychain"), { message: /Dead/ });
  await changeKeystore(scene.ports(), undefined);
  assert.equal(await late!(), undefined);
  await scene.assertTidy();
});

Deno.test("changes at once wait for each other", async () => {
  await using scene = await Scene.make("file");
  const wishes = [undefined, "keychain", undefined, "file", undefined, "env", "keychain", undefined] as const;
  const changes = await Promise.all(wishes.map((wanted) => changeKeystore(scene.ports(), wanted)));
  const made = changes.filter(({ changed }) => changed).length;
  assert.equal((await scene.record()).generation, 1 + made);
  await scene.assertTidy();
});

Deno.test("the new key of env has to be there, to be a key, and to be another", async () => {
  await using scene = await Scene.make("env");
  const record = await scene.record();
  for (
    const [value, error] of [
      [undefined, { code: "KEYSTORE_UNAVAILABLE", message: /MCP_AUTH_NEW_KEY is not set/ }],
      ["short", { code: "KEYSTORE_UNAVAILABLE", message: /MCP_AUTH_NEW_KEY: it is not 32 bytes/ }],
      [scene.variables.MCP_AUTH_KEY, { code: "CONFIG_INVALID", message: /the new one is the old one/ }],
    ] as const
  ) {
    if (value === undefined) delete scene.variables.MCP_AUTH_NEW_KEY;
    else scene.variables.MCP_AUTH_NEW_KEY = value;
    await assert.rejects(changeKeystore(scene.ports(), undefined), error);
    assert.deepEqual(await scene.record(), record);
    await scene.assertTidy();
  }
});

Deno.test("a new passphrase has to be another one", async () => {
  await using scene = await Scene.make("file");
  Object.assign(scene.variables, { MCP_AUTH_PASSPHRASE: "correct horse battery" });
  assert.equal((await changeKeystore(scene.ports(), "passphrase")).to, "passphrase");
  assert.deepEqual(await scene.keys(), []);
  await scene.assertOpens();
  const record = await scene.record();
  Object.assign(scene.variables, { MCP_AUTH_NEW_PASSPHRASE: "correct horse battery" });
  await assert.rejects(changeKeystore(scene.ports(), undefined), {
    code: "CONFIG_INVALID",
    message: /the new one is the old one/,
  });
  assert.deepEqual(await scene.record(), record);
  Object.assign(scene.variables, { MCP_AUTH_NEW_PASSPHRASE: "staple staple staple" });
  assert.equal((await changeKeystore(scene.ports(), undefined)).generation, 3);
  await assert.rejects(scene.assertOpens());
  scene.variables.MCP_AUTH_PASSPHRASE = "staple staple staple";
  await scene.assertOpens();
  assert.equal(await scene.note(), undefined);
});

Deno.test("a store whose key is missing or another is not moved, and nothing is made or noted", async () => {
  await using scene = await Scene.make("env");
  const steps: string[] = [];
  const around: Around = (step, run) => {
    steps.push(step);
    return run();
  };
  scene.variables.MCP_AUTH_KEY = "00".repeat(32);
  await assert.rejects(changeKeystore(scene.ports(around), "file"), {
    code: "KEYSTORE_UNAVAILABLE",
    message: /is another/,
  });
  delete scene.variables.MCP_AUTH_KEY;
  await assert.rejects(changeKeystore(scene.ports(around), "file"), { message: /is not in MCP_AUTH_KEY/ });
  assert.deepEqual([...new Set(steps)], ["get", "read env"]);
});

Deno.test("a note that is none, or names keystores of other versions, does no harm", async () => {
  await using scene = await Scene.make("file");
  const note = (text: string) =>
    scene.kv.commit({ sets: [{ key: KEYSTORE_CHANGE_KEY, value: new TextEncoder().encode(text) }] });
  const { slot } = await scene.record();
  for (const text of ["", "{", "null", '{"kind":"file"}', "[1,null]", `[{"kind":"file","slot":"${slot}"}]`]) {
    await note(text);
    assert.equal((await changeKeystore(scene.ports(), "file")).changed, false);
    await scene.assertTidy();
  }
  await note('[{"kind":"file","slot":"../store.db"},{"kind":"hologram","slot":"1"}]');
  assert.deepEqual((await changeKeystore(scene.ports(), undefined)).leftIn, ["hologram"]);
  assert.deepEqual(await scene.note(), [{ kind: "hologram", slot: "1" }]);
  await scene.assertOpens();
});

Deno.test("a keystore record of another version is neither read nor changed", async () => {
  await using scene = await Scene.make("file");
  const record = await scene.record();
  const store = (fields: object) =>
    scene.kv.commit({
      sets: [{
        key: KEYSTORE_KEY,
        value: new TextEncoder().encode(JSON.stringify({ ...record, ...fields })),
      }],
    });
  await store({ schema: 2 });
  await assert.rejects(changeKeystore(scene.ports(), undefined), { code: "STORE_UNAVAILABLE" });
  await store({ kind: "hologram" });
  await assert.rejects(changeKeystore(scene.ports(), "file"), {
    code: "KEYSTORE_UNAVAILABLE",
    hint: /Update/,
  });
  const state = await readKeystoreState({ ...scene.ports(), choose: () => "file" });
  assert.deepEqual([state?.kind, state?.place, state?.error?.code], [
    "hologram",
    undefined,
    "KEYSTORE_UNAVAILABLE",
  ]);
});

Deno.test("the state says what is known also where the key is gone, and is never that of a change half seen", async () => {
  await using scene = await Scene.make("keychain");
  const { slot } = await scene.record();
  const choose = () => "keychain" as const;
  assert.deepEqual(await readKeystoreState({ ...scene.ports(), choose }), {
    kind: "keychain",
    place: "a map",
    generation: 1,
    error: undefined,
    leftIn: [],
  });
  let changed = false;
  const around: Around = async (step, run) => {
    if (step === "read keychain" && !changed) {
      changed = true;
      await changeKeystore(scene.ports(), undefined);
    }
    return await run();
  };
  const after = await readKeystoreState({ ...scene.ports(around), choose });
  assert.deepEqual([after?.generation, after?.error], [2, undefined]);
  assert.equal(scene.keychain.has(slot), false);
  scene.keychain.clear();
  const gone = await readKeystoreState({ ...scene.ports(), choose });
  assert.deepEqual([gone?.kind, gone?.generation, gone?.error?.code], [
    "keychain",
    2,
    "KEYSTORE_UNAVAILABLE",
  ]);
});
