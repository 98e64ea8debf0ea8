/**
 * Runs one rule of the lint plugin over a piece of source as if it stood at a place of this checkout.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import plugin from "../../../scripts/lint/plugin.ts";

const ROOT = new URL("../../../", import.meta.url);

/**
 * The objections of one rule.
 *
 * @param rule The rule's name without the plugin's.
 * @param place Below the checkout, with forward slashes, or absolute for a file elsewhere.
 * @param source TypeScript.
 */
export function objections(rule: string, place: string, source: string): Deno.lint.Diagnostic[] {
  assert.ok(rule in plugin.rules, `The plugin has no rule "${rule}"`);
  const filename = place.startsWith("/") ? place : fileURLToPath(new URL(place, ROOT));
  return Deno.lint.runPlugin(plugin, filename, source).filter((each) => each.id === `mcp-auth/${rule}`);
}

/** A row of a table: the place, the source, and a part of what the rule says; null where it must say nothing. */
export type Row = readonly [place: string, source: string, says: RegExp | null];

/**
 * One test for each row.
 *
 * @param rule The rule's name without the plugin's.
 * @param rows What it must object to, once, and what it must let pass.
 */
export function testRule(rule: string, rows: readonly Row[]): void {
  for (const [place, source, says] of rows) {
    const shown = source.length > 70 ? `${source.slice(0, 70)}…` : source;
    Deno.test(`${rule} ${says ? "objects to" : "accepts"} ${JSON.stringify(shown)} in ${place}`, () => {
      const found = objections(rule, place, source);
      if (!says) return assert.deepEqual(found, []);
      assert.equal(found.length, 1, JSON.stringify(found));
      assert.match(found[0]?.message ?? "", says);
      assert.ok(found[0]?.hint, "An objection says what is wanted");
    });
  }
}
