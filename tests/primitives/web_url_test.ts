/**
 * Which URLs may be fetched or opened at all.
 *
 * @see OAuth 2.1 section 1.5; MCP security best practices, OAuth Authorization URL Validation (C69, C73)
 * @module
 */
import { equal, throws } from "node:assert/strict";
import { isLoopbackHost, parseWebUrl } from "../../lib/primitives/web_url.ts";
import { coded } from "./coded_error.ts";

const allowed = [
  "https://example.com",
  "https://example.com:8443/a?b=c",
  "HTTPS://EXAMPLE.COM/",
  "https://192.168.1.1/",
  "http://localhost:8080/mcp",
  "http://LOCALHOST/",
  "http://app.localhost/",
  "http://127.0.0.1:1/",
  "http://127.255.255.254/",
  "http://[::1]:8080/",
  "http://2130706433/",
  "http://0x7f.1/",
  "http://0177.0.0.1/",
];

for (const url of allowed) {
  Deno.test(`parseWebUrl() allows ${url}`, () => equal(parseWebUrl(url).href, new URL(url).href));
}

const refused: readonly (readonly [string, RegExp])[] = [
  ["http://example.com/", /http is allowed for loopback only/],
  ["http://localhost.example.com/", /http is allowed for loopback only/],
  ["http://notlocalhost/", /http is allowed for loopback only/],
  ["http://127.0.0.1.example.com/", /http is allowed for loopback only/],
  ["http://0.0.0.0/", /http is allowed for loopback only/],
  ["http://[::]/", /http is allowed for loopback only/],
  ["http://[::ffff:127.0.0.1]/", /http is allowed for loopback only/],
  ["http://192.168.1.1/", /http is allowed for loopback only/],
  ["http://128.0.0.1/", /http is allowed for loopback only/],
  ["javascript:alert(1)", /scheme "javascript:" is not https/],
  ["JavaScript:alert(1)", /scheme "javascript:" is not https/],
  [" javascript:alert(1)", /scheme "javascript:" is not https/],
  ["java\nscript:alert(1)", /scheme "javascript:" is not https/],
  ["data:text/html,<script>alert(1)</script>", /scheme "data:" is not https/],
  ["file:///etc/passwd", /scheme "file:" is not https/],
  ["vbscript:x", /scheme "vbscript:" is not https/],
  ["blob:https://example.com/x", /scheme "blob:" is not https/],
  ["ws://localhost/", /scheme "ws:" is not https/],
  ["ftp://localhost/", /scheme "ftp:" is not https/],
  ["https://user@example.com/", /it contains a user name or password/],
  ["https://:secret@example.com/", /it contains a user name or password/],
  ["https:user:secret@example.com", /it contains a user name or password/],
  ["", /not an absolute URL/],
  ["/relative", /not an absolute URL/],
  ["//example.com/", /not an absolute URL/],
  ["example.com", /not an absolute URL/],
  ["https://", /not an absolute URL/],
  ["https://exa mple.com/", /not an absolute URL/],
  ["https://example.com:99999/", /not an absolute URL/],
  ["https://[::1/", /not an absolute URL/],
  ["\0", /not an absolute URL/],
];

for (const [url, why] of refused) {
  Deno.test(`parseWebUrl() refuses ${JSON.stringify(url)}`, () => {
    throws(() => parseWebUrl(url, "the endpoint"), coded("UNSAFE_URL", why));
    throws(() => parseWebUrl(url, "the endpoint"), coded("UNSAFE_URL", /^Cannot use the endpoint "/));
  });
}

Deno.test("parseWebUrl() does not show the password that it refuses", () => {
  throws(() => parseWebUrl("https://user:hunter2@example.com/"), (error: Error) => {
    return !error.message.includes("hunter2");
  });
});

Deno.test("parseWebUrl() refuses what is no string", () => {
  for (const value of [null, undefined, 1, {}, ["https://example.com"]]) {
    throws(() => parseWebUrl(value as unknown as string), coded("UNSAFE_URL", /not an absolute URL/));
  }
});

Deno.test("isLoopbackHost() goes by the name alone, and by whole labels", () => {
  for (const host of ["localhost", "a.b.localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    equal(isLoopbackHost(host), true, host);
  }
  for (
    const host of ["", "localhost.", "xlocalhost", "localhost.com", "127.0.0.1.com", "1127.0.0.1", "[::]"]
  ) {
    equal(isLoopbackHost(host), false, host);
  }
});
