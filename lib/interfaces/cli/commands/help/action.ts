/**
 * `mcp-auth help`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { Action } from "../../command.ts";
import { EXIT_CODES } from "../../exit_code.ts";
import { table } from "../../output/table.ts";
import { isCommand } from "../../program.ts";
import { run } from "../../run.ts";

const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["MCP_AUTH_HOME", "folder of the store, in place of the data folder of the system"],
  ["MCP_AUTH_KEYSTORE", "keystore: file, env or memory"],
  ["MCP_AUTH_KEY", "the key of keystore env: 32 bytes as hex or base64"],
  ["MCP_AUTH_CLIENT_ID", "client that you registered by hand, as --client-id"],
  ["MCP_AUTH_CLIENT_SECRET", "its secret"],
  ["MCP_AUTH_CLIENT_METADATA_URL", "client ID metadata document, as --client-metadata-url"],
  ["BROWSER", "program that opens a URL; started without a shell"],
  ["HTTP_PROXY, HTTPS_PROXY, NO_PROXY", "proxy for requests"],
];

const TOPICS: Readonly<Record<string, () => string>> = {
  "environment": () => table([["VARIABLE", "MEANING"], ...ENVIRONMENT]),
  "exit-codes": () =>
    table([["CODE", "MEANING"], ...EXIT_CODES.map(([code, meaning]) => [String(code), meaning])]),
};

/** The command has no flags of its own. */
export type NoFlags = Record<never, never>;

/** Shows help. */
export const action: Action<NoFlags, [string?]> = async (context, _flags, topic) => {
  if (topic === undefined) return await run(["--help"], context.world);
  if (isCommand(topic)) return await run([topic, "--help"], context.world);
  const text = Object.hasOwn(TOPICS, topic) ? TOPICS[topic]?.() : undefined;
  if (text !== undefined) return context.terminal.out(`${text}\n`);
  throw new McpAuthError("USAGE", `Cannot show help on "${safeText(topic, 60)}": no such command or topic`, {
    hint: "Run mcp-auth help for the commands; topics are environment and exit-codes",
  });
};
