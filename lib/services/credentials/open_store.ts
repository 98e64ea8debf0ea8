/**
 * Puts a store together: which folder or server, which keystore, on disk, far away or in memory. Nothing is opened, read
 * or created until the store is used.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { isFileThere } from "../../primitives/system/files.ts";
import { openLocalKv } from "../../primitives/system/local_kv.ts";
import { dataFolder, pathIn } from "../../primitives/system/paths.ts";
import { DataKeys } from "./data_key.ts";
import { askedKind, type KeystoreContext } from "./keystore.ts";
import { SealedKv } from "./sealed_kv.ts";
import { CredentialStore } from "./store.ts";

/** What {@linkcode openStore} takes beside what keystores need. */
export interface StoreOptions extends Omit<KeystoreContext, "home" | "shared" | "passing"> {
  /** The folder of the store; what `dataFolder` says when left out. */
  readonly home?: string | undefined;
  /** The value of `--keystore`. */
  readonly keystore?: string | undefined;
  /** The URL of a remote store; `MCP_AUTH_STORE` when left out. */
  readonly store?: string | undefined;
  /** Variables that bring tokens: with one of them, a store that is not there yet and that nobody asks for is not made. */
  readonly passingVariables?: readonly string[] | undefined;
  /** Makes the fetch for a remote store. */
  readonly http?: ((url: string) => Http) | undefined;
}

/**
 * Returns the store. With the `memory` keystore nothing is read from or written to the disk.
 *
 * @param options The environment, and what the user asks for.
 * @throws {McpAuthError} `USAGE` or `CONFIG_INVALID` when a keystore is asked for that does not exist;
 * `CONFIG_MISSING` or `CONFIG_INVALID` when there is no telling where the store is. A remote one is looked at when it is
 * used first.
 */
export function openStore(options: StoreOptions): CredentialStore {
  const { env } = options;
  const url = options.store ?? env.get("MCP_AUTH_STORE");
  const wanted = askedKind(options.keystore, env);
  const passing = wanted === undefined && url === undefined ? passingVariable(options) : undefined;
  const asked = passing === undefined ? wanted : "memory";
  if (asked === "memory") {
    // A flag goes before a variable; two variables, or two options, contradict each other.
    if (url !== undefined && (options.store !== undefined || options.keystore === undefined)) {
      throw new McpAuthError("CONFIG_INVALID", "Cannot keep a remote store in memory", {
        hint: 'Unset MCP_AUTH_STORE, or choose another keystore than "memory"',
      });
    }
    const openKv = async () => (await import("../../primitives/system/memory_kv.ts")).openMemoryKv();
    const records = new SealedKv(openKv, new DataKeys({ ...options, home: "", asked, passing }));
    return new CredentialStore(records, "memory");
  }
  const home = options.home ?? dataFolder(env);
  if (url !== undefined) {
    const openKv = async () =>
      (await import("./location.ts")).openRemoteStore({ url, env, http: options.http });
    const records = new SealedKv(openKv, new DataKeys({ ...options, home, asked, shared: true }));
    return new CredentialStore(records, "remote");
  }
  const openKv = (signal?: AbortSignal) => openLocalKv(pathIn(home, "store.db"), { signal });
  return new CredentialStore(new SealedKv(openKv, new DataKeys({ ...options, home, asked })), "local");
}

/** The variable that brings tokens, where the environment gives no key to keep them by and there is no store yet. */
function passingVariable({ env, home, passingVariables = [] }: StoreOptions): string | undefined {
  const variable = passingVariables.find((name) => env.get(name));
  if (variable === undefined) return undefined;
  if (env.get("MCP_AUTH_KEY") !== undefined || env.get("MCP_AUTH_PASSPHRASE") !== undefined) return undefined;
  return isFileThere(pathIn(home ?? dataFolder(env), "store.db")) ? undefined : variable;
}
