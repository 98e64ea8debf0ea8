/**
 * Names of entries. A name is the identity of an entry, not its URL: two names may share one URL with two accounts.
 *
 * @see behaviours row 45
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Labels that say nothing about whose server it is. */
const GENERIC_LABELS: ReadonlySet<string> = new Set(["api", "app", "dev", "mcp", "remote", "server", "www"]);

/** Suffixes below which a name belongs to whoever took it. */
const SHARED_SUFFIXES: readonly string[] = [
  ".a.run.app",
  ".azurewebsites.net",
  ".deno.dev",
  ".deno.net",
  ".fly.dev",
  ".github.io",
  ".herokuapp.com",
  ".netlify.app",
  ".ngrok-free.app",
  ".ngrok.app",
  ".onrender.com",
  ".pages.dev",
  ".vercel.app",
  ".workers.dev",
];

/** The same for countries that register below a second label, such as `co.uk` and `com.au`. */
const COUNTRY_SUFFIX = /\.(?:ac|co|com|edu|gob|gov|ne|net|or|org)\.[a-z]{2}$/;

/**
 * Refuses what is no name.
 *
 * @throws {McpAuthError} `USAGE`.
 */
export function checkEntryName(name: string): string {
  if (NAME.test(name)) return name;
  throw new McpAuthError(
    "USAGE",
    `Cannot use the name "${safeText(name, 80)}": it does not match ${NAME.source}`,
    {
      hint: "Use lower-case letters, digits, dot, dash and underscore, such as my-server",
    },
  );
}

/**
 * A name for a server, from its host: the last label before the suffix that says whose it is.
 *
 * @param url The server's URL.
 */
export function entryNameFor(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  if (/^[\d.]+$|^\[/.test(hostname)) {
    return sanitize(`local-${port || (protocol === "https:" ? "443" : "80")}`);
  }
  const host = hostname.replace(/\.$/, "");
  const suffix = SHARED_SUFFIXES.find((each) => host.endsWith(each)) ?? COUNTRY_SUFFIX.exec(host)?.[0] ??
    /\.[^.]+$/.exec(host)?.[0] ?? "";
  const labels = host.slice(0, host.length - suffix.length).split(".");
  const meaningful = labels.filter((label) => !GENERIC_LABELS.has(label));
  return sanitize(meaningful.at(-1) ?? labels[0] ?? "server");
}

function sanitize(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 64) ||
    "server";
}
