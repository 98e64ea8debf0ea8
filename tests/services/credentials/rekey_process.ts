/**
 * A process that changes what a store is sealed by, over and over, until it is killed. It prints a line once the first
 * change is about to begin.
 *
 * Arguments: the store's folder, and what to move to in turn ("" for a renewed key).
 *
 * @module
 */
import { systemEnv } from "../../../lib/primitives/system/env.ts";
import { fileLocks } from "../../../lib/primitives/system/lock.ts";
import { openStore } from "../../../lib/services/credentials/mod.ts";
import type { KeystoreKind } from "../../../lib/services/credentials/mod.ts";

const [home = "", ...wishes] = Deno.args;
using store = openStore({ env: systemEnv, home });
await Deno.mkdir(`${home}/locks`, { recursive: true });
const locks = fileLocks(`${home}/locks`);
await store.servers();
await store.changeKeystore(locks, "file");
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
for (;;) for (const wish of wishes) await store.changeKeystore(locks, wish as KeystoreKind || undefined);
