/**
 * Where the answer comes to, by what the user chose: what is bound, what the redirect URI says, which Host is answered,
 * and which registrations are for it.
 *
 * @see RFC 8252 sections 7.3 and 8.3 (C49); behaviours rows 15 and 16
 */
import { deepEqual, equal, match, notEqual, ok, rejects, throws } from "node:assert/strict";
import { isLocalAddress, parseListen } from "../../../lib/primitives/oauth/redirect_uri.ts";
import { listen } from "../../../lib/primitives/system/listener.ts";
import type { ServerOptions } from "../../../lib/services/credentials/mod.ts";
import {
  callbackPlace,
  type CallbackWishes,
  redirectShape,
  registeredPorts,
} from "../../../lib/services/signin/callback_place.ts";
import { openCallbackServer } from "../../../lib/services/signin/callback_server.ts";
import { coded } from "../../primitives/coded_error.ts";
import { freePort } from "../../primitives/http/local_server.ts";
import { sendRaw, statusOf } from "./raw_request.ts";

const PLACES: readonly (readonly [
  description: string,
  wishes: CallbackWishes,
  listens: unknown,
  redirectUri: string,
  hosts: readonly string[],
])[] = [
  ["nothing chosen", {}, { hostname: "127.0.0.1", ports: [8456, 0] }, "http://127.0.0.1:9/callback", [
    "127.0.0.1:9",
  ]],
  [
    "ports, in their order",
    { callbackPorts: [7, 8] },
    { hostname: "127.0.0.1", ports: [7, 8] },
    "http://127.0.0.1:9/callback",
    ["127.0.0.1:9"],
  ],
  [
    "localhost, which is both addresses (row 16)",
    { callbackHost: "localhost" },
    { hostname: "127.0.0.1", also: ["::1"], ports: [8456, 0] },
    "http://localhost:9/callback",
    ["localhost:9"],
  ],
  [
    "IPv6",
    { callbackHost: "[::1]" },
    { hostname: "::1", ports: [8456, 0] },
    "http://[::1]:9/callback",
    ["[::1]:9"],
  ],
  [
    "a redirect URI on this machine, with a path of its own",
    { redirectUri: "http://localhost:3118/oauth/callback" },
    { hostname: "127.0.0.1", also: ["::1"], ports: [3118] },
    "http://localhost:3118/oauth/callback",
    ["localhost:3118"],
  ],
  [
    "a redirect URI on the default port",
    { redirectUri: "http://127.0.0.1/cb" },
    { hostname: "127.0.0.1", ports: [80] },
    "http://127.0.0.1/cb",
    ["127.0.0.1"],
  ],
  [
    "a redirect URI elsewhere, of which nothing comes here by itself",
    { redirectUri: "https://tools.example/cb?x=%2f" },
    undefined,
    "https://tools.example/cb?x=%2f",
    ["tools.example"],
  ],
  [
    "a redirect URI by https on this machine: TLS is not ours to speak",
    { redirectUri: "https://localhost:8443/cb" },
    undefined,
    "https://localhost:8443/cb",
    ["localhost:8443"],
  ],
  [
    "a redirect URI elsewhere, and the place that it leads to",
    { redirectUri: "https://tools.example/cb", listen: "0.0.0.0:8456" },
    { hostname: "0.0.0.0", ports: [8456] },
    "https://tools.example/cb",
    ["tools.example", "0.0.0.0:8456", "localhost:8456", "127.0.0.1:8456", "[::1]:8456"],
  ],
  [
    "a published port of a container",
    { listen: "[::]:8456" },
    { hostname: "::", ports: [8456] },
    "http://127.0.0.1:8456/callback",
    ["127.0.0.1:8456", "[::]:8456", "localhost:8456", "127.0.0.1:8456", "[::1]:8456"],
  ],
  [
    "a port that is published under another number",
    { listen: "0.0.0.0:8456", callbackPorts: [9000], callbackHost: "localhost" },
    { hostname: "0.0.0.0", ports: [8456] },
    "http://localhost:9000/callback",
    ["localhost:9000", "0.0.0.0:8456", "localhost:8456", "127.0.0.1:8456", "[::1]:8456"],
  ],
];

for (const [description, wishes, listens, redirectUri, hosts] of PLACES) {
  Deno.test(`row 15: ${description}`, () => {
    const place = callbackPlace(wishes);
    deepEqual(place.listen, listens);
    equal(place.redirectUri(9), redirectUri);
    deepEqual(place.hosts(9), hosts);
  });
}

