/**
 * `mcp-auth tools`: the action.
 *
 * @module
 */
import type { Action, CommonFlags } from "../../command.ts";
import { rememberingConnectionTo } from "../../connection.ts";
import { targetEntry } from "../../hand_token.ts";
import { toolNamed } from "../../tool_list.ts";
import { describeTool, listTools } from "./words.ts";

/** Lists the tools, or shows one of them whole. */
export const action: Action<CommonFlags, [string, string?]> = async (context, flags, name, wanted) => {
  const record = await targetEntry(context, flags, name);
  const authorizer = context.services(flags).authorizer(record);
  const connection = await rememberingConnectionTo(context, flags, record, authorizer);
  try {
    const tools = await connection.listAll("tools/list", "tools");
    if (wanted === undefined) return context.print(flags, tools, listTools(tools));
    const { item, tool } = toolNamed(tools, wanted);
    context.print(flags, item, describeTool(tool, /^https?:/i.test(name) ? name : record.name));
  } finally {
    await connection.close();
  }
};
