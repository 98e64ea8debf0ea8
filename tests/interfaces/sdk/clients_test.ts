/**
 * The library with clients that a program brings along: registrations by an initial access token, its own client ID
 * metadata document, and tokens that were given by hand.
 *
 * @see RFC 7591, RFC 7592; MCP 2026-07-28 client registration (C25-C37)
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { startDocumentHost } from "../../acceptance/document_host.ts";
import { codeOf, INITIALIZE, valueOf, withScene } from "./scene.ts";

const TOKEN = "s3cret-initial-access-token";

Deno.test("a program registers a client with an initial access token, signs in with it, and deletes it", async () => {
  await withScene(
    async ({ client, as, mcp }) => {
      equal(codeOf(await client.authenticate("demo", { url: mcp.url })), "REGISTRATION_FAILED");
      equal(
        codeOf(await client.registerClient(mcp.url, { initialAccessToken: "wrong" })),
        "REGISTRATION_FAILED",
      );
      const issuers: string[] = [];
      const registered = valueOf(
        await client.registerClient(mcp.url, {
          initialAccessToken: TOKEN,
          onIssuer: (issuer) => void issuers.push(issuer),
        }),
      );
      deepEqual(issuers, [as.issuer]);
      equal(registered.source, "dynamic");
      valueOf(await client.authenticate("demo", { url: mcp.url }));
      equal(as.requests("/auth").at(-1)?.query.get("client_id"), registered.clientId);
      deepEqual(valueOf(await client.listClients()), [{ ...registered, usedBy: ["demo"] }]);
      ok(!JSON.stringify(valueOf(await client.listClients())).includes("registration"));

      equal(codeOf(await client.deleteClient("demo")), "CONFIG_INVALID");
      valueOf(await client.logout("demo"));
      equal(valueOf(await client.deleteClient(as.issuer)).outcome, "deleted");
      deepEqual(valueOf(await client.listClients()), []);
      equal(codeOf(await client.deleteClient("demo")), "NOT_FOUND");
    },
    {},
    { registration: { initialAccessToken: TOKEN, management: true } },
  );
});

Deno.test("a caller who does not trust the issuer ends a registration before anything is sent there", async () => {
  await withScene(
    async ({ client, as, mcp }) => {
      const outcome = await client.registerClient(mcp.url, {
        initialAccessToken: TOKEN,
        onIssuer: () => {
          throw new Error("not there");
        },
      });
      equal(codeOf(outcome), "REGISTRATION_FAILED");
      deepEqual(as.requests("POST /reg"), []);
    },
    {},
    { registration: { initialAccessToken: TOKEN } },
  );
});

Deno.test("a program signs in by its own document where it is sound, and registers a client where it is not (C27)", async () => {
  await using host = await startDocumentHost();
  const clientMetadataUrl = `${host.origin}/app.json`;
  const document = {
    client_id: clientMetadataUrl,
    client_name: "My app",
    redirect_uris: ["http://127.0.0.1/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    application_type: "native",
    token_endpoint_auth_method: "none",
  };
  host.pages.set("/app.json", () => Response.json(document));
  const as = { clientDocuments: (url: string) => host.fetch(url) };
  await withScene(
    async ({ client, as, mcp }) => {
      const options = { caFile: host.authority };
      valueOf(await client.authenticate("demo", { url: mcp.url, options }));
      equal(as.requests("/auth").at(-1)?.query.get("client_id"), clientMetadataUrl);
      equal(as.requests("POST /reg").length, 0);
      valueOf(await client.authenticate("second", { url: mcp.url, options }));
      equal(host.log.filter(({ agent }) => agent.startsWith("mcp-auth")).length, 1, "it is looked at once");
    },
    { clientName: "My app", clientMetadataUrl },
    as,
  );
  host.pages.set("/app.json", () => Response.json({ ...document, client_id: "https://other.example/x" }));
  await withScene(
    async ({ client, as, mcp }) => {
      valueOf(await client.authenticate("demo", { url: mcp.url, options: { caFile: host.authority } }));
      equal(as.requests("POST /reg").length, 1);
    },
    { clientName: "My app", clientMetadataUrl },
    as,
  );
});

Deno.test("a program with a name of its own is not shown under another's: no document of ours is used", async () => {
  await withScene(
    async ({ client, as, mcp }) => {
      valueOf(await client.authenticate("demo", { url: mcp.url }));
      equal(as.requests("POST /reg").length, 1);
      equal((as.requests("POST /reg")[0]!.json() as Record<string, unknown>).client_name, "My app");
    },
    { clientName: "My app" },
    { clientDocuments: () => Promise.reject(new Error("asked")) },
  );
});

Deno.test("a token given by hand is stored, sent to its server alone, and never renewed", async () => {
  await withScene(async ({ client, mcp }) => {
    const { accessToken } = valueOf(await client.authenticate("person", { url: mcp.url }));
    const given = valueOf(await client.authenticate("hand", { url: mcp.url, accessToken, expiresInS: 60 }));
    equal(given.accessToken, accessToken);
    equal(given.canRefresh, false);
    const status = valueOf(await client.getStatus("hand"));
    equal(status.state, "token-given");
    const response = await client.authorizedFetch("hand")(mcp.url, INITIALIZE);
    equal(response.status, 200);
    await response.body?.cancel();
    const refreshed = await client.refresh("hand");
    equal(codeOf(refreshed), "TOKEN_EXPIRED");
    match(refreshed.ok ? "" : refreshed.error.hint ?? "", /--token-stdin$/);
    equal(codeOf(await client.authenticate("person", { accessToken })), "CONFIG_INVALID");
    equal(
      codeOf(await client.authenticate("other", { url: mcp.url, accessToken: "two words" })),
      "CONFIG_INVALID",
    );
    equal(valueOf(await client.authenticate("hand", { accessToken: "another" })).accessToken, "another");
  });
});
