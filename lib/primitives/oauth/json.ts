/**
 * Reads members of JSON documents that servers sent. `null`, `""` and `[]` count as absent, because servers write them
 * for members that they do not have; another type is an error of the document.
 *
 * @see behaviours row 19
 * @module
 */

/** Says whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string member, or undefined where it is absent. */
export function optionalString(
  json: Record<string, unknown>,
  name: string,
  invalid: (why: string) => Error,
): string | undefined {
  const value = json[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw invalid(`"${name}" is not a string`);
  return value;
}

/** A member that is a list of strings, or undefined where it is absent. */
export function optionalStrings(
  json: Record<string, unknown>,
  name: string,
  invalid: (why: string) => Error,
): readonly string[] | undefined {
  const value = json[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    throw invalid(`"${name}" is not a list of strings`);
  }
  return value.length === 0 ? undefined : value as string[];
}
