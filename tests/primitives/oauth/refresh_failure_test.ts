/**
 * Which failures of a refresh end a credential. All that is not in this table as an end keeps it.
 *
 * @see RFC 6749 section 5.2; behaviours row 3
 * @module
 */
import { doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import { type ErrorCode, McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { endsCredential } from "../../../lib/primitives/oauth/response_error.ts";
import { revokeToken } from "../../../lib/primitives/oauth/revocation.ts";
import { refreshTokens } from "../../../lib/primitives/oauth/token.ts";
import { coded } from "../coded_error.ts";
import { freePort, serveRaw } from "../http/local_server.ts";
import { serveTokens } from "./token_server.ts";

const json = (body: unknown, status: number) => () => Response.json(body, { status });

const failures: readonly (readonly [string, () => Response, ErrorCode, boolean])[] = [
  ["400 invalid_grant", json({ error: "invalid_grant" }, 400), "TOKEN_REFRESH_FAILED", true],
  ["401 invalid_grant", json({ error: "invalid_grant" }, 401), "TOKEN_REFRESH_FAILED", true],
  ["400 invalid_client", json({ error: "invalid_client" }, 400), "TOKEN_REFRESH_FAILED", true],
  ["401 invalid_client", json({ error: "invalid_client" }, 401), "TOKEN_REFRESH_FAILED", true],
  ["400 unauthorized_client", json({ error: "unauthorized_client" }, 400), "TOKEN_REFRESH_FAILED", true],
  ["200 invalid_grant", json({ error: "invalid_grant" }, 200), "TOKEN_REFRESH_FAILED", true],
  [
    "400 invalid_grant as a form",
    () => new Response("error=invalid_grant", { status: 400 }),
    "TOKEN_REFRESH_FAILED",
    true,
  ],
  ["400 invalid_request", json({ error: "invalid_request" }, 400), "SERVER_ERROR", false],
  ["400 invalid_scope", json({ error: "invalid_scope" }, 400), "SERVER_ERROR", false],
  ["400 invalid_target", json({ error: "invalid_target" }, 400), "SERVER_ERROR", false],
  [
    "400 unsupported_grant_type",
    json({ error: "unsupported_grant_type" }, 400),
    "SERVER_ERROR",
    false,
  ],
  [
    "400 temporarily_unavailable",
    json({ error: "temporarily_unavailable" }, 400),
    "SERVER_ERROR",
    false,
  ],
  [
    "400 and an error that is nearly one",
    json({ error: "invalid_grant_x" }, 400),
    "SERVER_ERROR",
    false,
  ],
  ["400 and an error that is a list", json({ error: ["invalid_grant"] }, 400), "SERVER_ERROR", false],
  ["400 and an error in capitals", json({ error: "INVALID_GRANT" }, 400), "SERVER_ERROR", false],
  [
    "400 and the word in its description",
    json({ error_description: "invalid_grant" }, 400),
    "SERVER_ERROR",
    false,
  ],
  ["400 and plain text", () => new Response("invalid_grant", { status: 400 }), "SERVER_ERROR", false],
  ["400 and a page", () => new Response("<p>invalid_grant", { status: 400 }), "SERVER_ERROR", false],
  ["400 and nothing", () => new Response(null, { status: 400 }), "SERVER_ERROR", false],
  ["401 and nothing", () => new Response(null, { status: 401 }), "SERVER_ERROR", false],
  ["403 invalid_grant", json({ error: "invalid_grant" }, 403), "SERVER_ERROR", false],
  ["404", () => new Response(null, { status: 404 }), "SERVER_ERROR", false],
  ["407 of a proxy", () => new Response("<html>", { status: 407 }), "SERVER_ERROR", false],
  ["429 invalid_grant", json({ error: "invalid_grant" }, 429), "RATE_LIMITED", false],
  ["500 invalid_grant", json({ error: "invalid_grant" }, 500), "SERVER_ERROR", false],
  ["502 of a proxy", () => new Response("<html>", { status: 502 }), "SERVER_ERROR", false],
  ["503 invalid_client", json({ error: "invalid_client" }, 503), "SERVER_ERROR", false],
  [
    "a redirect to a login page",
    () => new Response(null, { status: 302, headers: { location: "/" } }),
    "SERVER_ERROR",
    false,
  ],
  [
    "a page with 200",
    () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    "SERVER_ERROR",
    false,
  ],
  ["200 and nothing", () => new Response(null), "SERVER_ERROR", false],
  ["200 without a token", json({ token_type: "Bearer" }, 200), "SERVER_ERROR", false],
];

for (const [description, answer, code, ends] of failures) {
  Deno.test(`a refresh answered with ${description} ${ends ? "ends" : "keeps"} the credential`, async () => {
    await using server = serveTokens(answer);
    await rejects(server.refresh(), (error: unknown) => {
      coded(code)(error);
      equal(endsCredential(error as McpAuthError), ends);
      return true;
    });
    equal(server.received.length, 1, "a refresh token is sent once");
  });
}

Deno.test("a server that cannot be reached keeps the credential", async () => {
  await using server = serveTokens(() => new Response());
  const gone = { ...server.metadata, token_endpoint: `http://127.0.0.1:${freePort()}/token` };
  await using broken = serveRaw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{");
  const cut = { ...server.metadata, token_endpoint: `${broken.origin}/token` };
  for (const metadata of [gone, cut]) {
    await rejects(server.refresh({ server: metadata }), (error: unknown) => {
      coded("NETWORK_ERROR")(error);
      ok(!endsCredential(error as McpAuthError));
      return true;
    });
  }
});

Deno.test("a refresh that is cancelled or refused an address keeps the credential", async () => {
  await using server = serveTokens(() => new Promise<never>(() => {}));
  const guard = () => Promise.reject(new McpAuthError("UNSAFE_URL", "Not there"));
  for (
    const changes of [
      { signal: AbortSignal.timeout(30) },
      { signal: AbortSignal.abort() },
      { http: createHttp({ guard }) },
    ]
  ) {
    await rejects(server.refresh(changes), (error: unknown) => {
      ok(error instanceof McpAuthError);
      ok(!endsCredential(error));
      return true;
    });
  }
});

Deno.test("an error of our own that has the same code keeps the credential", () => {
  ok(!endsCredential(new McpAuthError("TOKEN_REFRESH_FAILED", "invalid_grant")));
});

Deno.test("what a server repeats of the request is not in the words that are shown and stored", async () => {
  await using server = serveTokens(({ body }) => {
    const error_description = [...new URLSearchParams(body).values()].join(" ");
    return Response.json({ error: "busy", error_description }, { status: 400 });
  });
  const client = {
    clientId: "client",
    clientSecret: "5ecret-of-the-client",
    tokenEndpointAuthMethod: "client_secret_post",
  } as const;
  const shown = async (work: Promise<unknown>) =>
    await work.then(() => "", (error: McpAuthError) => JSON.stringify(error) + error.message);
  const words = [
    await shown(
      refreshTokens({ http: createHttp(), server: server.metadata, client }, "5ecret-refresh-token"),
    ),
    await shown(revokeToken(createHttp(), server.metadata, client, "5ecret-access-token", "access_token")),
    await shown(server.exchange({ client })),
  ];
  for (const text of words) {
    match(text, /busy \(.*\[redacted\]/);
    doesNotMatch(text, /5ecret/);
  }
});
