/**
 * Which client a sign-in uses, in the specification's order.
 *
 * @see MCP 2026-07-28 client registration (C24-C37); behaviours rows 18, 19 and 21
 * @module
 */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import type { ClientRecord } from "../../../lib/services/credentials/mod.ts";
import { chooseClient, type ClientChoice } from "../../../lib/services/signin/client.ts";
import { coded } from "../../primitives/coded_error.ts";
import { serve } from "../../primitives/http/local_server.ts";

const issuer = "https://auth.example.com";
const redirectUri = "http://127.0.0.1:8456/callback";
const now = 1_700_000_000_000;
const clientMetadataUrl = "https://example.com/client.json";

function server(changes: Partial<ServerMetadata> = {}): ServerMetadata {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    ...changes,
  };
}

/** A choice in which no step may reach the network. */
function choice(changes: Partial<ClientChoice> = {}): ClientChoice {
  return {
    http: (url) => Promise.reject(new Error(`asked ${url}`)),
    clock: { now: () => now },
    server: server(),
    entry: { name: "demo", options: {} },
    redirectUri,
    own: undefined,
    shared: undefined,
    clientName: "mcp-auth",
    ...changes,
  };
}

const common = { issuer, redirectUris: [redirectUri], registeredAt: now };
const dynamic: ClientRecord = {
  ...common,
  clientId: "dynamic",
  tokenEndpointAuthMethod: "none",
  redirectShape: "loopback",
  source: "dynamic",
};
const own: ClientRecord = {
  ...common,
  clientId: "own",
  clientSecret: "s",
  tokenEndpointAuthMethod: "client_secret_post",
  redirectShape: "entry:demo",
  source: "pre-registered",
};
const everything = server({
  client_id_metadata_document_supported: true,
  registration_endpoint: `${issuer}/register`,
});

const given = { clientId: "given" };
const order: readonly (readonly [string, Partial<ClientChoice>, string, ClientRecord["source"]])[] = [
  [
    "a client given with the command, before all else",
    {
      given,
      own,
      shared: dynamic,
      server: everything,
      entry: { name: "demo", options: { clientId: "own", clientMetadataUrl } },
    },
    "given",
    "pre-registered",
  ],
  [
    "the entry's own client, before a metadata document and a registration",
    {
      own,
      shared: dynamic,
      server: everything,
      entry: { name: "demo", options: { clientId: "own", clientMetadataUrl } },
    },
    "own",
    "pre-registered",
  ],
  [
    "a metadata document, before a registration that is there",
    {
      shared: dynamic,
      server: everything,
      entry: { name: "demo", options: { clientMetadataUrl } },
    },
    clientMetadataUrl,
    "client-id-metadata",
  ],
  [
    "a registration that is there, where the server takes no metadata documents",
    {
      shared: dynamic,
      server: server({ registration_endpoint: `${issuer}/register` }),
      entry: { name: "demo", options: { clientMetadataUrl } },
    },
    "dynamic",
    "dynamic",
  ],
  [
    "a registration that is there, though the server registers nobody any more",
    {
      shared: dynamic,
    },
    "dynamic",
    "dynamic",
  ],
  [
    "what the person answers, at last",
    {
      ask: () => Promise.resolve({ clientId: "asked" }),
    },
    "asked",
    "pre-registered",
  ],
];

for (const [description, changes, clientId, source] of order) {
  Deno.test(`the client is ${description}`, async () => {
    const client = await chooseClient(choice(changes));
    equal(client.clientId, clientId);
    equal(client.source, source);
    equal(client.issuer, issuer);
  });
}

