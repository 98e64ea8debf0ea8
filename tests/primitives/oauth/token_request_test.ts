/**
 * What goes to the token and revocation endpoints.
 *
 * @see RFC 6749 sections 2.3.1, 4.1.3 and 6; RFC 7009; RFC 8707 (C40, C54)
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import type { Http } from "../../../lib/primitives/http/http.ts";
import type { ClientIdentity } from "../../../lib/primitives/oauth/client_auth.ts";
import { revokeToken } from "../../../lib/primitives/oauth/revocation.ts";
import { coded } from "../coded_error.ts";
import { PUBLIC, serveTokens, type TokenServer } from "./token_server.ts";

const granted = () => Response.json({ access_token: "at", token_type: "Bearer" });

/** The one request that a server got: its form as an object, and its Authorization. */
function only(
  server: TokenServer,
  target: string,
): { readonly form: unknown; readonly basic: string | null } {
  equal(server.received.length, 1);
  const [request] = server.received;
  equal(`${request?.method} ${request?.target}`, `POST ${target}`);
  equal(request?.headers.get("content-type"), "application/x-www-form-urlencoded;charset=UTF-8");
  const pairs = [...new URLSearchParams(request?.body)];
  equal(new Set(pairs.map(([name]) => name)).size, pairs.length, "a parameter is there twice");
  return { form: Object.fromEntries(pairs), basic: request?.headers.get("authorization") ?? null };
}

const secret = "s:e c";
const clients: readonly (readonly [string, ClientIdentity, Record<string, string>, string | null])[] = [
  ["without a secret", PUBLIC, { client_id: "client" }, null],
  [
    "with Basic",
    {
      clientId: "cl:ient",
      clientSecret: secret,
      tokenEndpointAuthMethod: "client_secret_basic",
    },
    {},
    `Basic ${btoa("cl%3Aient:s%3Ae+c")}`,
  ],
  [
    "with the secret in the body",
    {
      clientId: "client",
      clientSecret: secret,
      tokenEndpointAuthMethod: "client_secret_post",
    },
    { client_id: "client", client_secret: secret },
    null,
  ],
  [
    "that has a secret and must not use it",
    {
      clientId: "client",
      clientSecret: secret,
      tokenEndpointAuthMethod: "none",
    },
    { client_id: "client" },
    null,
  ],
];

for (const [description, client, parameters, basic] of clients) {
  Deno.test(`a code is exchanged by a client ${description}`, async () => {
    await using server = serveTokens(granted);
    await server.exchange({ client, resource: "https://mcp.example.com" });
    deepEqual(only(server, "/token?tenant=1"), {
      form: {
        grant_type: "authorization_code",
        code: "abc",
        redirect_uri: "http://127.0.0.1:8456/callback",
        code_verifier: "verifier",
        resource: "https://mcp.example.com",
        ...parameters,
      },
      basic,
    });
  });

  Deno.test(`a refresh token is spent by a client ${description}`, async () => {
    await using server = serveTokens(granted);
    await server.refresh({ client, resource: "https://MCP.example.com:443/a/../b" });
    deepEqual(only(server, "/token?tenant=1"), {
      form: {
        grant_type: "refresh_token",
        refresh_token: "old",
        resource: "https://MCP.example.com:443/a/../b",
        ...parameters,
      },
      basic,
    });
  });

  Deno.test(`a token is revoked by a client ${description}`, async () => {
    await using server = serveTokens(() => new Response());
    await revokeToken(createHttp(), server.metadata, client, "rt", "refresh_token");
    deepEqual(only(server, "/revoke"), {
      form: { token: "rt", token_type_hint: "refresh_token", ...parameters },
      basic,
    });
  });
}

Deno.test("a server that predates resource indicators gets none, and no scope is ever sent", async () => {
  await using server = serveTokens(granted);
  await server.refresh();
  deepEqual(only(server, "/token?tenant=1").form, {
    grant_type: "refresh_token",
    refresh_token: "old",
    client_id: "client",
  });
});

Deno.test("an answer in JSON is asked for", async () => {
  await using server = serveTokens(granted);
  await server.exchange();
  equal(server.received[0]?.headers.get("accept"), "application/json");
});

Deno.test("refresh, exchange and revocation are sent in the way that nothing repeats", async () => {
  await using server = serveTokens(granted);
  const once: (boolean | undefined)[] = [];
  const real = createHttp();
  const http: Http = (url, request) => {
    once.push(request?.once);
    return real(url, request);
  };
  await server.refresh({ http });
  await server.exchange({ http });
  await revokeToken(http, server.metadata, PUBLIC, "rt", "refresh_token");
  deepEqual(once, [true, true, true]);
});

Deno.test("a refresh is not sent to where a redirect points", async () => {
  await using other = serveTokens(granted);
  await using server = serveTokens(() => {
    return new Response(null, { status: 307, headers: { location: `${other.origin}/token` } });
  });
  await rejects(server.refresh(), coded("UNSAFE_URL"));
  deepEqual(other.asked, []);
});

for (const status of [200, 204]) {
  Deno.test(`a revocation answered with ${status} is done`, async () => {
    await using server = serveTokens(() => new Response(null, { status }));
    await revokeToken(createHttp(), server.metadata, PUBLIC, "at", "access_token");
    equal(new URLSearchParams(server.received[0]?.body).get("token_type_hint"), "access_token");
  });
}

const failures: readonly (readonly [string, () => Response, "SERVER_ERROR" | "RATE_LIMITED", RegExp])[] = [
  [
    "400",
    () => Response.json({ error: "unsupported_token_type" }, { status: 400 }),
    "SERVER_ERROR",
    /revoke the access token: .*400: unsupported_token_type$/,
  ],
  [
    "401",
    () => Response.json({ error: "invalid_client" }, { status: 401 }),
    "SERVER_ERROR",
    /invalid_client/,
  ],
  ["404", () => new Response("<html>", { status: 404 }), "SERVER_ERROR", /404$/],
  ["429", () => new Response("", { status: 429 }), "RATE_LIMITED", /429$/],
  ["503", () => new Response("", { status: 503 }), "SERVER_ERROR", /503$/],
  ["302", () => new Response("", { status: 302, headers: { location: "/login" } }), "SERVER_ERROR", /302$/],
];

for (const [status, answer, code, message] of failures) {
  Deno.test(`a revocation answered with ${status} is not done, and that is said`, async () => {
    await using server = serveTokens(answer);
    const revoking = revokeToken(createHttp(), server.metadata, PUBLIC, "hunter2", "access_token");
    await rejects(revoking, coded(code, message));
  });
}
