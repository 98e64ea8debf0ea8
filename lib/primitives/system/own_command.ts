/**
 * The command line that starts this very program again, from anywhere and without a shell: what is written into the
 * configuration of a program that starts it.
 *
 * @see behaviours row 47
 * @module
 */
import { VERSION } from "../version.ts";
import type { Env } from "./env.ts";
import { folderOf, pathIn } from "./paths.ts";
import { programPlace } from "./sandbox.ts";

/** A program and the arguments before those of its user. */
export interface OwnCommand {
  /** An absolute path. */
  readonly command: string;
  readonly args: readonly string[];
}

/** What it is worked out from; everything is what this process has unless a test says otherwise. */
export interface OwnCommandOptions {
  /** `import.meta.url` of a module below `lib/`. */
  readonly moduleUrl?: string;
  /** Whether the program is compiled. */
  readonly standalone?: boolean;
  /** The program that runs: Deno, or this program where it is compiled. */
  readonly execPath?: string;
  /** The module that was started. */
  readonly mainModule?: string;
  readonly os?: string;
}

/**
 * Says how to start the program.
 *
 * @param env Where `PATH` is read.
 * @param options What a test sets.
 */
export function ownCommand(env: Env, options: OwnCommandOptions = {}): OwnCommand {
  const { moduleUrl = import.meta.url, standalone = Deno.build.standalone, os = Deno.build.os } = options;
  const command = lasting(options.execPath ?? Deno.execPath(), env, os);
  const place = programPlace(moduleUrl, { os, standalone });
  switch (place.kind) {
    case "binary":
      return { command, args: [] };
    case "checkout": {
      const root = folderOf(place.folder);
      const [config, main] = [pathIn(root, "deno.json"), pathIn(root, "main.ts")];
      return { command, args: ["run", "-A", "--config", config, main] };
    }
    case "package": {
      const main = packageOf(moduleUrl) ?? options.mainModule ?? Deno.mainModule;
      // The configuration of whatever folder the host is in is none of ours.
      return { command, args: ["run", "-A", "--no-config", ...AS_RESTARTED, main] };
    }
  }
}

/** What `restart.ts` adds to such a start, so that the host's has no need of one. */
const AS_RESTARTED: readonly string[] = [
  "--unstable-kv",
  "--unstable-lazy-dynamic-imports",
  "--v8-flags=--max-semi-space-size=4",
];

/** `jsr:@x/mcp-auth@1.2.3`, where the module comes from there; in the version that runs, which has been seen to work. */
function packageOf(moduleUrl: string): string | undefined {
  const name = /^https:\/\/jsr\.io\/(@[a-z0-9-]+\/[a-z0-9-]+)\//.exec(moduleUrl)?.[1];
  return name === undefined ? undefined : `jsr:${name}@${VERSION}`;
}

/**
 * The path of a program that stays when it is updated: package managers put a link on `PATH` that leads to a folder with
 * the version in its name.
 */
function lasting(execPath: string, env: Env, os: string): string {
  if (os === "windows") return execPath;
  const name = execPath.slice(folderOf(execPath).length + 1);
  for (const folder of (env.get("PATH") ?? "").split(":")) {
    if (!folder.startsWith("/")) continue;
    const candidate = pathIn(folder, name);
    if (candidate === execPath) return execPath;
    if (leadsTo(candidate) === execPath) return candidate;
  }
  return execPath;
}

/** Where a path leads; undefined where it leads nowhere, or may not be looked at: nobody is asked for that. */
function leadsTo(path: string): string | undefined {
  try {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
    return Deno.realPathSync(path);
  } catch {
    return undefined;
  }
}
