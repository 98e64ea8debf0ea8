/**
 * Helps whoever types the options of mcp-remote after `mcp-auth bridge`: most are called the same here, and of the others
 * the error says what they are called, or that they need nothing.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { mcpRemoteLines } from "../../services/config/mod.ts";
import { command } from "./commands/bridge/grammar.ts";

/**
 * The error for a command line that could not be read.
 *
 * @param args What follows `bridge`.
 * @returns Undefined where no option of mcp-remote is to blame.
 */
export async function mcpRemoteError(args: readonly string[]): Promise<McpAuthError | undefined> {
  const { mcpRemoteRemark } = await mcpRemoteLines();
  const flags = Object.keys(command.parameters.flags ?? {});
  const known = new Set(
    flags.map((flag) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`),
  );
  const remark = mcpRemoteRemark(args, (flag) => known.has(flag));
  if (remark === undefined) return undefined;
  const { option, here, why } = remark;
  const what = `Cannot use "${option}", an option of mcp-remote`;
  return here === undefined
    ? new McpAuthError("USAGE", `${what}: ${why}`, { hint: "Leave it out" })
    : new McpAuthError("USAGE", `${what}: it has another name here`, { hint: `Write ${here}` });
}
