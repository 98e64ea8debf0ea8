/**
 * Questions to a person at a terminal. The library is loaded when a question is asked, never before.
 *
 * @module
 */
import { passphraseWeakness } from "../../../primitives/crypto/passphrase.ts";
import { McpAuthError } from "../../../primitives/errors.ts";
import { safeText, safeUrl } from "../../../primitives/untrusted_text.ts";
import type { AskPassphrase } from "../../../services/credentials/mod.ts";
import type { AskClient, AskSite } from "../../../services/signin/mod.ts";

/** Asks for a client that was registered by hand; undefined when the person has none, `AUTH_CANCELLED` for Ctrl-C. */
export const askClient: AskClient = async ({ redirectUri, setUpPage, why }) => {
  const { isCancel, note, password, text } = await import("@clack/prompts");
  const output = { output: (await import("../../../primitives/system/error_stream.ts")).errorStream() };
  const page = setUpPage === undefined ? [] : [`Set-up page: ${safeUrl(setUpPage)}`];
  note([...page, `Redirect URI to register there:\n${redirectUri}`].join("\n"), why, output);
  const clientId = await text({ message: "Client ID (empty: none)", ...output });
  if (isCancel(clientId)) throw cancelled();
  if (clientId === undefined || clientId.trim() === "") return undefined;
  const clientSecret = await password({ message: "Client secret (empty: none)", ...output });
  if (isCancel(clientSecret)) throw cancelled();
  return { clientId: clientId.trim(), clientSecret: clientSecret?.trim() || undefined };
};

/** Asks for an access token, without showing it; `AUTH_CANCELLED` for Ctrl-C. */
export async function askToken(): Promise<string> {
  const { isCancel, password } = await import("@clack/prompts");
  const output = { output: (await import("../../../primitives/system/error_stream.ts")).errorStream() };
  const typed = await password({ message: "Access token", ...output });
  if (isCancel(typed)) throw cancelled();
  return typed ?? "";
}

/** Asks which of an account's sites an entry is for; `AUTH_CANCELLED` for Ctrl-C. */
export const askSite: AskSite = async (sites) => {
  const { isCancel, select } = await import("@clack/prompts");
  const output = { output: (await import("../../../primitives/system/error_stream.ts")).errorStream() };
  const id = await select({
    message: "Which site is the entry for?",
    options: sites.map(({ id, name, url }) => ({
      value: id,
      label: safeText(name),
      hint: url === undefined ? safeText(id) : safeUrl(url),
    })),
    ...output,
  });
  const site = isCancel(id) ? undefined : sites.find((each) => each.id === id);
  if (site === undefined) throw cancelled();
  return site;
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
