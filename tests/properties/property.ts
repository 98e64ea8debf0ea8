/**
 * How properties are tried: how often, from which seed, and how long one case may take. A failure names its seed and its
 * case, and `PROPERTY_SEED=<number>` runs it again.
 *
 * @module
 */
import { ok } from "node:assert/strict";
import fc from "fast-check";
import { McpAuthError } from "../../lib/primitives/errors.ts";
import { errorJson, errorText } from "../../lib/interfaces/cli/output/error.ts";

/** Cases of one property. */
export const RUNS = 500;
/** What all properties together have to try. */
export const CASES_MIN = 20_000;
/** The same on every machine, so that a failure is one everywhere. */
const SEED = 20_260_728;
/** One case: they take microseconds; this is what no machine is too slow for. */
const CASE_LIMIT_MS = 2_500;

/**
 * Declares a property as a test.
 *
 * @param name What holds, as a sentence.
 * @param arbitrary What it holds for.
 * @param holds Throws where it does not.
 */
export function property<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  holds: (value: T) => void | Promise<void>,
): void {
  Deno.test(name, async () => {
    const seed = Number(Deno.env.get("PROPERTY_SEED") ?? SEED);
    const timed = async (value: T) => await within(CASE_LIMIT_MS, () => holds(value));
    await fc.assert(fc.asyncProperty(arbitrary, timed), { numRuns: RUNS, seed });
  });
}

/** Runs something and fails when it took longer than it may. */
export async function within(limitMs: number, run: () => unknown): Promise<void> {
  const started = performance.now();
  await run();
  const ms = performance.now() - started;
  ok(ms <= limitMs, `took ${ms.toFixed(0)} ms of at most ${limitMs} ms`);
}

/** What came of a call: its value, or the coded error. */
export type Tried<T> = { readonly value: T } | { readonly error: McpAuthError };

/**
 * Calls something. An error without a code is a crash, and is thrown.
 *
 * @param call What to call.
 */
export async function tried<T>(call: () => T | Promise<T>): Promise<Tried<T>> {
  try {
    return { value: await call() };
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    return { error };
  }
}

/** Everything of an error that anyone gets to see: in the library, in a terminal, as JSON, with its causes. */
export function shown(error: McpAuthError): string {
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) causes.push(cause.message);
  return [
    error.message,
    error.hint ?? "",
    JSON.stringify(error),
    errorText(error, true),
    errorJson(error),
    ...causes,
  ].join("\n");
}

/** Fails when an error shows a secret. */
export function keepsSecret(error: McpAuthError, ...secrets: readonly string[]): void {
  const text = shown(error);
  for (const secret of secrets) ok(!text.includes(secret), `a secret is shown: ${text}`);
}

/** A secret that can be found again: no other text has it in it by chance. */
export const secrets: fc.Arbitrary<string> = fc.stringMatching(/^s3cr3t[0-9A-Za-z]{20}$/);

/** What the syntaxes at hand are made of. */
const PIECES = [
  ...[
    " ",
    "\t",
    "\r\n",
    "\n",
    ",",
    ";",
    ":",
    "=",
    "/",
    "//",
    "\\",
    '"',
    '\\"',
    "'",
    "?",
    "&",
    "#",
    "@",
    "%",
    "%2",
  ],
  ...[
    "%00",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "|",
    "~",
    "-",
    "_",
    ".",
    "..",
    "$",
    "${",
    "*",
    "+",
    "0",
    "1",
    "65536",
  ],
  ...[
    "a",
    "b=",
    'c="d"',
    "Bearer",
    "DPoP ",
    "Basic ",
    "Negotiate abc==",
    "scope=",
    "error=",
    "realm",
    "https://",
  ],
  ...[
    "http://",
    "http:",
    "javascript:",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "example.com",
    "user:pass@",
    ":443",
  ],
  ...[
    "token=",
    "code=",
    "state=",
    "é",
    "😀",
    "\u0000",
    "\u001b[2J",
    "\u202e",
    "\u2028",
    "\ud800",
    "null",
    "true",
  ],
];

/** Text that is nearly something, mostly short. */
export const text: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 24 }).map((all) => all.join("")),
  },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 60 }) },
  { weight: 1, arbitrary: fc.webUrl({ withQueryParameters: true, withFragments: true }) },
);

/** Text that may stand in a header field. */
export const fieldText: fc.Arbitrary<string> = text.map((each) =>
  // deno-lint-ignore no-control-regex -- what a header cannot carry
  each.replace(/[^\x09\x20-\x7e\x80-\xff]/g, "?")
);

/** Any JSON value, and often one that is nearly right. */
export const json: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
  fc.constantFrom<unknown>(null, "", [], {}, [null], [""], 0, -1, 1e400, true, "0", "null"),
  text,
  fc.array(text, { maxLength: 3 }),
);

/** A host name of the web. */
export const host: fc.Arbitrary<string> = fc.domain();

/** A path of a few plain segments, `""` or beginning with a slash. */
export const path: fc.Arbitrary<string> = fc.array(fc.stringMatching(/^[a-z0-9]{1,6}$/), { maxLength: 4 })
  .map((segments) => segments.map((each) => `/${each}`).join(""));

/**
 * Documents: each member is what is usual for it, or any JSON, or missing.
 *
 * @param members What is usual for each.
 */
export function documents(
  members: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<Record<string, unknown>> {
  const bent = Object.fromEntries(
    Object.entries(members).map(([name, usual]) => [
      name,
      fc.oneof({ weight: 6, arbitrary: usual }, { weight: 1, arbitrary: json }),
    ]),
  );
  return fc.record(bent, { requiredKeys: [] }) as fc.Arbitrary<Record<string, unknown>>;
}
