/**
 * Where the parts of a JSON text are, so that one can be taken out and the rest stays as it came, to the last digit and
 * blank. The text has been parsed before: nothing is checked again.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8259
 * @module
 */

/** A part of a text: from `start` up to, and without, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The members of an object. */
export interface Members {
  /** Where each value is; the last one where a name stands there twice, as `JSON.parse` has it. */
  readonly values: ReadonlyMap<string, Range>;
  /** Whether a name stands there twice: readers differ in which value counts. */
  readonly hasTwice: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = [0x7b, 0x5b];
const CLOSE = [0x7d, 0x5d];

/**
 * Finds the members of an object.
 *
 * @param text JSON.
 * @param start Where the object begins; blanks before it are skipped.
 * @returns Undefined where there is no object.
 */
export function membersOf(text: string, start = 0): Members | undefined {
  let at = skipBlanks(text, start);
  if (text[at] !== "{") return undefined;
  const values = new Map<string, Range>();
  let hasTwice = false;
  for (at = skipBlanks(text, at + 1); text[at] !== "}" && at < text.length;) {
    const nameEnd = endOfString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const value = rangeAt(text, skipBlanks(text, nameEnd) + 1);
    hasTwice ||= values.has(name);
    values.set(name, value);
    at = skipComma(text, value.end);
  }
  return { values, hasTwice };
}

/**
 * Finds the elements of an array.
 *
 * @param text JSON.
 * @param start Where the array begins; blanks before it are skipped.
 * @returns Undefined where there is no array.
 */
export function elementsOf(text: string, start = 0): readonly Range[] | undefined {
  let at = skipBlanks(text, start);
  if (text[at] !== "[") return undefined;
  const elements: Range[] = [];
  for (at = skipBlanks(text, at + 1); text[at] !== "]" && at < text.length;) {
    const element = rangeAt(text, at);
    elements.push(element);
    at = skipComma(text, element.end);
  }
  return elements;
}

/**
 * Takes elements of an array out of a text.
 *
 * @param text The text.
 * @param elements Where all elements of the array are.
 * @param isKept Tells by its index which stay.
 */
export function withoutElements(
  text: string,
  elements: readonly Range[],
  isKept: (index: number) => boolean,
): string {
  const [first] = elements;
  const last = elements.at(-1);
  if (first === undefined || last === undefined) return text;
  const kept = elements.filter((_, index) => isKept(index)).map(({ start, end }) => text.slice(start, end));
  return text.slice(0, first.start) + kept.join(",") + text.slice(last.end);
}

function rangeAt(text: string, from: number): Range {
  const start = skipBlanks(text, from);
  return { start, end: endOfValue(text, start) };
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (!OPEN.includes(first)) {
    let at = start;
    while (at < text.length && !/[,\]}\s]/.test(text[at]!)) at++;
    return at;
  }
  for (let at = start, depth = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    at++;
    if (OPEN.includes(code)) depth++;
    else if (CLOSE.includes(code) && --depth === 0) return at;
  }
  return text.length;
}

function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at + 1;
  }
  return text.length;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && isBlank(text.charCodeAt(at))) at++;
  return at;
}

function skipComma(text: string, from: number): number {
  const at = skipBlanks(text, from);
  return text[at] === "," ? skipBlanks(text, at + 1) : at;
}

/** What RFC 8259 section 2 calls white space. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
