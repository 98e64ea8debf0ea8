/** As which client a sign-in would be made, without registering one (C25; rows 10, 18 and 19). */
import { equal, match } from "node:assert/strict";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import type { ClientRecord, ServerOptions } from "../../../lib/services/credentials/mod.ts";
import { seat } from "../../../lib/services/diagnosis/registration.ts";
import type { ServerPorts } from "../../../lib/services/diagnosis/mod.ts";
import { checkOf, portsFor, subjectFor } from "./scene.ts";

const URL_TEXT = "https://mcp.example.com/mcp";
const ISSUER = "https://auth.example.com";
const SERVER: ServerMetadata = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
};
const DCR = { registration_endpoint: `${ISSUER}/register` };
const CIMD = { client_id_metadata_document_supported: true };

function stored(changes: Partial<ClientRecord> = {}): ClientRecord {
  return {
    issuer: ISSUER,
    redirectShape: "loopback",
    source: "dynamic",
    clientId: "stored-1",
    tokenEndpointAuthMethod: "none",
    redirectUris: [],
    registeredAt: 0,
    ...changes,
  };
}

async function seated(
  metadata: Partial<ServerMetadata>,
  options: ServerOptions = {},
  ports: Partial<ServerPorts> = {},
) {
  const { checks, client, redirectUri } = await seat(
    portsFor(URL_TEXT, ports),
    subjectFor(URL_TEXT, { options }),
    { ...SERVER, ...metadata },
    AbortSignal.timeout(5_000),
  );
  return {
    client,
    redirectUri,
    registration: checkOf(checks, "registration"),
    redirect: checkOf(checks, "redirect"),
  };
}

Deno.test("dynamic registration is what is used where nothing else is there", async () => {
  const { registration, client, redirect, redirectUri } = await seated(DCR, { clientName: "Acme" });
  equal(registration.status, "ok");
  equal(client, 'a new registration as "Acme"');
  equal(redirect.status, "ok");
  match(redirectUri ?? "", /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
});

Deno.test("a client that was registered by hand comes before all others", async () => {
  const { registration } = await seated({ ...DCR, ...CIMD }, { clientId: "abc" });
  match(registration.detail, /^the client "abc" that was registered by hand; the server offers client ID/);
});

Deno.test("one that was registered at another server is not used", async () => {
  const own = stored({ source: "pre-registered", clientId: "other" });
  const clients = () => Promise.resolve({ own, shared: undefined });
  const { registration } = await seated(DCR, { clientId: "abc" }, { clients });
  equal(registration.code, "REGISTRATION_FAILED");
  match(registration.detail, /another authorization server/);
});

Deno.test("a document that the user names comes before a registration, where the server takes one", async () => {
  const clientMetadataUrl = "https://me.example/client.json";
  equal(
    (await seated({ ...CIMD, ...DCR }, { clientMetadataUrl })).client,
    `the document ${clientMetadataUrl}`,
  );
  match((await seated(DCR, { clientMetadataUrl })).client ?? "", /^a new registration/);
});

Deno.test("a registration that is stored is used again on its port", async () => {
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const shared = stored({ redirectUris: [`http://127.0.0.1:${port}/callback`] });
  const clients = () => Promise.resolve({ own: undefined, shared });
  const { client, redirectUri } = await seated(DCR, {}, { clients });
  equal(redirectUri, `http://127.0.0.1:${port}/callback`);
  equal(client, 'the registration "stored-1" that is stored');
  const expired = () =>
    Promise.resolve({ own: undefined, shared: { ...shared, clientSecret: "x", clientSecretExpiresAt: 1 } });
  match((await seated(DCR, {}, { clients: expired })).client ?? "", /^a new registration/);
});

Deno.test("the program's own document is used where it serves, and its obstacle is told where it does not", async () => {
  const url = "https://program.example/client.json";
  const good = { url, obstacle: () => Promise.resolve(undefined) };
  const bad = { url, obstacle: () => Promise.resolve("answers 200: it answered 404") };
  equal((await seated(CIMD, {}, { ownDocument: good })).client, `this program's document ${url}`);
  match(
    (await seated({ ...CIMD, ...DCR }, {}, { ownDocument: bad })).registration.detail,
    /not used: answers 200/,
  );
  const { registration } = await seated(CIMD, {}, { ownDocument: bad });
  equal(registration.code, "REGISTRATION_FAILED");
  match(registration.detail, /takes client ID metadata documents, and there is none to use/);
  match(
    (await seated({ ...CIMD, ...DCR }, { clientMetadataUrl: "none" }, { ownDocument: good })).client ?? "",
    /new/,
  );
});

Deno.test("where nothing is offered the redirect URI to register is told", async () => {
  const { registration, client, redirectUri } = await seated({});
  equal(client, undefined);
  equal(registration.status, "fail");
  equal(
    registration.hint,
    `Register a client there with redirect URI ${redirectUri}, then run: mcp-auth add ${URL_TEXT} --client-id <id>`,
  );
});

Deno.test("row 10: a port that was asked for and is taken is told before any browser opens", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { redirect, redirectUri } = await seated(DCR, { callbackPorts: [taken.addr.port] });
  equal(redirect.code, "CONFIG_INVALID");
  match(redirect.detail, new RegExp(`port ${taken.addr.port} is in use`));
  equal(redirectUri, undefined);
});

Deno.test("a machine needs no redirect URI, and a client of its own", async () => {
  const options: ServerOptions = { grant: { kind: "client-credentials" } };
  const none = await seated(DCR, options);
  equal(none.redirect.status, "skip");
  equal(none.registration.status, "warn");
  const own = stored({ source: "pre-registered", clientId: "m2m", redirectShape: "entry" });
  const { registration } = await seated(DCR, options, {
    clients: () => Promise.resolve({ own, shared: undefined }),
  });
  match(registration.detail, /^the client "m2m"/);
});
