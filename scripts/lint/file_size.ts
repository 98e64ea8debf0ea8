/**
 * A file that no longer fits in the head is split. The aim is 120 lines; this is the hard stop.
 *
 * @module
 */
import { inLib, placeOf } from "./place.ts";

/** The longest file of `lib/`, in lines. */
export const LINES_MAX = 450;

/** The rule `file-size`. */
export const fileSize: Deno.lint.Rule = {
  create(context) {
    if (!inLib(placeOf(context.filename))) return {};
    return {
      Program() {
        const text = context.sourceCode.text;
        const lines = text.replace(/\r?\n$/, "").split("\n");
        if (lines.length <= LINES_MAX) return;
        const start = lines.slice(0, LINES_MAX).join("\n").length + 1;
        context.report({
          range: [start, Math.min(text.length, start + (lines[LINES_MAX]?.length ?? 0))],
          message: `The file has ${lines.length} lines, more than ${LINES_MAX}`,
          hint: "Split it by the nouns it holds",
        });
      },
    };
  },
};
