/**
 * A failure is told apart from an absence: it is tried again, then it ends the discovery with its first cause, and it
 * never turns into "this is an old server".
 *
 * @see behaviours rows 27, 28; MCP 2026-07-28 authorization (C9, C14)
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { discover } from "../../../lib/services/signin/discovery.ts";
import { coded } from "../../primitives/coded_error.ts";
import { endless, freePort, serveRaw } from "../../primitives/http/local_server.ts";
import { OAUTH, OPENID, PRM, resource, server, world } from "./discovery_world.ts";

const status = (code: number) => () => new Response("x", { status: code });
const page = () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } });

for (const code of [400, 401, 403, 404, 405, 410, 418, 502]) {
  Deno.test(`row 27: ${code} says that the metadata is not there: the next place is asked`, async () => {
    await using both = world((origins) => ({
      mcp: { [`${PRM}/mcp`]: status(code), [PRM]: resource(origins) },
      auth: { [OAUTH]: status(code), [OPENID]: server(origins.auth) },
    }));
    const found = await both.discover();
    deepEqual(found.steps.map(({ verdict }) => verdict), [String(code), "used", String(code), "used"]);
  });
}

Deno.test("a proxy that answers 502 for every place is a server that is down, not an old one", async () => {
  await using both = world(() => ({ mcp: { [`${PRM}/mcp`]: status(502), [PRM]: status(502) }, auth: {} }));
  await rejects(both.discover(), coded("SERVER_ERROR", /answered 502/));
});

const notJson: readonly (readonly [string, () => Response, string])[] = [
  ["a page", page, "200, not JSON (text/html)"],
  [
    "a page without a type",
    () => new Response(new TextEncoder().encode("<html>")),
    "200, not JSON (no content type)",
  ],
  ["plain text", () => new Response("ok"), "200, not JSON (text/plain;charset=UTF-8)"],
  [
    "JSON that is called a page",
    () => new Response("{}", { headers: { "content-type": "text/html" } }),
    "200, not JSON (text/html)",
  ],
  ["an empty page", () => new Response(null), "200, not JSON (no content type)"],
];

for (const [description, answer, verdict] of notJson) {
  Deno.test(`row 27: ${description} with 200 says that the metadata is not there`, async () => {
    await using both = world((origins) => ({
      mcp: { [`${PRM}/mcp`]: answer, [PRM]: resource(origins) },
      auth: { [OAUTH]: answer, [OPENID]: server(origins.auth) },
    }));
    const found = await both.discover();
    deepEqual(found.steps.map((step) => step.verdict), [verdict, "used", verdict, "used"]);
  });
}

Deno.test("row 27: a single-page application that answers everything with its page is no authorization server", async () => {
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins) },
    auth: { [OAUTH]: page, [OPENID]: page },
  }));
  await rejects(both.discover(), coded("DISCOVERY_FAILED", /not JSON \(text\/html\)/));
});

Deno.test("a document that is there but wrong ends the discovery: the next place is not asked", async () => {
  await using both = world((origins) => ({
    mcp: { [`${PRM}/mcp`]: { resource: 1 }, [PRM]: resource(origins), [OAUTH]: server(origins.mcp) },
  }));
  await rejects(both.discover(), coded("DISCOVERY_FAILED"));
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`]);
});

Deno.test("5xx is tried three times, and the first cause is the one that is told", async () => {
  const answers = [503, 500, 504];
  await using both = world((origins) => ({
    mcp: { [`${PRM}/mcp`]: () => status(answers.shift() ?? 599)(), [PRM]: resource(origins) },
  }));
  await rejects(both.discover(), coded("SERVER_ERROR", /the server answered 503$/));
  deepEqual(both.mcp.asked, Array(3).fill(`GET ${PRM}/mcp`));
});

Deno.test("5xx that goes away does no harm", async () => {
  let asked = 0;
  await using both = world((origins) => ({
    mcp: { [`${PRM}/mcp`]: () => asked++ === 0 ? status(503)() : Response.json(resource(origins)) },
    auth: { [OAUTH]: server(origins.auth) },
  }));
  equal((await both.discover()).kind, "resource");
});

Deno.test("a first cause of the server is not hidden by a later one of the network", async () => {
  await using both = world(() => ({ mcp: { [`${PRM}/mcp`]: status(500) } }));
  const http = createHttp();
  const gone = `http://127.0.0.1:${freePort()}/`;
  const flaky = (url: string) => http(both.mcp.received.length === 0 ? url : gone);
  await rejects(both.discover({ http: flaky }), coded("SERVER_ERROR", /the server answered 500$/));
  equal(both.mcp.received.length, 1);
});

Deno.test("a failure of the network is NETWORK_ERROR wherever it happens, and never an old server", async () => {
  await using broken = serveRaw("");
  await using named = world((origins) => ({
    mcp: { [PRM]: resource(origins), [OAUTH]: server(origins.mcp) },
  }));
  const down = `http://127.0.0.1:${freePort()}`;
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins, { authorization_servers: [down] }), [OAUTH]: server(origins.mcp) },
  }));
  await Promise.all([
    rejects(
      discover({ http: createHttp(), serverUrl: `${broken.origin}/mcp`, challenge: {} }),
      coded("NETWORK_ERROR", /oauth-protected-resource\/mcp"/),
    ),
    rejects(
      named.discover({ challenge: { resourceMetadata: `${down}/meta` }, allowMetadataOrigins: [down] }),
      coded("NETWORK_ERROR", /\/meta"/),
    ),
    rejects(both.discover(), coded("NETWORK_ERROR", /oauth-authorization-server"/)),
  ]);
  deepEqual(named.mcp.asked, [], "the well-known places were asked though the named one is only down");
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`, `GET ${PRM}`]);
});

Deno.test("429 is RATE_LIMITED, asked once, and never an old server", async () => {
  await using both = world((origins) => ({
    mcp: { [`${PRM}/mcp`]: status(429), [PRM]: resource(origins), [OAUTH]: server(origins.mcp) },
  }));
  await rejects(both.discover(), coded("RATE_LIMITED", /answered 429$/));
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`]);
});

Deno.test("a signal ends a discovery whose server does not answer", async () => {
  for (const answer of [() => new Promise<never>(() => {}), () => endless()]) {
    await using both = world(() => ({ mcp: { [`${PRM}/mcp`]: answer } }));
    await rejects(both.discover({ signal: AbortSignal.timeout(60) }), coded("TIMEOUT"));
    equal(both.mcp.received.length, 1);
  }
});

Deno.test("a signal ends the pause before another try, with its reason", async () => {
  await using both = world(() => ({ mcp: { [`${PRM}/mcp`]: status(503) } }));
  const started = performance.now();
  await rejects(both.discover({ signal: AbortSignal.timeout(60) }), coded("TIMEOUT"));
  const controller = new AbortController();
  const discovering = both.discover({ signal: controller.signal });
  setTimeout(() => controller.abort(), 60);
  await rejects(discovering, coded("AUTH_CANCELLED"));
  ok(performance.now() - started < 600);
});
