/**
 * The same visit as the scripted browser's, in a real headless Chromium: what it shows that plain HTTP cannot is how
 * a browser treats the pages themselves (content security policy, redirects after a form, window closing). Every
 * visit has an empty profile of its own.
 *
 * @module
 */

import { chromium, type Page } from "playwright-core";
import { DEMO_USERS } from "../servers/users.ts";

/** How Chromium is to behave. Everything is optional. */
export interface ChromiumOptions {
  /** Who signs in: a demo user's name, or a name and a password; `"alice"` unless set. */
  readonly user?: string | { readonly name: string; readonly password: string };
  /** What to answer to a consent form: approve (unless set), deny, or submit no form at all. */
  readonly decide?: "approve" | "deny" | "follow";
  /** Hears of each step, as a phrase without secrets. */
  readonly onStep?: (step: string) => void;
  /** Ends the visit early, and Chromium with it. */
  readonly signal?: AbortSignal;
  /** A file to write a PNG of the last page to. */
  readonly screenshot?: string;
}

/** The page a visit in Chromium ended at. */
export interface ChromiumVisit {
  /** Its URL, with the query. */
  readonly url: string;
  /** Its title. */
  readonly title: string;
  /** The text a person sees. */
  readonly text: string;
  /** What the page wrote to the console, refusals by its content security policy included. */
  readonly console: readonly string[];
}

const STEP_TIMEOUT_MS = 15_000;
const MAX_FORMS = 6;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Finds Debian's Chromium.
 *
 * @returns its path, or `undefined` where it is not installed
 */
export function chromiumPath(): string | undefined {
  return ["/usr/lib/chromium/chromium", "/usr/bin/chromium"].find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/**
 * Opens a URL in Chromium, signs in, decides, and goes on until a page has no form.
 *
 * @param url where to start
 * @param options how to behave
 * @returns the last page, after its scripts have run
 * @throws Error when Chromium is not installed, a step takes over 15 s, or the visit goes in circles
 * @throws DOMException when the signal fires
 */
export async function browseWithChromium(
  url: string | URL,
  options: ChromiumOptions = {},
): Promise<ChromiumVisit> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("Cannot find Chromium: install the package chromium");
  options.signal?.throwIfAborted();
  const profile = await Deno.makeTempDir({ prefix: "chromium-" });
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: FLAGS,
    });
    let closed: Promise<void> | undefined;
    const close = () => closed ??= context.close();
    const stop = () => void close();
    options.signal?.addEventListener("abort", stop, { once: true });
    try {
      options.signal?.throwIfAborted();
      context.setDefaultTimeout(STEP_TIMEOUT_MS);
      return await visit(context.pages()[0] ?? await context.newPage(), new URL(url), options);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", stop);
      await close();
    }
  } finally {
    await Deno.remove(profile, { recursive: true });
  }
}

async function visit(page: Page, url: URL, options: ChromiumOptions): Promise<ChromiumVisit> {
  const { decide = "approve", onStep, screenshot } = options;
  const lines: string[] = [];
  page.on("console", (message) => lines.push(message.text()));
  page.on("framenavigated", (frame) => {
    const { origin, pathname } = new URL(frame.url());
    if (frame === page.mainFrame() && origin !== "null") onStep?.(`shows ${origin}${pathname}`);
  });
  await page.goto(url.href);
  for (let count = 0; decide !== "follow" && await page.locator("form").count() > 0; count++) {
    if (count === MAX_FORMS) throw new Error(`Cannot finish the visit to "${url.origin}": too many forms`);
    await submit(page, options);
  }
  await page.waitForLoadState();
  if (screenshot !== undefined) await page.screenshot({ path: screenshot, fullPage: true });
  const [title, text] = [await page.title(), await page.locator("body").innerText()];
  return { url: page.url(), title, text, console: lines };
}

async function submit(page: Page, { user = "alice", decide, onStep }: ChromiumOptions): Promise<void> {
  const { name, password } = typeof user === "string"
    ? { name: user, password: DEMO_USERS[user] ?? "" }
    : user;
  const passwordField = page.locator("input[type=password]");
  const no = /deny|refuse|cancel|abort|^no\b/i;
  let button = page.getByRole("button").first();
  if (await passwordField.count() > 0) {
    onStep?.(`signs in as ${name}`);
    await page.locator("form input:not([type=hidden]):not([type=password])").first().fill(name);
    await passwordField.fill(password);
  } else {
    onStep?.(decide === "deny" ? "denies" : "approves");
    button = page.getByRole("button").filter(decide === "deny" ? { hasText: no } : { hasNotText: no })
      .first();
  }
  const left = page.waitForEvent("framenavigated", (frame) => frame === page.mainFrame());
  await Promise.all([left, button.click()]);
  await page.waitForLoadState();
}
