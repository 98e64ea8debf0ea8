/**
 * What is known of an MCP host: where its configuration is, and how servers stand in it. Hosts are data; whatever one does
 * otherwise than the others is a member here and never a branch elsewhere.
 *
 * @module
 */
import type { Env } from "../../primitives/system/env.ts";
import type { Os } from "../../primitives/system/paths.ts";

/** The hosts that are known. */
export const HOST_IDS = [
  "claude-desktop",
  "claude-code",
  "cursor",
  "vscode",
  "codex",
  "windsurf",
  "gemini",
] as const;

/** The name of a host on the command line. */
export type HostId = typeof HOST_IDS[number];

/** Whose configuration: the user's, or that of the project in the working folder. */
export type HostScope = "user" | "project";

/** The machine that a path is for. */
export interface HostMachine {
  readonly env: Env;
  readonly os: Os;
  /** The user's home folder. */
  readonly home: string;
}

/** Where a user's configuration may be. */
export interface HostPlace {
  /** The file. */
  readonly file: string;
  /** A folder that is there once the host has been started. */
  readonly folder: string;
}

/** How headers of a remote server are written. */
export interface HeaderMembers {
  /** Names and values. */
  readonly values: string;
  /** Names, and the variables that hold the values. */
  readonly variables?: string;
  /** The variable that holds a bearer token. */
  readonly bearerVariable?: string;
}

/** How a value names a variable: `$NAME` and `${NAME}`, `${NAME}` alone, `${env:NAME}`, or not at all. */
export type VariableSyntax = "dollar" | "braces" | "env" | "none";

/** A host. */
export interface Host {
  readonly id: HostId;
  /** What people know it by. */
  readonly title: string;
  /** `json`: the host reads neither comments nor trailing commas. */
  readonly format: "json" | "jsonc" | "toml";
  /** The way to the member that holds the servers. */
  readonly servers: readonly string[];
  /** A member whose members hold servers in the same way, such as one for each project. */
  readonly perProject?: string;
  /** The user's configuration: the first whose folder is there, else the last. */
  readonly places: (machine: HostMachine) => readonly HostPlace[];
  /** A project's configuration, below its folder. */
  readonly project?: readonly string[];
  /** Whether the entry of a program says that it is one: `"type": "stdio"`. */
  readonly saysStdio: boolean;
  /** The members that hold the URL of a remote server, in the order that the host looks. */
  readonly urls: readonly string[];
  readonly headers: HeaderMembers;
  readonly variables: VariableSyntax;
  /** The names that servers may have there; any when left out. */
  readonly names?: RegExp;
  /** What the person has to do before the host knows of a change. */
  readonly next: string;
  /** Where all that was read. */
  readonly sources: readonly string[];
  /** When, as a date. */
  readonly checked: string;
}
