/**
 * @see MCP 2026-07-28 authorization, Scope Selection Strategy (C43-C46, C61)
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import {
  type ScopeSources,
  selectScopes,
  splitScope,
  unionScopes,
} from "../../../lib/primitives/oauth/scope.ts";

const selections: readonly (readonly [string, ScopeSources, readonly string[]])[] = [
  ["nothing, where nobody names any", {}, []],
  ["what the user asked for, before all else", { asked: ["x"], challenged: ["c"], resource: ["r"] }, ["x"]],
  ["nothing, where the user asked for nothing", { asked: [], challenged: ["c"], resource: ["r"] }, []],
  ["what the challenge names", { challenged: ["c", "d"], resource: ["r"] }, ["c", "d"]],
  ["what the resource supports, without a challenge", { resource: ["r", "s"] }, ["r", "s"]],
  ["never what the authorization server supports", { server: ["a", "b", "offline_access"] }, []],
  ["offline_access too, where the server lists it (row 8)", {
    resource: ["r"],
    server: ["r", "offline_access"],
  }, [
    "r",
    "offline_access",
  ]],
  ["no offline_access, where the server does not list it", { resource: ["r"], server: ["r"] }, ["r"]],
  ["offline_access once", { challenged: ["offline_access"], server: ["offline_access"] }, ["offline_access"]],
  ["no offline_access beside what the user asked for", { asked: ["x"], server: ["offline_access"] }, ["x"]],
  ["earlier scopes with those of a step-up", { earlier: ["a", "b"], challenged: ["b", "c"] }, [
    "a",
    "b",
    "c",
  ]],
  ["a step-up beyond what the user asked for", { asked: ["a"], earlier: ["a"], challenged: ["c"] }, [
    "a",
    "c",
  ]],
  ["earlier scopes, where a step-up names none", { earlier: ["a"] }, ["a"]],
  ["each scope once", { challenged: ["a", "b", "a"] }, ["a", "b"]],
  ["only what is a scope-token", { challenged: ["a", "", "b c", 'd"', "e\\", "é", "f\u0000", "g:h/*"] }, [
    "a",
    "g:h/*",
  ]],
];

for (const [description, sources, scopes] of selections) {
  Deno.test(`row 31: selectScopes() chooses ${description}`, () => deepEqual(selectScopes(sources), scopes));
}

Deno.test("unionScopes() keeps two hundred scopes at the most", () => {
  equal(unionScopes(Array.from({ length: 500 }, (_, index) => `s${index}`), ["x"]).length, 200);
});

Deno.test("splitScope() splits at any blanks", () => {
  deepEqual(splitScope("a b  c\td\n"), ["a", "b", "c", "d"]);
  deepEqual(splitScope(""), []);
  deepEqual(splitScope(undefined), []);
});
