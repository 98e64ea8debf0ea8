/**
 * A value as JSON, in the manner of the file that it goes into: lists of words stay on one line where they are short.
 *
 * @module
 */
import { type ConfigValue, isTable } from "./document.ts";

/** The manner of a file. */
export interface JsonStyle {
  /** One step of indentation. */
  readonly unit: string;
  readonly eol: string;
  /** Everything on one line. */
  readonly flat: boolean;
  /** Without blanks, on one line. */
  readonly tight: boolean;
}

/** A list that is longer goes to several lines. */
const LINE_CHARS = 100;

/**
 * Writes a value.
 *
 * @param value The value.
 * @param style The manner.
 * @param indent What its first line is indented by; not written.
 */
export function jsonText(value: ConfigValue, style: JsonStyle, indent: string): string {
  if (style.flat) return style.tight ? JSON.stringify(value) : onOneLine(value);
  const entries: readonly string[] | undefined = Array.isArray(value)
    ? value.map((each) => jsonText(each, style, indent + style.unit))
    : isTable(value)
    ? Object.entries(value).map(([name, each]) =>
      `${JSON.stringify(name)}: ${jsonText(each, style, indent + style.unit)}`
    )
    : undefined;
  if (entries === undefined) return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (entries.length === 0) return `${open}${close}`;
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) {
    const line = onOneLine(value);
    if (line.length <= LINE_CHARS) return line;
  }
  const lines = entries.map((entry) => indent + style.unit + entry).join(`,${style.eol}`);
  return `${open}${style.eol}${lines}${style.eol}${indent}${close}`;
}

function onOneLine(value: ConfigValue): string {
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(", ")}]`;
  if (!isTable(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${onOneLine(each)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}
