import assert from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import type { HttpRequest } from "../../../lib/primitives/http/http.ts";

/** A server that answers the first request of a connection and closes it after the second, which it has read. */
function startForgetfulServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const arrived: string[] = [];
  const connections = new Set<Deno.Conn>();
  const serve = async (connection: Deno.Conn) => {
    const buffer = new Uint8Array(65_536);
    connections.add(connection);
    for (let served = 0;; served++) {
      const length = await connection.read(buffer).catch(() => null);
      if (length === null) break;
      arrived.push(new TextDecoder().decode(buffer.subarray(0, length)));
      if (served > 0 || arrived.length > 1) break;
      await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    }
    if (connections.delete(connection)) connection.close();
  };
  const accepting = (async () => {
    const served: Promise<void>[] = [];
    for await (const connection of listener) served.push(serve(connection));
    await Promise.all(served);
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}/`,
    arrived,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) connection.close();
      connections.clear();
      await accepting;
    },
  };
}

const FORMS: readonly (readonly [string, HttpRequest])[] = [
  ["read whole", { once: true }],
  ["streamed", { once: true, stream: true, timeoutMs: Infinity }],
];

for (const [form, options] of FORMS) {
  Deno.test(`a request that must not arrive twice is sent once when its connection is lost (${form})`, async () => {
    await using server = startForgetfulServer();
    const http = createHttp();
    const warmUp = await http(server.url, { method: "POST", body: "first" });
    assert.equal(await warmUp.text(), "ok");
    await assert.rejects(http(server.url, { method: "POST", body: "second", ...options }), {
      code: "NETWORK_ERROR",
    });
    assert.equal(server.arrived.filter((text) => text.startsWith("POST ")).length, 2);
  });
}

Deno.test("a server that wants the length of the body gets it, and the request once", async () => {
  const taken: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    if (!request.headers.has("content-length")) {
      await request.body?.cancel();
      return new Response(null, { status: 411 });
    }
    taken.push(await request.text());
    return new Response("taken");
  });
  const response = await createHttp()(`http://127.0.0.1:${server.addr.port}/`, {
    method: "POST",
    body: "a tool call",
    once: true,
    stream: true,
  });
  assert.equal(await response.text(), "taken");
  assert.deepEqual(taken, ["a tool call"]);
});
