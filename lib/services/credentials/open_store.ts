/**
 * Puts a store together: which folder, which keystore, on disk or in memory. Nothing is opened, read or created until
 * the store is used.
 *
 * @module
 */
import type { Env } from "../../primitives/system/env.ts";
import { openLocalKv } from "../../primitives/system/local_kv.ts";
import { dataFolder, pathIn } from "../../primitives/system/paths.ts";
import { DataKeys } from "./data_key.ts";
import { askedKind } from "./keystore.ts";
import { SealedKv } from "./sealed_kv.ts";
import { CredentialStore } from "./store.ts";

/** What {@linkcode openStore} takes. */
export interface StoreOptions {
  /** Where `MCP_AUTH_HOME`, `MCP_AUTH_KEYSTORE` and `MCP_AUTH_KEY` are read. */
  readonly env: Env;
  /** The folder of the store; what `dataFolder` says when left out. */
  readonly home?: string | undefined;
  /** The value of `--keystore`. */
  readonly keystore?: string | undefined;
}

/**
 * Returns the store. With the `memory` keystore nothing is read from or written to the disk.
 *
 * @param options The environment, and what the user asks for.
 * @throws {McpAuthError} `USAGE` or `CONFIG_INVALID` when a keystore is asked for that does not exist;
 * `CONFIG_MISSING` or `CONFIG_INVALID` when there is no telling where the store is.
 */
export function openStore(options: StoreOptions): CredentialStore {
  const { env } = options;
  const asked = askedKind(options.keystore, env);
  if (asked === "memory") {
    const openKv = async () => (await import("../../primitives/system/memory_kv.ts")).openMemoryKv();
    return new CredentialStore(new SealedKv(openKv, new DataKeys({ env, home: "", asked })), true);
  }
  const home = options.home ?? dataFolder(env);
  const openKv = (signal?: AbortSignal) => openLocalKv(pathIn(home, "store.db"), { signal });
  return new CredentialStore(new SealedKv(openKv, new DataKeys({ env, home, asked })), false);
}
