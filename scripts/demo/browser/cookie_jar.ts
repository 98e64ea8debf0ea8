/**
 * The cookies of one scripted browser, kept and sent by RFC 6265 as far as sign-in pages need it: host, path, expiry.
 *
 * @module
 */

interface Cookie {
  readonly host: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** A browser's cookies. */
export class CookieJar {
  #cookies: Cookie[] = [];

  /**
   * Keeps what an answer sets, and drops what it expires.
   *
   * @param url the URL that was asked for
   * @param headers the headers of the answer
   */
  keep(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const equals = pair.indexOf("=");
      if (equals < 1) continue;
      const attribute = (name: string) =>
        attributes.find((each) => each.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
      const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
      const path = attribute("path") ?? url.pathname.replace(/\/[^/]*$/, "");
      const cookie: Cookie = { host: url.hostname, path: path === "" ? "/" : path, name, value };
      this.#cookies = this.#cookies.filter((each) =>
        each.host !== cookie.host || each.path !== cookie.path || each.name !== name
      );
      if (!hasEnded(attribute("max-age"), attribute("expires"))) this.#cookies.push(cookie);
    }
  }

  /**
   * The `Cookie` header for a request.
   *
   * @param url the URL to ask for
   * @returns the header's value, `""` for no cookie
   */
  header(url: URL): string {
    return this.#cookies
      .filter(({ host, path }) => host === url.hostname && covers(path, url.pathname))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }
}

function hasEnded(maxAge: string | undefined, expires: string | undefined): boolean {
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return expires !== undefined && Date.parse(expires) <= Date.now();
}

function covers(cookiePath: string, path: string): boolean {
  if (cookiePath === path) return true;
  return path.startsWith(cookiePath.endsWith("/") ? cookiePath : `${cookiePath}/`);
}
