/**
 * A store with several keystores, for tests of what a change of keystore does to them: the database, the file and the
 * variables are the real adapters; a map stands for a keychain. Each process of a test gets ports of its own to them,
 * and may be made to die at any step.
 *
 * @module
 */
import assert from "node:assert/strict";
import { newKey } from "../../../lib/primitives/crypto/sealing.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { Kv, KvChange } from "../../../lib/primitives/system/kv.ts";
import { memoryLocks } from "../../../lib/primitives/system/lock.ts";
import { openMemoryKv } from "../../../lib/primitives/system/memory_kv.ts";
import type { Keystore, KeystoreKind } from "../../../lib/services/credentials/keystore.ts";
import type { KeystoreChangePorts } from "../../../lib/services/credentials/keystore_change.ts";
import {
  encodeKeystoreRecord,
  type KeystoreRecord,
  parseKeystoreRecord,
  unlockRecord,
} from "../../../lib/services/credentials/keystore_record.ts";
import { envKeystore } from "../../../lib/services/credentials/keystores/env.ts";
import { fileKeystore } from "../../../lib/services/credentials/keystores/file.ts";
import { newSlot } from "../../../lib/services/credentials/keystores/key_text.ts";
import { passphraseKeystore } from "../../../lib/services/credentials/keystores/passphrase.ts";
import { KEYSTORE_CHANGE_KEY, KEYSTORE_KEY } from "../../../lib/services/credentials/keys.ts";

/** What happens around a step of a process: it may run the step, or not, or throw in its place. */
export type Around = <T>(step: string, run: () => Promise<T>) => Promise<T>;

const plainly: Around = (_step, run) => run();

