/**
 * The algebra of scopes (C43-C46, C61).
 *
 * @see MCP 2026-07-28 authorization, Scope Selection Strategy
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { SCOPES_MAX } from "../../lib/primitives/limits.ts";
import { selectScopes, splitScope, unionScopes } from "../../lib/primitives/oauth/scope.ts";
import { property, text } from "./property.ts";

const scope = fc.oneof(
  fc.constantFrom("a", "b", "c", "files:read", "offline_access", "openid"),
  fc.stringMatching(/^[!#-[\]-~]{1,10}$/),
);
const scopes = fc.array(scope, { maxLength: 8 });
const bent = fc.array(fc.oneof(scope, text), { maxLength: 8 });
const maybe = fc.option(bent, { nil: undefined });

property(
  "a union has each scope-token of both sides once, in the order met, and nothing else",
  fc.tuple(bent, bent),
  ([a, b]) => {
    const union = unionScopes(a, b);
    equal(new Set(union).size, union.length);
    for (const each of union) ok(/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(each) && [...a, ...b].includes(each));
    const met = [...new Set([...a, ...b])];
    deepEqual(union, met.filter((each) => union.includes(each)));
    for (const each of met) ok(union.includes(each) || !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(each));
  },
);

property(
  "unions are idempotent and associative, and the empty list is neutral",
  fc.tuple(scopes, scopes, scopes),
  ([a, b, c]) => {
    const once = unionScopes(a, b);
    deepEqual(unionScopes(once, once), once);
    deepEqual(unionScopes(once, b), once);
    deepEqual(unionScopes(unionScopes(a, b), c), unionScopes(a, unionScopes(b, c)));
    deepEqual(unionScopes(once, []), once);
    deepEqual(unionScopes([], once), once);
    deepEqual([...unionScopes(b, a)].sort(), [...once].sort());
  },
);

property("a scope value that was split is the same list again", scopes, (list) => {
  const union = unionScopes(list, []);
  deepEqual(splitScope(union.join(" ")), union);
  deepEqual(splitScope(` ${union.join(" \t ")}\n`), union);
});

property(
  "text is split into a bounded list of scope-tokens",
  fc.tuple(text, fc.nat(2_000)),
  ([value, times]) => {
    const list = splitScope(`${value} ${"x".repeat(times)} ${value.repeat(20)}`);
    ok(list.length <= SCOPES_MAX);
    for (const each of list) ok(/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(each));
  },
);

const sources = fc.record({
  asked: maybe,
  challenged: maybe,
  resource: maybe,
  server: maybe,
  earlier: maybe,
});

property("what the user asks for is asked for and nothing else, unless it is a step-up", sources, (all) => {
  if (all.asked === undefined || all.earlier !== undefined) return;
  deepEqual(selectScopes(all), unionScopes(all.asked, []));
});

property("a step-up keeps every scope that was there before (C46)", sources, (all) => {
  const chosen = selectScopes(all);
  for (const each of unionScopes(all.earlier ?? [], [])) ok(chosen.includes(each));
});

property("of the authorization server's list nothing is taken but offline_access (C61)", sources, (all) => {
  const named = [all.asked, all.challenged, all.resource, all.earlier].flatMap((list) => list ?? []);
  for (const each of selectScopes(all)) {
    ok(named.includes(each) || (each === "offline_access" && all.server?.includes(each)));
  }
});

property(
  "the challenge beats the metadata, and without both there is no scope parameter (C43)",
  sources,
  (all) => {
    const { server: _server, asked: _asked, earlier: _earlier, ...named } = all;
    deepEqual(selectScopes(named), unionScopes(named.challenged ?? named.resource ?? [], []));
  },
);
