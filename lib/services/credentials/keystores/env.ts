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
  async function read() {
    const text = env.get("MCP_AUTH_KEY");
    if (text === undefined) return undefined;
    const key = parseKey(text.trim());
    if (key !== undefined) return key;
    throw new McpAuthError(
      "KEYSTORE_UNAVAILABLE",
      "Cannot use MCP_AUTH_KEY: it is not 32 bytes as hex or base64",
      {
        hint: "Make a key for a new store with: openssl rand -hex 32",
      },
    );
  }

  return {
    kind: "env",
    place: "MCP_AUTH_KEY",
    read,
    async create() {
      const key = await read();
      if (key !== undefined) return key;
      throw new McpAuthError(
        "KEYSTORE_UNAVAILABLE",
        'Cannot use the keystore "env": MCP_AUTH_KEY is not set',
        {
          hint: "Make a key with: openssl rand -hex 32",
        },
      );
    },
  };
}
