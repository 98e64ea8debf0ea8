/**
 * A browser without a screen, for the `BROWSER` environment variable and for tests: it opens a URL, follows
 * redirects, signs in, approves, and ends at the page the client shows. It is plain HTTP with a cookie jar, so it
 * starts in milliseconds and needs no package:
 *
 *     BROWSER="deno run -A --no-config /path/to/scripted_browser.ts" mcp-auth add demo http://127.0.0.1:3000/mcp
 *
 * As a program it takes `[--user NAME] [--deny] URL`, tells each step on stderr, and exits 0 when the last page was
 * an answer of 200 to 299, else 1; 2 for wrong arguments.
 *
 * @module
 */

import { DEMO_USERS } from "../servers/users.ts";
import { CookieJar } from "./cookie_jar.ts";
import { firstForm, type Form } from "./html_form.ts";

/** How a browser is to behave. Everything is optional. */
export interface BrowseOptions {
  /** Who signs in: a demo user's name, or a name and a password; `"alice"` unless set. */
  readonly user?: string | { readonly name: string; readonly password: string };
  /** What to answer to a consent form: approve (unless set), deny, or submit no form at all and only follow. */
  readonly decide?: "approve" | "deny" | "follow";
  /** An address that it does not reach, as one on another machine: a visit that leads there ends with its URL and status 0. */
  readonly unreachable?: string;
  /** Hears of each step, as a phrase without secrets: `"GET http://127.0.0.1:1234/auth"`, `"signs in as alice"`. */
  readonly onStep?: (step: string) => void;
  /** Ends the visit early. */
  readonly signal?: AbortSignal;
  /** The cookies to start from and to keep; a new jar unless set, as if the user had never been there. */
  readonly cookies?: CookieJar;
}

/** The page a visit ended at. */
export interface Visit {
  /** Its URL, with the query. */
  readonly url: string;
  /** Its HTTP status; 0 where it was not reached. */
  readonly status: number;
  /** Its text as it came. */
  readonly text: string;
}

interface Request {
  readonly url: URL;
  readonly form?: URLSearchParams;
}

const MAX_REQUESTS = 30;

/**
 * Opens a URL as a user's browser would, and goes on until a page has nothing left to submit.
 *
 * @param url where to start: the authorization URL, or the verification URL of the device flow
 * @param options how to behave
 * @returns the last page
 * @throws Error when a password is refused, a form cannot be denied, or the visit goes in circles
 * @throws TypeError when a server cannot be reached
 * @throws DOMException when the signal fires
 */
export async function browse(url: string | URL, options: BrowseOptions = {}): Promise<Visit> {
  const cookies = options.cookies ?? new CookieJar();
  let signedIn = false;
  let denied = false;
  let next: Request = { url: new URL(url) };
  for (let count = 0; count < MAX_REQUESTS; count++) {
    const { url } = next;
    if (options.unreachable !== undefined && url.href.startsWith(options.unreachable)) {
      return { url: url.href, status: 0, text: "" };
    }
    options.onStep?.(`${next.form === undefined ? "GET" : "POST"} ${url.origin}${url.pathname}`);
    const response = await send(next, cookies, options.signal);
    const location = response.headers.get("location");
    if (location !== null && response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      next = { url: new URL(location, url) };
      continue;
    }
    const text = await response.text();
    const form = options.decide === "follow" ? undefined : firstForm(text, url);
    // A device that was denied is asked for its code again.
    const isOver = form === undefined || (denied && form.fields.has("user_code"));
    if (isOver) return { url: url.href, status: response.status, text };
    denied ||= options.decide === "deny" && form.buttons.some(saysNo);
    const asksPassword = form.fields.has("password");
    if (asksPassword && signedIn) {
      throw new Error(`Cannot sign in at "${url.origin}": the password is refused`);
    }
    signedIn ||= asksPassword;
    next = fill(form, options);
  }
  throw new Error(`Cannot finish the visit to "${new URL(url).origin}": more than ${MAX_REQUESTS} requests`);
}

function send({ url, form }: Request, cookies: CookieJar, signal?: AbortSignal): Promise<Response> {
  const headers = new Headers({ accept: "text/html" });
  const cookie = cookies.header(url);
  if (cookie !== "") headers.set("cookie", cookie);
  const init: RequestInit = { headers, redirect: "manual", signal: signal ?? null };
  if (form !== undefined) Object.assign(init, { method: "POST", body: form });
  return fetch(url, init).then((response) => {
    cookies.keep(url, response.headers);
    return response;
  });
}

function fill(form: Form, { user = "alice", decide = "approve", onStep }: BrowseOptions): Request {
  const values = new URLSearchParams([...form.fields]);
  const { name, password } = typeof user === "string"
    ? { name: user, password: DEMO_USERS[user] ?? "" }
    : user;
  let button = form.buttons[0];
  if (form.fields.has("password")) {
    onStep?.(`signs in as ${name}`);
    const nameField = [...form.fields.keys()].find((each) => /^(login|user(_?name)?|email)$/i.test(each));
    values.set(nameField ?? "login", name);
    values.set("password", password);
  } else if (button !== undefined) {
    const no = form.buttons.find(saysNo);
    // The page that asks for a device's code comes before the one that can be denied.
    if (decide === "deny" && no === undefined && !form.fields.has("user_code")) {
      throw new Error(`Cannot deny at "${form.action.origin}": the form has no button for it`);
    }
    button = decide === "deny" && no !== undefined ? no : form.buttons.find((each) => each !== no);
    onStep?.(`${decide === "deny" ? "denies" : "approves"} at ${form.action.origin}`);
  }
  if (button !== undefined && button.name !== "") values.set(button.name, button.value);
  if (form.method === "POST") return { url: form.action, form: values };
  form.action.search = values.toString();
  return { url: form.action };
}

function saysNo({ value, label, name }: Form["buttons"][number]): boolean {
  return /deny|refuse|cancel|abort|^no\b/i.test(`${value} ${label} ${name}`);
}

function tell(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function main(args: string[]): Promise<number> {
  let user = "alice";
  let decide: "approve" | "deny" = "approve";
  let url: string | undefined;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--user") user = args[++i] ?? "";
    else if (args[i] === "--deny") decide = "deny";
    else url = args[i];
  }
  if (url === undefined || !URL.canParse(url)) {
    tell("usage: scripted_browser.ts [--user NAME] [--deny] URL");
    return 2;
  }
  try {
    const visit = await browse(url, { user, decide, onStep: (step) => tell(`browser: ${step}`) });
    tell(`browser: ends at ${new URL(visit.url).origin}${new URL(visit.url).pathname}: ${visit.status}`);
    return visit.status >= 200 && visit.status < 300 ? 0 : 1;
  } catch (error) {
    tell(`browser: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

if (import.meta.main) void main(Deno.args).then((code) => Deno.exit(code));
