/**
 * Redirects are followed by hand: bounded, each hop checked, and credentials stay at their origin.
 *
 * @see MCP security best practices, SSRF (C71)
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { coded } from "../coded_error.ts";
import { type LocalServer, serve } from "./local_server.ts";

const http = createHttp();

const to = (location: string, status = 302) => new Response(null, { status, headers: { location } });

/** Answers with its own path, and redirects from `/go` to whatever `location` says. */
function redirecting(status: number, location: () => string): LocalServer {
  return serve(({ target }) => target === "/go" ? to(location(), status) : new Response(`at ${target}`));
}

const credentials = {
  authorization: "Bearer hunter2",
  cookie: "session=hunter2",
  "proxy-authorization": "Basic hunter2",
  "x-api-key": "hunter2",
  "mcp-session-id": "hunter2",
  dpop: "hunter2",
};
const portable = { accept: "application/json", "mcp-protocol-version": "2025-11-25" };

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`a GET follows ${status}, relative to where it came from`, async () => {
    await using server = redirecting(status, () => "/there?a=b");
    const response = await http(`${server.origin}/go`, { headers: credentials });
    equal(response.url, `${server.origin}/there?a=b`, "a proof of possession names where it was");
    equal(await response.text(), "at /there?a=b");
    equal(server.received[1]?.headers.get("authorization"), "Bearer hunter2");
  });

  Deno.test(`a GET that ${status} sends to another origin takes no credentials along`, async () => {
    await using other = serve(() => new Response("other"));
    await using server = redirecting(status, () => `${other.origin}/there`);
    const response = await http(`${server.origin}/go`, { headers: { ...credentials, ...portable } });
    equal(await response.text(), "other");
    const headers = other.received[0]?.headers;
    for (const name of Object.keys(credentials)) equal(headers?.get(name), null, name);
    for (const [name, value] of Object.entries(portable)) equal(headers?.get(name), value, name);
  });
}

Deno.test("credentials do not come back after a detour over another origin", async () => {
  await using other = serve(() => to(`${server.origin}/home`));
  await using server = redirecting(302, () => other.origin);
  const response = await http(`${server.origin}/go`, { headers: credentials });
  equal(await response.text(), "at /home");
  equal(server.received[1]?.headers.get("authorization"), null);
});

for (const status of [307, 308]) {
  Deno.test(`a POST that ${status} sends to the same origin takes its body along`, async () => {
    await using server = redirecting(status, () => "/there");
    const headers = { ...credentials, "content-type": "text/plain" };
    await http(`${server.origin}/go`, { method: "POST", body: "grant", headers });
    deepEqual(server.asked, ["POST /go", "POST /there"]);
    equal(server.received[1]?.body, "grant");
    equal(server.received[1]?.headers.get("authorization"), "Bearer hunter2");
    equal(server.received[1]?.headers.get("content-type"), "text/plain");
  });

  Deno.test(`a POST with a body that ${status} sends to another origin is refused`, async () => {
    await using other = serve(() => new Response("other"));
    await using server = redirecting(status, () => other.origin);
    await rejects(
      http(`${server.origin}/go`, { method: "POST", body: "refresh_token=hunter2" }),
      coded("UNSAFE_URL", /it leads to another origin/),
    );
    deepEqual(other.asked, []);
  });

  Deno.test(`a body that is a stream cannot be sent again after ${status}: the redirect is the answer`, async () => {
    await using server = redirecting(status, () => "/there");
    const body = ReadableStream.from([new Uint8Array(1)]);
    const response = await http(`${server.origin}/go`, { method: "POST", body });
    equal(response.status, status);
    deepEqual(server.asked, ["POST /go"]);
  });
}

for (const status of [301, 302, 303]) {
  Deno.test(`a POST is not turned into a GET by ${status}: the redirect is the answer`, async () => {
    await using server = redirecting(status, () => "/there");
    const response = await http(`${server.origin}/go`, { method: "POST", body: "grant" });
    equal(response.status, status);
    deepEqual(server.asked, ["POST /go"]);
  });
}

Deno.test("a redirect without a location, and a status that is no redirect, are the answer", async () => {
  await using server = serve(({ target }) =>
    new Response(null, {
      status: Number(target.slice(1)),
      headers: target === "/300" ? { location: "/" } : {},
    })
  );
  for (const status of [300, 302, 304]) equal((await http(`${server.origin}/${status}`)).status, status);
});

Deno.test("five redirects are followed and a sixth is not", async () => {
  await using server = serve(({ target }) => {
    const left = Number(target.slice(1));
    return left === 0 ? new Response("there") : to(`/${left - 1}`);
  });
  equal(await (await http(`${server.origin}/5`)).text(), "there");
  await rejects(http(`${server.origin}/6`), coded("SERVER_ERROR", /more than 5 redirects/));
});

Deno.test("a redirect loop ends", async () => {
  await using server = serve(() => to("/again"));
  await rejects(http(server.origin), coded("SERVER_ERROR", /more than 5 redirects/));
  equal(server.received.length, 6);
});

for (
  const location of [
    "http://example.com/",
    "file:///etc/passwd",
    "data:application/json,{}",
    "javascript:alert(1)",
    "https://user:secret@127.0.0.1/",
    "https://",
    "http://[",
  ]
) {
  Deno.test(`a redirect to ${location} is refused`, async () => {
    await using server = redirecting(302, () => location);
    await rejects(http(`${server.origin}/go`), coded("UNSAFE_URL"));
  });
}

Deno.test("each hop is put to the address guard before it is connected to", async () => {
  const guarded: string[] = [];
  await using other = serve(() => to(`${server.origin}/end`));
  await using server = redirecting(302, () => `${other.origin}/x`);
  const guard = (url: URL) => {
    guarded.push(url.href);
    return Promise.resolve();
  };
  await createHttp({ guard })(`${server.origin}/go`);
  deepEqual(guarded, [`${server.origin}/go`, `${other.origin}/x`, `${server.origin}/end`]);
});

Deno.test("a hop that the address guard refuses is not connected to", async () => {
  await using other = serve(() => new Response("other"));
  await using server = redirecting(302, () => other.origin);
  const guard = (url: URL) => {
    if (url.origin === other.origin) throw new Error("not there");
    return Promise.resolve();
  };
  await rejects(createHttp({ guard })(`${server.origin}/go`), coded("NETWORK_ERROR", /not there/));
  deepEqual(other.asked, []);
});
