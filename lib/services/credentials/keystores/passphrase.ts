/**
 * The `passphrase` keystore: the key derived from words that a person knows, or that a job gets as
 * `MCP_AUTH_PASSPHRASE`. Nothing is kept: the slot holds the salt and the number of iterations, which are no secrets,
 * so that every store has a salt of its own and the work can grow with the machines.
 *
 * @see NIST SP 800-132; OWASP Password Storage Cheat Sheet, PBKDF2; behaviours row 42
 * @module
 */
import { derivePassphraseKey, passphraseWeakness } from "../../../primitives/crypto/passphrase.ts";
import type { Bytes } from "../../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../../primitives/errors.ts";
import {
  PASSPHRASE_ITERATIONS,
  PASSPHRASE_ITERATIONS_MAX,
  PASSPHRASE_ITERATIONS_MIN,
  PASSPHRASE_SALT_BYTES,
} from "../../../primitives/limits.ts";
import type { AskPassphrase, Keystore, KeystoreContext } from "../keystore.ts";

/**
 * Returns the keystore of a passphrase; one that was given is not asked for again in the life of the keystore.
 *
 * @param context Where `MCP_AUTH_PASSPHRASE` is read, and who can be asked where it is not set.
 */
export function passphraseKeystore(context: Pick<KeystoreContext, "env" | "askPassphrase">): Keystore {
  let known: Promise<string> | undefined;

  async function obtain(
    variable: string,
    purpose: Parameters<AskPassphrase>[0]["purpose"],
  ): Promise<string> {
    const passphrase = context.env.get(variable) ?? await context.askPassphrase?.({ purpose });
    if (passphrase !== undefined && passphrase !== "") return passphrase;
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      `Cannot use the keystore "passphrase": ${variable} is not set, and nobody can be asked`,
      { hint: `Set ${variable}, or run the command in a terminal` },
    );
  }

  /** Who was asked in vain can be asked again: a program that embeds us lives on. */
  async function obtainOnce(purpose: Parameters<AskPassphrase>[0]["purpose"]): Promise<string> {
    known ??= obtain("MCP_AUTH_PASSPHRASE", purpose);
    const asked = known;
    return await asked.catch((error) => {
      if (known === asked) known = undefined;
      throw error;
    });
  }

  return {
    kind: "passphrase",
    place: "a passphrase",
    wrong: {
      detail: "the passphrase is another than the one that it was sealed with",
      hint: "Try again with that passphrase, or set MCP_AUTH_PASSPHRASE to it; there is no other way in",
    },
    read: async (slot) => {
      const { salt, iterations } = parseSlot(slot);
      return await derivePassphraseKey(
        await obtainOnce("open"),
        salt,
        iterations,
      );
    },
    create: async ({ renewed }) => {
      const passphrase = renewed ? await obtain("MCP_AUTH_NEW_PASSPHRASE", "new") : await obtainOnce("new");
      const weakness = passphraseWeakness(passphrase);
      if (weakness !== undefined) {
        throw new McpAuthError("KEYSTORE_UNAVAILABLE", `Cannot use the passphrase: ${weakness}`, {
          hint: "Take a longer one: a few words that nobody would put together",
        });
      }
      const salt = crypto.getRandomValues(new Uint8Array(PASSPHRASE_SALT_BYTES));
      const slot = `${PASSPHRASE_ITERATIONS}.${salt.toBase64({ alphabet: "base64url", omitPadding: true })}`;
      return { slot, key: await derivePassphraseKey(passphrase, salt, PASSPHRASE_ITERATIONS) };
    },
    remove: () => Promise.resolve(),
  };
}

/** The slot comes from the store: a damaged or hostile one must not keep the program busy for hours. */
function parseSlot(slot: string): { readonly salt: Bytes; readonly iterations: number } {
  const [, count = "", text = ""] = /^([1-9]\d{0,7})\.([\w-]{22})$/.exec(slot) ?? [];
  const iterations = Number(count);
  if (iterations >= PASSPHRASE_ITERATIONS_MIN && iterations <= PASSPHRASE_ITERATIONS_MAX) {
    return { salt: Uint8Array.fromBase64(text, { alphabet: "base64url" }), iterations };
  }
  throw new McpAuthError(
    "KEYSTORE_UNAVAILABLE",
    'Cannot use the keystore "passphrase": what the store says of it is damaged',
    { hint: "Restore the store from a backup" },
  );
}
