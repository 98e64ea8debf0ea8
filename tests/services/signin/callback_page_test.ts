/**
 * The pages that the browser ends on: strict, constant, and with one script that the policy allows by its hash.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type CallbackPage, callbackPage } from "../../../lib/services/signin/callback_page.ts";

const pages: readonly (readonly [CallbackPage, number, RegExp, boolean])[] = [
  ["done", 200, /Signed in/, true],
  ["failed", 400, /the terminal says why/, true],
  ["stray", 400, /does not belong to a sign-in/, false],
];

const sha256 = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** The directives of a policy. */
function directives(policy: string | null): Map<string, string> {
  return new Map(
    (policy ?? "").split("; ").map((each) => {
      const [name = "", ...values] = each.split(" ");
      return [name, values.join(" ")];
    }),
  );
}

for (const [page, status, words, hasScript] of pages) {
  Deno.test(`the page "${page}" has its status, and headers that keep everything else out`, async () => {
    const response = await callbackPage(page);
    const html = await response.text();
    equal(response.status, status);
    match(html, words);
    equal(response.headers.get("content-type"), "text/html; charset=utf-8");
    equal(response.headers.get("cache-control"), "no-store");
    equal(response.headers.get("referrer-policy"), "no-referrer");
    equal(response.headers.get("x-content-type-options"), "nosniff");
    equal(response.headers.get("x-frame-options"), "DENY");

    const policy = directives(response.headers.get("content-security-policy"));
    for (const name of ["default-src", "base-uri", "form-action", "frame-ancestors"]) {
      equal(policy.get(name), "'none'", name);
    }
    const styles = [...html.matchAll(/<style>(.*?)<\/style>/gs)].map(([, text = ""]) => sha256(text));
    deepEqual(styles, [policy.get("style-src")]);
    const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(([, text = ""]) => sha256(text));
    deepEqual(scripts, hasScript ? [policy.get("script-src")] : []);
    ok(!/unsafe|https?:|data:|\*/.test(response.headers.get("content-security-policy") ?? ""));
  });

  Deno.test(`the page "${page}" loads nothing, handles no event and links to nowhere`, async () => {
    const html = await (await callbackPage(page)).text();
    ok(!/\son\w+=|\ssrc=|\shref=|<a\b|<img|<link|<iframe|<form|<base|style=/i.test(html));
    equal(html.includes("You can close this tab"), hasScript);
    equal(html.includes("window.close()"), hasScript);
  });

  Deno.test(`the page "${page}" is the same every time`, async () => {
    equal(await (await callbackPage(page)).text(), await (await callbackPage(page)).text());
  });
}
