/**
 * Imports point down. The tables are in `layout.ts`; this applies them to each import between files of the product,
 * types included, and to the place of the file itself.
 *
 * @module
 */
import { importVisitor } from "./imports.ts";
import { objectionToImport, objectionToPlace } from "./layout.ts";
import { inLib, placeOf, placeOfImport } from "./place.ts";

/** The rule `layers`. */
export const layers: Deno.lint.Rule = {
  create(context) {
    const from = placeOf(context.filename);
    if (from !== "main.ts" && !inLib(from)) return {};
    const check = importVisitor(({ specifier, typeOnly, node }) => {
      if (specifier === undefined) {
        return context.report({
          node,
          message: "The module of a dynamic import is computed",
          hint:
            "Write it as a string: what is computed can neither be checked nor be compiled into the binary",
        });
      }
      if (!specifier.startsWith(".")) return;
      const to = placeOfImport(context.filename, specifier);
      const objection = to === undefined
        ? {
          message: `"${from}" imports "${specifier}", outside the checkout`,
          hint: "Import what is in lib/",
        }
        : objectionToImport(from, to, typeOnly);
      if (objection) context.report({ node, ...objection });
    });
    return {
      ...check,
      Program(node) {
        const objection = inLib(from) ? objectionToPlace(from) : undefined;
        if (objection) context.report({ node, ...objection });
      },
    };
  },
};
