/**
 * `mcp-auth help`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { QUIRKS } from "../../../../primitives/oauth/quirks/table.ts";
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
  ["MCP_AUTH_PRIVATE_KEY", "its private key in place of a secret: PEM or JWK"],
  ["MCP_AUTH_GRANT", "client-credentials, workload-identity or enterprise: sign in without a person"],
  ["MCP_AUTH_ASSERTION", "token of a workload, or its source, as --workload-identity"],
  ["MCP_AUTH_IDP", "identity provider of a company, as --enterprise"],
  ["MCP_AUTH_IDP_CLIENT_ID", "client at the identity provider, as --idp-client-id"],
  ["MCP_AUTH_IDP_CLIENT_SECRET", "its secret"],
  ["MCP_AUTH_ID_TOKEN", "ID token for the identity provider, or its source, as --id-token"],
  ["MCP_AUTH_CLIENT_METADATA_URL", "client ID metadata document, as --client-metadata-url"],
  [
    "MCP_AUTH_ACCESS_TOKEN",
    "access token for add, or for a URL in place of an entry; never goes before an entry",
  ],
  ["<PROVIDER>_CLIENT_ID", "client at a provider, such as GITHUB_CLIENT_ID; used for that provider alone"],
  ["<PROVIDER>_CLIENT_SECRET", "its secret"],
  ["MCP_AUTH_AUTH_ENDPOINT", "authorization endpoint, of a server that cannot be discovered"],
  ["MCP_AUTH_TOKEN_ENDPOINT", "its token endpoint"],
  ["MCP_AUTH_SCOPE", "scopes, as --scope"],
  ["MCP_AUTH_DPOP", "1 binds the tokens of a sign-in to a key, as --dpop"],
  ["MCP_AUTH_EXPORT_PASSPHRASE", "the passphrase of export and import"],
  ["MCP_REMOTE_CONFIG_DIR", "folder of mcp-remote, for import mcp-remote"],
  ["MCP_AUTH_REDIRECT_URI", "redirect URI as you registered it, as --redirect-uri"],
  ["BROWSER", "programs that open a URL, with colons between them; started without a shell"],
  ["HTTPS_PROXY, ALL_PROXY", "proxy for requests: http://user:password@host:port; https and socks5 as well"],
  ["NO_PROXY", "where no proxy is used: hosts with all below them, host:port, addresses, CIDR blocks, or *"],
  ["SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, DENO_CERT", "files of certificates to trust, as --ca-file"],
];

const TOPICS: Readonly<Record<string, () => string>> = {
  "environment": () => table([["VARIABLE", "MEANING"], ...ENVIRONMENT]),
  "quirks": () =>
    table([
      ["QUIRK", "ALLOWED FOR", "WHAT IS DONE"],
      ...Object.entries(QUIRKS).map(([name, { applies, changes }]) => [name, applies.join(", "), changes]),
    ]),
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
    { hint: "Run mcp-auth help for the commands; topics are environment, quirks and exit-codes" },
  );
};

async function namesCommand([name = "", ...rest]: readonly string[]): Promise<boolean> {
  const command = (await COMMANDS[name]?.())?.command;
  return command !== undefined && commandWords(command, rest).length === rest.length;
}
