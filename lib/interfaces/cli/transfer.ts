/**
 * What `export` and `import` share: the ports, and the passphrase: from a file, from the environment, or from the person
 * at the terminal, where it is not shown. Never from the command line.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { PASSPHRASE_MAX_BYTES } from "../../primitives/limits.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { checkPassphrase, type TransferPorts } from "../../services/transfer/mod.ts";
import type { StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";

/** The variable that holds the passphrase of an export. */
export const EXPORT_PASSPHRASE = "MCP_AUTH_EXPORT_PASSPHRASE";

/** What moving entries runs on. */
export function transferPorts(context: CliContext, flags: StoreFlags): TransferPorts {
  const { store, authority, audit } = context.services(flags);
  return { store, authority, audit, clock: context.clock };
}

/**
 * Finds the passphrase.
 *
 * @param context Where the streams and the environment are.
 * @param file The value of `--passphrase-file`; `-` is standard input.
 * @param isNew Whether something is sealed with it now: then it must be long enough, and is asked for twice.
 * @throws {McpAuthError} `CONFIG_MISSING` when there is none and nobody to ask, `CONFIG_INVALID` when it is empty or too
 *   short, `AUTH_CANCELLED` for Ctrl-C.
 */
export async function exportPassphrase(
  context: CliContext,
  file: string | undefined,
  isNew: boolean,
): Promise<string> {
  const given = file === undefined ? context.env.get(EXPORT_PASSPHRASE) : await readPassphrase(context, file);
  if (given !== undefined) {
    if (isNew) checkPassphrase(given);
    return given;
  }
  if (context.terminal.isInteractive()) return await ask(isNew);
  throw new McpAuthError("CONFIG_MISSING", "Cannot find the passphrase of the export", {
    hint: `Give it with --passphrase-file <file>, or set ${EXPORT_PASSPHRASE}`,
  });
}

async function readPassphrase(context: CliContext, file: string): Promise<string> {
  const { readCapped, readDocument } = await import("../../primitives/system/documents.ts");
  const bytes = file === "-"
    ? await readCapped(context.terminal.input(), PASSPHRASE_MAX_BYTES, "standard input")
    : await readDocument(file, PASSPHRASE_MAX_BYTES);
  const passphrase = new TextDecoder().decode(bytes).replace(/\r?\n$/, "");
  if (passphrase !== "") return passphrase;
  throw new McpAuthError("CONFIG_INVALID", `Cannot read the passphrase: "${safeText(file)}" is empty`);
}

async function ask(isNew: boolean): Promise<string> {
  const { isCancel, password } = await import("@clack/prompts");
  const output = (await import("../../primitives/system/error_stream.ts")).errorStream();
  const question = async (message: string, validate?: (value: string | undefined) => string | undefined) => {
    const answer = await password({
      message,
      mask: "",
      output,
      ...(validate === undefined ? {} : { validate }),
    });
    if (isCancel(answer)) throw new McpAuthError("AUTH_CANCELLED", "Cancelled");
    return answer;
  };
  if (!isNew) return await question("Passphrase of the export");
  const passphrase = await question("Passphrase to seal the export with", (value) => {
    try {
      checkPassphrase(value ?? "");
      return undefined;
    } catch (error) {
      return error instanceof McpAuthError ? error.message : String(error);
    }
  });
  if (await question("The same once more") === passphrase) return passphrase;
  throw new McpAuthError("CONFIG_INVALID", "Cannot seal the export: the two passphrases differ", {
    hint: "Run the command again",
  });
}
