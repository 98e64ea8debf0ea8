/**
 * Flags that several commands share, as values to spread into a grammar.
 *
 * @module
 */

/** `--verbose` and `--keystore`, for every command that opens the store. */
export const storeFlags = {
  verbose: {
    kind: "boolean",
    brief: "Say on standard error what is done, without secrets",
    optional: true,
    withNegated: false,
  },
  keystore: {
    kind: "enum",
    values: ["keychain", "passphrase", "file", "env", "memory"],
    brief: "Where the key that seals the store is kept",
    optional: true,
  },
} as const;

/** `--json`, for every command that reports. */
export const jsonFlag = {
  json: { kind: "boolean", brief: "Print the result as JSON", optional: true, withNegated: false },
} as const;

/** A flag that is there or not. */
export function switchFlag(brief: string) {
  return { kind: "boolean", brief, optional: true, withNegated: false } as const;
}

/** A flag with one value. */
export function valueFlag(brief: string, placeholder: string) {
  return { kind: "parsed", parse: String, brief, optional: true, placeholder } as const;
}

/** A flag that may be repeated, with one value each. */
export function listFlag(brief: string, placeholder: string) {
  return { kind: "parsed", parse: String, brief, optional: true, variadic: true, placeholder } as const;
}

/** A flag with a whole number of at least `min`. */
export function numberFlag(brief: string, placeholder: string, min: number, max: number) {
  return { kind: "parsed", parse: parseWithin(min, max), brief, optional: true, placeholder } as const;
}

/** A flag that may be repeated, with a port number each. */
export function portsFlag(brief: string) {
  return {
    kind: "parsed",
    parse: parseWithin(0, 65_535),
    brief,
    optional: true,
    variadic: true,
    placeholder: "port",
  } as const;
}

/** Reads a whole number within bounds. */
function parseWithin(min: number, max: number): (input: string) => number {
  return (input) => {
    const value = /^\d+$/.test(input) ? Number(input) : NaN;
    if (value >= min && value <= max) return value;
    throw new SyntaxError(`expected a whole number from ${min} to ${max}`);
  };
}

/** The one positional argument of most commands. */
export const entryName = {
  kind: "tuple",
  parameters: [{ brief: "Name of the entry", parse: String, placeholder: "name" }],
} as const;

/** The one positional argument of commands that take all entries without it. */
export const optionalEntryName = {
  kind: "tuple",
  parameters: [{ brief: "Name of the entry", parse: String, placeholder: "name", optional: true }],
} as const;
