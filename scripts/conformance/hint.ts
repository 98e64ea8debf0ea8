/**
 * The command that an error tells its reader to run, as the arguments that a shell would make of it.
 *
 * @module
 */

/**
 * Finds the first command in what a program wrote.
 *
 * @param text What it wrote to standard error.
 * @returns The arguments after `mcp-auth`; undefined where no command is named, or one to fill in first (`<name>`).
 */
export function commandIn(text: string): readonly string[] | undefined {
  const line = /\brun: mcp-auth ([^\n]*)/i.exec(text)?.[1];
  if (line === undefined) return undefined;
  const words = [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"';,])+|[;,]/g)].map(([word]) => word);
  const end = words.findIndex((word) => word === ";" || word === ",");
  const command = end === -1 ? words : words.slice(0, end);
  if (command.length === 0 || command.some((word) => /^<.*>$/.test(word))) return undefined;
  return command.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}
