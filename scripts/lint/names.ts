/**
 * A file is named after the noun it holds, in snake_case. Names that hold anything (`utils`) say nothing, and a reader
 * finds nothing in them.
 *
 * @module
 */
import { inLib, placeOf } from "./place.ts";

const SNAKE_CASE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const DRAWERS: ReadonlySet<string> = new Set([
  "utils",
  "util",
  "helpers",
  "helper",
  "common",
  "manager",
  "managers",
]);

/** The rule `names`. */
export const names: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (!inLib(place)) return {};
    const parts = place.replace(/\.[a-z]+$/, "").split("/").slice(1);
    return {
      Program(node) {
        for (const part of parts) {
          if (!SNAKE_CASE.test(part)) {
            context.report({
              node,
              message: `"${part}" in "${place}" is not snake_case`,
              hint: "Name files and folders in lower case with single underscores",
            });
          }
          const drawer = part.split(/[_.-]/).find((word) => DRAWERS.has(word));
          if (drawer !== undefined) {
            context.report({
              node,
              message: `"${part}" in "${place}" is a drawer, not a noun: "${drawer}"`,
              hint: "Name it after what it holds, and split it if that is several things",
            });
          }
        }
      },
    };
  },
};
