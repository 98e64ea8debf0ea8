/**
 * Every way a module names another one, as one visitor, so that no rule forgets a form: `import`, `export ... from`,
 * `import()`, `import("...").T` and `import x = require("...")`.
 *
 * @module
 */

/** One module named by another. */
export interface Import {
  /** undefined where a dynamic import computes it. */
  readonly specifier: string | undefined;
  /** Whether it is gone once types are erased. */
  readonly typeOnly: boolean;
  readonly node: Deno.lint.Node;
}

/** The text of a string literal. */
function textOf(node: Deno.lint.Node): string | undefined {
  if (node.type === "TSLiteralType") return textOf(node.literal);
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

/** Whether there are names and each is marked `type`. A bare `import "x"` has none and runs the module. */
function allTypes(kinds: readonly string[]): boolean {
  return kinds.length > 0 && kinds.every((kind) => kind === "type");
}

/**
 * A visitor that reports each import of a file.
 *
 * @param visit Called once for each, in the order of the source.
 */
export function importVisitor(visit: (found: Import) => void): Deno.lint.LintVisitor {
  return {
    ImportDeclaration(node) {
      const kinds = node.specifiers.map((each) =>
        each.type === "ImportSpecifier" ? each.importKind : "value"
      );
      visit({
        specifier: textOf(node.source),
        typeOnly: node.importKind === "type" || allTypes(kinds),
        node,
      });
    },
    ExportNamedDeclaration(node) {
      if (!node.source) return;
      const kinds = node.specifiers.map((each) => each.exportKind);
      visit({
        specifier: textOf(node.source),
        typeOnly: node.exportKind === "type" || allTypes(kinds),
        node,
      });
    },
    ExportAllDeclaration(node) {
      visit({ specifier: textOf(node.source), typeOnly: node.exportKind === "type", node });
    },
    ImportExpression(node) {
      visit({ specifier: textOf(node.source), typeOnly: false, node });
    },
    TSImportType(node) {
      visit({ specifier: textOf(node.argument), typeOnly: true, node });
    },
    TSExternalModuleReference(node) {
      visit({ specifier: textOf(node.expression), typeOnly: false, node });
    },
  };
}
