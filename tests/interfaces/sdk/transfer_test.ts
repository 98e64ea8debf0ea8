/** The library moves entries as the command line does. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createClient } from "@x/mcp-auth/sdk";
import { codeOf, valueOf, withScene } from "./scene.ts";

const WORDS = "correct horse battery";

Deno.test("an entry goes from one store to another, under another name, and is of use there", () =>
  withScene(async ({ client, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const document = valueOf(await client.exportEntries(["demo"], WORDS));
    ok(!document.includes("demo"));
    const home = await Deno.makeTempDir();
    try {
      await using other = createClient({ home, keystore: "file" });
      deepEqual(valueOf(await other.importEntries(document, WORDS, { rename: { demo: "work" } })), ["work"]);
      equal(
        valueOf(await other.getTokens("work")).accessToken,
        valueOf(await client.getTokens("demo")).accessToken,
      );
      valueOf(await other.refresh("work"));
      equal(codeOf(await other.importEntries(document, WORDS)), "ok");
      equal(codeOf(await other.importEntries(document, WORDS)), "CONFIG_INVALID", "demo exists by now");
      deepEqual(valueOf(await other.importEntries(document, WORDS, { replace: true })), ["demo"]);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  }));

Deno.test("without tokens the other side has to sign in, and mistakes are results", () =>
  withScene(async ({ client, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const document = valueOf(await client.exportEntries(["demo"], WORDS, { withoutTokens: true }));
    valueOf(await client.importEntries(document, WORDS, { rename: { demo: "bare" } }));
    equal(codeOf(await client.getTokens("bare")), "AUTH_REQUIRED");
    equal(codeOf(await client.exportEntries(["none"], WORDS)), "NOT_FOUND");
    equal(codeOf(await client.exportEntries(["demo"], "short")), "CONFIG_INVALID");
    equal(codeOf(await client.importEntries(document, `${WORDS}!`)), "CONFIG_INVALID");
    const broken = await client.importEntries("{", WORDS);
    ok(!broken.ok);
    match(broken.error.message, /it is not JSON/);
  }));
