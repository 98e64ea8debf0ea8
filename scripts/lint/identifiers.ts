/**
 * What an identifier does where it stands: the linter hands out a syntax tree without scopes, and a rule about global
 * names must tell `Deno.env` from `{ Deno: 1 }` and from a parameter called `process`.
 *
 * @module
 */

/** A use of a variable, the place that declares it, or a mere word (a key, a member, a label, a type). */
export type Role = "reference" | "declaration" | "word";

/** Nodes are handed out afresh on each access: the same node is one with the same range. */
function same(one: Deno.lint.Node | null | undefined, other: Deno.lint.Node): boolean {
  return one?.range[0] === other.range[0] && one.range[1] === other.range[1];
}

/**
 * The role of an identifier.
 *
 * @param node Any identifier of a file.
 */
export function roleOf(node: Deno.lint.Identifier): Role {
  const parent = node.parent;
  if ((parent.type as string) === "TSParameterProperty") return "declaration";
  switch (parent.type) {
    case "MemberExpression":
      return same(parent.property, node) && !parent.computed ? "word" : "reference";
    case "Property":
      if (!parent.shorthand && !parent.computed && same(parent.key, node)) return "word";
      return parent.parent.type === "ObjectPattern" ? "declaration" : "reference";
    case "MethodDefinition":
    case "PropertyDefinition":
      return same(parent.key, node) && !parent.computed ? "word" : "reference";
    case "VariableDeclarator":
      return same(parent.id, node) ? "declaration" : "reference";
    case "AssignmentPattern":
      return same(parent.left, node) ? "declaration" : "reference";
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return same(parent.body, node) ? "reference" : "declaration";
    case "ClassDeclaration":
    case "ClassExpression":
      return same(parent.id, node) ? "declaration" : "reference";
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
    case "ArrayPattern":
    case "RestElement":
    case "CatchClause":
      return "declaration";
    case "TSEnumMember":
      return same(parent.id, node) ? "word" : "reference";
    case "ExportSpecifier":
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "MetaProperty":
      return "word";
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSTypeAssertion":
      return "reference";
    default:
      return parent.type.startsWith("TS") ? "word" : "reference";
  }
}

const SCOPES: ReadonlySet<string> = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  "BlockStatement",
  "CatchClause",
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "Program",
]);

/**
 * Where a declared name holds.
 *
 * @param node An identifier whose role is "declaration".
 * @param ancestors The nodes around it, outermost first, as `sourceCode.getAncestors` gives them.
 * @returns The range of the nearest function, block or file around it; a function's own name holds outside it.
 */
export function scopeOf(node: Deno.lint.Identifier, ancestors: readonly Deno.lint.Node[]): Deno.lint.Range {
  const parent = node.parent;
  const isFunctionName = parent.type === "FunctionDeclaration" && same(parent.id, node);
  const outer = isFunctionName ? ancestors.slice(0, -1) : ancestors;
  return outer.findLast((each) => SCOPES.has(each.type))?.range ?? [0, Infinity];
}
