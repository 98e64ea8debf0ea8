/**
 * Which client a sign-in uses, in the specification's order.
 *
 * @see MCP 2026-07-28 client registration (C24-C37); behaviours rows 18, 19 and 21
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { clientMetadataDocument } from "../../../lib/primitives/oauth/client_metadata.ts";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import type { ClientRecord } from "../../../lib/services/credentials/mod.ts";
import { chooseClient, type ClientChoice, isReplaceable } from "../../../lib/services/signin/client.ts";
import { OwnDocument } from "../../../lib/services/signin/client_document.ts";
import type { RegistrationAdvice } from "../../../lib/services/signin/client_guidance.ts";
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
    redirectShape: "loopback",
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
  Deno.test(`row 18: the client is ${description}`, async () => {
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

for (const status of [400, 404, 500]) {
  Deno.test(`a registration that fails (${status}) is not followed by a question`, async () => {
    await using registry = serve(() => new Response("no", { status }));
    const ask = () => Promise.reject(new Error("asked"));
    const choosing = chooseClient(choice({
      http: createHttp(),
      ask,
      server: server({ registration_endpoint: registry.origin }),
    }));
    await rejects(
      choosing,
      coded(status === 500 ? "SERVER_ERROR" : "REGISTRATION_FAILED", new RegExp(`${status}`)),
    );
  });
}

Deno.test("a server that refuses unknown clients leads to the question, with its words and its set-up page (rows 18 and 20)", async () => {
  await using registry = serve(() => new Response("Only approved apps", { status: 403 }));
  const asked: RegistrationAdvice[] = [];
  const client = await chooseClient(choice({
    http: createHttp(),
    ask: (advice) => {
      asked.push(advice);
      return Promise.resolve({ clientId: "typed", clientSecret: "s" });
    },
    setUpPage: () => Promise.resolve("https://example.com/apps"),
    server: server({ registration_endpoint: registry.origin }),
  }));
  equal(client.clientId, "typed");
  equal(client.source, "pre-registered");
  equal(asked.length, 1);
  match(asked[0]!.why, /refuses unknown clients \(403\): "Only approved apps"$/);
  equal(asked[0]!.setUpPage, "https://example.com/apps");
  equal(asked[0]!.redirectUri, redirectUri);
});

Deno.test("a server that refuses unknown clients is left with every way on that there is (row 20)", async () => {
  await using registry = serve(() => new Response("no", { status: 401 }));
  const choosing = chooseClient(choice({
    http: createHttp(),
    entry: { name: "demo", url: "https://mcp.example.com/mcp", options: {} },
    redirectUri: "http://127.0.0.1:50123/callback",
    command: "mcp-auth add demo https://mcp.example.com/mcp",
    setUpPage: () => Promise.resolve("https://example.com/apps"),
    server: server({ registration_endpoint: registry.origin }),
  }));
  await rejects(choosing, (error: McpAuthError) => {
    coded("REGISTRATION_FAILED", /refuses unknown clients \(401\): "no"$/)(error);
    equal(
      error.hint,
      "Register a client at https://example.com/apps with redirect URI http://127.0.0.1:8456/callback, then run: " +
        "mcp-auth add demo https://mcp.example.com/mcp --client-id <id> --client-secret-file <file> " +
        "--callback-port 8456 (without the secret, if it has none). Where the server knows clients by their names, " +
        "repeat the command with --client-name <name>; where it gave you an initial access token, run first: " +
        "mcp-auth client register https://auth.example.com --initial-access-token-file <file>",
    );
    return true;
  });
});

Deno.test("the redirect URI to register is the one that leads to the place to listen at, where there is one", async () => {
  const redirectUri = "http://127.0.0.1:9999/callback";
  const options = { listen: "127.0.0.1:9999" };
  const choosing = chooseClient(choice({
    entry: { name: "demo", url: "https://mcp.example.com/mcp", options },
    redirectUri,
    command: "mcp-auth add demo https://mcp.example.com/mcp --listen 127.0.0.1:9999",
  }));
  await rejects(choosing, (error: McpAuthError) => {
    ok(error.hint?.includes(`redirect URI ${redirectUri},`), error.hint);
    ok(!error.hint?.includes("--callback-port"), error.hint);
    return true;
  });
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

/** The program's own document as it is hosted, or what is in its place. */
function hosted(answer: () => Response): { readonly document: OwnDocument; readonly asked: string[] } {
  const asked: string[] = [];
  const http = (url: string) => {
    asked.push(url);
    return Promise.resolve(answer());
  };
  return { document: new OwnDocument({ url: clientMetadataUrl, http: () => http }), asked };
}

