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
import type { Os } from "../../primitives/system/paths.ts";
import type { RunProgram } from "../../primitives/system/program.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { fileKeystore } from "./keystores/file.ts";

/** The kinds of keystore, by the names that users and stores call them. */
export const KEYSTORE_KINDS: readonly KeystoreKind[] = ["keychain", "passphrase", "file", "env", "memory"];

/** One of {@linkcode KEYSTORE_KINDS}. */
export type KeystoreKind = "keychain" | "passphrase" | "file" | "env" | "memory";

/** A key of a keystore. */
export interface KeystoreKey {
  /** Names the key within its keystore, for as long as it is kept; recorded with the store. At most 200 characters. */
  readonly slot: string;
  /** The key, 32 bytes. */
  readonly key: Bytes;
}

/** Which key is made. */
export interface NewKeyOptions {
  /**
   * Whether it is to take the place of another of this kind: `env` and `passphrase` then take the new one
   * (`MCP_AUTH_NEW_KEY`, `MCP_AUTH_NEW_PASSPHRASE`).
   */
  readonly renewed: boolean;
  /**
   * The slot to use, from `newSlot`; a new one when left out. Who has noted it before can remove the key, whatever
   * happens in between. A keystore that keeps nothing (`env`, `passphrase`) gives a slot of its own all the same.
   */
  readonly slot?: string | undefined;
}

/**
 * Keeps the keys that data keys are wrapped with. Each key has a slot of its own and is never overwritten, so that
 * processes that make a store at once, and a change of keys that is killed half way, cannot take a key from each other.
 */
export interface Keystore {
  /** What stores record. */
  readonly kind: KeystoreKind;
  /** Where its keys are, for messages; such as the path of a folder in quotes. */
  readonly place: string;
  /** What to say when its key opens nothing; where it is left out, that another is at the place. */
  readonly wrong?: { readonly detail: string; readonly hint: string };
  /**
   * Reads a key.
   *
   * @param slot Which.
   * @returns 32 bytes; undefined when the keystore can be reached and holds no such key.
   * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when it cannot be reached, or holds something else.
   */
  read(slot: string, signal?: AbortSignal): Promise<Bytes | undefined>;
  /**
   * Makes a key in a new slot; what is given from outside (`env`, `passphrase`) is taken as it is.
   *
   * @param options Whether it renews another, and the slot.
   * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when no key can be kept there.
   */
  create(options: NewKeyOptions, signal?: AbortSignal): Promise<KeystoreKey>;
  /** Forgets a key that nothing is sealed by any more; a slot that is not there is no error. */
  remove(slot: string, signal?: AbortSignal): Promise<void>;
}

/**
 * Asks a person for a passphrase, without showing it.
 *
 * @param question.purpose What it is for: to open a store, or to seal one with a new one, which is asked for twice.
 * @returns The passphrase; undefined where nobody can be asked.
 * @throws {McpAuthError} `AUTH_CANCELLED` when the person does not want to.
 */
export type AskPassphrase = (
  question: { readonly purpose: "open" | "new" },
) => Promise<string | undefined>;

/** Where keystores find what they need. */
export interface KeystoreContext {
  /** Where variables are read. */
  readonly env: Env;
  /** The store's folder; it may not exist yet. */
  readonly home: string;
  /** Whether other machines use the store as well: what only this one has cannot seal it then. */
  readonly shared?: boolean | undefined;
  /** Starts the programs of the keychain; without it no keychain is reached. */
  readonly run?: RunProgram | undefined;
  /** The operating system whose keychain it is; this one's when left out. */
  readonly os?: Os | undefined;
  /** Asks a person; without it nobody is asked. */
  readonly askPassphrase?: AskPassphrase | undefined;
  /** The variable whose secret is not to be kept, where nobody asked for a keystore and no store is there yet. */
  readonly passing?: string | undefined;
  /** Gets a line that the user should see, about the keystore that was chosen for a new store. */
  readonly notice?: ((line: string) => void) | undefined;
}

/**
 * Opens a keystore of a kind; nothing is read yet.
 *
 * @param kind The kind.
 * @param context Where it finds what it needs.
 * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` for one that other machines cannot have, where they share the store.
 */
export async function openKeystore(kind: KeystoreKind, context: KeystoreContext): Promise<Keystore> {
  if (context.shared && (kind === "file" || kind === "keychain")) {
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      `Cannot use the keystore "${kind}": other machines share this store, and only this one would have its key`,
      { hint: "Choose env or passphrase, and give every machine the same key or passphrase" },
    );
  }
  switch (kind) {
    case "file":
      return fileKeystore(context.home);
    case "env":
      return (await import("./keystores/env.ts")).envKeystore(context.env);
    case "memory":
      return (await import("./keystores/memory.ts")).memoryKeystore();
    case "passphrase":
      return (await import("./keystores/passphrase.ts")).passphraseKeystore(context);
    case "keychain":
      return await (await import("./keystores/keychain.ts")).openKeychainKeystore(context);
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
 * The kind for a store that is made.
 *
 * @param asked What the user asks for, from {@linkcode askedKind}.
 * @param recorded What the store was made with, as recorded.
 * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when another is asked for than the store was made with, or this version
 * does not know the recorded one.
 */
export function chooseKind(asked: KeystoreKind | undefined, recorded: string): KeystoreKind {
  if (asked !== undefined && asked !== recorded) {
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      `Cannot use the keystore "${asked}": this store is sealed by "${safeText(recorded)}"`,
      {
        hint:
          "Leave out --keystore and MCP_AUTH_KEYSTORE, or move the store, with the new keystore at hand: " +
          `mcp-auth keystore use ${asked}`,
      },
    );
  }
  return recordedKind(recorded);
}

/**
 * The kind that a store was made with.
 *
 * @param recorded As recorded.
 * @throws {McpAuthError} `KEYSTORE_UNAVAILABLE` when this version does not know it.
 */
export function recordedKind(recorded: string): KeystoreKind {
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
