/**
 * `mcp-auth tools`: the action.
 *
 * @module
 */
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { connectionTo } from "../../connection.ts";
import { targetEntry } from "../../hand_token.ts";

/** Lists the tools. */
export const action: Action<CommonFlags, [string]> = async (context, flags, name) => {
  const record = await targetEntry(context, flags, name);
  const connection = await connectionTo(context, flags, record, context.services(flags).authorizer(record));
  try {
    const tools = await connection.listAll("tools/list", "tools");
    const lines = tools.map((tool) => {
      const { name, description } = tool as { readonly name?: unknown; readonly description?: unknown };
      const words = typeof description === "string" ? safeText(description, 120) : "";
      return `${safeText(name, 128)}${words === "" ? "" : `  ${words}`}`;
    });
    context.print(flags, tools, lines.join("\n"));
  } finally {
    await connection.close();
  }
};
