/**
 * What is to be told of this machine when something does not work on it: versions, what the sandbox grants, the modes
 * of folders, where programs are. Everything is only looked at; what cannot be seen is undefined and never an error.
 *
 * @module
 */
import type { Env } from "./env.ts";
import { pathIn } from "./paths.ts";
import { type Place, programPlace } from "./sandbox.ts";
import { isRestarted } from "./restart.ts";

/** The runtime and the system. */
export interface MachineFacts {
  /** Deno's version. */
  readonly deno: string;
  /** Such as `linux`. */
  readonly os: string;
  /** Such as `x86_64`. */
  readonly arch: string;
  /** How the program was started. */
  readonly place: Place["kind"];
  /** Whether it started itself once more to have Deno KV. */
  readonly isRestarted: boolean;
  /** Whether Deno KV is there. */
  readonly hasKv: boolean;
}

/** An access that the sandbox may grant. */
export interface Access {
  readonly name: "read" | "write" | "net" | "env" | "run";
  /** The path, `host:port`, variable or program; any of them when left out. */
  readonly target?: string;
}

/** Whether an access is granted; `partial`: for some targets. */
export type AccessState = "granted" | "partial" | "denied";

/** Looks at the machine. */
export interface Machine {
  facts(): MachineFacts;
  /** Whether the sandbox grants an access; nobody is asked. */
  access(access: Access): AccessState;
  /** The permission bits of a file or folder; undefined where there is none, it cannot be seen, or there are no modes. */
  modeOf(path: string): number | undefined;
  /** The path of a program on `PATH`; undefined where it is not there. */
  findProgram(name: string, env: Env): string | undefined;
}

/** This machine. */
export const systemMachine: Machine = {
  facts: () => ({
    deno: Deno.version.deno,
    os: Deno.build.os,
    arch: Deno.build.arch,
    place: programPlace(import.meta.url).kind,
    isRestarted: isRestarted(),
    hasKv: typeof Deno.openKv === "function",
  }),
  access: ({ name, target }) => {
    const status = Deno.permissions.querySync(descriptorOf(name, target));
    if (status.state !== "granted") return "denied";
    return status.partial ? "partial" : "granted";
  },
  modeOf: (path) => {
    try {
      const { mode } = Deno.statSync(path);
      return mode === null || Deno.build.os === "windows" ? undefined : mode & 0o777;
    } catch {
      return undefined;
    }
  },
  findProgram: (name, env) => {
    const isPath = /[\\/]/.test(name);
    const isWindows = Deno.build.os === "windows";
    const folders = isPath ? [""] : (env.get("PATH") ?? "").split(isWindows ? ";" : ":");
    const endings = isWindows && !/\.[a-z]{3}$/i.test(name) ? [".exe", ".cmd", ".bat"] : [""];
    return folders.flatMap((folder) =>
      endings.map((ending) => isPath ? name + ending : pathIn(folder || ".", name + ending))
    ).find(isFile);
  },
};

function descriptorOf(name: Access["name"], target: string | undefined): Deno.PermissionDescriptor {
  if (target === undefined) return { name };
  switch (name) {
    case "net":
      return { name, host: target };
    case "env":
      return { name, variable: target };
    case "run":
      return { name, command: target };
    default:
      return { name, path: target };
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
