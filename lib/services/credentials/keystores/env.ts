/**
 * The `env` keystore: the key in `MCP_AUTH_KEY`, for CI jobs and containers that get their secrets that way. Nothing is
 * ever written.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import type { Env } from "../../../primitives/system/env.ts";
import type { Keystore } from "../keystore.ts";
import { parseKey } from "./key_text.ts";

/**
 * Returns the keystore of an environment.
 *
 * @param env Where `MCP_AUTH_KEY` is read, each time anew.
 */
export function envKeystore(env: Env): Keystore {
  // deno-lint-ignore require-await -- what is thrown inside must reject
  async function read(variable: string) {
    const text = env.get(variable);
    if (text === undefined) return undefined;
    const key = parseKey(text.trim());
    if (key !== undefined) return key;
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      `Cannot use ${variable}: it is not 32 bytes as hex or base64`,
      { hint: "Make a key with: openssl rand -hex 32" },
    );
  }

  return {
    kind: "env",
    place: "MCP_AUTH_KEY",
    read: () => read("MCP_AUTH_KEY"),
    create: async ({ renewed }) => {
      const variable = renewed ? "MCP_AUTH_NEW_KEY" : "MCP_AUTH_KEY";
      const key = await read(variable);
      if (key !== undefined) return { slot: "", key };
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        `Cannot use the keystore "env": ${variable} is not set`,
        { hint: "Make a key with: openssl rand -hex 32" },
      );
    },
    remove: () => Promise.resolve(),
  };
}
