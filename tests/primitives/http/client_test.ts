/**
 * One exchange of the one fetch: what goes out, what is refused, and how each failure ends.
 *
 * @module
 */
import { deepEqual, doesNotMatch, equal, ok, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { VERSION } from "../../../lib/primitives/version.ts";
import { coded, showable } from "../coded_error.ts";
import { freePort, serve, serveRaw } from "./local_server.ts";

const http = createHttp();

for (
  const url of [
    "http://example.com/",
    "http://[::ffff:127.0.0.1]/",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "data:application/json,{}",
    "javascript:alert(1)",
    "blob:http://127.0.0.1/x",
    "https://user:secret@127.0.0.1/",
    "/relative",
    "",
  ]
) {
  Deno.test(`the one fetch refuses ${JSON.stringify(url)} before it connects`, async () => {
    const guard = () => Promise.reject(new Error("asked about an address"));
    await rejects(createHttp({ guard })(url), coded("UNSAFE_URL"));
  });
}

Deno.test("a request goes out as given, with the product's name", async () => {
  await using server = serve(() => new Response("hello", { status: 201, headers: { "x-y": "z" } }));
  const response = await http(`${server.origin}/a%2Fb?c=d+e`, {
    method: "POST",
    headers: { "content-type": "text/plain", "X-Custom": "1" },
    body: "body",
  });
  equal(response.status, 201);
  equal(response.headers.get("x-y"), "z");
  equal(await response.text(), "hello");
  const [request] = server.received;
  equal(`${request?.method} ${request?.target}`, "POST /a%2Fb?c=d+e");
  equal(request?.headers.get("user-agent"), `mcp-auth/${VERSION}`);
  equal(request?.headers.get("content-type"), "text/plain");
  equal(request?.headers.get("x-custom"), "1");
  equal(request?.body, "body");
});

Deno.test("a User-Agent of the caller replaces the product's, however it is written", async () => {
  await using server = serve(() => new Response());
  await http(server.origin, { headers: { "User-Agent": "other" } });
  equal(server.received[0]?.headers.get("user-agent"), "other");
});

for (const status of [200, 204, 205, 304, 400, 401, 404, 500, 503]) {
  Deno.test(`a response with status ${status} is returned, whatever it means`, async () => {
    const empty = status === 204 || status === 205 || status === 304;
    await using server = serve(() => new Response(empty ? null : "x", { status }));
    const response = await http(server.origin);
    equal(response.status, status);
    equal(await response.text(), empty ? "" : "x");
  });
}

Deno.test("several challenges in several fields stay readable", async () => {
  await using server = serve(() =>
    new Response(null, { headers: [["www-authenticate", "Bearer a=1"], ["www-authenticate", "DPoP b=2"]] })
  );
  const response = await http(server.origin);
  equal(response.headers.get("www-authenticate"), "Bearer a=1, DPoP b=2");
});

Deno.test("a header that HTTP does not allow is refused without showing its value", async () => {
  await using server = serve(() => new Response());
  for (
    const headers of [
      { authorization: "Bearer hunter2\nX: y" },
      { authorization: "Bearer hunter2€" },
      { authorization: "hunter2\0" },
    ]
  ) {
    await rejects(http(server.origin, { headers }), (error: unknown) => {
      showable(error);
      equal(error.code, "CONFIG_INVALID");
      doesNotMatch(Deno.inspect(error), /hunter2/);
      return true;
    });
  }
  await rejects(http(server.origin, { headers: { "bad name": "x" } }), coded("CONFIG_INVALID", /"bad name"/));
  deepEqual(server.asked, []);
});

Deno.test("a server that is not there is NETWORK_ERROR, with the reason and without the query", async () => {
  const url = `http://127.0.0.1:${freePort()}/token?secret=hunter2`;
  await rejects(http(url), (error: unknown) => {
    showable(error);
    equal(error.code, "NETWORK_ERROR");
    ok(/refused/i.test(error.message), error.message);
    doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

const broken: readonly (readonly [string, string])[] = [
  ["closes the connection at once", ""],
  ["speaks another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["ends in the middle of its headers", "HTTP/1.1 200 OK\r\ncontent-le"],
  ["ends before its announced length", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"],
  ["breaks its chunks off", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"],
  ["switches protocols unasked", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  [
    "lies about its compression",
    "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\nnot gzip",
  ],
];

for (const [description, bytes] of broken) {
  Deno.test(`a server that ${description} is NETWORK_ERROR`, async () => {
    await using server = serveRaw(bytes);
    await rejects(http(server.origin), coded("NETWORK_ERROR"));
  });
}

Deno.test("a body longer than the cap is SERVER_ERROR, whether its length is announced or not", async () => {
  await using server = serve(({ target }) => {
    const bytes = new Uint8Array(1_001);
    return new Response(target === "/announced" ? bytes : ReadableStream.from([bytes]));
  });
  for (const path of ["/announced", "/streamed"]) {
    await rejects(
      http(server.origin + path, { maxBytes: 1_000 }),
      coded("SERVER_ERROR", /longer than 1000 bytes/),
    );
    const response = await http(server.origin + path, { maxBytes: 1_001 });
    equal((await response.bytes()).length, 1_001);
  }
});

Deno.test("the cap counts what a compressed body unpacks to", async () => {
  const zeros = new Blob([new Uint8Array(20 * 1024 * 1024)]);
  const packed = await new Response(zeros.stream().pipeThrough(new CompressionStream("gzip"))).bytes();
  ok(packed.length < 100_000);
  await using server = serve(() => new Response(packed, { headers: { "content-encoding": "gzip" } }));
  await rejects(http(server.origin), coded("SERVER_ERROR", /longer than 524288 bytes/));
});

Deno.test("a body of a stream is neither read ahead nor capped", async () => {
  await using server = serve(() => new Response(ReadableStream.from([new Uint8Array(600 * 1024)])));
  const response = await http(server.origin, { stream: true, maxBytes: 10 });
  equal((await response.bytes()).length, 600 * 1024);
});

Deno.test("each exchange is logged as one line without its query and without secrets", async () => {
  const lines: string[] = [];
  await using server = serve(() => new Response(null, { status: 204 }));
  const logged = createHttp({ log: (line) => lines.push(line) });
  await logged(`${server.origin}/a?code=hunter2`, { headers: { authorization: "Bearer hunter2" } });
  await rejects(logged("http://example.com/b?code=hunter2", { method: "POST" }));
  equal(lines.length, 2);
  ok(/^GET http:\/\/127\.0\.0\.1:\d+\/a: 204 \(\d+ ms\)$/.test(lines[0] ?? ""), lines[0]);
  ok(/^POST http:\/\/example\.com\/b: Cannot use URL /.test(lines[1] ?? ""), lines[1]);
  ok(!lines.join().includes("hunter2"));
});

Deno.test("the sandbox's refusal is PERMISSION_DENIED and names the flag", {
  permissions: { net: false, read: true },
}, async () => {
  await rejects(http("https://example.com:8443/"), (error: unknown) => {
    coded("PERMISSION_DENIED", /"example.com:8443"/)(error);
    equal((error as McpAuthError).hint, "Add --allow-net=example.com:8443");
    return true;
  });
});
