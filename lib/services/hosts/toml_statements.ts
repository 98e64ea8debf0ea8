/**
 * The statements of a TOML text with where each stands: headers of tables, and pairs of a key and a value. Only for texts
 * that a parser has accepted: it finds out what is where, and judges nothing.
 *
 * @see TOML 1.0.0
 * @module
 */

/** A statement. */
export interface TomlStatement {
  readonly kind: "table" | "array" | "pair";
  /** The whole way to what it is about, that of its table included. */
  readonly path: readonly string[];
  /** The way of the table that it stands in; empty for what stands before the first header, and for headers. */
  readonly table: readonly string[];
  /** Where it begins: the bracket, or the key. */
  readonly start: number;
  /** Where it ends, without blanks, a comment and the line end after it. */
  readonly end: number;
  /** Of a pair: where its value begins. */
  readonly valueStart: number;
}

/** The text is not what was expected, though a parser has accepted it. */
export class UnexpectedToml extends Error {}

/**
 * Finds the statements.
 *
 * @param text A TOML document.
 * @throws {UnexpectedToml}
 */
export function tomlStatements(text: string): readonly TomlStatement[] {
  const reader = new Reader(text);
  const found: TomlStatement[] = [];
  let table: readonly string[] = [];
  for (reader.skipGaps(); reader.at < text.length; reader.skipGaps()) {
    const start = reader.at;
    if (text[start] === "[") {
      const kind = text.startsWith("[[", start) ? "array" : "table";
      const mark = kind === "array" ? 2 : 1;
      reader.at += mark;
      table = reader.key();
      reader.expect("]".repeat(mark));
      found.push({ kind, path: table, table: [], start, end: reader.at, valueStart: reader.at });
    } else found.push(pair(reader, table));
    reader.skipLineEnd();
  }
  return found;
}

/**
 * The pairs of an inline table.
 *
 * @param text The document.
 * @param start Where the table begins.
 * @throws {UnexpectedToml} where no inline table is there.
 */
export function inlinePairs(text: string, start: number): readonly TomlStatement[] {
  const reader = new Reader(text);
  reader.at = start;
  reader.expect("{");
  const found: TomlStatement[] = [];
  for (reader.skipGaps(); text[reader.at] !== "}"; reader.skipGaps()) {
    found.push(pair(reader, []));
    reader.skipGaps();
    if (text[reader.at] === ",") reader.at++;
  }
  return found;
}

function pair(reader: Reader, table: readonly string[]): TomlStatement {
  const start = reader.at;
  const key = reader.key();
  reader.expect("=");
  reader.skipBlanks();
  const valueStart = reader.at;
  reader.skipValue();
  return { kind: "pair", path: [...table, ...key], table, start, end: reader.at, valueStart };
}

class Reader {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  skipBlanks(): void {
    while (this.#text[this.at] === " " || this.#text[this.at] === "\t") this.at++;
  }

  /** Skips blanks, line ends and comments. */
  skipGaps(): void {
    for (;;) {
      this.#match(/[ \t\r\n]*/y);
      if (this.#text[this.at] !== "#") return;
      this.#match(/[^\n]*/y);
    }
  }

  /** Skips a comment behind a statement; the line has to end then. */
  skipLineEnd(): void {
    this.skipBlanks();
    if (this.#text[this.at] === "#") this.#match(/[^\n]*/y);
    if (this.at < this.#text.length && !/[\r\n]/.test(this.#text[this.at]!)) throw new UnexpectedToml();
  }

  expect(word: string): void {
    this.skipBlanks();
    if (!this.#text.startsWith(word, this.at)) throw new UnexpectedToml();
    this.at += word.length;
  }

  key(): readonly string[] {
    const words: string[] = [];
    for (;;) {
      this.skipBlanks();
      words.push(this.#word());
      this.skipBlanks();
      if (this.#text[this.at] !== ".") return words;
      this.at++;
    }
  }

  /** Skips a value of any kind. */
  skipValue(): void {
    if (!/["'[{]/.test(this.#text[this.at] ?? "")) {
      // Between a date and its time there may be a blank.
      if (!this.#match(/\d{4}-\d\d-\d\d \d[^\s,#\]}]*|[^\s,#\[\]{}"']+/y)) throw new UnexpectedToml();
      return;
    }
    let depth = 0;
    do {
      const character = this.#text[this.at];
      if (character === undefined) throw new UnexpectedToml();
      if (character === '"' || character === "'") this.#skipString(character);
      else if (character === "#") this.#match(/[^\n]*/y);
      else {
        if (character === "[" || character === "{") depth++;
        if (character === "]" || character === "}") depth--;
        this.at++;
      }
    } while (depth > 0);
  }

  #skipString(quote: string): void {
    const long = quote.repeat(3);
    if (this.#text.startsWith(long, this.at)) {
      this.at += 3;
      while (!this.#text.startsWith(long, this.at)) this.#step(quote);
      this.at += 3;
      // Up to two of them belong to the text.
      for (let extra = 0; extra < 2 && this.#text[this.at] === quote; extra++) this.at++;
      return;
    }
    this.at++;
    while (this.#text[this.at] !== quote) this.#step(quote);
    this.at++;
  }

  #step(quote: string): void {
    if (this.at >= this.#text.length) throw new UnexpectedToml();
    this.at += quote === '"' && this.#text[this.at] === "\\" ? 2 : 1;
  }

  #word(): string {
    const start = this.at;
    const quote = this.#text[start];
    if (quote !== '"' && quote !== "'") {
      if (!this.#match(/[A-Za-z0-9_-]+/y)) throw new UnexpectedToml();
      return this.#text.slice(start, this.at);
    }
    this.#skipString(quote);
    const inner = this.#text.slice(start + 1, this.at - 1);
    return quote === "'" ? inner : unescaped(inner);
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text);
    if (found === null || found[0] === "") return false;
    this.at += found[0].length;
    return true;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\x1b" };

function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))/g,
    (_all, short?: string, long?: string, byte?: string, letter = "") => {
      const digits = short ?? long ?? byte;
      return digits === undefined ? ESCAPES[letter] ?? letter : String.fromCodePoint(parseInt(digits, 16));
    },
  );
}
