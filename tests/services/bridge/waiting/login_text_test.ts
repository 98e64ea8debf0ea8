/**
 * What the login tool says of an address.
 *
 * @see MCP 2025-11-25 and 2026-07-28, Elicitation, Safe URL Handling (C80); behaviours row 12
 * @module
 */
import { doesNotMatch, equal, match, ok } from "node:assert/strict";
import type { Person, SignInPage } from "../../../../lib/services/bridge/waiting/person.ts";
import { pageText } from "../../../../lib/services/bridge/waiting/login_text.ts";

const PERSON: Person = {
  name: "demo",
  url: "https://mcp.example/mcp",
  command: "mcp-auth login demo",
  unable: undefined,
  opensBrowser: false,
  current: undefined,
  failure: undefined,
  signIn: () => {
    throw new Error("Nobody signs in here");
  },
  onBegin: () => {},
  helps: () => Promise.resolve(true),
  usable: () => Promise.resolve(false),
  refuse: () => Promise.resolve(),
};

function pageAt(url: string): SignInPage {
  const redirectUri = "http://127.0.0.1:1/callback";
  return { kind: "url", url, issuer: "https://as.example", redirectUri, listens: true, opened: false };
}

Deno.test("row 12: the address stands whole on a line of its own, after who asks whom (C80)", () => {
  const url = `https://as.example/authorize?state=${"x".repeat(3_000)}`;
  const lines = pageText(PERSON, pageAt(url)).split("\n");
  equal(lines[0], 'Sign in to "demo" (https://mcp.example/mcp) at https://as.example.');
  ok(lines.indexOf(`  ${url}`) > 0, "not cut short");
});

Deno.test("an address that may be made to look like another is pointed out, and no other (C80)", () => {
  match(
    pageText(PERSON, pageAt("https://xn--pple-43d.example/a")),
    /Warning: the name "xn--pple-43d\.example"/,
  );
  match(pageText(PERSON, pageAt("https://login.\u0430pple.example/a")), /Warning: the name "login\.xn--/);
  doesNotMatch(pageText(PERSON, pageAt("https://apple.example/xn--a")), /Warning/);
});
