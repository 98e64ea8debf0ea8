/**
 * The device authorization grant: what is asked, what is taken of the answers, and which of them are refused.
 *
 * @see RFC 8628
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import {
  DEVICE_GRANT,
  type DeviceAuthorization,
  offersDeviceFlow,
  redeemDeviceCode,
  requestDeviceCode,
} from "../../../lib/primitives/oauth/device.ts";
import { OAuthResponseError } from "../../../lib/primitives/oauth/response_error.ts";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import type { TokenRequest } from "../../../lib/primitives/oauth/token.ts";
import { coded } from "../coded_error.ts";
import { type Received, serve } from "../http/local_server.ts";

const ANSWER = {
  device_code: "the-device-code",
  user_code: "WDJB-MJHT",
  verification_uri: "https://as.example/device",
  verification_uri_complete: "https://as.example/device?user_code=WDJB-MJHT",
  expires_in: 900,
  interval: 7,
};

/** A server with both endpoints, and a request to it. */
function atServer(answer: (request: Received) => Response | Promise<Response>) {
  const server = serve(answer);
  const metadata: ServerMetadata = {
    issuer: server.origin,
    device_authorization_endpoint: `${server.origin}/device`,
    token_endpoint: `${server.origin}/token`,
  };
  const request: TokenRequest = {
    http: createHttp(),
    server: metadata,
    client: { clientId: "client", tokenEndpointAuthMethod: "none" },
    resource: "https://mcp.example/mcp",
  };
  return Object.assign(server, { request });
}

Deno.test("the flow is offered where there is the endpoint and the grant is not left out", () => {
  const metadata = { issuer: "https://a.example", token_endpoint: "https://a.example/t" };
  const endpoint = { device_authorization_endpoint: "https://a.example/d" };
  equal(offersDeviceFlow(metadata), false);
  equal(offersDeviceFlow({ ...metadata, ...endpoint }), true);
  equal(offersDeviceFlow({ ...metadata, grant_types_supported: [DEVICE_GRANT] }), false);
  equal(offersDeviceFlow({ ...metadata, ...endpoint, grant_types_supported: [DEVICE_GRANT] }), true);
  equal(offersDeviceFlow({ ...metadata, ...endpoint, grant_types_supported: ["authorization_code"] }), false);
});

Deno.test("the request names the client, the scopes and the resource, and the answer is taken as it is", async () => {
  await using server = atServer(() => Response.json(ANSWER));
  const device = await requestDeviceCode(server.request, ["a", "b"]);
  deepEqual(device, {
    deviceCode: "the-device-code",
    userCode: "WDJB-MJHT",
    verificationUri: "https://as.example/device",
    verificationUriComplete: "https://as.example/device?user_code=WDJB-MJHT",
    expiresInS: 900,
    intervalS: 7,
  });
  const [asked] = server.received;
  deepEqual(Object.fromEntries(new URLSearchParams(asked?.body)), {
    client_id: "client",
    scope: "a b",
    resource: "https://mcp.example/mcp",
  });
});

const VARIANTS: readonly (readonly [string, Record<string, unknown>, Partial<DeviceAuthorization>])[] = [
  ["no interval is 5 s", { interval: undefined }, { intervalS: 5 }],
  ["an interval of 0 is 5 s", { interval: 0 }, { intervalS: 5 }],
  ["an interval of a moment is a second", { interval: 0.01 }, { intervalS: 1 }],
  ["an interval of an hour is a minute", { interval: 3_600 }, { intervalS: 60 }],
  ["numbers as strings", { interval: "3", expires_in: "60" }, { intervalS: 3, expiresInS: 60 }],
  ["a life of a week is an hour", { expires_in: 604_800 }, { expiresInS: 3_600 }],
  [
    "Google's name for the address",
    { verification_uri: undefined, verification_url: "https://www.google.com/device" },
    { verificationUri: "https://www.google.com/device" },
  ],
];

for (const [description, changes, expected] of VARIANTS) {
  Deno.test(`an answer with ${description}`, async () => {
    await using server = atServer(() => Response.json({ ...ANSWER, ...changes }));
    const device = await requestDeviceCode(server.request, []);
    for (const [name, value] of Object.entries(expected)) {
      equal(device[name as keyof DeviceAuthorization], value, name);
    }
  });
}

