/**
 * The authorization response by hand: the browser ends at an address that nothing shows, and the person pastes it here.
 * It is judged as what comes to the listener is: by its `state`, its `iss`, its `error`. A bare code has no state, so the
 * person vouches for it, and only where the server does not say who it is in its answers. Whatever else is pasted gets a
 * reason and changes nothing; no word of it is repeated anywhere.
 *
 * @see behaviours row 14; RFC 9207 section 2.4 (C51)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { PASTED_CODE_MIN_CHARS, PASTED_LINE_MAX_CHARS } from "../../primitives/limits.ts";
import { hasState } from "../../primitives/oauth/authorization.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";

/** What the pasted line is wanted for. */
export interface PasteWish {
  /** Where the browser was sent. */
  readonly url: string;
  /** Where it ends. */
  readonly redirectUri: string;
}

/**
 * Hands in a line that a person pasted; undefined when there will be none any more.
 *
 * @throws The signal's reason.
 */
export type Paste = (wish: PasteWish, signal: AbortSignal) => Promise<string | undefined>;

/** Why a pasted line is not taken. */
export type PasteRefusal =
  /** It is the address that was to be opened. */
  | "authorization-url"
  /** It is of another sign-in, or of nobody's. */
  | "other-state"
  /** It has our state, and neither a code nor an error: the end is missing. */
  | "cut-off"
  /** It is a bare code, and the server's answers name the server: the whole address is needed. */
  | "code-alone"
  /** The server does not know the code. */
  | "unknown-code"
  /** It is none of these. */
  | "not-an-answer";

/** What a pasted line is judged against. */
export interface PasteExpectation extends PasteWish {
  readonly server: ServerMetadata;
  readonly state: string;
}

/** What a pasted line turned out to be. */
export type PasteVerdict =
  | {
    readonly kind: "answer";
    readonly parameters: URLSearchParams;
    /** It is a bare code, which the person vouches for. */
    readonly isBareCode: boolean;
  }
  | { readonly kind: "refused"; readonly reason: PasteRefusal }
  | { readonly kind: "empty" };

/**
 * Judges a pasted line: an address, its query, or a code.
 *
 * @param line What was pasted.
 * @param expectation What it is judged against.
 */
export function judgePaste(line: string, expectation: PasteExpectation): PasteVerdict {
  const { server, state } = expectation;
  const text = unwrapped(line);
  if (text === "") return { kind: "empty" };
  const refused = (reason: PasteRefusal): PasteVerdict => ({ kind: "refused", reason });
  if (text.length >= PASTED_LINE_MAX_CHARS || /[\s\p{Cc}]/u.test(text)) return refused("not-an-answer");
  const parameters = parametersOf(text);
  if (parameters === undefined) {
    const [code = "", given] = text.split("#", 2);
    // Some pages show the two together, for copying.
    if (given === state) return answer(code, state, false, server);
    if (given !== undefined || code.length < PASTED_CODE_MIN_CHARS || !/^[\x21-\x7e]+$/.test(code)) {
      return refused("not-an-answer");
    }
    return answer(code, state, true, server);
  }
  if (isAuthorizationUrl(text, expectation.url)) return refused("authorization-url");
  if (!hasState(parameters, state)) {
    return refused(parameters.size > 0 && hasOutcome(parameters) ? "other-state" : "not-an-answer");
  }
  return hasOutcome(parameters) ? { kind: "answer", parameters, isBareCode: false } : refused("cut-off");
}

function answer(code: string, state: string, isBareCode: boolean, server: ServerMetadata): PasteVerdict {
  if (server.authorization_response_iss_parameter_supported === true) {
    return { kind: "refused", reason: "code-alone" };
  }
  return { kind: "answer", parameters: new URLSearchParams({ code, state }), isBareCode };
}

/** Without what terminals, mails and shells put around an address. */
function unwrapped(line: string): string {
  const text = line.trim();
  const [, inner] = /^(?:"(.*)"|'(.*)'|<(.*)>|`(.*)`)$/.exec(text)?.filter((part) => part !== undefined) ??
    [];
  return (inner ?? text).trim();
}

/** The parameters of an address or a query; undefined for what is neither. */
function parametersOf(text: string): URLSearchParams | undefined {
  const mark = text.indexOf("?");
  const isAddress = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const isQuery = /^[?&]?(?:[\w.-]+=[^&]*&)*(?:code|state|error)=/.test(text);
  // Browsers hide the scheme, and an address may be pasted without it.
  if (!isAddress && !isQuery && !/^[\w.[\]:-]+(\/[^?#]*)?\?/.test(text)) return undefined;
  const query = isQuery && !isAddress ? text.replace(/^[?&]/, "") : mark === -1 ? "" : text.slice(mark + 1);
  return new URLSearchParams(query.replace(/#.*$/s, ""));
}

function hasOutcome(parameters: URLSearchParams): boolean {
  return (parameters.get("code") ?? parameters.get("error") ?? "") !== "";
}

function isAuthorizationUrl(text: string, url: string): boolean {
  const [pasted, sent] = [URL.parse(text), new URL(url)];
  return pasted !== null && pasted.origin === sent.origin && pasted.pathname === sent.pathname &&
    !hasOutcome(pasted.searchParams);
}

/** An answer that was pasted. */
export interface PastedResponse {
  readonly parameters: URLSearchParams;
  readonly isBareCode: boolean;
}

/**
 * Waits until an answer is pasted.
 *
 * @param paste Hands in what is pasted.
 * @param expectation What it is judged against.
 * @param refused Told why a line is not taken.
 * @param signal Ends the wait.
 * @returns The answer; it never comes where there is nothing more to paste while something listens.
 * @throws {McpAuthError} `AUTH_FAILED` where there is nothing more to paste and nothing listens; the signal's reason, or
 *   what `paste` throws.
 */
export async function waitForPaste(
  paste: Paste,
  expectation: PasteExpectation & { readonly listens: boolean },
  refused: (reason: PasteRefusal) => void,
  signal: AbortSignal,
): Promise<PastedResponse> {
  const { url, redirectUri } = expectation;
  for (;;) {
    const line = await paste({ url, redirectUri }, signal);
    signal.throwIfAborted();
    if (line === undefined) return await nothingMore(expectation.listens);
    const verdict = judgePaste(line, expectation);
    if (verdict.kind === "refused") refused(verdict.reason);
    if (verdict.kind === "answer") return verdict;
  }
}

function nothingMore(listens: boolean): Promise<never> {
  if (listens) return new Promise(() => {});
  return Promise.reject(
    new McpAuthError("AUTH_FAILED", "Cannot sign in: the input ended before the address was pasted", {
      hint: "Start the sign-in again, and paste the address that the browser ends at",
    }),
  );
}
