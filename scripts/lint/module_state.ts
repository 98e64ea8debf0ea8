/**
 * Importing a module does nothing and keeps nothing: two runs in one process share no state, a test needs no reset, and
 * `--help` pays for no handle. What must be kept lives in an object that somebody made and passes on.
 *
 * @module
 */
import { inLib, placeOf } from "./place.ts";

const HINT =
  "Make it in a function or an object that is passed on; constants are const, ReadonlyMap, ReadonlySet or readonly arrays";

const COLLECTIONS: ReadonlySet<string> = new Set(["Map", "Set", "WeakMap", "WeakSet"]);
const KEEPERS: ReadonlySet<string> = new Set([
  "VariableDeclarator",
  "PropertyDefinition",
  "ExportDefaultDeclaration",
]);

/** Whether what stands within these nodes runs when the module is imported: in no function, no per-instance field. */
function atImport(ancestors: readonly Deno.lint.Node[]): boolean {
  return !ancestors.some((each) =>
    /^(ArrowFunction|Function)/.test(each.type) || each.type === "PropertyDefinition" && !each.static
  );
}

/** What a value may be wrapped in and still be kept: assertions and literals, but not a call. */
const ASSERTION = /^TS\w+Expression$/;
const LITERAL = /^(Property|ObjectExpression|ArrayExpression|TS\w+Expression)$/;

/** The rule `module-state`. */
export const moduleState: Deno.lint.Rule = {
  create(context) {
    if (!inLib(placeOf(context.filename))) return {};
    const text = (node: Deno.lint.Node) => context.sourceCode.getText(node);
    const around = (node: Deno.lint.Node) => context.sourceCode.getAncestors(node);
    const report = (node: Deno.lint.Node, what: string) => {
      if (!atImport(around(node))) return;
      context.report({ node, message: `${what} when the module is imported`, hint: HINT });
    };

    /** The annotation of what keeps a value, with the assertions on the value; undefined when nothing keeps it. */
    const typeOf = (node: Deno.lint.Node, wrapping: RegExp): string | undefined => {
      const keeper = around(node).findLast((each) => !wrapping.test(each.type));
      if (!keeper || !KEEPERS.has(keeper.type)) return undefined;
      const named = keeper.type === "VariableDeclarator" ? keeper.id : keeper;
      const annotation = "typeAnnotation" in named && named.typeAnnotation ? text(named.typeAnnotation) : "";
      return `${annotation} ${text(keeper).slice(node.range[1] - keeper.range[0])}`;
    };

    return {
      VariableDeclaration(node) {
        if (
          node.declare || around(node).some((each) => each.type === "TSModuleDeclaration" && each.declare)
        ) return;
        if (node.kind === "await using") return report(node, "`await using` waits");
        if (node.kind !== "let" && node.kind !== "var") return;
        const owner = node.parent.type === "ExportNamedDeclaration" ? node.parent.parent : node.parent;
        if (node.kind === "let" && owner.type !== "Program" && owner.type !== "TSModuleBlock") return;
        report(node, `A \`${node.kind}\` is changeable state that exists`);
      },
      PropertyDefinition(node) {
        if (node.static && !node.readonly && !node.declare) {
          report(node, "A static field that is not readonly is state that exists");
        }
      },
      AwaitExpression(node) {
        report(node, "A top-level `await` waits");
      },
      ForOfStatement(node) {
        if (node.await) report(node, "A top-level `for await` waits");
      },
      CallExpression(node) {
        const callee = text(node.callee);
        if (/^(new\s+)?Deno\s*\./.test(callee)) report(node, `\`${callee}\` reaches the system`);
      },
      NewExpression(node) {
        if (node.callee.type !== "Identifier" || !COLLECTIONS.has(node.callee.name)) return;
        const type = typeOf(node, LITERAL);
        if (type === undefined || /\bReadonly(Map|Set)\b/.test(type)) return;
        report(node, `A changeable ${node.callee.name} exists`);
      },
      ArrayExpression(node) {
        if (node.elements.length > 0) return;
        const type = typeOf(node, ASSERTION);
        if (type === undefined || /\b(readonly|Readonly\w*|as const)\b/.test(type)) return;
        report(node, "A changeable empty array exists");
      },
    };
  },
};
