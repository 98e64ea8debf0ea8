/**
 * The first key of a new store, and in which keystore: the one that is asked for, else what the environment gives, else
 * the keychain if it takes a key and gives it back in time, else a file, and then it is said. What is chosen here is
 * recorded with the store and never chosen again. Where the environment brings the tokens themselves, as in a CI job,
 * and there is no store yet, none is made: it stays in memory, and that is said, too.
 *
 * @see behaviours rows 42, 44
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { KEYCHAIN_TIMEOUT_MS } from "../../primitives/limits.ts";
import type { Keystore, KeystoreContext, KeystoreKey, KeystoreKind } from "./keystore.ts";

/** A key for a new store. */
export interface FirstKey {
  /** Where it is. */
  readonly keystore: Keystore;
  /** The key and its slot. */
  readonly made: KeystoreKey;
  /** What the user should know once the store is sealed with it. */
  readonly notice: string | undefined;
}

/**
 * Makes a key for a new store.
 *
 * @param asked The keystore that the user asks for.
 * @param context What the environment gives, and whether other machines use the store.
 * @param open Opens a keystore of the store.
 * @param signal Ends the waits.
 * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when the keystore that is asked for, or that the environment gives,
 * cannot be used, and when none fits a store that machines share; `PERMISSION_DENIED` when the sandbox forbids it.
 */
export async function firstKey(
  asked: KeystoreKind | undefined,
  context: KeystoreContext,
  open: (kind: KeystoreKind) => Promise<Keystore>,
  signal?: AbortSignal,
): Promise<FirstKey> {
  const create = async (kind: KeystoreKind, limit = signal): Promise<FirstKey> => {
    const keystore = await open(kind);
    return { keystore, made: await keystore.create({ renewed: false }, limit), notice: undefined };
  };
  if (context.passing !== undefined) {
    return {
      ...await create("memory"),
      notice:
        `The store is in memory: ${context.passing} is set and there is no store yet; to keep one: --keystore <kind>`,
    };
  }
  if (asked !== undefined) return await create(asked);
  if (context.env.get("MCP_AUTH_KEY") !== undefined) return await create("env");
  if (context.env.get("MCP_AUTH_PASSPHRASE") !== undefined) return await create("passphrase");
  if (context.shared) {
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      "Cannot seal the new store: machines share it, and neither MCP_AUTH_KEY nor MCP_AUTH_PASSPHRASE is set",
      {
        hint: "Set MCP_AUTH_KEY on every machine to what this prints once: openssl rand -hex 32; " +
          "or choose --keystore passphrase",
      },
    );
  }

  const limit = AbortSignal.timeout(KEYCHAIN_TIMEOUT_MS);
  try {
    return await create("keychain", signal === undefined ? limit : AbortSignal.any([signal, limit]));
  } catch (error) {
    signal?.throwIfAborted();
    const { message } = limit.aborted
      ? new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot use the keychain: it did not answer within ${KEYCHAIN_TIMEOUT_MS / 1000} s`,
      )
      : asMcpAuthError(error, "KEYSTORE_UNAVAILABLE", "use the keychain");
    return {
      ...await create("file"),
      notice: `${message}. The key of the new store is in a file; to move it: mcp-auth keystore use <kind>`,
    };
  }
}