Deno.test("a client given with the command belongs to its entry, and its secret is sent as the server lists", async () => {
  const choose = async (clientSecret: string | undefined, methods?: readonly string[]) =>
    await chooseClient(choice({
      given: { clientId: "given", clientSecret },
      server: server(methods === undefined ? {} : { token_endpoint_auth_methods_supported: [...methods] }),
    }));
  deepEqual(await choose(undefined), {
    ...common,
    clientId: "given",
    tokenEndpointAuthMethod: "none",
    redirectShape: "entry:demo",
    source: "pre-registered",
  });
  const secret = await choose("s", ["client_secret_post"]);
  equal(secret.clientSecret, "s");
  equal(secret.tokenEndpointAuthMethod, "client_secret_post");
  equal((await choose("s")).tokenEndpointAuthMethod, "client_secret_basic");
});

Deno.test("an empty client id is never sent", async () => {
  await rejects(chooseClient(choice({ given: { clientId: "" } })), coded("CONFIG_INVALID", /empty/));
  const ask = () => Promise.resolve({ clientId: "" });
  await rejects(chooseClient(choice({ ask })), coded("CONFIG_INVALID", /empty/));
});

for (
  const [description, known] of [["none", undefined], ["another", { ...own, clientId: "other" }]] as const
) {
  Deno.test(`an entry's own client is not used at a server that has ${description} of it`, async () => {
    const entry = { name: "demo", options: { clientId: "own" } };
    const choosing = chooseClient(choice({ entry, own: known, shared: dynamic, server: everything }));
    await rejects(choosing, (error: unknown) => {
      coded("REGISTRATION_FAILED", /registered at another authorization server/)(error);
      match((error as McpAuthError).hint ?? "", /mcp-auth login demo --client-id/);
      return true;
    });
  });
}

Deno.test("a metadata document that cannot be a client id is refused", async () => {
  const entry = { name: "demo", options: { clientMetadataUrl: "https://example.com/" } };
  await rejects(chooseClient(choice({ entry, server: everything })), coded("CONFIG_INVALID"));
});

const stale: readonly (readonly [string, ClientRecord])[] = [
  ["for another port", { ...dynamic, redirectUris: ["http://127.0.0.1:9999/callback"] }],
  ["for no redirect URI", { ...dynamic, redirectUris: [] }],
  ["with a secret that has expired", { ...dynamic, clientSecret: "s", clientSecretExpiresAt: now }],
  ["that is a metadata document", { ...dynamic, source: "client-id-metadata" }],
];

for (const [description, shared] of stale) {
  Deno.test(`a registration ${description} is made anew`, async () => {
    await using registry = serve(() => Response.json({ client_id: "fresh" }, { status: 201 }));
    const client = await chooseClient(choice({
      http: createHttp(),
      shared,
      server: server({ registration_endpoint: `${registry.origin}/register` }),
    }));
    deepEqual(client, { ...dynamic, clientId: "fresh" });
    const body = JSON.parse(registry.received[0]?.body ?? "");
    deepEqual(body.redirect_uris, [redirectUri]);
    equal(body.client_name, "mcp-auth");
  });
}

Deno.test("a registration whose secret has not expired is used again", async () => {
  const shared = { ...dynamic, clientSecret: "s", clientSecretExpiresAt: now + 1 };
  equal(await chooseClient(choice({ shared, server: everything })), shared);
});

Deno.test("a registration that fails is not followed by a question", async () => {
  await using registry = serve(() => new Response("no", { status: 403 }));
  const ask = () => Promise.reject(new Error("asked"));
  const choosing = chooseClient(choice({
    http: createHttp(),
    ask,
    server: server({ registration_endpoint: registry.origin }),
  }));
  await rejects(choosing, coded("REGISTRATION_FAILED", /403/));
});

Deno.test("where nothing works, the redirect URI to register and the way on are named", async () => {
  for (const ask of [undefined, () => Promise.resolve(undefined)]) {
    await rejects(chooseClient(choice({ ask })), (error: unknown) => {
      coded("REGISTRATION_FAILED", /offers no dynamic registration$/)(error);
      match(
        (error as McpAuthError).hint ?? "",
        /redirect URI http:\/\/127\.0\.0\.1:8456\/callback, .*--client-id/,
      );
      return true;
    });
  }
});