for (
  const complete of [
    "javascript:alert(1)",
    "http://as.example/device",
    "https://u:p@as.example/",
    "https://as.example/\u001b[2J",
    7,
  ]
) {
  Deno.test(`C73: an address to scan that is none is left out: ${JSON.stringify(complete)}`, async () => {
    await using server = atServer(() => Response.json({ ...ANSWER, verification_uri_complete: complete }));
    const outcome = await requestDeviceCode(server.request, []).catch((error) => error);
    if (typeof complete === "string") equal(outcome.verificationUriComplete, undefined);
    else coded("AUTH_FAILED")(outcome);
  });
}

const REFUSED: readonly (readonly [string, Record<string, unknown>, "AUTH_FAILED" | "UNSAFE_URL"])[] = [
  ["a page by a script (C73)", { verification_uri: "javascript:alert(1)" }, "UNSAFE_URL"],
  ["a page by http elsewhere", { verification_uri: "http://as.example/device" }, "UNSAFE_URL"],
  ["a page with a password", { verification_uri: "https://u:p@as.example/" }, "UNSAFE_URL"],
  ["a page with control characters", { verification_uri: "https://as.example/\u0007" }, "UNSAFE_URL"],
  ["a page that reads backwards", { verification_uri: "https://as.example/\u202e" }, "AUTH_FAILED"],
  ["a code that moves the cursor", { user_code: "A\u001b[2J" }, "AUTH_FAILED"],
  ["a code that is no code", { user_code: "A".repeat(65) }, "AUTH_FAILED"],
  ["no code", { user_code: undefined }, "AUTH_FAILED"],
  ["no device code", { device_code: "" }, "AUTH_FAILED"],
  ["no life", { expires_in: undefined }, "AUTH_FAILED"],
];

for (const [description, changes, code] of REFUSED) {
  Deno.test(`an answer with ${description} is refused`, async () => {
    await using server = atServer(() => Response.json({ ...ANSWER, ...changes }));
    await rejects(requestDeviceCode(server.request, []), coded(code));
  });
}

Deno.test("a refusal is told in the server's words, with 200 as well, and a page of HTML is none", async () => {
  for (
    const [answer, message] of [
      [
        Response.json({ error: "unauthorized_client", error_description: "No" }, { status: 400 }),
        /answered 400: unauthorized_client \(No\)$/,
      ],
      [Response.json({ error: "unauthorized_client" }), /unauthorized_client$/],
      [new Response("<html>", { headers: { "content-type": "text/html" } }), /Cannot ask for a device code/],
    ] as const
  ) {
    await using server = atServer(() => answer);
    await rejects(requestDeviceCode(server.request, []), coded("AUTH_FAILED", message));
  }
});

Deno.test("the exchange names the device code and the resource, and gives tokens", async () => {
  await using server = atServer(() =>
    Response.json({ access_token: "t", token_type: "Bearer", expires_in: 60, refresh_token: "r" })
  );
  const tokens = await redeemDeviceCode(server.request, "the-device-code");
  deepEqual(tokens, { accessToken: "t", tokenType: "bearer", expiresIn: 60, refreshToken: "r" });
  deepEqual(Object.fromEntries(new URLSearchParams(server.received[0]?.body)), {
    grant_type: DEVICE_GRANT,
    device_code: "the-device-code",
    client_id: "client",
    resource: "https://mcp.example/mcp",
  });
});

Deno.test("what is pending is an error with its name, and the device code is in no message", async () => {
  for (const error of ["authorization_pending", "slow_down", "access_denied", "expired_token"]) {
    await using server = atServer(() =>
      Response.json({ error, error_description: "not the-device-code" }, { status: 400 })
    );
    const thrown = await redeemDeviceCode(server.request, "the-device-code").catch((error) => error);
    ok(thrown instanceof OAuthResponseError);
    equal(thrown.oauthError, error);
    ok(!thrown.message.includes("the-device-code"), thrown.message);
  }
});
