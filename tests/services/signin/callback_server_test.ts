/**
 * The wait for the authorization response, on a real listener: how it ends, and that it leaves nothing behind.
 *
 * @see RFC 8252 sections 7.3 and 8.3
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { listen } from "../../../lib/primitives/system/listener.ts";
import { callbackPlace } from "../../../lib/services/signin/callback_place.ts";
import { type CallbackServer, openCallbackServer } from "../../../lib/services/signin/callback_server.ts";
import { coded } from "../../primitives/coded_error.ts";
import { freePort } from "../../primitives/http/local_server.ts";
import { portOf } from "./raw_request.ts";

const state = "s".repeat(43);
const open = (ports: readonly number[] = [0]): Promise<CallbackServer> =>
  openCallbackServer({ listen, place: callbackPlace({ callbackPorts: ports }) });

/** Asserts that a port can be bound. */
function bind(port: number): void {
  Deno.listen({ hostname: "127.0.0.1", port }).close();
}

for (const [succeeded, status, title] of [[true, 200, "Signed in"], [false, 400, "Not signed in"]] as const) {
  Deno.test(`the response is handed over, and the browser gets "${title}" when that is settled`, async () => {
    await using server = await open();
    const waiting = server.wait(state);
    const browser = fetch(`${server.redirectUri}?code=a%2Bb&state=${state}&iss=https%3A%2F%2Fa`);
    const response = await waiting;
    deepEqual([...response.parameters], [["code", "a+b"], ["state", state], ["iss", "https://a"]]);
    await response.settle(succeeded);
    const page = await browser;
    equal(page.status, status);
    match(await page.text(), new RegExp(`<h1>${title}</h1>.*You can close this tab`));
  });
}

Deno.test("the redirect URI names the literal loopback address and the port that is bound", async () => {
  await using server = await open();
  match(server.redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
});

Deno.test("IPv6 loopback is named in brackets and answers", async () => {
  await using server = await openCallbackServer({
    listen,
    place: callbackPlace({ callbackHost: "[::1]", callbackPorts: [0] }),
  });
  match(server.redirectUri, /^http:\/\/\[::1\]:\d+\/callback$/);
  const waiting = server.wait(state);
  const browser = fetch(`${server.redirectUri}?code=a&state=${state}`);
  await (await waiting).settle(true);
  equal((await (await browser).text()).includes("Signed in"), true);
});

Deno.test("row 10: a port that is taken is followed by the next of the list", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const next = freePort();
  await using server = await open([taken.addr.port, next]);
  equal(portOf(server.redirectUri), next);
});

Deno.test("a list of which every port is taken is CONFIG_INVALID and names the flag", async () => {
  using one = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using two = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await rejects(open([one.addr.port, two.addr.port]), (error: unknown) => {
    coded("CONFIG_INVALID", new RegExp(`port ${one.addr.port} is in use.*, port ${two.addr.port} is in use`))(
      error,
    );
    match((error as McpAuthError).hint ?? "", /--callback-port/);
    return true;
  });
});

Deno.test("the wait ends by TIMEOUT, and the server answers on", async () => {
  await using server = await open();
  const started = performance.now();
  await rejects(server.wait(state, 0.1), coded("TIMEOUT", /within 0\.1 s$/));
  ok(performance.now() - started >= 95);
  const late = await fetch(`${server.redirectUri}?code=a&state=${state}`);
  match(await late.text(), /Nothing to do here/);
});

Deno.test("the wait ends with the reason of its signal", async () => {
  await using server = await open();
  const controller = new AbortController();
  const waiting = server.wait(state, 60, controller.signal);
  controller.abort(new McpAuthError("AUTH_CANCELLED", "Interrupted"));
  await rejects(waiting, coded("AUTH_CANCELLED", /^Interrupted$/));
  await rejects(server.wait(state, 60, controller.signal), coded("AUTH_CANCELLED"));
});

Deno.test("a server that was never waited on ends at once", async () => {
  const server = await open();
  await server[Symbol.asyncDispose]();
  bind(portOf(server.redirectUri));
});

/** Ends a server and asserts that its port is free within a second. */
async function endsInTime(server: CallbackServer): Promise<void> {
  const started = performance.now();
  await server[Symbol.asyncDispose]();
  bind(portOf(server.redirectUri));
  const took = performance.now() - started;
  ok(took < 1_000, `${took} ms`);
}

const halves: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["half a request line", "GET /call"],
  ["half of the headers", "GET /callback HTTP/1.1\r\nHost: 127"],
  ["a body that does not come", "POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"],
  ["a request that is kept alive", "GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"],
];

for (const [description, bytes] of halves) {
  Deno.test(`the port is free again within a second though a connection has sent ${description}`, async () => {
    const server = await open();
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: portOf(server.redirectUri) });
    await connection.write(new TextEncoder().encode(bytes));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await endsInTime(server);
  });
}

Deno.test("the port is free again within a second though a response was never settled", async () => {
  const server = await open();
  const waiting = server.wait(state);
  const browser = fetch(`${server.redirectUri}?code=a&state=${state}`).then((page) => page.body?.cancel());
  await waiting;
  await endsInTime(server);
  await browser.catch(() => {});
});

Deno.test("the port is free again within a second of a sign-in that succeeded", async () => {
  const server = await open();
  const waiting = server.wait(state);
  const browser = fetch(`${server.redirectUri}?code=a&state=${state}`).then((page) => page.text());
  await (await waiting).settle(true);
  await endsInTime(server);
  match(await browser, /Signed in/);
});

Deno.test("a browser that went away does not keep the result from being settled", async () => {
  await using server = await open();
  const waiting = server.wait(state);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: portOf(server.redirectUri) });
  const { host } = new URL(server.redirectUri);
  await connection.write(
    new TextEncoder().encode(`GET /callback?code=a&state=${state} HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  );
  const response = await waiting;
  connection.close();
  await response.settle(true);
});
