/**
 * The address rule over every form that an address can be written in (C68-C73).
 *
 * @see RFC 9728 section 7.7; RFC 4291, RFC 6052, RFC 8215, RFC 3056, RFC 4380
 * @module
 */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { createAddressGuard, type Lookup } from "../../lib/primitives/http/address.ts";
import { host, property, text, tried } from "./property.ts";

const SERVER = "https://mcp.example.com/mcp";
type Quad = readonly [number, number, number, number];

const byte = fc.nat(255);
const inside: fc.Arbitrary<Quad> = fc.oneof(
  fc.tuple(fc.constant(10), byte, byte, byte),
  fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
  fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
  fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
  fc.tuple(fc.constant(127), byte, byte, byte),
  fc.constant([0, 0, 0, 0] as const),
);
/** Addresses that are nobody's special range. */
const outside: fc.Arbitrary<Quad> = fc.tuple(fc.constantFrom(1, 5, 8, 23, 93, 151, 185), byte, byte, byte);

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** An IPv4 address in all forms that a URL can hold. */
function forms([a, b, c, d]: Quad): readonly string[] {
  const dotted = `${a}.${b}.${c}.${d}`;
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  const [high, low] = [`${hex(a)}${hex(b)}`, `${hex(c)}${hex(d)}`];
  const inverted = [a, b, c, d].map((each) => hex(each ^ 0xff));
  return [
    dotted,
    `${dotted}.`,
    String(number),
    `0x${number.toString(16)}`,
    `0${number.toString(8)}`,
    `0x${hex(a)}.0x${hex(b)}.0x${hex(c)}.0x${hex(d)}`,
    `0${a.toString(8)}.0${b.toString(8)}.0${c.toString(8)}.0${d.toString(8)}`,
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `[::ffff:${dotted}]`,
    `[::ffff:${high}:${low}]`,
    `[0:0:0:0:0:ffff:${high}:${low}]`,
    `[64:ff9b::${dotted}]`,
    `[64:ff9b:1::${high}:${low}]`,
    `[2002:${high}:${low}::1]`,
    `[2001:0:4136:e378:8000:63bf:${inverted[0]}${inverted[1]}:${inverted[2]}${inverted[3]}]`,
    `[fe80::5efe:${high}:${low}]`,
    `[2001:db9::5efe:${high}:${low}]`,
  ];
}

/** A lookup that knows nothing: addresses in URLs are not looked up. */
const never: Lookup = (name) => Promise.reject(new Error(`looked up "${name}"`));

function guard(lookup: Lookup, allowPrivateHosts: readonly string[] = []) {
  return createAddressGuard({ serverUrl: SERVER, allowPrivateHosts, lookup });
}

property("an address of a network inside is refused in whatever form it is written", inside, async (quad) => {
  for (const form of forms(quad)) {
    const outcome = await tried(() => guard(never)(new URL(`https://${form}/`)));
    equal("error" in outcome ? outcome.error.code : `${form} is allowed`, "UNSAFE_URL");
  }
});

property(
  "an address of the web is allowed in whatever form it is written, unless the form is of this link",
  outside,
  async (quad) => {
    for (const form of forms(quad)) {
      if (form.startsWith("[fe80:")) continue;
      const outcome = await tried(() => guard(never)(new URL(`https://${form}/`)));
      ok("value" in outcome, form);
    }
  },
);

const inside6 = fc.tuple(
  fc.constantFrom("fc", "fd", "fe8", "fe9", "fea", "feb"),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 7, maxLength: 7 }),
).map(([head, rest]) => `[${head.padEnd(4, "0")}:${rest.map((each) => each.toString(16)).join(":")}]`);

property("unique-local and link-local IPv6 addresses are refused", inside6, async (address) => {
  const outcome = await tried(() => guard(never)(new URL(`https://${address}/`)));
  equal("error" in outcome ? outcome.error.code : address, "UNSAFE_URL");
});

property(
  "a name is refused when one of its addresses is inside, and allowed when none is",
  fc.record({
    name: host,
    first: fc.array(outside, { minLength: 1, maxLength: 3 }),
    bad: inside,
    at: fc.nat(3),
  }),
  async ({ name, first, bad, at }) => {
    const dotted = (quad: Quad) => quad.join(".");
    const good = first.map(dotted);
    const mixed = good.toSpliced(Math.min(at, good.length), 0, dotted(bad));
    const url = new URL(`https://${name}/`);
    const lookup = (found: readonly string[]): Lookup => (asked) =>
      Promise.resolve(asked === "mcp.example.com" ? ["93.184.215.14"] : found);
    ok("value" in await tried(() => guard(lookup(good))(url)));
    const outcome = await tried(() => guard(lookup(mixed))(url));
    equal("error" in outcome ? outcome.error.code : name, "UNSAFE_URL");
    ok("value" in await tried(() => guard(lookup(mixed), [name])(url)), "the user has allowed that host");
    ok("error" in await tried(() => guard(lookup(mixed), [`x${name}`])(url)), "and no other");
  },
);

property(
  "a guard decides about any URL, whatever was allowed and whatever a lookup finds",
  fc.tuple(text, text, fc.array(text, { maxLength: 3 })),
  async ([value, allowed, found]) => {
    const url = URL.parse(`https://${value}`) ?? URL.parse(value);
    if (url === null) return;
    const outcome = await tried(() => guard(() => Promise.resolve(found), [allowed])(url));
    ok("value" in outcome || outcome.error.code === "UNSAFE_URL");
  },
);
