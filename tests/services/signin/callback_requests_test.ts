/**
 * Requests that are not the authorization response: none of them ends the wait, and none finds itself in a page.
 *
 * @see RFC 8252 section 8.3; design: callback order path, Host, `state`
 * @module
 */
import { doesNotMatch, equal, match } from "node:assert/strict";
import { listen } from "../../../lib/primitives/system/listener.ts";
import { callbackPlace } from "../../../lib/services/signin/callback_place.ts";
import { openCallbackServer } from "../../../lib/services/signin/callback_server.ts";
import { portOf, sendRaw, statusOf } from "./raw_request.ts";

const state = "s".repeat(43);

/** Sends requests while the server waits, then the right response, which must still be the one that ends the wait. */
async function whileWaiting(send: (redirectUri: string) => Promise<void>): Promise<void> {
  await using server = await openCallbackServer({ listen, place: callbackPlace({ callbackPorts: [0] }) });
  let ended = false;
  const waiting = server.wait(state, 10).finally(() => {
    ended = true;
  });
  await send(server.redirectUri);
  equal(ended, false, "the wait was ended by somebody else");
  const browser = fetch(`${server.redirectUri}?code=right&state=${state}`);
  const response = await waiting;
  equal(response.parameters.get("code"), "right");
  await response.settle(true);
  equal((await (await browser).text()).includes("Signed in"), true);
}

const marker = "<script>alert('hunter2')</script>";

const stray: readonly (readonly [string, string])[] = [
  ["no query", ""],
  ["a code without a state", `?code=${marker}`],
  ["an error without a state", `?error=access_denied&error_description=${marker}`],
  ["an empty state", "?code=a&state="],
  ["another state", `?code=a&state=${marker}`],
  ["a state that is too short", `?code=a&state=${state.slice(1)}`],
  ["a state that is too long", `?code=a&state=${state}s`],
  ["the state twice", `?code=a&state=${state}&state=${state}`],
  ["the state after another", `?code=a&state=x&state=${state}`],
  ["the state in the fragment", `?code=a#state=${state}`],
  ["the state of an error in another case", `?error=x&STATE=${state}`],
  ["a query of 8 kB", `?code=${"a".repeat(8_000)}`],
  ["a query that is badly encoded", "?code=%ff%fe%&state=%"],
];

for (const [description, query] of stray) {
  Deno.test(`a request with ${description} gets a page and changes nothing`, async () => {
    await whileWaiting(async (redirectUri) => {
      const page = await fetch(redirectUri + query.replaceAll("<", "%3C").replaceAll(">", "%3E"));
      equal(page.status, 400);
      const text = await page.text();
      match(text, /Nothing to do here/);
      doesNotMatch(text, /hunter2|access_denied|<script/);
    });
  });
}

for (
  const path of ["/", "/favicon.ico", "/callback/", "/callback/x", "/CALLBACK", "//callback", "/callbac%6B"]
) {
  Deno.test(`${path} is 404, even with the right state`, async () => {
    await whileWaiting(async (redirectUri) => {
      const response = await fetch(`${new URL(redirectUri).origin}${path}?code=a&state=${state}`);
      equal(response.status, 404);
      equal(await response.text(), "");
    });
  });
}

for (const method of ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]) {
  Deno.test(`${method} is 405, even with the right state`, async () => {
    await whileWaiting(async (redirectUri) => {
      const response = await fetch(`${redirectUri}?code=a&state=${state}`, { method });
      equal(response.status, 405);
      equal(response.headers.get("allow"), "GET");
      equal(await response.text(), "");
    });
  });
}

const hosts: readonly (readonly [string, (host: string) => string])[] = [
  ["another name, as after a rebound name", () => "evil.example.com"],
  ["another name with the right port", (host) => host.replace("127.0.0.1", "evil.example.com")],
  ["localhost", (host) => host.replace("127.0.0.1", "localhost")],
  ["another loopback address", (host) => host.replace("127.0.0.1", "127.0.0.2")],
  ["no port", () => "127.0.0.1"],
  ["another port", () => "127.0.0.1:1"],
  ["the address as a prefix", (host) => `${host}.evil.example.com`],
];

