/**
 * `mcp-auth keystore rekey`: the grammar.
 *
 * @module
 */
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** The command. */
export const command = defineCommand<CommonFlags, []>({
  brief: "Renew the key of the store where it is",
  description:
    "Makes a new key in the same keystore, seals the store by it and removes the old one, without which older copies of the store cannot be opened. A new key for env comes from MCP_AUTH_NEW_KEY, a new passphrase from MCP_AUTH_NEW_PASSPHRASE or from you.",
  examples: [
    ["mcp-auth keystore rekey", "a new key in the keychain, or in the file"],
    ["MCP_AUTH_NEW_KEY=$(cat new-key) mcp-auth keystore rekey", "a new key for env, which you keep"],
  ],
  parameters: { flags: { ...jsonFlag, ...storeFlags } },
  load: () => import("./action.ts"),
});
