/**
 * The URL that is opened in the browser.
 *
 * @see RFC 6749 sections 3.1 and 4.1.1; RFC 8707 section 2 (C40-C42)
 * @module
 */
import { deepEqual, equal, match, notEqual, throws } from "node:assert/strict";
import {
  type AuthorizationRequest,
  authorizationUrl,
  createState,
} from "../../../lib/primitives/oauth/authorization.ts";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import { coded } from "../coded_error.ts";

const request: AuthorizationRequest = {
  clientId: "client 1&x",
  redirectUri: "http://127.0.0.1:8456/callback",
  codeChallenge: "challenge",
  state: "state",
  scopes: [],
};

function server(endpoint: string): ServerMetadata {
  return {
    issuer: "https://auth.example.com",
    authorization_endpoint: endpoint,
    token_endpoint: "https://auth.example.com/token",
  };
}

/** The query as pairs, in order. */
function query(endpoint: string, changes: Partial<AuthorizationRequest> = {}): [string, string][] {
  const url = new URL(authorizationUrl(server(endpoint), { ...request, ...changes }));
  return [...url.searchParams];
}

const always: readonly (readonly [string, string])[] = [
  ["response_type", "code"],
  ["client_id", "client 1&x"],
  ["redirect_uri", "http://127.0.0.1:8456/callback"],
  ["code_challenge", "challenge"],
  ["code_challenge_method", "S256"],
  ["state", "state"],
];

Deno.test("a request without scopes and resource has neither parameter", () => {
  deepEqual(query("https://auth.example.com/authorize"), always);
});

Deno.test("scopes are one parameter with blanks, and the resource is sent byte for byte", () => {
  for (const resource of ["https://mcp.example.com", "https://MCP.example.com:443/a/../b/?x=%7e&y"]) {
    deepEqual(query("https://auth.example.com/authorize", { scopes: ["a:read", "b"], resource }), [
      ...always,
      ["scope", "a:read b"],
      ["resource", resource],
    ]);
  }
});

Deno.test("the resource of an origin gets no slash on its way into the URL", () => {
  const url = authorizationUrl(server("https://auth.example.com/authorize"), {
    ...request,
    resource: "https://mcp.example.com",
  });
  match(url, /&resource=https%3A%2F%2Fmcp\.example\.com$/);
});

Deno.test("consent is asked for again where that is wanted", () => {
  deepEqual(query("https://auth.example.com/a", { promptConsent: true }).at(-1), ["prompt", "consent"]);
});

Deno.test("a query of the endpoint is kept, and cannot take the place of our parameters", () => {
  deepEqual(query("https://auth.example.com/authorize?tenant=a%20b&state=evil&client_id=x&client_id=y"), [
    ["tenant", "a b"],
    ["state", "state"],
    ["client_id", "client 1&x"],
    ...always.filter(([name]) => name !== "state" && name !== "client_id"),
  ]);
});

Deno.test("parameters that a server wants beside the standard are added, and prompt gives way to them (row 8)", () => {
  const parameters = { access_type: "offline", prompt: "select_account consent" };
  deepEqual(query("https://auth.example.com/authorize?tenant=1", { parameters, promptConsent: true }), [
    ["tenant", "1"],
    ...always,
    ["prompt", "select_account consent"],
    ["access_type", "offline"],
  ]);
});

Deno.test("parameters beside the standard never take the place of ours, wherever they came from", () => {
  const parameters = {
    state: "s",
    STATE: "s",
    client_id: "c",
    redirect_uri: "https://evil.example",
    code_challenge: "x",
    code_challenge_method: "plain",
    response_mode: "form_post",
    request: "jwt",
    resource: "r",
    scope: "s",
  };
  deepEqual(query("https://auth.example.com/authorize", { parameters }), always);
});

Deno.test("a fragment of the endpoint is left out", () => {
  const url = authorizationUrl(server("https://auth.example.com/authorize#/login"), request);
  equal(url.includes("#"), false);
});

for (
  const endpoint of [
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///usr/bin/xcalc",
    "http://auth.example.com/",
    "https://user:hunter2@auth.example.com/",
    "-h",
  ]
) {
  Deno.test(`an authorization endpoint ${endpoint} is not opened`, () => {
    throws(() => authorizationUrl(server(endpoint), request), coded("UNSAFE_URL", /authorization_endpoint/));
  });
}

Deno.test("blanks, double quotes, angle brackets and backticks of a server's URL are encoded", () => {
  const url = authorizationUrl(server("https://auth.example.com/a b'\"`$(x)|;<>\\?c= d'\"<>`"), request);
  match(url, /^[\x21\x24-\x3b\x3d\x3f-\x5d\x5f\x61-\x7a\x7c\x7e]+$/);
});

Deno.test("each state is fresh and has 43 characters", () => {
  match(createState(), /^[A-Za-z0-9_-]{43}$/);
  notEqual(createState(), createState());
});
