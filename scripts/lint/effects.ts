/**
 * The operating system is reached through the ports of `lib/primitives/system` alone, so that everything else runs in a
 * test or another host with what it is given. Types such as `Deno.Kv` are free.
 *
 * @module
 */
import { roleOf, scopeOf } from "./identifiers.ts";
import { importVisitor } from "./imports.ts";
import { inLib, placeOf } from "./place.ts";

const HINT = "Use a port of lib/primitives/system, and have it passed in";

const SYSTEM_GLOBALS: ReadonlySet<string> = new Set(["Deno", "process", "Buffer"]);
const GLOBAL_OBJECTS: ReadonlySet<string> = new Set(["globalThis", "self", "window", "global"]);

/** The name in `globalThis.name`, `globalThis["name"]` or `(globalThis as T).name`. */
function globalMember(node: Deno.lint.MemberExpression): string | undefined {
  let object: Deno.lint.Node = node.object;
  while (object.type === "TSAsExpression" || object.type === "TSSatisfiesExpression") {
    object = object.expression;
  }
  if (object.type !== "Identifier" || !GLOBAL_OBJECTS.has(object.name)) return undefined;
  if (node.property.type === "Literal") return String(node.property.value);
  return !node.computed && node.property.type === "Identifier" ? node.property.name : undefined;
}

interface Named {
  readonly name: string;
  readonly range: Deno.lint.Range;
}

/** The rule `effects`. */
export const effects: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (!inLib(place) || place.startsWith("lib/primitives/system/")) return {};
    const scopes: Named[] = [];
    /** By start: the linter visits the name in `{ Deno }` twice, as key and as value. */
    const uses = new Map<number, Named>();
    const report = (range: Deno.lint.Range, message: string) =>
      context.report({ range, message, hint: HINT });
    return {
      ...importVisitor(({ specifier, typeOnly, node }) => {
        if (!specifier?.startsWith("node:") || typeOnly) return;
        report(node.range, `"${place}" imports values of "${specifier}"`);
      }),
      Identifier(node) {
        if (!SYSTEM_GLOBALS.has(node.name)) return;
        const role = roleOf(node);
        if (role === "declaration") {
          scopes.push({ name: node.name, range: scopeOf(node, context.sourceCode.getAncestors(node)) });
        }
        if (role === "reference") uses.set(node.range[0], { name: node.name, range: node.range });
      },
      MemberExpression(node) {
        const name = globalMember(node);
        if (name === undefined || !SYSTEM_GLOBALS.has(name)) return;
        report(node.range, `"${place}" uses "globalThis.${name}" as a value`);
      },
      "Program:exit"() {
        for (const { name, range } of uses.values()) {
          const own = scopes.some((each) =>
            each.name === name && each.range[0] <= range[0] && range[1] <= each.range[1]
          );
          if (!own) report(range, `"${place}" uses "${name}" as a value`);
        }
      },
    };
  },
};
