/**
 * Static headers of an entry: `Name: value`, where `${VARIABLE}` in the value stands for an environment variable, so
 * that a secret need be neither on a command line nor in the store.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";

/** Headers that the product sets itself. */
const RESERVED: ReadonlySet<string> = new Set([
  "accept",
  "authorization",
  "connection",
  "content-length",
  "content-type",
  "host",
  "last-event-id",
  "mcp-protocol-version",
  "mcp-session-id",
  "transfer-encoding",
]);

/**
 * Reads `Name: value`.
 *
 * @throws {McpAuthError} `USAGE` when it is no header, or one that the product sets itself.
 */
export function parseHeader(text: string): readonly [name: string, value: string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([\x20-\x7e\x80-\xff]*)$/.exec(text) ??
    [];
  if (name === undefined || value === undefined) {
    throw new McpAuthError("USAGE", 'Cannot read --header: it has no form "Name: value"', {
      hint: "Write it as --header 'X-Api-Key: ${MY_KEY}'",
    });
  }
  if (RESERVED.has(name.toLowerCase())) {
    throw new McpAuthError("USAGE", `Cannot set header "${safeText(name)}": mcp-auth sets it itself`);
  }
  return [name, value];
}

/** What opens the store or is a credential itself: no server gets it, whoever wrote the header. */
const OWN_SECRET =
  /^(MCP_AUTH_((NEW_)?(KEY|PASSPHRASE)|EXPORT_PASSPHRASE|CLIENT_SECRET)|DENO_KV_ACCESS_TOKEN)$/i;

/**
 * Fills in the variables.
 *
 * @param headers As stored.
 * @param variable Reads a variable.
 * @throws {McpAuthError} `CONFIG_MISSING` when a variable is not set, `CONFIG_INVALID` for one that holds a secret of
 *   mcp-auth.
 */
export function expandHeaders(
  headers: Readonly<Record<string, string>> | undefined,
  variable: (name: string) => string | undefined,
): Readonly<Record<string, string>> {
  const expand = (value: string) =>
    value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_all, name: string) => {
      if (OWN_SECRET.test(name)) {
        throw new McpAuthError(
          "CONFIG_INVALID",
          `Cannot send the entry's headers: variable "${name}" is a secret of mcp-auth itself`,
          { hint: "Take the headers away with: mcp-auth set <name> --unset header" },
        );
      }
      const found = variable(name);
      if (found !== undefined) return found;
      throw new McpAuthError(
        "CONFIG_MISSING",
        `Cannot send the entry's headers: variable "${name}" is not set`,
        {
          hint: `Set ${name}, or change the header with: mcp-auth set <name> --header`,
        },
      );
    });
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, expand(value)]));
}
