/**
 * The flag that binds the tokens of an entry to a key, and what the environment says of it.
 *
 * @see RFC 9449
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Env } from "../../primitives/system/env.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";
import { switchFlag } from "./flags.ts";

/** Whether tokens are to be bound to a key. */
export type DpopFlags = { readonly dpop?: boolean | undefined };

/** The grammar of {@linkcode DpopFlags}. */
export const dpopFlags = {
  dpop: switchFlag("Bind the tokens to a key that never leaves mcp-auth, so that a stolen one is of no use"),
} as const;

/**
 * The options that the flag stands for.
 *
 * @param flags The flags.
 */
export function dpopOptions({ dpop }: DpopFlags): ServerOptions {
  return dpop ? { dpop: true } : {};
}

/**
 * The flag, and what `MCP_AUTH_DPOP` says where it is not given: `1` or `true` for yes, `0` or `false` for no.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` for another value.
 */
export function dpopFlag({ dpop }: DpopFlags, env: Env): DpopFlags {
  if (dpop !== undefined) return { dpop };
  const value = env.get("MCP_AUTH_DPOP");
  switch (value?.toLowerCase()) {
    case undefined:
      return {};
    case "1":
    case "true":
      return { dpop: true };
    case "0":
    case "false":
      return { dpop: false };
    default:
      throw new McpAuthError("CONFIG_INVALID", `Cannot use MCP_AUTH_DPOP "${safeText(value, 40)}"`, {
        hint: "Set it to 1 to bind tokens to a key, or to 0",
      });
  }
}
