/**
 * No document of a server, however wrong, ends in anything but a coded error that can be shown.
 *
 * @see RFC 8414 section 6; RFC 9728 section 7 (C11, C19, C68-C75)
 * @module
 */
import { doesNotMatch, equal, ok, rejects } from "node:assert/strict";
import type { ErrorCode } from "../../../lib/primitives/errors.ts";
import { coded } from "../../primitives/coded_error.ts";
import { OAUTH, PRM, resource, server, world } from "./discovery_world.ts";
import { HOSTILE } from "./hostile_metadata.ts";

for (const { description, code, pages } of HOSTILE) {
  Deno.test(`${description} is ${code}`, async () => {
    await using both = world(pages);
    const signal = code === "TIMEOUT" ? AbortSignal.timeout(80) : undefined;
    await rejects(both.discover({ signal }), (error: unknown) => {
      coded(code)(error);
      doesNotMatch(JSON.stringify(error), /hunter2/);
      return true;
    });
  });
}

Deno.test("the table of hostile metadata is as long as it should be", () => ok(HOSTILE.length >= 30));

const challenges: readonly (readonly [string, ErrorCode])[] = [
  ["javascript:alert(1)", "UNSAFE_URL"],
  ["data:application/json,{}", "UNSAFE_URL"],
  ["file:///etc/passwd", "UNSAFE_URL"],
  ["http://example.com/meta", "UNSAFE_URL"],
  ["https://user:hunter2@example.com/meta", "UNSAFE_URL"],
  ["https://user:hunter2@127.0.0.1/meta", "UNSAFE_URL"],
  ["//10.0.0.1/meta", "UNSAFE_URL"],
  ["\\\\10.0.0.1\\meta", "UNSAFE_URL"],
  ["https://[", "UNSAFE_URL"],
  ["http://[\u001b[31m", "UNSAFE_URL"],
];

for (const [resourceMetadata, code] of challenges) {
  Deno.test(`a challenge that names ${JSON.stringify(resourceMetadata)} is ${code}, and nothing is asked`, async () => {
    await using both = world((origins) => ({
      mcp: { [PRM]: resource(origins) },
      auth: { [OAUTH]: server(origins.auth) },
    }));
    await rejects(both.discover({ challenge: { resourceMetadata } }), coded(code));
    equal(both.mcp.received.length + both.auth.received.length, 0);
  });
}

const tenants: readonly (readonly [string, string])[] = [
  ["/tenant", "/tenant/"],
  ["/tenant/", "/tenant"],
  ["/tenant", "/Tenant"],
  ["/tenant", "/%74enant"],
  ["/tenant", ""],
];

for (const [advertised, own] of tenants) {
  Deno.test(`issuer "${advertised}" whose document says "${own}" is ISSUER_MISMATCH`, async () => {
    await using both = world((origins) => ({
      mcp: { [PRM]: resource(origins, { authorization_servers: [origins.auth + advertised] }) },
      auth: { [`${OAUTH}/tenant`]: server(origins.auth, { issuer: origins.auth + own }) },
    }));
    await rejects(both.discover(), coded("ISSUER_MISMATCH"));
  });
}

Deno.test("metadata of an old server that speaks for another issuer is ISSUER_MISMATCH", async () => {
  await using both = world(() => ({ mcp: { [OAUTH]: server("https://honest.example.com") } }));
  await rejects(both.discover(), coded("ISSUER_MISMATCH"));
});

Deno.test("a document behind a redirect to another origin is judged by the issuer that was asked for", async () => {
  await using other = world((origins) => ({ auth: { "/meta": server(origins.auth) } }));
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins) },
    auth: {
      [OAUTH]: () => new Response(null, { status: 302, headers: { location: `${other.auth.origin}/meta` } }),
    },
  }));
  await rejects(both.discover(), coded("ISSUER_MISMATCH"));
});

Deno.test("an issuer whose path is 400,000 slashes is refused in no time", async () => {
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins, { authorization_servers: [`${origins.auth}/${"/".repeat(400_000)}x`] }) },
  }));
  const started = performance.now();
  await rejects(both.discover(), (error: unknown) => coded((error as { code: ErrorCode }).code)(error));
  ok(performance.now() - started < 3_000);
});

Deno.test("what is shown of a server that is right has no control characters either", async () => {
  await using both = world((origins) => ({
    mcp: { [PRM]: resource(origins, { resource_name: "\u001b[31mowned\u202e" }) },
    auth: { [OAUTH]: server(origins.auth) },
  }));
  const found = await both.discover({ challenge: { resourceMetadata: `${both.mcp.origin}/\u001b[31m` } });
  const { describeSteps } = await import("../../../lib/services/signin/discovery.ts");
  ok(!/[\p{Cc}\p{Cf}]/u.test(describeSteps(found.steps)));
});