const REFUSED: readonly (readonly [string, CallbackWishes, string])[] = [
  ["http elsewhere", { redirectUri: "http://tools.example/cb" }, "UNSAFE_URL"],
  ["a private scheme (C49)", { redirectUri: "com.example.app:/cb" }, "UNSAFE_URL"],
  ["a script", { redirectUri: "javascript:alert(1)" }, "UNSAFE_URL"],
  ["a password", { redirectUri: "https://u:p@tools.example/cb" }, "UNSAFE_URL"],
  ["a fragment", { redirectUri: "https://tools.example/cb#x" }, "CONFIG_INVALID"],
  ["a blank", { redirectUri: "https://tools.example/a b" }, "CONFIG_INVALID"],
  ["control characters", { redirectUri: "https://tools.example/\nHost: x" }, "CONFIG_INVALID"],
  ["no port to listen at", { listen: "127.0.0.1" }, "CONFIG_INVALID"],
  ["port 0 to listen at", { listen: "127.0.0.1:0" }, "CONFIG_INVALID"],
  ["a port past the last", { listen: "127.0.0.1:65536" }, "CONFIG_INVALID"],
  ["a URL to listen at", { listen: "http://127.0.0.1:1" }, "CONFIG_INVALID"],
  ["two ports for one place", { listen: "127.0.0.1:1", callbackPorts: [1, 2] }, "CONFIG_INVALID"],
  [
    "a host of another program's making",
    { callbackHost: "evil.example" as ServerOptions["callbackHost"] & string },
    "CONFIG_INVALID",
  ],
];

for (const [description, wishes, code] of REFUSED) {
  Deno.test(`refused: ${description}`, () => {
    throws(() => callbackPlace(wishes), coded(code as "CONFIG_INVALID"));
  });
}

Deno.test("each kind of redirect URI has registrations of its own", async () => {
  const wishes: readonly CallbackWishes[] = [
    {},
    { callbackHost: "localhost" },
    { callbackHost: "[::1]" },
    { redirectUri: "http://127.0.0.1:8456/callback" },
    { redirectUri: "https://tools.example/cb" },
    { redirectUri: "https://tools.example/CB" },
  ];
  const shapes = await Promise.all(wishes.map(redirectShape));
  equal(new Set(shapes).size, wishes.length);
  equal(shapes[0], "loopback");
  equal(await redirectShape({ callbackHost: "127.0.0.1", callbackPorts: [1] }), "loopback");
  for (const shape of shapes) ok(shape.length <= 100 && !shape.startsWith("entry:"), shape);
});

Deno.test("the ports of earlier registrations are those for the same host and path", () => {
  const uris = [
    "http://127.0.0.1:7/callback",
    "http://localhost:8/callback",
    "http://127.0.0.1:9/cb",
    "http://127.0.0.1/callback",
    "https://127.0.0.1:10/callback",
    "not a URL",
  ];
  deepEqual(registeredPorts(uris, {}), [7]);
  deepEqual(registeredPorts(uris, { callbackHost: "localhost" }), [8]);
  deepEqual(callbackPlace({ callbackPorts: [5, 0] }, [7]).listen?.ports, [5, 7, 0]);
});

Deno.test("which places other machines may reach", () => {
  for (const [place, isLocal] of [["127.0.0.1:1", true], ["[::1]:1", true], ["localhost:1", true]] as const) {
    equal(isLocalAddress(parseListen(place)), isLocal);
  }
  for (const place of ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "example.com:1"]) {
    equal(isLocalAddress(parseListen(place)), false);
  }
});

const state = "s".repeat(43);

Deno.test("row 16: localhost answers at both addresses, on one port, under its own name alone", async () => {
  await using server = await openCallbackServer({
    listen,
    place: callbackPlace({ callbackHost: "localhost", callbackPorts: [0] }),
  });
  match(server.redirectUri, /^http:\/\/localhost:\d+\/callback$/);
  const { port } = new URL(server.redirectUri);
  for (const address of ["127.0.0.1", "[::1]"]) {
    const response = await fetch(`http://${address}:${port}/callback?code=c&state=${state}`);
    await response.body?.cancel();
    equal(response.status, 421, "the name of the redirect URI is localhost");
  }
  const waiting = server.wait(state);
  const browser = fetch(`${server.redirectUri}?code=c&state=${state}`).then((page) => page.text());
  await (await waiting).settle(true);
  match(await browser, /Signed in/);
});

Deno.test("row 15: a place to listen at answers to the redirect URI's host, and to its own, and to no other", async () => {
  const port = freePort();
  await using server = await openCallbackServer({
    listen,
    place: callbackPlace({ redirectUri: "https://tools.example/oauth/cb", listen: `127.0.0.1:${port}` }),
  });
  equal(server.redirectUri, "https://tools.example/oauth/cb");
  const ask = async (host: string, path = "/oauth/cb") =>
    statusOf(
      await sendRaw(port, `GET ${path}?code=c HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
    );
  for (const host of ["tools.example", `127.0.0.1:${port}`, `localhost:${port}`]) {
    equal(await ask(host), 400, host);
  }
  for (const host of ["evil.example", "tools.example:1", "127.0.0.1", `evil.example:${port}`]) {
    equal(await ask(host), 421, host);
  }
  equal(await ask("tools.example", "/callback"), 404);
});

Deno.test("where nothing listens, the wait is for a paste, and still has an end", async () => {
  await using server = await openCallbackServer({
    listen: () => Promise.reject(new Error("listened")),
    place: callbackPlace({ redirectUri: "https://tools.example/cb" }),
  });
  equal(server.port, undefined);
  notEqual(server.redirectUri, "");
  await rejects(server.wait(state, 0.05), coded("TIMEOUT"));
});
