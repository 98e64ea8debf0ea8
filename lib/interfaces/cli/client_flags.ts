/**
 * What commands share that have to do with clients: the line to come back with once a client is registered by hand, and
 * the means to register one, which are secrets and come from files, standard input or the environment alone.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { expandHeaders } from "../../services/config/mod.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { CliContext } from "./context.ts";
import { numberFlag, switchFlag } from "./flags.ts";

/** How a token is given by hand. */
export type HandTokenFlags = {
  readonly tokenStdin?: boolean | undefined;
  readonly expiresIn?: number | undefined;
};

/** The grammar of {@linkcode HandTokenFlags}. */
export const handTokenFlags = {
  tokenStdin: switchFlag("Take an access token from standard input, in place of a sign-in"),
  expiresIn: numberFlag("Seconds until that token expires", "seconds", 1, 10 * 365 * 86_400),
} as const;

/** The command that gives a URL's token from the environment a successor. */
export const NEW_TOKEN_COMMAND = "export MCP_AUTH_ACCESS_TOKEN=<new token>";

/** The command that signs in to an entry again, or gives it another token. */
export function loginCommand({ name, signIn }: Pick<ServerRecord, "name" | "signIn">): string {
  return `mcp-auth login ${name}${signIn === "token" ? " --token-stdin" : ""}`;
}

/** The name that servers show where an entry has none of its own. */
export const PROGRAM_NAME = "mcp-auth";

/** Flags that the line to come back with has of its own, or that are about this very run. */
const NOT_REPEATED: ReadonlySet<string> = new Set([
  "clientId",
  "clientSecretFile",
  "json",
  "verbose",
  "reRegister",
  "tokenStdin",
  "expiresIn",
  "privateKey",
]);

/**
 * A command line as it was typed, without what changes when a client is registered by hand.
 *
 * @param words The command and its arguments.
 * @param flags The flags that its action got.
 */
export function commandAgain(words: readonly string[], flags: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(flags).filter(([name, value]) =>
    value !== undefined && !NOT_REPEATED.has(name)
  );
  return [
    "mcp-auth",
    ...words.map(quoted),
    ...given.flatMap(([name, value]) => flagWords(name, value)),
  ].join(" ");
}

function flagWords(name: string, value: unknown): readonly string[] {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (value === true) return [`--${flag}`];
  if (value === false) return [`--no-${flag}`];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.flatMap((
    each,
  ) => [`--${flag}`, quoted(name === "header" ? withoutSecret(String(each)) : String(each))]);
}

/** A header's value may be a secret, unless it only says where the secret is. */
function withoutSecret(header: string): string {
  const [name = ""] = header.split(":", 1);
  const value = header.slice(name.length + 1).trim();
  return value.includes("${") ? header : `${name}: <value>`;
}

/** A word as a POSIX shell reads it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Headers that carry credentials: their values are never taken from the command line. */
const CREDENTIAL_HEADERS =
  /^(authorization|cookie|x-(api|auth|access)[\w-]*|.*(token|secret|key|session)[\w-]*)$/i;

/** Headers that the request has anyway. */
const OWN_HEADERS = /^(accept|connection|content-length|content-type|host|transfer-encoding)$/i;

/**
 * Headers for a registration endpoint: `Name: value`, where `${VARIABLE}` stands for a variable and `${file:/path}` for
 * what is in a file, so that a session's cookie is on no command line.
 *
 * @param context Where variables are read.
 * @param given As typed.
 * @throws {McpAuthError} `USAGE` for what is no such header, or a credential in clear; `CONFIG_MISSING` for a variable or a
 *   file that is not there.
 */
export function registrationHeaders(
  context: CliContext,
  given: readonly string[] = [],
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const text of given) {
    const [, name, value = ""] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([\x20-\x7e]*)$/.exec(text) ??
      [];
    if (name === undefined || OWN_HEADERS.test(name)) {
      throw new McpAuthError("USAGE", "Cannot use --registration-header: it is no header that may be added", {
        hint: "Write it as --registration-header 'Cookie: session=${SESSION}'",
      });
    }
    if (CREDENTIAL_HEADERS.test(name) && !value.includes("${")) {
      throw new McpAuthError(
        "USAGE",
        `Cannot take header "${safeText(name, 80)}" from the command line: other programs can read it there`,
        {
          hint: "Put the value into a variable and write it as ${VARIABLE}, or into a file as ${file:/path}",
        },
      );
    }
    headers[name] = value;
  }
  return expandHeaders(headers, (variable) => context.env.get(variable));
}
