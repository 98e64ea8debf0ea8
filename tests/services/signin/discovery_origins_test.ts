/**
 * A challenge may name the server's metadata at the server's own origin, and elsewhere only where the user says so.
 *
 * @see CVE-2026-51994; RFC 9728 section 5.1 (C9, C68)
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { coded } from "../../primitives/coded_error.ts";
import { OAUTH, PRM, resource, server, world } from "./discovery_world.ts";

Deno.test("CVE-2026-51994: a resource_metadata of another origin is not asked; the well-known places are", async () => {
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins) },
    auth: { [OAUTH]: server(origins.auth), "/meta": resource(origins) },
  }));
  const found = await both.discover({ challenge: { resourceMetadata: `${both.auth.origin}/meta` } });
  equal(found.kind, "resource");
  deepEqual(both.auth.asked, [`GET ${OAUTH}`]);
  deepEqual(found.steps[0], {
    url: `${both.auth.origin}/meta`,
    outcome: "refused",
    verdict: "not followed: another origin",
    rule: "C9, RFC 9728 section 5.1",
  });
});

Deno.test("CVE-2026-51994: where the well-known places have nothing the refusal is told, and no old server is assumed", async () => {
  await using both = world((origins) => ({
    mcp: { [OAUTH]: server(origins.mcp) },
    auth: { "/meta": resource(origins) },
  }));
  await rejects(
    both.discover({ challenge: { resourceMetadata: `${both.auth.origin}/meta` } }),
    (error: Error & { hint?: string }) => {
      coded("UNSAFE_URL", /another origin than the server/)(error);
      equal(
        error.hint,
        `If you trust it, repeat the command with --allow-metadata-origin ${both.auth.origin}`,
      );
      return true;
    },
  );
  deepEqual(both.auth.asked, []);
  deepEqual(both.mcp.asked, [`GET ${PRM}/mcp`, `GET ${PRM}`]);
});

Deno.test("the refusal stays the first cause where the well-known places fail", async () => {
  await using both = world(() => ({ mcp: { [`${PRM}/mcp`]: () => new Response(null, { status: 429 }) } }));
  await rejects(
    both.discover({ challenge: { resourceMetadata: `${both.auth.origin}/meta` } }),
    (error: Error) => {
      coded("UNSAFE_URL")(error);
      coded("RATE_LIMITED")(error.cause as Error);
      return true;
    },
  );
});

Deno.test("an origin that the user allows is asked, and another port of it is another origin", async () => {
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins) },
    auth: { [OAUTH]: server(origins.auth), "/meta": resource(origins, { scopes_supported: ["a"] }) },
  }));
  const challenge = { resourceMetadata: `${both.auth.origin}/meta` };
  const found = await both.discover({ challenge, allowMetadataOrigins: [both.auth.origin] });
  deepEqual(found.resourceScopes, ["a"]);
  deepEqual(both.auth.asked, ["GET /meta", `GET ${OAUTH}`]);
  const other = await both.discover({ challenge, allowMetadataOrigins: ["http://127.0.0.1:1"] });
  equal(other.resourceScopes, undefined);
});

Deno.test("an allowed origin on a private network is still refused by the address rule", async () => {
  await using both = world((origins) => ({ mcp: { [PRM]: resource(origins) } }));
  await rejects(
    both.discover({
      challenge: { resourceMetadata: "https://169.254.169.254/meta" },
      allowMetadataOrigins: ["https://169.254.169.254"],
    }),
    coded("UNSAFE_URL", /link-local/),
  );
  equal(both.mcp.received.length, 0);
});

Deno.test("a server that calls itself http behind a proxy is found by its well-known places, and http is not asked", async () => {
  const asked: string[] = [];
  const { discover } = await import("../../../lib/services/signin/discovery.ts");
  const found = await discover({
    serverUrl: "https://mcp.example.com/mcp",
    challenge: { resourceMetadata: "http://mcp.example.com/.well-known/oauth-protected-resource/mcp" },
    http: (url) => {
      asked.push(url);
      return Promise.resolve(
        url.includes(PRM)
          ? Response.json({
            resource: "https://mcp.example.com/mcp",
            authorization_servers: ["https://auth.example.com"],
          })
          : Response.json(server("https://auth.example.com")),
      );
    },
  });
  equal(found.kind, "resource");
  deepEqual(asked, [
    `https://mcp.example.com${PRM}/mcp`,
    `https://auth.example.com${OAUTH}`,
  ]);
});
