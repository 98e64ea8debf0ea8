/**
 * The product imports only the packages that the root `deno.json` pins, by their bare names. That keeps test-only
 * packages out of what users download and what the binary carries, and keeps every version in one place.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { importVisitor } from "./imports.ts";
import { inLib, placeOf } from "./place.ts";

const PINS: Readonly<Record<string, string>> = config.imports;

/** Whether a bare specifier is a pinned package or a path within one. */
function isPinned(specifier: string): boolean {
  return Object.entries(PINS).some(([name, target]) =>
    target.startsWith("npm:") &&
    (specifier === name || specifier.startsWith(name.endsWith("/") ? name : `${name}/`))
  );
}

/** The rule `packages`. */
export const packages: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place !== "main.ts" && !inLib(place)) return {};
    return importVisitor(({ specifier, node }) => {
      if (specifier === undefined || specifier.startsWith(".") || specifier.startsWith("node:")) return;
      if (isPinned(specifier)) return;
      const absolute = /^(\/|[a-z][a-z0-9+.-]*:)/i.test(specifier);
      context.report({
        node,
        message: absolute
          ? `"${specifier}" is imported by its address`
          : `"${specifier}" is not a package of the product`,
        hint: absolute
          ? "Pin the package in deno.json and import it by its bare name"
          : `Packages of the product are pinned in deno.json: ${
            Object.keys(PINS).join(", ")
          }; others are for tests/ and scripts/`,
      });
    });
  },
};
