/**
 * The port to where the key of a store is kept, and the rule that chooses one. A keystore keeps one secret of 32 bytes;
 * a store records the kind that it was made with and from then on takes no other: a key that cannot be had is an error,
 * never a reason for a new key or a weaker keystore.
 *
 * @module
 */
import type { Bytes } from "../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import type { Env } from "../../primitives/system/env.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { fileKeystore } from "./keystores/file.ts";

/** The kinds of keystore, by the names that users and stores call them. */
export const KEYSTORE_KINDS: readonly KeystoreKind[] = ["file", "env", "memory"];

/** One of {@linkcode KEYSTORE_KINDS}. */
export type KeystoreKind = "file" | "env" | "memory";

/** Keeps the key that a store's data key is wrapped with. */
export interface Keystore {
  /** What stores record. */
  readonly kind: KeystoreKind;
  /** Where the key is, for messages; such as the path of its file in quotes. */
  readonly place: string;
  /**
   * Reads the key.
   *
   * @returns 32 bytes; undefined when the keystore can be reached and holds none.
   * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when it cannot be reached, or holds something else.
   */
  read(signal?: AbortSignal): Promise<Bytes | undefined>;
  /**
   * Returns the key, making one where there is none; called for a new store only. Processes that do so at once all get
   * the same key.
   *
   * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when no key can be kept there.
   */
  create(signal?: AbortSignal): Promise<Bytes>;
}

/** Where keystores find what they need. */
export interface KeystoreContext {
  /** Where variables are read. */
  readonly env: Env;
  /** The store's folder; it may not exist yet. */
  readonly home: string;
}

/**
 * Opens a keystore of a kind; nothing is read yet.
 *
 * @param kind The kind.
 * @param context Where it finds what it needs.
 */
export async function openKeystore(kind: KeystoreKind, context: KeystoreContext): Promise<Keystore> {
  switch (kind) {
    case "file":
      return fileKeystore(context.home);
    case "env":
      return (await import("./keystores/env.ts")).envKeystore(context.env);
    case "memory":
      return (await import("./keystores/memory.ts")).memoryKeystore();
  }
}

/**
 * The kind that the user asks for: by the flag, else by `MCP_AUTH_KEYSTORE`; undefined when neither is there.
 *
 * @param flag The value of `--keystore`.
 * @param env The environment.
 * @throws {McpAuthError} `USAGE` for a flag, `CONFIG_INVALID` for a variable that names no keystore.
 */
export function askedKind(flag: string | undefined, env: Env): KeystoreKind | undefined {
  if (flag !== undefined) return parseKind(flag, "USAGE", "--keystore");
  const variable = env.get("MCP_AUTH_KEYSTORE");
  return variable === undefined ? undefined : parseKind(variable, "CONFIG_INVALID", "MCP_AUTH_KEYSTORE");
}

/**
 * The kind for a store.
 *
 * @param asked What the user asks for, from {@linkcode askedKind}.
 * @param recorded What the store was made with, as recorded; undefined for a new store.
 * @param env The environment: a new store takes the key in `MCP_AUTH_KEY` where there is one, else a file.
 * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when another is asked for than the store was made with, or this version
 * does not know the recorded one.
 */
export function chooseKind(
  asked: KeystoreKind | undefined,
  recorded: string | undefined,
  env: Env,
): KeystoreKind {
  if (recorded === undefined) return asked ?? (env.get("MCP_AUTH_KEY") === undefined ? "file" : "env");
  if (asked !== undefined && asked !== recorded) {
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      `Cannot use the keystore "${asked}": this store is sealed by "${safeText(recorded)}"`,
      {
        hint:
          "Leave out --keystore and MCP_AUTH_KEYSTORE, or set MCP_AUTH_HOME to another folder for another store",
      },
    );
  }
  const kind = KEYSTORE_KINDS.find((known) => known === recorded);
  if (kind !== undefined) return kind;
  throw new McpAuthError(
    "KEYSTORE_UNAVAILABLE",
    `Cannot use the keystore "${
      safeText(recorded)
    }" that this store is sealed by: this version does not know it`,
    { hint: "Update mcp-auth" },
  );
}

function parseKind(text: string, code: "USAGE" | "CONFIG_INVALID", source: string): KeystoreKind {
  const kind = KEYSTORE_KINDS.find((known) => known === text);
  if (kind !== undefined) return kind;
  throw new McpAuthError(code, `Cannot use ${source} "${safeText(text)}": there is no such keystore`, {
    hint: `Use one of: ${KEYSTORE_KINDS.join(", ")}`,
  });
}
