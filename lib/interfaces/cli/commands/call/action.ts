/**
 * `mcp-auth call`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { isObject } from "../../../../primitives/oauth/json.ts";
import { redact } from "../../../../primitives/http/redaction.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { connectionTo } from "../../connection.ts";
import { targetEntry } from "../../hand_token.ts";

/** Calls a tool. */
export const action: Action<CommonFlags, [string, string, string?]> = async (
  context,
  flags,
  name,
  tool,
  json,
) => {
  const record = await targetEntry(context, flags, name);
  const args = await readArguments(context, json);
  const connection = await connectionTo(context, flags, record, context.services(flags).authorizer(record));
  try {
    // A server reports progress only to who gives a token for it (MCP, Progress).
    const params = { name: tool, arguments: args, _meta: { progressToken: 1 } };
    const result = await connection.request("tools/call", params, {
      onNotification: (method, params) => tellProgress(context, method, params),
    });
    context.print(flags, result, contentText(result));
    return isObject(result) && result.isError === true ? 1 : 0;
  } finally {
    await connection.close();
  }
};

async function readArguments(
  context: CliContext,
  given: string | undefined,
): Promise<Record<string, unknown>> {
  if (given === undefined) return {};
  const text = given === "-" ? await new Response(context.terminal.input()).text() : given;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isObject(value)) return value;
  throw new McpAuthError(
    "USAGE",
    `Cannot read the arguments of the tool: "${safeText(redact(text), 60)}" is not a JSON object`,
    {
      hint: `Write them as '{"name":"value"}'`,
    },
  );
}

/** The text parts of a result; what else it has is named, and printed whole with `--json`. */
function contentText(result: unknown): string {
  const content = isObject(result) && Array.isArray(result.content) ? result.content : [];
  const lines = content.map((part) => {
    if (!isObject(part)) return "";
    return part.type === "text" && typeof part.text === "string"
      ? printable(part.text)
      : `[${safeText(part.type, 40)}]`;
  });
  return lines.join("\n");
}

/** A tool's text keeps its line breaks and tabs and nothing else that would steer a terminal. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- taking control characters out is what this is for
  return text.replace(/\r\n?/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

function tellProgress(context: CliContext, method: string, params: unknown): void {
  if (method !== "notifications/progress" || !isObject(params)) return;
  const total = typeof params.total === "number" ? `/${params.total}` : "";
  const message = typeof params.message === "string" ? ` ${safeText(params.message)}` : "";
  context.say(`Progress: ${Number(params.progress)}${total}${message}`);
}
