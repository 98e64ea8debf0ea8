/**
 * The login tool as lists show it: alone, or with those of the server.
 *
 * @see MCP 2025-11-25, Tools
 * @module
 */
import { idText, isJsonObject, type JsonObject, type MessageId } from "../../../primitives/mcp/jsonrpc.ts";
import { safeUrl } from "../../../primitives/untrusted_text.ts";
import type { Inbound } from "../transports/remote.ts";
import type { Person } from "./person.ts";
import { LOGIN_TOOL } from "./person_layer.ts";

/**
 * The server's list of tools with ours at its end.
 *
 * @param inbound What the server sent; everything else passes as it is.
 * @param wanted The requests whose answer is to have it.
 * @param person Who has to sign in.
 */
export function withLoginTool(inbound: Inbound, wanted: ReadonlySet<MessageId>, person: Person): Inbound {
  const [message] = inbound.messages;
  if (inbound.batch || message?.kind !== "response" || message.id === null) return inbound;
  const { result } = message.value;
  if (!wanted.has(message.id) || !isJsonObject(result) || !Array.isArray(result["tools"])) return inbound;
  const others = result["tools"].filter((tool) => !isJsonObject(tool) || tool["name"] !== LOGIN_TOOL);
  const amended = { ...result, tools: [...others, loginTool(person)] };
  const text = JSON.stringify(amended, (_, value) => typeof value === "bigint" ? Number(value) : value);
  return { ...inbound, payload: `{"jsonrpc":"2.0","id":${idText(message.id)},"result":${text}}` };
}

/** The tool as a list shows it. */
export function loginTool({ name, url, command, unable }: Person): JsonObject {
  const title = `Sign in to ${name}`;
  const what = `"${name}" (${safeUrl(url)})`;
  const description = unable === undefined
    ? `Signs the user in to ${what}: none of its tools, resources and prompts can be used before that. ` +
      "The answer holds an address: show it to the user, whole and unchanged, and ask them to open it in a browser " +
      "and to approve there. Never open or fetch it yourself. Then call this tool again: it waits for the approval. " +
      `What ${what} offers appears by itself after that.`
    : `${what} cannot be used yet: ${unable}. This tool tries again, and tells which command the user has to run: ` +
      command;
  return {
    name: LOGIN_TOOL,
    title,
    description,
    inputSchema: {
      type: "object",
      properties: unable === undefined
        ? {
          redirect_url: {
            type: "string",
            description:
              "Only where the browser ended at a page that it could not show: the whole address of that page, " +
              "as the user gives it",
          },
        }
        : {},
    },
    annotations: {
      title,
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: true,
    },
  };
}
