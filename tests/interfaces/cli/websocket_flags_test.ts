/**
 * What command lines say of WebSocket servers.
 *
 * @module
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import { readWebSocketUrl, webSocketOptions } from "../../../lib/interfaces/cli/websocket_flags.ts";
import { withHome } from "./world.ts";

Deno.test("a ws or wss URL stands for the http or https one and the transport, byte for byte else", () => {
  for (
    const [typed, url] of [
      ["wss://Mcp.Example:443/mcp/?a=%2f#", "https://Mcp.Example:443/mcp/?a=%2f#"],
      ["WSS://mcp.example", "https://mcp.example"],
      ["ws://localhost:8080/mcp", "http://localhost:8080/mcp"],
      ["ws://127.0.0.1/", "http://127.0.0.1/"],
      ["ws://[::1]:1/", "http://[::1]:1/"],
    ] as const
  ) {
    deepEqual(readWebSocketUrl({}, "name", typed), {
      flags: { transport: "websocket" },
      words: ["name", url],
    });
  }
});

Deno.test("all else stays as it is", () => {
  const flags = { transport: "sse" } as const;
  for (const word of ["https://mcp.example/", "http://localhost/", "wss", "ws-server", undefined]) {
    const read = readWebSocketUrl(flags, word);
    equal(read.flags, flags);
    deepEqual(read.words, [word]);
  }
});

Deno.test("--transport auto and websocket go with such a URL, and no other", () => {
  for (const transport of ["auto", "websocket"] as const) {
    equal(readWebSocketUrl({ transport }, "wss://mcp.example/").flags.transport, "websocket");
  }
  for (const transport of ["http", "sse"] as const) {
    throws(() => readWebSocketUrl({ transport }, "wss://mcp.example/?token=s3cr3t"), (error: Error) => {
      equal("code" in error && error.code, "USAGE");
      equal(error.message.includes("s3cr3t"), false);
      return true;
    });
  }
});

Deno.test("ws leaves this machine under no name", () => {
  for (const url of ["ws://mcp.example/", "ws://10.0.0.1/", "WS://localhost.example/", "ws://"]) {
    throws(() => readWebSocketUrl({}, url), { code: "UNSAFE_URL" });
  }
});

Deno.test("an entry keeps where its server takes the token, and forgets it when it is unset", () =>
  withHome(async ({ world, store }) => {
    const server = {
      name: "demo",
      url: "https://mcp.example/mcp",
      createdAt: 1,
      signIn: "oauth",
      options: {},
    } as const;
    await store((each) => each.putServer(server, null));
    const record = () => store(async (each) => (await each.server("demo"))?.record);
    for (const auth of ["query", "message", "header"]) {
      equal((await world.run("set", "demo", "--websocket-auth", auth)).code, 0);
      deepEqual((await record())?.options, { websocketAuth: auth });
    }
    equal((await world.run("set", "demo", "--unset", "websocket-auth")).code, 0);
    deepEqual((await record())?.options, {});
    equal((await world.run("set", "demo", "--url", "wss://mcp.example/ws")).code, 0);
    deepEqual([(await record())?.url, (await record())?.options], [
      "https://mcp.example/ws",
      { transport: "websocket" },
    ]);
    equal((await world.run("set", "demo", "--websocket-auth", "cookie")).code, 2);
  }));

Deno.test("only what the flag says becomes an option", () => {
  deepEqual(webSocketOptions({}), {});
  deepEqual(webSocketOptions({ websocketAuth: "query" }), { websocketAuth: "query" });
});
