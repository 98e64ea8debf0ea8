/**
 * What a pasted line is: an answer, or a reason to ask again. Nothing that is pasted is repeated in a message.
 *
 * @see behaviours row 14; RFC 9207 section 2.4 (C51)
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import fc from "fast-check";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import {
  judgePaste,
  type PasteExpectation,
  type PasteRefusal,
  waitForPaste,
} from "../../../lib/services/signin/pasted_response.ts";
import { coded } from "../../primitives/coded_error.ts";

const state = "S".repeat(43);
const redirectUri = "http://127.0.0.1:8456/callback";
const server = {
  issuer: "https://as.example",
  authorization_endpoint: "https://as.example/authorize",
  token_endpoint: "https://as.example/token",
} as ServerMetadata;
const expectation: PasteExpectation = {
  url: `https://as.example/authorize?client_id=c&state=${state}`,
  redirectUri,
  server,
  state,
};
const naming = {
  ...expectation,
  server: { ...server, authorization_response_iss_parameter_supported: true },
};
const query = `code=the-code&state=${state}&iss=https%3A%2F%2Fas.example`;

for (
  const [description, line] of [
    ["the whole address", `${redirectUri}?${query}`],
    ["the address without its scheme, as browsers show it", `127.0.0.1:8456/callback?${query}`],
    ["the address of IPv6 without its scheme", `[::1]:8456/callback?${query}`],
    ["its query", `?${query}`],
    ["its query without the mark", query],
    ["its query in another order", `state=${state}&iss=https%3A%2F%2Fas.example&code=the-code`],
    ["with blanks around it", `  ${redirectUri}?${query} \t`],
    ["in quotes", `"${redirectUri}?${query}"`],
    ["in angle brackets, as mails have it", `<${redirectUri}?${query}>`],
    ["with a fragment, as some servers add", `${redirectUri}?${query}#_=_`],
    ["by way of a forwarded host", `https://x-8456.app.github.dev/callback?${query}`],
  ] as const
) {
  Deno.test(`an answer: ${description}`, () => {
    for (const each of [expectation, naming]) {
      const verdict = judgePaste(line, each);
      equal(verdict.kind, "answer");
      if (verdict.kind !== "answer") return;
      deepEqual(Object.fromEntries(verdict.parameters), Object.fromEntries(new URLSearchParams(query)));
      equal(verdict.isBareCode, false);
    }
  });
}

Deno.test("an answer: an error, which is judged as one that the browser brings", () => {
  const verdict = judgePaste(`${redirectUri}?error=access_denied&state=${state}`, naming);
  equal(verdict.kind === "answer" && verdict.parameters.get("error"), "access_denied");
});

Deno.test("C51: a bare code is taken where the server's answers do not name it, and not where they do", () => {
  for (const [line, isBareCode] of [["4/0AbC-def_~x==", true], [`the-code#${state}`, false]] as const) {
    const verdict = judgePaste(line, expectation);
    equal(verdict.kind, "answer");
    if (verdict.kind !== "answer") return;
    equal(verdict.parameters.get("state"), state);
    equal(verdict.parameters.get("code"), line.split("#")[0]);
    equal(verdict.isBareCode, isBareCode);
    deepEqual(judgePaste(line, naming), { kind: "refused", reason: "code-alone" });
  }
});

const REFUSED: readonly (readonly [line: string, reason: PasteRefusal])[] = [
  [expectation.url, "authorization-url"],
  [`${redirectUri}?code=c&state=${"T".repeat(43)}`, "other-state"],
  [`${redirectUri}?code=c`, "other-state"],
  [`${redirectUri}?code=c&state=${state}&state=x`, "other-state"],
  [`error=access_denied&state=x`, "other-state"],
  [`${redirectUri}?state=${state}`, "cut-off"],
  [`${redirectUri}?code=&state=${state}`, "cut-off"],
  [redirectUri, "not-an-answer"],
  [`${redirectUri}?`, "not-an-answer"],
  ["https://www.example.org/", "not-an-answer"],
  ["two words", "not-an-answer"],
  ["short", "not-an-answer"],
  ["ünïcödé-code", "not-an-answer"],
  [`a-code#${"x".repeat(43)}`, "not-an-answer"],
  ["x".repeat(40_000), "not-an-answer"],
];

for (const [line, reason] of REFUSED) {
  Deno.test(`refused as ${reason}: ${line.slice(0, 80)}`, () => {
    deepEqual(judgePaste(line, expectation), { kind: "refused", reason });
  });
}

Deno.test("an empty line is nobody's mistake", () => {
  for (const line of ["", "  ", '""', "<>"]) deepEqual(judgePaste(line, expectation), { kind: "empty" });
});

Deno.test("whatever is pasted: no answer without our state, except a bare code, and no crash", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.webUrl({ withQueryParameters: true }),
        fc.webQueryParameters(),
      ),
      (line) => {
        const verdict = judgePaste(line, expectation);
        if (verdict.kind !== "answer") return true;
        return verdict.isBareCode && verdict.parameters.get("state") === state;
      },
    ),
    { numRuns: 3_000 },
  );
});

Deno.test("lines are asked for until one is an answer, and each refusal has its reason", async () => {
  const lines = ["", "two words", `${redirectUri}?state=${state}`, `?${query}`, "never asked for"];
  const told: PasteRefusal[] = [];
  const response = await waitForPaste(
    () => Promise.resolve(lines.shift()),
    { ...expectation, listens: true },
    (reason) => void told.push(reason),
    new AbortController().signal,
  );
  equal(response.parameters.get("code"), "the-code");
  deepEqual(told, ["not-an-answer", "cut-off"]);
  deepEqual(lines, ["never asked for"]);
});

Deno.test("the end of the input ends the sign-in only where nothing listens", async () => {
  const wait = (listens: boolean) =>
    waitForPaste(() => Promise.resolve(undefined), { ...expectation, listens }, () => {}, signal);
  const { signal } = new AbortController();
  await rejects(wait(false), coded("AUTH_FAILED", /the input ended/));
  const open = wait(true).then(() => "answered");
  equal(await Promise.race([open, new Promise((resolve) => setTimeout(resolve, 20, "open"))]), "open");
});
