/**
 * `WWW-Authenticate` in every form (C8, X20).
 *
 * @see RFC 9110 section 11.6.1
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { parseChallenges, summarizeChallenges } from "../../lib/primitives/oauth/challenge.ts";
import { property, text } from "./property.ts";

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const quotable = fc.string({ maxLength: 20 });

interface Made {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const made: fc.Arbitrary<Made> = fc.record({
  scheme: token,
  parameters: fc.dictionary(token.map((name) => name.toLowerCase()), quotable, {
    maxKeys: 4,
    noNullPrototype: true,
  }),
});

/** A challenge as servers write it: quoted, or bare where that is possible and wanted. */
function written({ scheme, parameters }: Made, bare: boolean, gap: string): string {
  const pairs = Object.entries(parameters).map(([name, value]) =>
    bare && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)
      ? `${name}=${value}`
      : `${name}="${value.replace(/["\\]/g, "\\$&")}"`
  );
  return `${scheme} ${pairs.join(gap)}`;
}

property("any text is read as challenges, and its schemes are in lower case", text, (value) => {
  for (const { scheme, parameters } of parseChallenges(value)) {
    equal(scheme, scheme.toLowerCase());
    ok(scheme.length > 0);
    for (const name of Object.keys(parameters)) equal(name, name.toLowerCase());
  }
});

property("a summary has no empty members, whatever it was made of", text, (value) => {
  const { resourceMetadata, scopes, error } = summarizeChallenges(value);
  ok(resourceMetadata !== "" && error !== "");
  ok(scopes === undefined || (scopes.length > 0 && scopes.every((scope) => /^\S+$/.test(scope))));
});

property(
  "challenges are read as they were written, quoted or not, with any gap",
  fc.record({
    all: fc.array(made, { minLength: 1, maxLength: 3 }),
    bare: fc.boolean(),
    gap: fc.constantFrom(",", ", ", " , ", "\t,\t", ",,"),
  }),
  ({ all, bare, gap }) => {
    const value = all.map((each) => written(each, bare, gap)).join(gap);
    const read = parseChallenges(value).map(({ scheme, parameters }) => ({
      scheme,
      parameters: { ...parameters },
    }));
    deepEqual(read, all.map(({ scheme, parameters }) => ({ scheme: scheme.toLowerCase(), parameters })));
  },
);

property(
  "what a Bearer challenge names is found, whatever other challenges stand around it",
  fc.record({
    before: fc.array(made, { maxLength: 2 }),
    after: fc.array(made, { maxLength: 2 }),
    url: fc.webUrl(),
    scopes: fc.array(fc.stringMatching(/^[a-z:.]{1,8}$/), { minLength: 1, maxLength: 4 }),
  }),
  ({ before, after, url, scopes }) => {
    const parameters = { resource_metadata: url, scope: scopes.join(" ") };
    const others = (list: readonly Made[]) =>
      list.filter(({ scheme }) => !/^bearer$/i.test(scheme)).map((each) => written(each, false, ", "));
    const own = written({ scheme: "Bearer", parameters }, false, ", ");
    const summary = summarizeChallenges([...others(before), own, ...others(after)].join(", "));
    equal(summary.resourceMetadata, url);
    deepEqual(summary.scopes, scopes);
  },
);
