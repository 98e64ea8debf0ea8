/**
 * `mcp-auth keystore use`: the grammar.
 *
 * @module
 */
import { buildChoiceParser } from "@stricli/core";
import { type CommonFlags, defineCommand } from "../../../command.ts";
import { jsonFlag, storeFlags } from "../../../flags.ts";

/** A keystore that a store can be moved to; `memory` ends with the process. */
export type LastingKind = "keychain" | "passphrase" | "file" | "env";

const KINDS: readonly LastingKind[] = ["keychain", "passphrase", "file", "env"];

/** The command. */
export const command = defineCommand<CommonFlags, [LastingKind]>({
  brief: "Move the key of the store to another keystore",
  description:
    "Makes a new key in the keystore, seals the store by it and removes the old one, without which older copies of the store cannot be opened. It happens at once or not at all: after an interruption the store opens by the one or the other, and the next change tidies up.",
  examples: [
    ["mcp-auth keystore use keychain", "to the system's keychain"],
    ["mcp-auth keystore use passphrase", "asks for one, or takes MCP_AUTH_PASSPHRASE"],
    ["mcp-auth keystore use env", "to the key in MCP_AUTH_KEY"],
  ],
  parameters: {
    flags: { ...jsonFlag, ...storeFlags },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: KINDS.join(", "),
        parse: buildChoiceParser([...KINDS]),
        placeholder: "keystore",
      }],
    },
  },
  load: () => import("./action.ts"),
});
