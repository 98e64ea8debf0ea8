/** Going to a port step by step: what answers, what it shows, and that nothing hangs (row 39). */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { systemReach } from "../../../lib/primitives/system/reach.ts";
import { Pki } from "../http/pki.ts";

const soon = () => AbortSignal.timeout(5_000);

/** A TLS server whose certificate an authority of its own has issued. */
async function secured(names: string) {
  const pki = await Pki.make();
  const authority = await pki.authority();
  const { cert, key } = await pki.issue("authority", "server", names);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
    () => new Response("secret"),
  );
  return {
    target: { hostname: "127.0.0.1", port: server.addr.port },
    authority,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await pki[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a connection says which address answered, and a closed port is refused", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  equal(await systemReach.connect({ hostname: "localhost", port }, soon()), `127.0.0.1:${port}`);
  (await listener.accept()).close();
  listener.close();
  await rejects(systemReach.connect({ hostname: "127.0.0.1", port }, soon()), { name: "ConnectionRefused" });
});

Deno.test("a certificate of an unknown authority is a problem, and what it is can be read all the same", async () => {
  await using server = await secured("IP:127.0.0.1");
  const { problem, chain } = await systemReach.handshake(server.target, [], soon());
  match(problem ?? "", /UnknownIssuer/);
  const [first] = chain;
  equal(first?.subject, "server");
  equal(first?.issuer, "authority");
  equal((first?.notAfter ?? 0) > Date.now(), true);
  equal((first?.notBefore ?? Infinity) <= Date.now(), true);
});

Deno.test("a certificate whose authority is given is no problem", async () => {
  await using server = await secured("IP:127.0.0.1");
  const { problem } = await systemReach.handshake(server.target, [server.authority.cert], soon());
  equal(problem, undefined);
});

Deno.test("a certificate for other names is a problem, whoever issued it", async () => {
  await using server = await secured("DNS:other.test");
  const { problem, chain } = await systemReach.handshake(server.target, [server.authority.cert], soon());
  match(problem ?? "", /not valid for name/);
  match(chain[0]?.names ?? "", /other\.test/);
});

Deno.test("a port that speaks no TLS is a problem and no certificate", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("x"));
  const { problem, chain } = await systemReach.handshake(
    { hostname: "127.0.0.1", port: server.addr.port },
    [],
    soon(),
  );
  equal(typeof problem, "string");
  deepEqual(chain, []);
});

Deno.test("a server that accepts and says nothing is given up with the signal", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) open.push(connection);
  })();
  const target = { hostname: "127.0.0.1", port: listener.addr.port };
  await rejects(systemReach.handshake(target, [], AbortSignal.timeout(100)), { name: "TimeoutError" });
  listener.close();
  await accepting;
  for (const connection of open) connection.close();
});
