/**
 * Questions to a person at a terminal. The library is loaded when a question is asked, never before.
 *
 * @module
 */
import { passphraseWeakness } from "../../../primitives/crypto/passphrase.ts";
import { McpAuthError } from "../../../primitives/errors.ts";
import { safeUrl } from "../../../primitives/untrusted_text.ts";
import type { AskPassphrase } from "../../../services/credentials/mod.ts";
import type { AskClient } from "../../../services/signin/mod.ts";

/** Asks for a client that was registered by hand; undefined when the person has none, `AUTH_CANCELLED` for Ctrl-C. */
export const askClient: AskClient = async ({ issuer, redirectUri }) => {
  const { isCancel, note, password, text } = await import("@clack/prompts");
  const output = { output: (await import("../../../primitives/system/error_stream.ts")).errorStream() };
  note(
    `Redirect URI to register there:\n${redirectUri}`,
    `${safeUrl(issuer)} registers no clients by itself`,
    output,
  );
  const clientId = await text({ message: "Client ID (empty: none)", ...output });
  if (isCancel(clientId)) throw cancelled();
  if (clientId === undefined || clientId.trim() === "") return undefined;
  const clientSecret = await password({ message: "Client secret (empty: none)", ...output });
  if (isCancel(clientSecret)) throw cancelled();
  return { clientId: clientId.trim(), clientSecret: clientSecret?.trim() || undefined };
};

/** Asks for the passphrase of the store; a new one twice, until both are the same. `AUTH_CANCELLED` for Ctrl-C. */
export const askPassphrase: AskPassphrase = async ({ purpose }) => {
  const { isCancel, log, password } = await import("@clack/prompts");
  const output = { output: (await import("../../../primitives/system/error_stream.ts")).errorStream() };
  const ask = async (message: string, validate: (typed: string | undefined) => string | undefined) => {
    const typed = await password({ message, validate, ...output });
    if (isCancel(typed)) throw cancelled();
    return typed ?? "";
  };
  if (purpose === "open") {
    return await ask("Passphrase of the store", (typed) => typed ? undefined : "Type the passphrase");
  }
  for (;;) {
    const first = await ask("New passphrase for the store", (typed) => passphraseWeakness(typed ?? ""));
    if (await ask("The same again", () => undefined) === first) return first;
    log.warn("The two are not the same", output);
  }
};

function cancelled(): McpAuthError {
  return new McpAuthError("AUTH_CANCELLED", "Cancelled");
}
