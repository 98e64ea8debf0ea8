/**
 * What the login tool says: to the model that called it, and through the model to the person. Who asks whom comes first,
 * the address stands alone on its line, whole, and an address that may be mistaken for another is pointed out.
 *
 * @see behaviours row 12; phishing (the MCP server and the authorization server are named before the first page); C80
 * @module
 */
import type { McpAuthError } from "../../../primitives/errors.ts";
import { safeText, safeUrl } from "../../../primitives/untrusted_text.ts";
import { LOGIN_TOOL } from "./person_layer.ts";
import type { Person, SignInPage } from "./person.ts";

/** Who asks whom. */
export function whoAsksWhom({ name, url }: Person, { issuer }: SignInPage): string {
  return `Sign in to "${name}" (${safeUrl(url)}) at ${safeUrl(issuer)}`;
}

/**
 * The page that the person has to open, and what to do then.
 *
 * @param person Whose sign-in.
 * @param page Where it is.
 * @param first A sentence to begin with, such as why an earlier try has failed.
 */
export function pageText(person: Person, page: SignInPage, first?: string): string {
  const lines = [...(first === undefined ? [] : [first, ""]), `${whoAsksWhom(person, page)}.`, ""];
  const next = `Then call ${LOGIN_TOOL} again, which waits for the approval, or just go on: ` +
    "what the server offers appears by itself.";
  if (page.kind === "code") {
    return [
      ...lines,
      "Show this to the user, who can open the page on any device and enter the code:",
      "",
      `  ${page.verificationUri}`,
      `  Code: ${safeText(page.userCode, 80)}`,
      "",
      ...suspicions(page.verificationUri),
      `The code is good for ${minutes(page.expiresInS)}. ${next}`,
    ].join("\n");
  }
  const { url, redirectUri, listens, opened, expiresInS } = page;
  const ends = `If the browser ends at a page that it cannot show (${safeUrl(redirectUri)}), ` +
    `ask for the whole address of that page and call ${LOGIN_TOOL} with it as "redirect_url".`;
  return [
    ...lines,
    opened
      ? "A browser was opened for the user. If they do not see it, show them this address, whole and unchanged:"
      : "Show the user this address, whole and unchanged, to open in a browser and to approve there:",
    "",
    `  ${url}`,
    "",
    ...suspicions(url),
    ...(expiresInS === undefined ? [] : [`The address is good for ${minutes(expiresInS)}, and once.`]),
    listens
      ? `${next} ${ends}`
      : `The browser then ends at ${
        safeUrl(redirectUri)
      }, which nothing here can see: ask for the whole address ` +
        `of that page and call ${LOGIN_TOOL} with it as "redirect_url".`,
  ].join("\n");
}

/** What is said where the host itself shows the address. */
export function elicitationText(person: Person, page: SignInPage): string {
  const code = page.kind === "code" ? `. The code to enter is ${safeText(page.userCode, 80)}` : "";
  return `${whoAsksWhom(person, page)}, so that its tools can be used here${code}`;
}

/** What is said once it is done. */
export function doneText({ name }: Person): string {
  return `Signed in to "${name}": what it offers can be used now.`;
}

/** What is said where there was nothing to do. */
export function nothingToDoText({ name }: Person): string {
  return `"${name}" needs no sign-in now: what it offers can be used.`;
}

/** What is said where the server cannot be reached after the sign-in. */
export function unreachedText({ name }: Person, error: McpAuthError): string {
  return `Signed in to "${name}", but it cannot be used yet: ${
    sentence(error)
  } It is tried again with the next request, ` +
    `or by calling ${LOGIN_TOOL} again.`;
}

/** What is said where the sign-in has failed. */
export function failedText({ name, command }: Person, error: McpAuthError): string {
  return `The sign-in to "${name}" has not succeeded: ${sentence(error)} ` +
    `For a new address call ${LOGIN_TOOL} again; in a terminal the same is: ${command}`;
}

/** What is said where the person does not want to. */
export function declinedText({ name }: Person): string {
  return `The user does not want to sign in to "${name}" now; the sign-in was cancelled. Nothing of it can be used ` +
    `until they do: call ${LOGIN_TOOL} again once they ask for it.`;
}

/** What is said where nobody can sign in from here. */
export function unableText({ name, command, unable }: Person, error: McpAuthError): string {
  return `"${name}" cannot be used: ${sentence(error)} Nobody can sign in to it from here: ${unable}. ` +
    `The user has to run: ${command}`;
}

/** An error as a sentence or two. */
function sentence({ message, hint }: McpAuthError): string {
  return hint === undefined ? `${message}.` : `${message}. ${hint}.`;
}

/** A host name with letters of other scripts may look like another one. */
function suspicions(url: string): readonly string[] {
  const host = URL.parse(url)?.hostname ?? "";
  if (!host.split(".").some((label) => label.startsWith("xn--"))) return [];
  return [
    `Warning: the name "${
      safeText(host, 120)
    }" stands for letters of another script, and may be made to look like another.`,
    "",
  ];
}

function minutes(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
}
