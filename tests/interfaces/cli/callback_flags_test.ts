/**
 * How flags and the environment say where the answer comes to and by which way a person signs in.
 *
 * @see behaviours rows 14 to 16
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import {
  type CallbackFlags,
  callbackOptions,
  wayOf,
  withCallbackEnvironment,
  withOptions,
} from "../../../lib/interfaces/cli/callback_flags.ts";
import { mannerOf, type SignInWay } from "../../../lib/interfaces/composition/sign_in_way.ts";
import type { ServerOptions } from "../../../lib/services/credentials/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../../primitives/coded_error.ts";
import { withHome } from "./world.ts";

const URI = "https://Tools.example/cb?x=%2f";

const OPTIONS: readonly (readonly [string, CallbackFlags, ServerOptions])[] = [
  ["nothing", {}, {}],
  ["ports in their order", { callbackPort: [9001, 0] }, { callbackPorts: [9001, 0] }],
  ["a host", { callbackHost: "localhost" }, { callbackHost: "localhost" }],
  ["a redirect URI, byte for byte", { redirectUri: URI }, { redirectUri: URI }],
  ["a place to listen at", { listen: "0.0.0.0:8456" }, { listen: "0.0.0.0:8456" }],
  ["a redirect URI and its place", { redirectUri: URI, listen: "[::]:1" }, {
    redirectUri: URI,
    listen: "[::]:1",
  }],
];

for (const [description, flags, options] of OPTIONS) {
  Deno.test(`row 15: ${description}`, () => deepEqual(callbackOptions(flags), options));
}

Deno.test("what does not go together, or is no redirect URI, is refused", () => {
  throws(() => callbackOptions({ redirectUri: URI, callbackPort: [1] }), coded("USAGE", /--callback-port/));
  throws(
    () => callbackOptions({ redirectUri: URI, callbackHost: "localhost" }),
    coded("USAGE", /--callback-host/),
  );
  throws(() => callbackOptions({ redirectUri: "http://tools.example/" }), coded("UNSAFE_URL"));
  throws(() => callbackOptions({ listen: "8456" }), coded("CONFIG_INVALID", /"8456"/));
});

Deno.test("MCP_AUTH_REDIRECT_URI stands in for --redirect-uri, unless a flag says where the answer comes to", () => {
  const uriOf = (flags: CallbackFlags) =>
    withCallbackEnvironment(flags, fakeEnv({ MCP_AUTH_REDIRECT_URI: URI })).redirectUri;
  equal(uriOf({}), URI);
  equal(uriOf({ listen: "127.0.0.1:1" }), URI);
  equal(uriOf({ redirectUri: "https://other.example/" }), "https://other.example/");
  equal(uriOf({ callbackPort: [1] }), undefined);
  equal(uriOf({ callbackHost: "[::1]" }), undefined);
});

for (
  const [flags, way] of [
    [{}, "auto"],
    [{ browser: true }, "browser"],
    [{ browser: false }, "url"],
    [{ device: true }, "device"],
    [{ device: true, browser: false }, "device"],
  ] as const
) {
  Deno.test(`the way of ${JSON.stringify(flags)} is ${way}`, () => equal(wayOf(flags), way));
}

Deno.test("two ways at once are a mistake", () => {
  throws(() => wayOf({ device: true, browser: true }), coded("USAGE"));
});

Deno.test("a bridge says so at once, and not when it first has to sign in", () =>
  withHome(async ({ world }) => {
    const outcome = await world.run("bridge", "https://x.example/mcp", "--login", "--device", "--browser");
    equal(outcome.code, 2, outcome.err);
  }));

for (
  const [way, opensBrowser, expected] of [
    ["auto", true, { openBrowser: true, device: "never" }],
    ["auto", false, { openBrowser: false, device: "preferred" }],
    ["browser", false, { openBrowser: true, device: "never" }],
    ["url", true, { openBrowser: false, device: "never" }],
    ["device", true, { openBrowser: false, device: "always" }],
  ] as const
) {
  Deno.test(`row 14: the way "${way}" where a browser ${opensBrowser ? "opens" : "does not open"}`, async () => {
    deepEqual(await mannerOf(way satisfies SignInWay, () => Promise.resolve({ opensBrowser })), expected);
  });
}

for (
  const [what, before, given, after] of [
    ["another port", { callbackPorts: [1], scopes: ["a"] }, { callbackPorts: [2] }, {
      callbackPorts: [2],
      scopes: ["a"],
    }],
    [
      "a redirect URI elsewhere, after a port",
      { callbackPorts: [1], callbackHost: "localhost", listen: "0.0.0.0:1" },
      { redirectUri: URI },
      { redirectUri: URI, listen: "0.0.0.0:1" },
    ],
    ["a port, after a redirect URI", { redirectUri: URI, listen: "0.0.0.0:1", scopes: ["a"] }, {
      callbackPorts: [2],
    }, { callbackPorts: [2], scopes: ["a"] }],
    [
      "a host, after a redirect URI, with a place",
      { redirectUri: URI, listen: "0.0.0.0:1" },
      { callbackHost: "localhost", listen: "0.0.0.0:2" },
      { callbackHost: "localhost", listen: "0.0.0.0:2" },
    ],
    ["a place for the same redirect URI", { redirectUri: URI }, { listen: "0.0.0.0:1" }, {
      redirectUri: URI,
      listen: "0.0.0.0:1",
    }],
    ["something else", { redirectUri: URI, listen: "0.0.0.0:1" }, { scopes: ["b"] }, {
      redirectUri: URI,
      listen: "0.0.0.0:1",
      scopes: ["b"],
    }],
  ] as readonly (readonly [string, ServerOptions, ServerOptions, ServerOptions])[]
) {
  Deno.test(`row 15: what is said wins over what was remembered: ${what}`, () => {
    deepEqual(withOptions(before, given), after);
  });
}

Deno.test("an entry keeps where the answer comes to, until it is unset", () =>
  withHome(async ({ world, store }) => {
    const server = {
      name: "demo",
      url: "https://mcp.example/mcp",
      createdAt: 1,
      signIn: "oauth",
      options: {},
    } as const;
    await store((each) => each.putServer(server, null));
    const options = () => store(async (each) => (await each.server("demo"))?.record.options);
    const set = await world.run("set", "demo", "--callback-host", "localhost", "--listen", "0.0.0.0:8456");
    equal(set.code, 0, set.err);
    deepEqual(await options(), { callbackHost: "localhost", listen: "0.0.0.0:8456" });
    await world.run("set", "demo", "--redirect-uri", URI, "--unset", "listen");
    deepEqual(await options(), { redirectUri: URI });
    await world.run("set", "demo", "--callback-port", "9000");
    deepEqual(await options(), { callbackPorts: [9000] });
    equal((await world.run("set", "demo", "--callback-host", "example.com")).code, 2);
  }));