for (const [description, hostOf] of hosts) {
  Deno.test(`a Host of ${description} is 421, even with the right state`, async () => {
    await whileWaiting(async (redirectUri) => {
      const host = hostOf(new URL(redirectUri).host);
      const request =
        `GET /callback?code=a&state=${state} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      equal(statusOf(await sendRaw(portOf(redirectUri), request)), 421);
    });
  });
}

const target = `/callback?code=a&state=${state}`;
const broken: readonly (readonly [string, string])[] = [
  ["no Host", `GET ${target} HTTP/1.1\r\nConnection: close\r\n\r\n`],
  ["an old protocol and no Host", `GET ${target} HTTP/1.0\r\n\r\n`],
  ["an empty Host", `GET ${target} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n`],
  ["a Host that is no host", `GET ${target} HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n`],
  [
    "a whole URL of another host",
    `GET http://evil.example.com${target} HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\n\r\n`,
  ],
  ["garbage", "\0\0\0\0\r\n\r\n"],
  ["the beginning of TLS", "\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n"],
  ["a header of 1 MB", `GET ${target} HTTP/1.1\r\nX: ${"x".repeat(1_000_000)}\r\n\r\n`],
];

for (const [description, bytes] of broken) {
  Deno.test(`a request with ${description} is not answered with a page, and changes nothing`, async () => {
    await whileWaiting(async (redirectUri) => {
      const answer = await sendRaw(portOf(redirectUri), bytes).catch(() => "");
      equal(answer.includes("Signed in"), false);
      equal(statusOf(answer) < 200 || statusOf(answer) >= 400, true, answer);
    });
  });
}

Deno.test("a hundred forged requests change nothing", async () => {
  await whileWaiting(async (redirectUri) => {
    await Promise.all(Array.from({ length: 100 }, async (_, index) => {
      const page = await fetch(`${redirectUri}?error=access_denied&state=${index}`);
      equal(page.status, 400);
      await page.body?.cancel();
    }));
  });
});

Deno.test("a state is good for one response: a second one is a stray request", async () => {
  await using server = await openCallbackServer({ listen, place: callbackPlace({ callbackPorts: [0] }) });
  const waiting = server.wait(state);
  const first = fetch(`${server.redirectUri}?code=first&state=${state}`);
  const response = await waiting;
  const second = await fetch(`${server.redirectUri}?code=second&state=${state}`);
  equal(second.status, 400);
  match(await second.text(), /Nothing to do here/);
  equal(response.parameters.get("code"), "first");
  await response.settle(true);
  match(await (await first).text(), /Signed in/);
  const third = await fetch(`${server.redirectUri}?code=third&state=${state}`);
  match(await third.text(), /Nothing to do here/);
});

Deno.test("a response before anybody waits is a stray request", async () => {
  await using server = await openCallbackServer({ listen, place: callbackPlace({ callbackPorts: [0] }) });
  const page = await fetch(`${server.redirectUri}?code=a&state=${state}`);
  match(await page.text(), /Nothing to do here/);
  const empty = await fetch(`${server.redirectUri}?code=a&state=`);
  equal(empty.status, 400);
  await empty.body?.cancel();
});

Deno.test("an error with the right state is a response like any other", async () => {
  await using server = await openCallbackServer({ listen, place: callbackPlace({ callbackPorts: [0] }) });
  const waiting = server.wait(state);
  const browser = fetch(`${server.redirectUri}?error=access_denied&error_description=hunter2&state=${state}`);
  const response = await waiting;
  equal(response.parameters.get("error"), "access_denied");
  await response.settle(false);
  const text = await (await browser).text();
  match(text, /Not signed in/);
  doesNotMatch(text, /hunter2|access_denied/);
});
