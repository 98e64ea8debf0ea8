/**
 * What in a configuration may be a secret, so that a shown difference does not show it: whatever the environment and the
 * headers of a server hold, what follows an option that hands one over, what is called one, and what looks like one even in
 * a comment. Better a word too many is hidden than one too few; only what the bridge itself is started with is always shown.
 *
 * @module
 */
import { type ConfigValue, isTable } from "./document.ts";

/** Members whose values are all kept to themselves. */
const HOLDERS: ReadonlySet<string> = new Set([
  "env",
  "headers",
  "http_headers",
  "requestInit",
  "oauth",
  "auth",
]);
/** Of those, what is ours and no secret. */
const OWN = /^MCP_AUTH_(HOME|STORE|KEYSTORE)$/;
const NAME = /token|secret|passw|key|auth|credential|bearer|cookie|session/i;
const OPTION = /^--?(h|headers?|.*(token|secret|passw|key|auth|credential|bearer|cookie|client-info).*)$/i;
/** A variable among arguments, as of `docker run -e`. */
const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;
/** Shorter texts are no secrets, and are found everywhere. */
const MIN_CHARS = 4;
/** A shorter number is a port, a timeout or a switch. */
const MIN_DIGITS = 6;
/** Tokens that begin with what tells their kind. */
const SHAPES =
  /(?<![\w-])(?:[spr]k[-_]|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AKIA|ya29\.|eyJ|AIza|lin_api_|ntn_|figd_|hf_|npm_)(?=[\w.-]*\d)[\w.-]{12,}/g;
const SCHEMES = /\b(Bearer|Basic)(\s+)[^\s"'$*]{8,}/gi;
/** What is called a secret in a comment, with everything behind it. */
const COMMENT =
  /^(\s*(?:\/\/|#|\/?\*).*?(?:token|secret|passw|api[-_]?key|authorization)[\w-]*["']?\s*[:=]).{4,}$/i;
const MASK = "***";

/**
 * Returns a function that takes the secrets of configurations out of a line.
 *
 * @param roots The configurations.
 * @param shown Words that are shown whatever else they are: what the person agrees to be started.
 */
export function secretMask(
  roots: readonly ConfigValue[],
  shown: readonly string[] = [],
): (line: string) => string {
  const found = new Set<string>();
  for (const root of roots) collect(root, false, found);
  // A long one may have a short one in it.
  const texts = [...found].filter((text) => !shown.some((word) => word.includes(text)))
    .flatMap((text) => [...new Set([JSON.stringify(text).slice(1, -1), text])])
    .sort((a, b) => b.length - a.length);
  return (line) => {
    const masked = texts.reduce((masked, text) => masked.replaceAll(text, MASK), line);
    // A character can be written in many ways.
    const plain = unescaped(masked);
    if (plain !== masked && texts.some((text) => plain.includes(text))) return MASK;
    return masked.replace(SHAPES, MASK).replace(SCHEMES, `$1$2${MASK}`).replace(COMMENT, `$1 ${MASK}`);
  };
}

function unescaped(line: string): string {
  return line.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))/g,
    (all, short?: string, long?: string, byte?: string, letter?: string) => {
      const code = parseInt(short ?? long ?? byte ?? "", 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : letter ?? all;
    },
  );
}

function collect(value: ConfigValue, isSecret: boolean, found: Set<string>): void {
  if (typeof value === "string") {
    if (isSecret) note(value, found);
    else noteUrls(value, found);
  } else if (typeof value === "number") {
    if (isSecret && String(value).length >= MIN_DIGITS) found.add(String(value));
  } else if (Array.isArray(value)) {
    for (const [at, each] of value.entries()) {
      const before: unknown = value[at - 1];
      const follows = typeof before === "string" && OPTION.test(before);
      const text = typeof each === "string" ? each : "";
      // An option and its value in one word, also where somebody has put a blank between them.
      const [, option = "", given] = /^(--?[^=\s]+)[=\s]\s*(.*)$/s.exec(text) ?? [];
      if (given !== undefined && OPTION.test(option)) note(given, found);
      const [, variable = "", held] = ASSIGNMENT.exec(text) ?? [];
      if (held !== undefined && NAME.test(variable)) note(held, found);
      collect(each, isSecret || follows && !String(each).startsWith("-"), found);
    }
  } else if (isTable(value)) {
    for (const [name, each] of Object.entries(value)) {
      if (OWN.test(name)) continue;
      const holds = HOLDERS.has(name) && isTable(each);
      collect(each, isSecret || holds || !isTable(each) && NAME.test(name), found);
    }
  }
}

/** What only names a variable tells nothing. */
function note(text: string, found: Set<string>): void {
  const bare = text.replaceAll(/\$\{[^}]*\}/g, "").trim();
  if (bare.length < MIN_CHARS || /^(?:Authorization: ?)?Bearer:?$/i.test(bare)) return;
  found.add(text);
  const lines = text.split(/\r?\n/);
  if (lines.length === 1) return;
  for (const line of lines) if (line.trim().length >= MIN_CHARS) found.add(line.trim());
}

/** The queries of URLs, and what stands before their hosts: as they are written. */
function noteUrls(text: string, found: Set<string>): void {
  for (const [url, user = ""] of text.matchAll(/[a-z][a-z0-9+.-]*:\/\/(?:([^\s\/?#"']*)@)?[^\s"']*/gi)) {
    const query = url.slice(url.search(/\?|$/) + 1);
    const password = user.slice(user.indexOf(":") + 1);
    for (const each of [query, password]) if (each.length >= MIN_CHARS) found.add(each);
  }
}
