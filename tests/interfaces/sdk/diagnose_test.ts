/** The library's diagnosis gives the records of the command line. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { startDocumentHost } from "../../acceptance/document_host.ts";
import { codeOf, valueOf, withScene } from "./scene.ts";

Deno.test("a URL, then the entry of it: nothing fails, and the token is tried at its own server alone", async () => {
  await withScene(async ({ client, as, mcp }) => {
    const before = valueOf(await client.diagnose(mcp.url));
    equal(before.firstToFix, undefined, JSON.stringify(before.firstToFix));
    equal(before.name, undefined);
    equal(before.plan?.command, `mcp-auth add ${mcp.url}`);
    equal(before.plan?.resource, mcp.resource);
    match(before.plan?.client ?? "", /"a program of ours"/);
    equal((await client.getStatus("demo")).ok, false, "nothing was stored");

    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const asked = as.log.length;
    const after = valueOf(await client.diagnose("demo"));
    equal(after.firstToFix, undefined, JSON.stringify(after.firstToFix));
    equal(after.checks.find(({ id }) => id === "exchange")?.status, "ok");
    ok(as.log.slice(asked).every(({ headers }) => headers.get("authorization") === null));
    const without = valueOf(await client.diagnose("demo", { tryToken: false }));
    equal(without.checks.find(({ id }) => id === "exchange")?.status, "skip");
    deepEqual(
      without.checks.filter(({ id }) => id !== "exchange").map(({ id }) => id),
      after.checks.filter(({ id }) => id !== "exchange").map(({ id }) => id),
    );
  }, { clientName: "a program of ours" });
});

Deno.test("an entry that is not there is NOT_FOUND, and a cancelled diagnosis says so", async () => {
  await withScene(async ({ client, mcp }) => {
    equal(codeOf(await client.diagnose("nobody")), "NOT_FOUND");
    equal(codeOf(await client.diagnose(mcp.url, { signal: AbortSignal.abort() })), "AUTH_CANCELLED");
    equal(codeOf(await client.diagnose("http://mcp.example.com")), "UNSAFE_URL");
  });
});

Deno.test("a diagnosis goes by the document that the program itself signs in by, and by no other (C27)", async () => {
  await using host = await startDocumentHost();
  const clientMetadataUrl = `${host.origin}/app.json`;
  host.pages.set("/app.json", () =>
    Response.json({
      client_id: clientMetadataUrl,
      client_name: "My app",
      redirect_uris: ["http://127.0.0.1/callback"],
      grant_types: ["authorization_code", "refresh_token"],
      application_type: "native",
      token_endpoint_auth_method: "none",
    }));
  const as = { clientDocuments: (url: string) => host.fetch(url) };
  const clientOf = async (own: { readonly clientMetadataUrl?: string }) => {
    let words = "";
    await withScene(
      async ({ client, mcp }) => {
        const options = { caFile: host.authority };
        words = valueOf(await client.diagnose(mcp.url, { options })).plan?.client ?? "";
      },
      { clientName: "My app", ...own },
      as,
    );
    return words;
  };
  equal(await clientOf({ clientMetadataUrl }), `this program's document ${clientMetadataUrl}`);
  equal(await clientOf({}), 'a new registration as "My app"');
});
