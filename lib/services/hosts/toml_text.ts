/**
 * Keys and values as TOML.
 *
 * @module
 */
import { type ConfigValue, isTable } from "./document.ts";

/** A key, quoted where it has to be. */
export function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : basicString(name);
}

/** A value on one line; TOML has no null. */
export function tomlValue(value: ConfigValue): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(", ")}]`;
  if (isTable(value)) {
    const pairs = Object.entries(value).map(([name, each]) => `${tomlKey(name)} = ${tomlValue(each)}`);
    return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
  }
  return typeof value === "string" ? basicString(value) : String(value);
}

/** A path of Windows reads better without its backslashes doubled. */
function basicString(text: string): string {
  if (text.includes("\\") && /^[^'\p{Cc}]*$/u.test(text)) return `'${text}'`;
  return JSON.stringify(text).replaceAll("\x7f", "\\u007f");
}
