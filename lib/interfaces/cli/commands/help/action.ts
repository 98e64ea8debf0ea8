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
import { COMMANDS, commandWords, isCommand } from "../../program.ts";
import { run } from "../../run.ts";

const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["MCP_AUTH_HOME", "folder of the store, in place of the data folder of the system"],
  ["MCP_AUTH_STORE", "URL of a KV Connect server that holds the store, for many machines"],
  ["DENO_KV_ACCESS_TOKEN", "access token of that server"],
  ["MCP_AUTH_KEYSTORE", "keystore: keychain, passphrase, file, env or memory"],
  ["MCP_AUTH_KEY", "the key of keystore env: 32 bytes as hex or base64"],
  ["MCP_AUTH_NEW_KEY", "the key that keystore rekey puts in its place"],
  ["MCP_AUTH_PASSPHRASE", "the passphrase of keystore passphrase, in place of asking for it"],
  ["MCP_AUTH_NEW_PASSPHRASE", "the passphrase that keystore rekey puts in its place"],
  ["MCP_AUTH_CLIENT_ID", "client that you registered by hand, as --client-id"],
  ["MCP_AUTH_CLIENT_SECRET", "its secret"],
  ["MCP_AUTH_CLIENT_METADATA_URL", "client ID metadata document, as --client-metadata-url"],
  ["MCP_AUTH_EXPORT_PASSPHRASE", "the passphrase of export and import"],
  ["MCP_REMOTE_CONFIG_DIR", "folder of mcp-remote, for import mcp-remote"],
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
export const action: Action<NoFlags, string[]> = async (context, _flags, ...words) => {
  const [topic] = words;
  if (topic === undefined) return await run(["--help"], context.world);
  if (isCommand(topic) && await namesCommand(words)) return await run([...words, "--help"], context.world);
  const text = words.length === 1 && Object.hasOwn(TOPICS, topic) ? TOPICS[topic]?.() : undefined;
  if (text !== undefined) return context.terminal.out(`${text}\n`);
  throw new McpAuthError(
    "USAGE",
    `Cannot show help on "${safeText(words.join(" "), 60)}": no such command or topic`,
    { hint: "Run mcp-auth help for the commands; topics are environment and exit-codes" },
  );
};

async function namesCommand([name = "", ...rest]: readonly string[]): Promise<boolean> {
  const command = (await COMMANDS[name]?.())?.command;
  return command !== undefined && commandWords(command, rest).length === rest.length;
}
