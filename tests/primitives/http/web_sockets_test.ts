/**
 * WebSockets under the rules of the one fetch: scheme, addresses, proxy, trust, time, and what is said of them.
 *
 * @see behaviours rows 39, 40 and 41
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { Connections, type EntryTrust } from "../../../lib/primitives/http/connections.ts";
import { createWebSockets, type OpenSocket } from "../../../lib/primitives/http/web_sockets.ts";
import { Pki } from "./pki.ts";

/** Opens a socket, and closes it again; the status of the upgrade. */
async function open(sockets: OpenSocket, url: string, signal = new AbortController().signal) {
  const closed: Promise<unknown>[] = [];
  const status = await sockets(url, {
    headers: { authorization: "Bearer s3cr3t-t0ken" },
    protocols: ["mcp"],
    signal,
    opened: (socket) => {
      closed.push(new Promise((resolve) => socket.onclose = resolve));
      socket.close(1000);
    },
  });
  await Promise.all(closed);
  return status;
}

/** A server of WebSockets, with TLS where it has a certificate. */
function startServer(tls: { readonly cert: string; readonly key: string } | undefined) {
  const requests: Headers[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls },
    (request) => {
      requests.push(new Headers(request.headers));
      if (new URL(request.url).pathname === "/refused") return new Response(null, { status: 418 });
      return Deno.upgradeWebSocket(request, { protocol: "mcp" }).response;
    },
  );
  return { requests, port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A proxy that connects to this machine, whatever name it is asked for; what it was asked for. */
function startProxy() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  const serve = async (connection: Deno.TcpConn) => {
    const buffer = new Uint8Array(8_192);
    const head = new TextDecoder().decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
    const [method, target = ""] = head.split(" ");
    asked.push(`${method} ${target}`);
    const port = Number(target.split(":")[1]);
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    await Promise.allSettled([
      connection.readable.pipeTo(upstream.writable),
      upstream.readable.pipeTo(connection.writable),
    ]);
  };
  const serving: Promise<void>[] = [];
  const listening = (async () => {
    for await (const connection of listener) serving.push(serve(connection).catch(() => {}));
  })();
  return {
    asked,
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await listening;
      await Promise.all(serving);
    },
  };
}

function connections(variables: Readonly<Record<string, string>>, trust: EntryTrust = {}) {
  const made = new Connections({ get: (name) => variables[name] });
  return { connect: made.for(trust), [Symbol.dispose]: () => made[Symbol.dispose]() };
}

Deno.test("the status of the upgrade is told, and the headers arrive", async () => {
  await using server = startServer(undefined);
  const sockets = createWebSockets();
  equal(await open(sockets, `http://127.0.0.1:${server.port}/`), 101);
  equal(await open(sockets, `http://127.0.0.1:${server.port}/refused`), 418);
  equal(server.requests[0]?.get("authorization"), "Bearer s3cr3t-t0ken");
  equal(server.requests[0]?.get("sec-websocket-protocol"), "mcp");
});

Deno.test("row 41: neither the query of the URL nor a header stands in the log", async () => {
  await using server = startServer(undefined);
  const log: string[] = [];
  const sockets = createWebSockets({ log: (line) => void log.push(line) });
  await open(sockets, `http://127.0.0.1:${server.port}/mcp?access_token=s3cr3t-t0ken`);
  deepEqual(log, [`WebSocket ws://127.0.0.1:${server.port}/mcp: 101`]);
  await rejects(open(sockets, "http://127.0.0.1:1/mcp?access_token=s3cr3t-t0ken"), (error: McpAuthError) => {
    equal(error.code, "NETWORK_ERROR");
    ok(!JSON.stringify(error).includes("s3cr3t"), error.message);
    return true;
  });
});

Deno.test("a header that HTTP does not allow is an error that does not show it", async () => {
  const sockets = createWebSockets();
  const request = { protocols: ["mcp"], signal: new AbortController().signal, opened: () => {} };
  await rejects(
    sockets("http://127.0.0.1:1/", { ...request, headers: { "x-key": "s3cr3t\nt0ken" } }),
    (error: McpAuthError) => {
      equal(error.code, "CONFIG_INVALID");
      ok(!error.message.includes("s3cr3t"), error.message);
      return true;
    },
  );
});

Deno.test("plain ws that leaves this machine is refused before anything is sent", async () => {
  await rejects(open(createWebSockets(), "http://mcp.example/"), { code: "UNSAFE_URL" });
});

Deno.test("the address rule stands before the connection, and a signal ends the wait for it", async () => {
  await using server = startServer(undefined);
  const url = `http://127.0.0.1:${server.port}/`;
  const guard = () => Promise.reject(new McpAuthError("UNSAFE_URL", "No"));
  await rejects(open(createWebSockets({ guard }), url), { code: "UNSAFE_URL" });
  const stop = new AbortController();
  const waiting = rejects(
    open(createWebSockets({ guard: () => new Promise(() => {}) }), url, stop.signal),
    /Enough/,
  );
  stop.abort(new Error("Enough"));
  await waiting;
  equal(server.requests.length, 0);
});

Deno.test("a signal ends an upgrade that is not answered", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const stop = new AbortController();
  const { port } = listener.addr as Deno.NetAddr;
  const opening = rejects(open(createWebSockets(), `http://127.0.0.1:${port}/`, stop.signal), /Enough/);
  const connection = await accepted;
  stop.abort(new Error("Enough"));
  await opening;
  connection.close();
  listener.close();
});

Deno.test("row 39: a certificate of one's own authority is trusted by its file, and by nothing else", async () => {
  await using pki = await Pki.make();
  const authority = await pki.authority();
  const issued = await pki.issue("authority", "localhost", "DNS:localhost,IP:127.0.0.1");
  await using server = startServer({ cert: issued.cert, key: issued.key });
  const url = `https://localhost:${server.port}/`;
  using untrusted = connections({});
  await rejects(open(createWebSockets(untrusted), url), {
    code: "NETWORK_ERROR",
    message: /an authority that is not trusted here/,
    hint: /--ca-file/,
  });
  using trusted = connections({}, { caFile: authority.certFile });
  equal(await open(createWebSockets(trusted), url), 101);
});

Deno.test("row 40: wss goes through the proxy, but not to this machine, and not where NO_PROXY says so", async () => {
  await using pki = await Pki.make();
  const authority = await pki.authority();
  const issued = await pki.issue("authority", "mcp.test", "DNS:mcp.test,DNS:localhost");
  await using server = startServer({ cert: issued.cert, key: issued.key });
  await using proxy = startProxy();
  const trust = { caFile: authority.certFile };
  using through = connections({ HTTPS_PROXY: proxy.url }, trust);
  equal(await open(createWebSockets(through), `https://mcp.test:${server.port}/`), 101);
  deepEqual(proxy.asked, [`CONNECT mcp.test:${server.port}`]);
  equal(await open(createWebSockets(through), `https://localhost:${server.port}/`), 101);
  using past = connections({ HTTPS_PROXY: proxy.url, NO_PROXY: "mcp.test" }, trust);
  await rejects(open(createWebSockets(past), `https://mcp.test:${server.port}/`), { code: "NETWORK_ERROR" });
  equal(proxy.asked.length, 1);
});

Deno.test({
  name: "a sandbox that does not grant the host is told with the flag that does",
  permissions: { net: ["127.0.0.1:1"], read: true, env: true },
  fn: async () => {
    await rejects(open(createWebSockets(), "http://127.0.0.1:2/"), {
      code: "PERMISSION_DENIED",
      hint: "Add --allow-net=127.0.0.1:2",
    });
  },
});
