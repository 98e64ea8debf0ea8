/**
 * Each file says first what it is for and which decision it embodies, so that the tree can be read from the top of its
 * files.
 *
 * @module
 */
import { inLib, placeOf } from "./place.ts";

/** The rule `module-doc`. */
export const moduleDoc: Deno.lint.Rule = {
  create(context) {
    if (!inLib(placeOf(context.filename))) return {};
    return {
      Program(node) {
        const opening = /^\s*\/\*\*([^]*?)\*\//.exec(context.sourceCode.text)?.[1];
        if (opening !== undefined && /@module\b/.test(opening) && /\w/.test(opening.replace("@module", ""))) {
          return;
        }
        context.report({
          node,
          message: opening === undefined
            ? "The file does not open with a /** */ comment"
            : "The opening comment does not describe the module and mark it with @module",
          hint:
            "Open with a /** ... @module */ paragraph: what the file is for and which decision it embodies",
        });
      },
    };
  },
};