const sound = () => Response.json(clientMetadataDocument({ url: clientMetadataUrl, clientName: "mcp-auth" }));
const supporting = { client_id_metadata_document_supported: true };

Deno.test("the program's own document is used where the server takes documents and nothing else is there (C25, C27)", async () => {
  const { document, asked } = hosted(sound);
  const given = choice({
    ownDocument: document,
    server: server({ ...supporting, registration_endpoint: `${issuer}/register` }),
  });
  const client = await chooseClient(given);
  deepEqual(client, {
    issuer,
    redirectShape: "entry:demo",
    source: "client-id-metadata",
    clientId: clientMetadataUrl,
    tokenEndpointAuthMethod: "none",
    redirectUris: [redirectUri],
    registeredAt: now,
  });
  await chooseClient(given);
  deepEqual(asked, [clientMetadataUrl], "it is looked at once in a process");
  equal(isReplaceable(client, false, {}), true);
  equal(isReplaceable(client, false, { clientMetadataUrl }), false, "one that the user named is the user's");
});

const passedOver: readonly (readonly [string, Partial<ClientChoice>])[] = [
  ["the server does not say that it takes documents", { server: server({}) }],
  ["the entry wants no document", {
    entry: { name: "demo", options: { clientMetadataUrl: "none" } },
  }],
  ["the entry has a name of its own", { entry: { name: "demo", options: { clientName: "Mine" } } }],
  ["the server authenticates every client", {
    server: server({ ...supporting, token_endpoint_auth_methods_supported: ["client_secret_basic"] }),
  }],
];

for (const [what, changes] of passedOver) {
  Deno.test(`the program's own document is not even looked at where ${what}`, async () => {
    const { document, asked } = hosted(sound);
    const choosing = chooseClient(choice({ ownDocument: document, server: server(supporting), ...changes }));
    await rejects(choosing, coded("REGISTRATION_FAILED"));
    deepEqual(asked, []);
  });
}

const unusable: readonly (readonly [string, () => Response, RegExp])[] = [
  ["is not published", () => new Response("no", { status: 404 }), /answers 200: it answered 404/],
  ["is a page", () => new Response("<html>", { headers: { "content-type": "text/html" } }), /Content-Type/],
  ["is another's", () => Response.json({ client_id: "https://other" }), /client_id is the URL/],
  [
    "has other redirect URIs",
    () =>
      Response.json({
        ...clientMetadataDocument({ url: clientMetadataUrl, clientName: "x" }),
        redirect_uris: ["https://example.com/cb"],
      }),
    /no redirect URI for http:\/\/127\.0\.0\.1:8456\/callback/,
  ],
];

for (const [what, answer, why] of unusable) {
  Deno.test(`where the program's own document ${what}, a client is registered, and the reason is told`, async () => {
    await using registry = serve(() => Response.json({ client_id: "fresh" }, { status: 201 }));
    const told: string[] = [];
    const client = await chooseClient(choice({
      http: createHttp(),
      ownDocument: hosted(answer).document,
      documentUnusable: (reason) => void told.push(reason),
      server: server({ ...supporting, registration_endpoint: registry.origin }),
    }));
    equal(client.clientId, "fresh");
    equal(told.length, 1);
    match(told[0]!, why);
  });
}

Deno.test("a wish for a new registration passes the program's own document by, as long as one can be made", async () => {
  await using registry = serve(() => Response.json({ client_id: "fresh" }, { status: 201 }));
  const { document } = hosted(sound);
  const wish = { http: createHttp(), ownDocument: document, reRegister: true };
  const registered = await chooseClient(
    choice({ ...wish, server: server({ ...supporting, registration_endpoint: registry.origin }) }),
  );
  equal(registered.clientId, "fresh");
  equal((await chooseClient(choice({ ...wish, server: server(supporting) }))).clientId, clientMetadataUrl);
});

Deno.test("a registration by hand is the entry's before all others, and good for any port on loopback", async () => {
  const own: ClientRecord = { ...dynamic, redirectShape: "entry:demo", clientId: "by-hand", byHand: true };
  const shared = dynamic;
  const { document } = hosted(sound);
  const known = { own, shared, ownDocument: document, server: server(supporting) };
  equal(await chooseClient(choice(known)), own);
  equal(await chooseClient(choice({ ...known, redirectUri: "http://127.0.0.1:50123/callback" })), own);
  const expired = { ...own, clientSecret: "s", clientSecretExpiresAt: now };
  equal(await chooseClient(choice({ ...known, own: expired })), shared);
  const forAll: ClientRecord = { ...shared, byHand: true };
  const elsewhere = {
    ...known,
    own: undefined,
    shared: forAll,
    redirectUri: "http://127.0.0.1:50123/callback",
  };
  equal(await chooseClient(choice(elsewhere)), forAll);
});
