/**
 * What of this machine decides which permissions the program needs: where its own modules are, and which program opens a
 * browser. A program from a registry, and a compiled one, read none of their own files; in a checkout modules are loaded
 * when they are needed, which takes the permission to read them.
 *
 * @module
 */
import { openersFor } from "./browser.ts";
import type { Env } from "./env.ts";

/** How the program was started. */
export type Place =
  | { readonly kind: "binary" }
  | { readonly kind: "package" }
  /** The folder holds the modules that are loaded when they are needed. */
  | { readonly kind: "checkout"; readonly folder: string };

/**
 * Says how the program was started.
 *
 * @param moduleUrl `import.meta.url` of a module below `lib/`.
 * @param options.os The operating system; this one unless a test says otherwise.
 * @param options.standalone Whether the program is compiled.
 */
export function programPlace(
  moduleUrl: string,
  { os = Deno.build.os, standalone = Deno.build.standalone }: {
    readonly os?: string;
    readonly standalone?: boolean;
  } = {},
): Place {
  if (standalone) return { kind: "binary" };
  const url = new URL(moduleUrl);
  const end = url.pathname.lastIndexOf("/lib/");
  if (url.protocol !== "file:" || end < 0 || url.pathname.includes("/node_modules/")) {
    return { kind: "package" };
  }
  const path = decodeURIComponent(url.pathname.slice(0, end + "/lib".length));
  const folder = os === "windows" ? path.replace(/^\/(?=[a-z]:)/i, "").replaceAll("/", "\\") : path;
  return { kind: "checkout", folder };
}

/** The programs that open a browser. */
export interface BrowserNeeds {
  readonly programs: readonly string[];
  /** What it needs of the environment to find the person's screen. */
  readonly variables: readonly string[];
  /** One is Deno: whoever may start that may do anything. */
  readonly isDeno: boolean;
}

/**
 * Says what opening a browser needs.
 *
 * @param env Where `BROWSER` is read.
 * @param os The operating system; this one unless a test says otherwise.
 */
export function browserNeeds(env: Env, os: string = Deno.build.os): BrowserNeeds {
  const browser = env.get("BROWSER");
  const openers = openersFor("https://example.com/", browser, { os }).map(({ program }) => program);
  // Those of the system stand in for each other: one is enough.
  const programs = browser === undefined ? openers.slice(0, 1) : openers;
  return {
    programs,
    variables: os === "windows" || os === "darwin" ? ["BROWSER"] : ["BROWSER", ...SCREEN],
    isDeno: programs.some((program) =>
      program.split(/[\\/]/).at(-1)?.toLowerCase().replace(/\.exe$/, "") === "deno"
    ),
  };
}

const SCREEN = ["DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "HOME", "PATH"];
