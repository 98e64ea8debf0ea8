/**
 * A folder of mcp-remote in memory, its files written as that program writes them.
 *
 * @module
 */
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { ForeignFolder } from "../../../lib/primitives/system/foreign_folder.ts";
import { md5Hex } from "../../../lib/primitives/system/md5.ts";
import { NOW } from "./scene.ts";

/** The texts of files by their paths; a text alone was written at `NOW`. */
export type RemoteFiles = Readonly<
  Record<string, string | { readonly text: string; readonly writtenAt: number }>
>;

/** Returns the folder. */
export function remoteFolder(files: RemoteFiles): ForeignFolder {
  const parts = Object.keys(files).map((path) => path.split("/"));
  return {
    list: (...names) => {
      const below = parts.filter((path) =>
        path.length > names.length && names.every((name, index) => path[index] === name)
      ).map((path) => path.slice(names.length));
      return Promise.resolve({
        folders: [...new Set(below.filter((path) => path.length > 1).map(([name = ""]) => name))].sort(),
        files: below.filter((path) => path.length === 1).map(([name = ""]) => name).sort(),
        truncated: false,
      });
    },
    read: (names, { maxBytes }) => {
      const file = files[names.join("/")];
      const { text, writtenAt } = typeof file === "string" ? { text: file, writtenAt: NOW } : file!;
      if (text === UNREADABLE) return Promise.reject(new McpAuthError("CONFIG_INVALID", "Cannot read it"));
      return Promise.resolve({ text: text.slice(0, maxBytes), writtenAt });
    },
  };
}

/** The text of a file that cannot be read. */
export const UNREADABLE = "(unreadable)";

/** The name of a server's file. */
export function fileFor(url: string, suffix = "tokens.json"): string {
  return `${md5Hex(url)}_${suffix}`;
}

/** What a token endpoint answered, as it is stored. */
export function tokensText(members: object = {}): string {
  return JSON.stringify(
    { access_token: "at", token_type: "Bearer", refresh_token: "rt", ...members },
    null,
    2,
  );
}

/** What a registration endpoint answered. */
export function clientText(members: object = {}): string {
  return JSON.stringify(
    { client_id: "client", redirect_uris: ["http://localhost:4682/oauth/callback"], ...members },
    null,
    2,
  );
}

/** A JWT that nobody has signed. */
export function jwt(claims: object): string {
  const part = (value: object) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${part({ alg: "none" })}.${part(claims)}.c2ln`;
}
