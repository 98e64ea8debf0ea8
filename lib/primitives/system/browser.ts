/**
 * Opens a URL in the user's browser: by `BROWSER` (an argv, never a shell) or by the platform's opener. The URL came
 * from a server, so it is checked once more here, where it would do harm, and passed as one argument.
 *
 * @see MCP security best practices, OAuth Authorization URL Validation (C73-C75); behaviours row 47
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { parseWebUrl } from "../web_url.ts";
import { pause } from "./clock.ts";
import type { Env } from "./env.ts";
import { allowFlag } from "./permissions.ts";
import { childEnvironment } from "./process.ts";

/** Opens URLs. */
export interface Browser {
  /**
   * Starts the browser and returns without waiting for it.
   *
   * @param url https, or http on loopback.
   * @throws {McpAuthError} `UNSAFE_URL`, `PERMISSION_DENIED` or `NOT_FOUND` when it could not be started.
   */
  open(url: string): Promise<void>;
}

/** The command line that opens a URL. */
export interface Opener {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * Chooses the opener.
 *
 * @param url The URL to open, already checked.
 * @param browser The `BROWSER` variable: a program with arguments, split at blanks; `%s` stands for the URL, which is
 *   appended where it does not occur.
 * @param os `Deno.build.os`.
 */
export function openerFor(url: string, browser: string | undefined, os: string): Opener {
  const [program, ...args] = browser?.trim().split(/\s+/) ?? [];
  if (program !== undefined && program !== "") {
    const filled = args.map((arg) => arg.replaceAll("%s", () => url));
    return { program, args: args.some((arg) => arg.includes("%s")) ? filled : [...args, url] };
  }
  if (os === "darwin") return { program: "open", args: [url] };
  if (os === "windows") return { program: "rundll32", args: ["url.dll,FileProtocolHandler", url] };
  return { program: "xdg-open", args: [url] };
}

/** Openers that find no browser end at once; one that still runs after this time, in ms, has found one. */
const OPENER_MS = 300;

/** Throws when the opener ends at once and not well. */
async function failedEarly(child: Deno.ChildProcess, program: string): Promise<void> {
  const settled = new AbortController();
  const waited = pause(OPENER_MS, settled.signal).then(() => undefined, () => undefined);
  const status = await Promise.race([child.status, waited]);
  settled.abort();
  if (status === undefined || status.success) return;
  throw new McpAuthError(
    "NOT_FOUND",
    `Cannot start the browser: "${program}" ended with exit code ${status.code}`,
    {
      hint: "Open the URL by hand",
    },
  );
}

/** The real browser of this machine. */
export function systemBrowser(env: Env): Browser {
  return {
    open: async (url) => {
      parseWebUrl(url, "authorization URL");
      const { program, args } = openerFor(url, env.get("BROWSER"), Deno.build.os);
      try {
        const child = new Deno.Command(program, {
          args: [...args],
          stdin: "null",
          stdout: "null",
          stderr: env.get("BROWSER") === undefined ? "null" : "inherit",
          ...childEnvironment(),
        }).spawn();
        child.unref();
        await failedEarly(child, program);
      } catch (error) {
        if (error instanceof McpAuthError) throw error;
        const denied = error instanceof Deno.errors.NotCapable;
        const missing = error instanceof Deno.errors.NotFound;
        throw new McpAuthError(
          denied ? "PERMISSION_DENIED" : "NOT_FOUND",
          `Cannot start the browser: ${
            denied
              ? `the sandbox does not allow "${program}"`
              : `"${program}" ${missing ? "was not found" : "cannot be run"}`
          }`,
          {
            hint: `Open the URL by hand${denied ? `, or run again with ${allowFlag("run", program)}` : ""}`,
            cause: error,
          },
        );
      }
    },
  };
}
