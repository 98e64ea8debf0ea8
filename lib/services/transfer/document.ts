/**
 * The file of an export: a header in the clear that says how the key is made of the passphrase, and everything else
 * sealed with that key and bound to the header. There is no form of it that is not sealed.
 *
 * @module
 */
import { derivePassphraseKey } from "../../primitives/crypto/passphrase.ts";
import { type Bytes, importKey, seal, unseal } from "../../primitives/crypto/sealing.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import {
  EXPORT_MAX_BYTES,
  PASSPHRASE_ITERATIONS,
  PASSPHRASE_ITERATIONS_MAX,
  PASSPHRASE_ITERATIONS_MIN,
  PASSPHRASE_MIN_CHARS,
  PASSPHRASE_SALT_BYTES,
} from "../../primitives/limits.ts";
import { Fields, unfit } from "./fields.ts";

const FORMAT = "mcp-auth-export";
const VERSION = 1;
const KDF = "PBKDF2-SHA-256";

/**
 * Refuses a passphrase that is too short to be one.
 *
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function checkPassphrase(passphrase: string): void {
  if (Array.from(passphrase.normalize("NFC")).length >= PASSPHRASE_MIN_CHARS) return;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot seal an export with this passphrase: it has fewer than ${PASSPHRASE_MIN_CHARS} characters`,
    { hint: "Take some random words, such as: openssl rand -base64 24" },
  );
}

/**
 * Seals a value.
 *
 * @param value Plain data.
 * @param passphrase What opens it again.
 * @returns The text of the file.
 * @throws {McpAuthError} `CONFIG_INVALID` when the passphrase is too short or the value too large.
 */
export async function sealDocument(value: unknown, passphrase: string): Promise<string> {
  checkPassphrase(passphrase);
  const salt = crypto.getRandomValues(new Uint8Array(PASSPHRASE_SALT_BYTES));
  const kdf = { name: KDF, iterations: PASSPHRASE_ITERATIONS, salt: salt.toBase64() };
  const key = await importKey(await derivePassphraseKey(passphrase, salt, kdf.iterations));
  const sealed = await seal(key, new TextEncoder().encode(JSON.stringify(value)), binding(kdf));
  const document = { format: FORMAT, version: VERSION, kdf, sealed: sealed.toBase64() };
  const text = `${JSON.stringify(document)}\n`;
  if (text.length <= EXPORT_MAX_BYTES) return text;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot export so many entries at once: the file would be larger than ${EXPORT_MAX_BYTES} bytes`,
    { hint: "Export them by name, in several files" },
  );
}

/**
 * Opens a file.
 *
 * @param text The text of the file.
 * @param passphrase What it was sealed with.
 * @returns The value, of which nothing is checked yet but that it was sealed with this passphrase.
 * @throws {McpAuthError} `CONFIG_INVALID` when it is no export, of a newer version, damaged, or of another passphrase.
 */
export async function openDocument(text: string, passphrase: string): Promise<unknown> {
  const document = new Fields(parse(text), "");
  if (document.raw("format") !== FORMAT) throw unfit("format", `is not "${FORMAT}"`);
  const version = document.integer("version", 1, Number.MAX_SAFE_INTEGER);
  if (version > VERSION) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot read the export: its version is ${version}, and ${VERSION} is known`,
      { hint: "Update mcp-auth" },
    );
  }
  const fields = document.fields("kdf");
  const kdf = {
    name: fields.oneOf("name", [KDF]),
    iterations: fields.integer("iterations", PASSPHRASE_ITERATIONS_MIN, PASSPHRASE_ITERATIONS_MAX),
    salt: fields.text("salt", { max: 100, pattern: /^[A-Za-z0-9+/]{22,}={0,2}$/ }),
  };
  const salt = fields.judged("salt", () => Uint8Array.fromBase64(kdf.salt));
  const sealed = document.judged(
    "sealed",
    () => Uint8Array.fromBase64(document.text("sealed", { max: EXPORT_MAX_BYTES })),
  );
  const key = await importKey(await derivePassphraseKey(passphrase, salt, kdf.iterations));
  const plain = await unseal(key, sealed, binding(kdf));
  if (plain !== undefined) return parse(new TextDecoder().decode(plain));
  throw new McpAuthError(
    "CONFIG_INVALID",
    "Cannot open the export: the passphrase is another, or the file was changed",
    { hint: "Try again with the passphrase that it was sealed with" },
  );
}

function binding(kdf: { readonly name: string; readonly iterations: number; readonly salt: string }): Bytes {
  return new TextEncoder().encode(JSON.stringify([FORMAT, VERSION, kdf.name, kdf.iterations, kdf.salt]));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new McpAuthError("CONFIG_INVALID", "Cannot read the export: it is not JSON", {
      hint: "Give a file that mcp-auth export has written",
      cause: error,
    });
  }
}
