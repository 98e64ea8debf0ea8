/**
 * Makes text that a server sent fit to be shown: control characters, escape sequences and bidirectional overrides are
 * replaced and the length is capped, so that a server name or an error description cannot move the cursor, colour a
 * fake line or fill a log.
 *
 * @module
 */
import { SHOWN_TEXT_MAX_CHARS, SHOWN_URL_MAX_CHARS } from "./limits.ts";

/** Control and format characters (bidirectional overrides, tags, zero-width ones) and line separators. */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/**
 * Returns the text with every run of unshowable characters as one space, trimmed and cut.
 *
 * @param text What a server sent; anything that is not a string becomes its JSON, or "" where it has none.
 * @param max The longest result, in UTF-16 code units.
 */
export function safeText(text: unknown, max: number = SHOWN_TEXT_MAX_CHARS): string {
  const raw = typeof text === "string" ? text : jsonOf(text);
  const clean = raw.slice(0, max * 4).replace(UNSHOWABLE, " ").trim().toWellFormed();
  return clean.length > max ? `${clean.slice(0, max - 1).toWellFormed()}…` : clean;
}

/**
 * Returns a URL fit to be shown in quotes: unshowable characters replaced, cut when very long, and without its query
 * and fragment, which may carry secrets.
 *
 * @param url A URL, or what should have been one.
 */
export function safeUrl(url: unknown): string {
  const text = safeText(url, SHOWN_URL_MAX_CHARS);
  const end = text.search(/[?#]/);
  const shown = end === -1 ? text : text.slice(0, end);
  // A URL inside a URL, such as a `blob:`, has a user part of its own.
  return shown.replace(/(^[a-z][a-z0-9+.-]*:[/\\]*|:[/\\]{2,})[^/\\]*@/gi, "$1");
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}
