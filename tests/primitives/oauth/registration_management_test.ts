/**
 * What a server says of a registered client, against a local server.
 *
 * @see RFC 7592 sections 2.1 and 3
 * @module
 */
import { deepEqual, doesNotMatch, equal, rejects } from "node:assert/strict";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import type { Registration } from "../../../lib/primitives/oauth/registration.ts";
import {
  readRegistration,
  type RegistrationReading,
} from "../../../lib/primitives/oauth/registration_management.ts";
import { coded } from "../coded_error.ts";
import { serve } from "../http/local_server.ts";

const client: Registration = {
  clientId: "1",
  clientSecret: "s3cret-secret",
  clientSecretExpiresAt: 5_000,
  tokenEndpointAuthMethod: "client_secret_post",
  registrationAccessToken: "s3cret-token",
};

/** Asks a server that gives this answer. */
async function read(answer: () => Response): Promise<RegistrationReading> {
  await using server = serve(answer);
  const reading = await readRegistration(createHttp(), server.origin, {
    ...client,
    registrationClientUri: `${server.origin}/reg/1?a=b`,
  });
  deepEqual(server.asked, ["GET /reg/1?a=b"]);
  equal(server.received[0]?.headers.get("authorization"), "Bearer s3cret-token");
  return reading;
}

Deno.test("what the server has registered is shown without its secrets", async () => {
  const reading = await read(() =>
    Response.json({
      client_id: "1",
      client_secret: "s3cret-secret",
      registration_access_token: "s3cret-token",
      client_name: "mcp-auth",
      redirect_uris: ["http://127.0.0.1/callback"],
      scope: null,
      unknown: "x",
    })
  );
  equal(reading.kind, "read");
  if (reading.kind !== "read") return;
  deepEqual(reading.members, {
    client_id: "1",
    client_name: "mcp-auth",
    redirect_uris: ["http://127.0.0.1/callback"],
  });
});

Deno.test("what the answer changes takes the place of what was there, and the method that worked stays (row 22)", async () => {
  const reading = await read(() =>
    Response.json({
      client_id: "1",
      client_secret: "next-secret",
      client_secret_expires_at: 9,
      token_endpoint_auth_method: "client_secret_basic",
      registration_access_token: "next-token",
    })
  );
  equal(reading.kind, "read");
  if (reading.kind !== "read") return;
  const { registrationClientUri: _, ...registration } = reading.registration;
  deepEqual(registration, {
    ...client,
    clientSecret: "next-secret",
    clientSecretExpiresAt: 9_000,
    registrationAccessToken: "next-token",
  });
});

Deno.test("what the answer leaves out stays as it was", async () => {
  const reading = await read(() => Response.json({ client_id: "1" }));
  equal(reading.kind, "read");
  if (reading.kind !== "read") return;
  const { registrationClientUri: _, ...registration } = reading.registration;
  deepEqual(registration, client);
});

for (const status of [401, 403, 404]) {
  Deno.test(`a server that answers ${status} does not know the client any more`, async () => {
    deepEqual(await read(() => Response.json({ error: "invalid_token" }, { status })), {
      kind: "gone",
      status,
    });
  });
}

for (const status of [405, 501]) {
  Deno.test(`a server that answers ${status} does not have it read`, async () => {
    deepEqual(await read(() => new Response(null, { status })), { kind: "unsupported" });
  });
}

const broken: readonly (readonly [string, () => Response, RegExp])[] = [
  ["another client", () => Response.json({ client_id: "2" }), /it is about client 2$/],
  ["a list", () => Response.json([]), /is not valid/],
  ["a page", () => new Response("<html>"), /is not valid/],
  [
    "a place that is no endpoint",
    () => Response.json({ client_id: "1", registration_client_uri: "javascript:1" }),
    /registration_client_uri/,
  ],
  ["500 that repeats the token", () => new Response("s3cret-token", { status: 500 }), /answered 500/],
];

for (const [what, answer, why] of broken) {
  Deno.test(`an answer with ${what} is an error without secrets`, async () => {
    await rejects(read(answer), (error: McpAuthError) => {
      coded(error.code === "UNSAFE_URL" ? "UNSAFE_URL" : "SERVER_ERROR", why)(error);
      doesNotMatch(Deno.inspect(error), /s3cret-token|s3cret-secret/);
      return true;
    });
  });
}

Deno.test("a registration without the means is not asked about, and none is sent off the issuer's web", async () => {
  const http = () => Promise.reject(new Error("asked"));
  deepEqual(await readRegistration(http, "https://as.example", client), { kind: "unsupported" });
  for (const registrationClientUri of ["http://127.0.0.1/reg/1", "javascript:1", "/reg/1"]) {
    await rejects(
      readRegistration(http, "https://as.example", { ...client, registrationClientUri }),
      coded("UNSAFE_URL"),
    );
  }
});
