/**
 * The loopback listener: which port it takes, and that its port is free again when it ends.
 *
 * @see RFC 8252 section 7.3; behaviours row 10
 */
import { equal, notEqual, ok, rejects } from "node:assert/strict";
import { listen } from "../../../lib/primitives/system/listener.ts";
import { coded } from "../coded_error.ts";

const hostname = "127.0.0.1";
const handler = () => new Response("here");

async function answer(port: number): Promise<string> {
  return await (await fetch(`http://${hostname}:${port}/`)).text();
}

Deno.test("the first free port of the list is taken", async () => {
  await using taken = await listen({ hostname, ports: [0], handler });
  await using next = await listen({ hostname, ports: [taken.port, 0], handler: () => new Response("next") });
  notEqual(next.port, taken.port);
  equal(await answer(taken.port), "here");
  equal(await answer(next.port), "next");
});

Deno.test("where every port is taken, the error names them and the flag", async () => {
  await using taken = await listen({ hostname, ports: [0], handler });
  await rejects(listen({ hostname, ports: [taken.port], handler }), (error) => {
    coded("CONFIG_INVALID", new RegExp(`port ${taken.port} is in use`))(error);
    ok((error as { hint?: string }).hint?.includes("--callback-port"));
    return true;
  });
});

Deno.test("it ends within a second, and its port is free, also with a half-sent request and an open one", async () => {
  const arrived = Promise.withResolvers<void>();
  const never = Promise.withResolvers<Response>();
  const listener = await listen({
    hostname,
    ports: [0],
    handler: () => {
      arrived.resolve();
      return never.promise;
    },
  });
  const { port } = listener;
  using half = await Deno.connect({ hostname, port });
  await half.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n"));
  const open = fetch(`http://${hostname}:${port}/`).then((response) => response.text()).catch(() => "cut");
  await arrived.promise;
  const started = performance.now();
  await listener.close();
  ok(performance.now() - started < 1_000);
  await using again = await listen({ hostname, ports: [port], handler });
  equal(again.port, port);
  never.resolve(new Response());
  equal(await open, "cut");
});

Deno.test("a handler that throws is an empty 500", async () => {
  await using listener = await listen({
    hostname,
    ports: [0],
    handler: () => Promise.reject(new Error("secret")),
  });
  const response = await fetch(`http://${hostname}:${listener.port}/`);
  equal(response.status, 500);
  equal(await response.text(), "");
});

Deno.test(
  "a sandbox without the address is PERMISSION_DENIED",
  { permissions: { net: false } },
  () =>
    rejects(listen({ hostname, ports: [8456, 0], handler }), coded("PERMISSION_DENIED", /127\.0\.0\.1:8456/)),
);
