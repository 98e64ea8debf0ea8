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

Deno.test("row 10: the program that has the port is named", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const code = "import socket,sys;s=socket.socket();s.bind(('127.0.0.1',0));s.listen();" +
    "print(s.getsockname()[1],flush=True);sys.stdin.read()";
  await using other = new Deno.Command("python3", { args: ["-c", code], stdin: "piped", stdout: "piped" })
    .spawn();
  const reading = (async () => {
    for await (const line of other.stdout.pipeThrough(new TextDecoderStream())) resolve(Number(line));
  })();
  const port = await promise;
  await rejects(
    listen({ hostname, ports: [port], handler }),
    coded(
      "CONFIG_INVALID",
      new RegExp(`port ${port} is in use by python3[.\\d]* \\(process ${other.pid}\\)$`),
    ),
  );
  await other.stdin.close();
  await reading;
});

Deno.test("row 16: a port is taken on every address or not at all, since a browser may try either", async () => {
  await using taken = await listen({ hostname: "::1", ports: [0], handler });
  await using next = await listen({ hostname, also: ["::1"], ports: [taken.port, 0], handler });
  notEqual(next.port, taken.port);
  for (const address of [hostname, "[::1]"]) {
    equal(await (await fetch(`http://${address}:${next.port}/`)).text(), "here");
  }
  // What was bound on the way is free again.
  await using again = await listen({ hostname, ports: [taken.port], handler });
  equal(again.port, taken.port);
});

Deno.test("row 16: an address that the machine has not, as ::1 without IPv6, is left out", async () => {
  await using listener = await listen({ hostname, also: ["2001:db8::1"], ports: [0], handler });
  equal(await answer(listener.port), "here");
});

Deno.test("a first address that the machine has not is said", () =>
  rejects(
    listen({ hostname: "192.0.2.1", ports: [0], handler }),
    coded("CONFIG_INVALID", /no address of this machine/),
  ));

Deno.test("a name that leads nowhere is said", () =>
  rejects(
    () => listen({ hostname: "nowhere.invalid", ports: [0], handler: () => new Response() }),
    coded("CONFIG_INVALID", /^Cannot listen on nowhere\.invalid: it is no name that leads to an address/),
  ));

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
