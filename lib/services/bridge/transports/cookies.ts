/**
 * The cookies of one server, in memory and for as long as its transport lives: a load balancer tells by them which
 * machine a session is on. They go to the origin that set them and nowhere else: a cookie for a whole domain is kept as
 * one of this host alone, and one for another domain not at all. Nothing is written anywhere.
 *
 * A `Cookie` header that the user gave comes first and wins, name by name, over what the server sets.
 *
 * @see RFC 6265 sections 5.2 to 5.4
 * @see behaviours row 37
 * @module
 */
import { COOKIE_MAX_CHARS, COOKIES_MAX } from "../../../primitives/bridge_limits.ts";

/** One cookie that is kept. */
interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** Milliseconds since the epoch; `Infinity` for as long as the jar lives. */
  readonly expiresAt: number;
}

/** The cookies of one origin. */
export class CookieJar {
  readonly #origin: string;
  readonly #now: () => number;
  /** By name and path, the one that was set last at the end. */
  readonly #cookies = new Map<string, Cookie>();

  /**
   * @param url A URL of the server; its origin is the only one that cookies come from and go to.
   * @param now Tells the time, in milliseconds since the epoch.
   */
  constructor(url: string, now: () => number = Date.now) {
    this.#origin = new URL(url).origin;
    this.#now = now;
  }

  /**
   * Takes what a response sets; of a response from another origin, nothing.
   *
   * @param lines Its `Set-Cookie` fields.
   * @param url The URL that answered.
   */
  take(lines: readonly string[], url: string): void {
    const from = URL.parse(url);
    if (from?.origin !== this.#origin) return;
    for (const line of lines) {
      const cookie = parseSetCookie(line, from, this.#now());
      if (cookie === undefined) continue;
      const key = `${cookie.name} ${cookie.path}`;
      this.#cookies.delete(key);
      if (cookie.expiresAt > this.#now()) this.#cookies.set(key, cookie);
    }
    for (const oldest of this.#cookies.keys()) {
      if (this.#cookies.size <= COOKIES_MAX) break;
      this.#cookies.delete(oldest);
    }
  }

  /**
   * The `Cookie` field for a request.
   *
   * @param url Where it goes.
   * @param given The field that it has already: comes first, and its cookies win over kept ones of the same name.
   * @returns Undefined where there is nothing to send.
   */
  header(url: string, given?: string): string | undefined {
    const to = URL.parse(url);
    if (this.#cookies.size === 0 || to?.origin !== this.#origin) return given;
    const taken = new Set(given?.split(";").map((pair) => pair.split("=", 1)[0]!.trim()));
    const fitting: Cookie[] = [];
    for (const [key, cookie] of this.#cookies) {
      if (cookie.expiresAt <= this.#now()) this.#cookies.delete(key);
      else if (isUnder(to.pathname, cookie.path) && !taken.has(cookie.name)) fitting.push(cookie);
    }
    if (fitting.length === 0) return given;
    // Longer paths first: a server takes the first of two cookies of one name (RFC 6265 section 5.4).
    fitting.sort((a, b) => b.path.length - a.path.length);
    const pairs = fitting.map(({ name, value }) => `${name}=${value}`);
    return (given === undefined || given.trim() === "" ? pairs : [given, ...pairs]).join("; ");
  }
}

/**
 * Reads one `Set-Cookie` field.
 *
 * @param line The field's value.
 * @param from The URL that it came from.
 * @param now Milliseconds since the epoch.
 * @returns The cookie, in the past where it is to be deleted; undefined for one that is not to be kept or touched.
 */
function parseSetCookie(line: string, from: URL, now: number): Cookie | undefined {
  // deno-lint-ignore no-control-regex -- what must not stand in a header field
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) return undefined;
  const [pair = "", ...rest] = line.split(";");
  const at = pair.indexOf("=");
  const name = pair.slice(0, Math.max(at, 0)).trim();
  const value = pair.slice(at + 1).trim();
  if (name === "" || name.length + value.length > COOKIE_MAX_CHARS) return undefined;
  const attributes = new Map(rest.map((each) => {
    const [key = "", ...words] = each.split("=");
    return [key.trim().toLowerCase(), words.join("=").trim()];
  }));
  const domain = attributes.get("domain")?.replace(/^\./, "").toLowerCase() ?? "";
  const isOwn = domain === "" || domain === from.hostname || from.hostname.endsWith(`.${domain}`);
  // One origin is secure or is not: a cookie for the other kind would never be sent.
  if (!isOwn || (attributes.has("secure") && from.protocol !== "https:")) return undefined;
  const path = attributes.get("path") ?? "";
  return {
    name,
    value,
    path: path.startsWith("/") ? path : defaultPath(from.pathname),
    expiresAt: expiryOf(attributes, now),
  };
}

/** `Max-Age` wins over `Expires` (RFC 6265 section 5.3); a date that is none counts as not given. */
function expiryOf(attributes: ReadonlyMap<string, string>, now: number): number {
  const maxAge = attributes.get("max-age") ?? "";
  if (/^-?\d+$/.test(maxAge)) return Number(maxAge) <= 0 ? -Infinity : now + Number(maxAge) * 1000;
  const date = Date.parse((attributes.get("expires") ?? "").replaceAll("-", " "));
  return Number.isNaN(date) ? Infinity : date;
}

/** The directory of the request's path (RFC 6265 section 5.1.4). */
function defaultPath(pathname: string): string {
  return pathname.slice(0, Math.max(pathname.lastIndexOf("/"), 1));
}

/** RFC 6265 section 5.1.4. */
function isUnder(pathname: string, path: string): boolean {
  return pathname === path ||
    (pathname.startsWith(path) && (path.endsWith("/") || pathname[path.length] === "/"));
}
