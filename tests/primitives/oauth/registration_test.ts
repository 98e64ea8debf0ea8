/**
 * Dynamic client registration against a local server.
 *
 * @see RFC 7591; MCP 2026-07-28 client registration (C26, C33, C34, C60)
 * @module
 */
import { deepEqual, doesNotMatch, equal, match, rejects } from "node:assert/strict";
import type { ErrorCode, McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import {
  deleteRegistration,
  registerClient,
  type Registration,
} from "../../../lib/primitives/oauth/registration.ts";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import { VERSION } from "../../../lib/primitives/version.ts";
import { coded } from "../coded_error.ts";
import { serve } from "../http/local_server.ts";

const redirectUri = "http://127.0.0.1:8456/callback";

function metadata(origin: string, methods?: readonly string[]): ServerMetadata {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register?tenant=1`,
    ...(methods === undefined ? {} : { token_endpoint_auth_methods_supported: [...methods] }),
  };
}

/** Registers at a server that gives this answer. */
async function register(answer: Response, methods?: readonly string[]): Promise<Registration> {
  await using server = serve(() => answer);
  return await registerClient(createHttp(), metadata(server.origin, methods), {
    clientName: "x",
    redirectUris: [redirectUri],
  });
}

/** What the request said, as JSON. */
async function requested(methods?: readonly string[], uri = redirectUri): Promise<Record<string, unknown>> {
  await using server = serve(() => Response.json({ client_id: "1" }, { status: 201 }));
  await registerClient(createHttp(), metadata(server.origin, methods), {
    clientName: "mcp-auth",
    redirectUris: [uri],
  });
  const [request] = server.received;
  equal(`${request?.method} ${request?.target}`, "POST /register?tenant=1");
  equal(request?.headers.get("content-type"), "application/json");
  equal(request?.headers.get("accept"), "application/json");
  equal(request?.headers.get("user-agent"), `mcp-auth/${VERSION}`);
  equal(request?.headers.get("authorization"), null);
  return JSON.parse(request?.body ?? "");
}

Deno.test("the request describes a native client with refresh tokens, and names no scope", async () => {
  deepEqual(await requested(), {
    client_name: "mcp-auth",
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    application_type: "native",
    token_endpoint_auth_method: "none",
  });
});

Deno.test("a redirect URI that is not on loopback makes a web client", async () => {
  equal((await requested(undefined, "https://example.com/cb")).application_type, "web");
  equal((await requested(undefined, "http://localhost:1/cb")).application_type, "native");
  equal((await requested(undefined, "http://[::1]:1/cb")).application_type, "native");
});

const methods: readonly (readonly [readonly string[] | undefined, string])[] = [
  [undefined, "none"],
  [["none"], "none"],
  [["client_secret_basic", "none"], "none"],
  [["client_secret_post", "client_secret_basic"], "client_secret_post"],
  [["private_key_jwt", "client_secret_basic"], "client_secret_basic"],
  [["private_key_jwt"], "none"],
];

for (const [supported, method] of methods) {
  Deno.test(`a server that supports ${JSON.stringify(supported)} is asked for ${method}`, async () => {
    equal((await requested(supported)).token_endpoint_auth_method, method);
  });
}

const publicClient: Registration = { clientId: "1", tokenEndpointAuthMethod: "none" };
const basic: Registration = {
  clientId: "1",
  clientSecret: "s",
  tokenEndpointAuthMethod: "client_secret_basic",
};

const accepted: readonly (readonly [string, unknown, Registration])[] = [
  ["a public client", { client_id: "1", token_endpoint_auth_method: "none" }, publicClient],
  ["a public client with nothing else", { client_id: "1" }, publicClient],
  ["null and empty members", {
    client_id: "1",
    client_secret: null,
    client_secret_expires_at: null,
    registration_client_uri: "",
    registration_access_token: null,
  }, publicClient],
  [
    "a secret that does not expire",
    { client_id: "1", client_secret: "s", client_secret_expires_at: 0 },
    basic,
  ],
  ["a secret whose expiry is left out", { client_id: "1", client_secret: "s" }, basic],
  [
    "a secret whose expiry is null",
    { client_id: "1", client_secret: "s", client_secret_expires_at: null },
    basic,
  ],
  ["a secret that expires", { client_id: "1", client_secret: "s", client_secret_expires_at: 1_900_000_000 }, {
    ...basic,
    clientSecretExpiresAt: 1_900_000_000_000,
  }],
  ["an expiry in a string", { client_id: "1", client_secret: "s", client_secret_expires_at: "1900000000" }, {
    ...basic,
    clientSecretExpiresAt: 1_900_000_000_000,
  }],
  [
    "an expiry that is no time",
    { client_id: "1", client_secret: "s", client_secret_expires_at: "never" },
    basic,
  ],
  ["the expiry of a secret that is not there", { client_id: "1", client_secret_expires_at: 1 }, publicClient],
  ["another method than was asked for", {
    client_id: "1",
    client_secret: "s",
    token_endpoint_auth_method: "client_secret_post",
  }, { ...basic, tokenEndpointAuthMethod: "client_secret_post" }],
  ["the means to change it later", {
    client_id: "1",
    registration_client_uri: "https://a/1",
    registration_access_token: "t",
    redirect_uris: ["other"],
    scope: "pinned",
  }, { ...publicClient, registrationClientUri: "https://a/1", registrationAccessToken: "t" }],
];

for (const [description, body, registration] of accepted) {
  for (const status of [200, 201]) {
    Deno.test(`an answer ${status} with ${description} is accepted`, async () => {
      deepEqual(await register(Response.json(body, { status })), registration);
    });
  }
}

Deno.test("an answer of another content type is accepted, if it is JSON", async () => {
  deepEqual(await register(new Response('{"client_id":"1"}')), publicClient);
});

const text = (body: string, status: number, type = "text/plain") =>
  new Response(body, { status, headers: { "content-type": type } });

const refused: readonly (readonly [string, () => Response, ErrorCode, RegExp])[] = [
  [
    "403 and plain text",
    () => text("Forbidden \u001b[31m", 403),
    "REGISTRATION_FAILED",
    /the server refuses unknown clients \(403\): "Forbidden +\[31m"$/,
  ],
  [
    "403 and JSON",
    () => Response.json({ error: "invalid_client_metadata" }, { status: 403 }),
    "REGISTRATION_FAILED",
    /invalid_client_metadata/,
  ],
  ["401", () => text("", 401), "REGISTRATION_FAILED", /the server refuses unknown clients \(401\)$/],
  [
    "400 and a reason",
    () => Response.json({ error: "invalid_redirect_uri", error_description: "No http" }, { status: 400 }),
    "REGISTRATION_FAILED",
    /does not accept the redirect URI "http:\/\/127\.0\.0\.1:8456\/callback": invalid_redirect_uri \(No http\)$/,
  ],
  [
    "404 and a page",
    () => text("<html>not here</html>", 404, "text/html"),
    "REGISTRATION_FAILED",
    /answered 404$/,
  ],
  ["429", () => text("slow down", 429), "RATE_LIMITED", /429: slow down/],
  ["503", () => text("<html>", 503), "SERVER_ERROR", /answered 503$/],
  [
    "a redirect",
    () => new Response(null, { status: 302, headers: { location: "/login" } }),
    "REGISTRATION_FAILED",
    /answered 302$/,
  ],
  ["a page", () => text("<!doctype html>", 200, "text/html"), "REGISTRATION_FAILED", /is not valid/],
  ["nothing", () => text("", 201), "REGISTRATION_FAILED", /is not valid/],
  ["a list", () => Response.json([], { status: 201 }), "REGISTRATION_FAILED", /is not valid/],
  ["null", () => Response.json(null, { status: 201 }), "REGISTRATION_FAILED", /is not valid/],
  ["no client id", () => Response.json({}, { status: 201 }), "REGISTRATION_FAILED", /client_id/],
  [
    "an empty client id",
    () => Response.json({ client_id: "" }, { status: 201 }),
    "REGISTRATION_FAILED",
    /client_id/,
  ],
  [
    "a client id that is a number",
    () => Response.json({ client_id: 1 }, { status: 201 }),
    "REGISTRATION_FAILED",
    /client_id/,
  ],
  [
    "a secret that is an object",
    () => Response.json({ client_id: "1", client_secret: {} }, { status: 201 }),
    "REGISTRATION_FAILED",
    /client_secret/,
  ],
  [
    "a method that is a list",
    () => Response.json({ client_id: "1", token_endpoint_auth_method: [] }, { status: 201 }),
    "REGISTRATION_FAILED",
    /token_endpoint_auth_method/,
  ],
  [
    "a method that we do not know",
    () =>
      Response.json({ client_id: "1", token_endpoint_auth_method: "tls_client_auth\u001b" }, { status: 201 }),
    "REGISTRATION_FAILED",
    /"tls_client_auth", which is not supported/,
  ],
];

for (const [description, answer, code, why] of refused) {
  Deno.test(`an answer with ${description} is ${code}`, async () => {
    await rejects(register(answer()), coded(code, why));
  });
}

Deno.test("a refusal names --client-id as the way on", async () => {
  await rejects(register(text("", 400)), { hint: /--client-id$/ });
  await rejects(register(text("", 403)), (error: McpAuthError) => {
    match(error.hint ?? "", /--client-id <id>.* --client-name <name>$/);
    return true;
  });
});

Deno.test("the secret of an answer that cannot be used is not in the error", async () => {
  const answer = Response.json({ client_id: 1, client_secret: "hunter2" }, { status: 201 });
  await rejects(register(answer), (error: Error) => {
    doesNotMatch(Deno.inspect(error), /hunter2/);
    return true;
  });
});

Deno.test("a server that lets in clients of a list alone is quoted, and both ways on are named (row 20)", async () => {
  const words = `Client name not allowed.\n${"Ask your administrator. ".repeat(50)}`;
  await rejects(register(text(words, 403)), (error: McpAuthError) => {
    coded(
      "REGISTRATION_FAILED",
      /the server refuses unknown clients \(403\): "Client name not allowed\. Ask .{230,}…"$/,
    )(error);
    match(error.hint ?? "", /--client-id <id>.*--client-name <name>/);
    return true;
  });
  await rejects(
    register(text("<html>no</html>", 403)),
    coded("REGISTRATION_FAILED", /the server refuses unknown clients \(403\)$/),
  );
});

/** Deletes a registration at a server that gives this answer. */
async function deletion(answer: () => Response): Promise<string> {
  await using server = serve(answer);
  const outcome = await deleteRegistration(createHttp(), server.origin, {
    registrationClientUri: `${server.origin}/reg/1?a=b`,
    registrationAccessToken: "rat",
  });
  deepEqual(server.asked, ["DELETE /reg/1?a=b"]);
  equal(server.received[0]?.headers.get("authorization"), "Bearer rat");
  return outcome;
}

Deno.test("a registration is deleted with the token that came with it, RFC 7592 section 2.3", async () => {
  equal(await deletion(() => new Response(null, { status: 204 })), "deleted");
  equal(await deletion(() => new Response(null, { status: 200 })), "deleted");
  equal(await deletion(() => new Response(null, { status: 405 })), "unsupported");
});

Deno.test("a registration without the means to delete it is not deleted, and nobody is asked", async () => {
  const http = () => Promise.reject(new Error("asked"));
  equal(
    await deleteRegistration(http, "https://as.example", { registrationAccessToken: "t" }),
    "unsupported",
  );
  const registrationClientUri = "https://as.example/reg/1";
  equal(await deleteRegistration(http, "https://as.example", { registrationClientUri }), "unsupported");
});

for (
  const [status, why] of [
    [401, /answered 401: invalid_token$/],
    [403, /answered 403/],
    [500, /answered 500/],
  ] as const
) {
  Deno.test(`a deletion answered with ${status} has failed, and that is said`, async () => {
    const answer = () => Response.json({ error: "invalid_token" }, { status });
    await rejects(deletion(answer), coded("SERVER_ERROR", why));
  });
}

for (const uri of ["http://127.0.0.1/reg/1", "http://as.example/reg/1", "javascript:1", "/reg/1"]) {
  Deno.test(`the token of a registration is not sent to ${uri} of an issuer on the web`, async () => {
    const http = () => Promise.reject(new Error("asked"));
    await rejects(
      deleteRegistration(http, "https://as.example", {
        registrationClientUri: uri,
        registrationAccessToken: "t",
      }),
      coded("UNSAFE_URL"),
    );
  });
}
