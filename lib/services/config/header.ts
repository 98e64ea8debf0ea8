/**
 * Static headers of an entry: `Name: value`, where `${VARIABLE}` in the value stands for an environment variable, and
 * `${file:/path}` for what is in a file when it is sent, so that a secret need be neither on a command line nor in the
 * store.
 *
 * @see behaviours row 47
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { HEADER_FILE_MAX_BYTES } from "../../primitives/limits.ts";
import { readNamedFile } from "../../primitives/system/named_file.ts";
import { safeText } from "../../primitives/untrusted_text.ts";

/** Headers that the product sets itself, and those that are for one connection alone (RFC 9110 section 7.6.1). */
const RESERVED: ReadonlySet<string> = new Set([
  "accept",
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "dpop",
  "expect",
  "host",
  "keep-alive",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
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

/**
 * Reads headers from lines of `Name: value`. Empty lines and lines that begin with `#` say nothing; what a line that is no
 * header has in it may be a secret, and is not repeated.
 *
 * @throws {McpAuthError} `USAGE` for a line that is no header, or one that the product sets itself.
 */
export function parseHeaderLines(text: string): readonly (readonly [name: string, value: string])[] {
  return text.replace(/^\ufeff/, "").split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    try {
      return [parseHeader(line)];
    } catch (error) {
      const words = error instanceof McpAuthError ? error.message : "";
      if (!words.startsWith("Cannot read --header:")) throw error;
      throw new McpAuthError(
        "USAGE",
        `Cannot read --header-file: line ${index + 1} has no form "Name: value"`,
      );
    }
  });
}

/** What opens the store or is a credential itself: no server gets it, whoever wrote the header. */
const OWN_SECRET =
  /^(MCP_AUTH_((NEW_)?(KEY|PASSPHRASE)|EXPORT_PASSPHRASE|(IDP_)?CLIENT_SECRET|PRIVATE_KEY|ASSERTION|ID_TOKEN|ACCESS_TOKEN)|DENO_KV_ACCESS_TOKEN)$/i;

/** A variable or a file in a value. */
const PLACEHOLDER = /\$\{(?:([A-Za-z_][A-Za-z0-9_]*)|file:([^{}]+))\}/g;

/**
 * Fills in variables and files.
 *
 * @param headers As stored.
 * @param variable Reads a variable.
 * @param file Reads a file, given its path.
 * @throws {McpAuthError} `CONFIG_MISSING` when a variable is not set or a file not there, `CONFIG_INVALID` for a variable
 *   that holds a secret of mcp-auth, and for a file that cannot be read or holds no value of a header; `PERMISSION_DENIED`
 *   where the sandbox does not grant it.
 */
export function expandHeaders(
  headers: Readonly<Record<string, string>> | undefined,
  variable: (name: string) => string | undefined,
  file: (path: string) => string = readHeaderValue,
): Readonly<Record<string, string>> {
  const expand = (value: string) =>
    value.replace(
      PLACEHOLDER,
      (_all, name: string | undefined, path: string) =>
        name === undefined ? file(path) : readVariable(name, variable),
    );
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, expand(value)]));
}

function readVariable(name: string, variable: (name: string) => string | undefined): string {
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
    { hint: `Set ${name}, or change the header with: mcp-auth set <name> --header` },
  );
}

/** The file's text without the newline at its end. */
function readHeaderValue(path: string): string {
  const namedBy = "a header of the entry";
  const use = { namedBy, contents: "value", maxBytes: HEADER_FILE_MAX_BYTES };
  const value = readNamedFile(path, use).replace(/\r?\n$/, "");
  if (/^[\x20-\x7e\x80-\xff]+$/.test(value)) return value;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot send the entry's headers: what is in "${safeText(path)}" is ${
      value === "" ? "empty" : "no value of a header"
    }`,
    { hint: "It has to be one line of text" },
  );
}