/** A store, its keystores and its locks. */
export class Scene implements AsyncDisposable {
  readonly kv: Kv = openMemoryKv();
  readonly locks = memoryLocks();
  readonly variables: Record<string, string> = {};
  /** The keys in the stand-in for a keychain. */
  readonly keychain = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly dataKey = newKey();
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
  }

  /** Makes a store that is sealed by a keystore; its keys for `env` are set. */
  static async make(kind: KeystoreKind): Promise<Scene> {
    const scene = new Scene(await Deno.makeTempDir());
    scene.variables.MCP_AUTH_KEY = newKey().toHex();
    scene.variables.MCP_AUTH_NEW_KEY = newKey().toHex();
    const { slot, key } = await scene.keystore(kind).create({ renewed: false });
    const value = await encodeKeystoreRecord(
      { kind, slot, generation: 1, dataKey: "id" },
      key,
      scene.dataKey,
    );
    await scene.kv.commit({ sets: [{ key: KEYSTORE_KEY, value }] });
    return scene;
  }

  /** The ports of a process. */
  ports(around: Around = plainly): KeystoreChangePorts {
    const { kv, locks } = this;
    return {
      locks,
      shared: false,
      kv: {
        get: (keys, signal) => around("get", () => kv.get(keys, signal)),
        list: (prefix, signal) => around("list", () => kv.list(prefix, signal)),
        commit: (change, signal) => around(stepOf(change), () => kv.commit(change, signal)),
        close: () => {},
        [Symbol.dispose]: () => {},
      },
      keystore: (kind) => {
        const keystore = this.keystore(kind);
        return Promise.resolve({
          ...keystore,
          read: (...args) => around(`read ${kind}`, () => keystore.read(...args)),
          create: (...args) => around(`create ${kind}`, () => keystore.create(...args)),
          remove: (...args) => around(`remove ${kind}`, () => keystore.remove(...args)),
        });
      },
    };
  }

  /** A keystore of the scene. */
  keystore(kind: KeystoreKind): Keystore {
    if (kind === "file") return fileKeystore(this.#home);
    const env = { get: (name: string) => this.variables[name] };
    if (kind === "env") return envKeystore(env);
    if (kind === "passphrase") return passphraseKeystore({ env });
    assert.equal(kind, "keychain");
    return {
      kind,
      place: "a map",
      read: (slot) => Promise.resolve(this.keychain.get(slot)),
      create: ({ slot = newSlot() }) => {
        const key = newKey();
        this.keychain.set(slot, key);
        return Promise.resolve({ slot, key });
      },
      remove: (slot) => Promise.resolve(void this.keychain.delete(slot)),
    };
  }

  /** The keystore record. */
  async record(): Promise<KeystoreRecord> {
    const [entry] = await this.kv.get([KEYSTORE_KEY]);
    return parseKeystoreRecord(entry!.value!);
  }

  /** The note of a change under way. */
  async note(): Promise<unknown> {
    const [entry] = await this.kv.get([KEYSTORE_CHANGE_KEY]);
    return entry?.value && JSON.parse(new TextDecoder().decode(entry.value));
  }

  /** Every key that is kept somewhere, as kind and slot. */
  async keys(): Promise<readonly string[]> {
    const files = (await Array.fromAsync(Deno.readDir(this.#home))).map(({ name }) => name);
    assert.deepEqual(files.filter((name) => !/^key-[0-9a-f]{16}$/.test(name)), []);
    return [
      ...files.map((name) => `file ${name.slice(4)}`),
      ...[...this.keychain.keys()].map((slot) => `keychain ${slot}`),
    ];
  }

  /** Checks that the store opens with the data key that it always had. */
  async assertOpens(): Promise<void> {
    const record = await this.record();
    const kind = record.kind as KeystoreKind;
    // After a renewal of `env` its user sets the variable to the new key.
    const tries = kind === "env"
      ? [this.variables.MCP_AUTH_KEY, this.variables.MCP_AUTH_NEW_KEY]
      : [undefined];
    const opened = await Promise.all(tries.map(async (key) => {
      const keystore = key === undefined ? this.keystore(kind) : envKeystore({ get: () => key });
      return await unlockRecord(record, keystore).then((key) => key.toHex(), () => undefined);
    }));
    assert.ok(opened.includes(this.dataKey.toHex()), `sealed by ${kind}, and does not open`);
    assert.equal(record.dataKey, "id");
  }

  /** Checks that the store opens, that no other key than its own is kept, and that no note is left. */
  async assertTidy(): Promise<void> {
    await this.assertOpens();
    const { kind, slot } = await this.record();
    assert.deepEqual(await this.keys(), kind === "env" ? [] : [`${kind} ${slot}`]);
    assert.equal(await this.note(), undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kv.close();
    await Deno.remove(this.#home, { recursive: true });
  }
}

/** A process that dies at its n-th step, before or after what the step does; nothing that it does later happens. */
export class Mortal {
  /** The steps that it came to. */
  readonly steps: string[] = [];
  readonly #at: number;
  readonly #before: boolean;

  constructor(at: number, before: boolean) {
    this.#at = at;
    this.#before = before;
  }

  readonly around: Around = async (step, run) => {
    this.steps.push(step);
    const number = this.steps.length;
    if (number < this.#at) return await run();
    if (number === this.#at && !this.#before) await run();
    throw new Error(`Dead at ${this.#at}: ${step}`);
  };
}

/** A step that fails once, before or after what it does, in a process that lives on. */
export function failing(at: number, before: boolean): Mortal {
  const mortal = new Mortal(Infinity, before);
  const error = new McpAuthError("STORE_UNAVAILABLE", "Cannot do it: it failed for a moment");
  const around: Around = async (step, run) => {
    mortal.steps.push(step);
    if (mortal.steps.length !== at) return await run();
    if (!before) await run();
    throw error;
  };
  return Object.assign(mortal, { around });
}

function stepOf({ sets = [], deletes = [] }: KvChange): string {
  const changed = [...sets.map(({ key }) => key), ...deletes];
  return changed.includes(KEYSTORE_KEY) ? "seal" : deletes.length > 0 ? "forget the note" : "note";
}
