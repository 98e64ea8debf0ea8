/** Connections that are not used again: what goes out after that goes out on others. */
import { equal, notEqual } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { Connections } from "../../../lib/primitives/http/connections.ts";
import { fakeEnv } from "../../fakes/env.ts";

Deno.test("row 37: after renew() requests go out on new connections, and what is under way is not disturbed", async () => {
  const held = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request, info) => {
    if (new URL(request.url).pathname === "/held") {
      arrived.resolve();
      await held.promise;
    }
    return new Response(String(info.remoteAddr.port));
  });
  try {
    using connections = new Connections(fakeEnv({}));
    const http = createHttp({ connect: connections.for({}) });
    const port = async (path = "") =>
      await (await http(`http://127.0.0.1:${server.addr.port}/${path}`)).text();
    const [first, again] = [await port(), await port()];
    equal(again, first, "a connection is kept");
    const pending = port("held");
    await arrived.promise;
    connections.renew();
    const renewed = await port();
    notEqual(renewed, first);
    equal(await port(), renewed, "the new one is kept in turn");
    held.resolve();
    equal(await pending, first, "what was under way came on its own connection");
    connections.renew();
    notEqual(await port(), renewed);
  } finally {
    await server.shutdown();
  }
});
