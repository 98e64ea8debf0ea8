/**
 * Opens a URL in the user's browser: by `BROWSER` (an argv, never a shell) or by the platform's openers, one after the
 * other. The URL came from a server, so it is checked once more here, where it would do harm, and passed as one argument.
 *
 * @see MCP security best practices, OAuth Authorization URL Validation (C73-C75); behaviours row 47; CVE-2025-6514
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeUrl } from "../untrusted_text.ts";
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

/** Where openers run: an operating system as `Deno.build.os` names it, or a Linux whose screen is that of Windows. */
export interface OpenerPlace {
  readonly os: string;
  readonly isWsl?: boolean | undefined;
}

/**
 * The openers to try, in order.
 *
 * @param url The URL to open, already checked.
 * @param browser The `BROWSER` variable: programs with arguments, split at blanks, and from each other by colons (on
 *   Windows by semicolons); `%s` stands for the URL, which is appended where it does not occur.
 * @param place Where they run.
 */
export function openersFor(url: string, browser: string | undefined, place: OpenerPlace): readonly Opener[] {
  const named = (browser ?? "").split(place.os === "windows" ? ";" : ":").flatMap((line) => {
    const [program, ...args] = line.trim().split(/\s+/);
    if (program === undefined || program === "") return [];
    const filled = args.map((arg) => arg.replaceAll("%s", () => url));
    return [{ program, args: args.some((arg) => arg.includes("%s")) ? filled : [...args, url] }];
  });
  if (named.length > 0) return named;
  if (place.os === "darwin") return [{ program: "open", args: [url] }];
  const shellUrl = ["url.dll,FileProtocolHandler", url];
  if (place.os === "windows") return [{ program: "rundll32", args: shellUrl }];
  const desktop = [{ program: "xdg-open", args: [url] }, { program: "gio", args: ["open", url] }];
  const windows = [{ program: "wslview", args: [url] }, { program: "rundll32.exe", args: shellUrl }];
  return place.isWsl ? [...windows, ...desktop] : desktop;
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

/**
 * The real browser of this machine.
 *
 * @param env Where `BROWSER` is read.
 * @param isWsl Whether this is a Linux below Windows, whose browser is opened then.
 */
export function systemBrowser(env: Env, isWsl = false): Browser {
  return {
    open: async (url) => {
      checkOpenable(url);
      const browser = env.get("BROWSER");
      let first: unknown;
      for (const opener of openersFor(url, browser, { os: Deno.build.os, isWsl })) {
        try {
          return await start(opener, browser !== undefined);
        } catch (error) {
          first ??= error;
        }
      }
      throw first;
    },
  };
}

/** Refuses what no opener is to get, though nothing here would trip over it: some are scripts (C75). */
function checkOpenable(url: string): void {
  const { hostname } = parseWebUrl(url, "authorization URL");
  const unsafe = (why: string) =>
    new McpAuthError("UNSAFE_URL", `Cannot use authorization URL "${safeUrl(url)}": ${why}`);
  if (/\p{Cc}/u.test(url)) throw unsafe("it has control characters");
  if (!/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/.test(hostname)) throw unsafe("its host is no host name");
}

async function start({ program, args }: Opener, isNamed: boolean): Promise<void> {
  try {
    const child = new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "null",
      stderr: isNamed ? "inherit" : "null",
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
}
