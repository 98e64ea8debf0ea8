/**
 * Variables in what a host sends, as each host writes them, turned into ours: `${NAME}` and `${file:/path}`.
 *
 * @module
 */
import type { VariableSyntax } from "./host.ts";

/** A header as it would be stored. */
export interface FoundHeader {
  readonly name: string;
  /** The value with variables as ours; it may be a secret. */
  readonly value: string;
  /** Whether something in it is no variable: it may be a secret then. */
  readonly isLiteral: boolean;
  /** The variables in it. */
  readonly variables: readonly string[];
  /** Why it cannot be taken over; undefined where it can. */
  readonly problem?: string;
}

const NAME = "[A-Za-z_][A-Za-z0-9_]*";
const SYNTAX: Readonly<Record<VariableSyntax, RegExp>> = {
  env: new RegExp(`\\$\\{env:(?<name>${NAME})\\}|(?<file>\\$\\{file:[^{}]+\\})`, "g"),
  braces: new RegExp(`\\$\\{(?<name>${NAME})\\}`, "g"),
  dollar: new RegExp(`\\$\\{(?<name>${NAME})\\}|\\$(?<bare>${NAME})`, "g"),
  none: /(?!)/g,
};
/** What says how the rest is meant. */
const SCHEME = /^\s*(?:Bearer|Basic|Token|Api-?Key)(?=\s|$)/i;

/**
 * Reads the value of a header.
 *
 * @param name Its name.
 * @param text Its value, as the host has it.
 * @param syntaxes How variables are written in it; several where several programs expand them.
 */
export function foundHeader(
  name: string,
  text: string,
  syntaxes: readonly VariableSyntax[],
): FoundHeader {
  const variables: string[] = [];
  let value = text;
  let rest = text;
  for (const syntax of syntaxes) {
    const replaced = (keep: boolean) => (...match: unknown[]) => {
      const { name, bare, file } = match.at(-1) as Readonly<Record<string, string | undefined>>;
      const variable = name ?? bare;
      if (variable !== undefined && keep) variables.push(variable);
      return !keep ? "" : file ?? `\${${variable}}`;
    };
    value = value.replace(SYNTAX[syntax], replaced(true));
    rest = rest.replace(SYNTAX[syntax], replaced(false));
  }
  const other = /\$\{[^}]*\}?/.exec(rest)?.[0];
  return {
    name,
    value,
    isLiteral: rest.replace(SCHEME, "").trim() !== "",
    variables: [...new Set(variables)],
    ...(other === undefined ? {} : { problem: "it has a variable that only the host can fill in" }),
  };
}
