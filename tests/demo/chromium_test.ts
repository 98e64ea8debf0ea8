/**
 * A real browser gets through the demo authorization server's pages.
 *
 * @module
 */

import assert from "node:assert/strict";
import { browseWithChromium, chromiumPath } from "../../scripts/demo/browser/chromium.ts";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { registerClient } from "./hand_written_client.ts";

const ignore = chromiumPath() === undefined;

for (const decide of ["approve", "deny"] as const) {
  Deno.test({
    name: `Chromium signs in and can ${decide} (needs Debian's package chromium)`,
    ignore,
    async fn() {
      await using server = await startAuthorizationServer();
      const client = await registerClient(server);
      await using callback = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () =>
          new Response("<title>Back</title><p>You can close this tab", {
            headers: { "content-type": "text/html" },
          }),
      );
      const query = new URLSearchParams({
        client_id: client.clientId,
        response_type: "code",
        redirect_uri: `http://127.0.0.1:${callback.addr.port}/callback`,
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        code_challenge_method: "S256",
        scope: "mcp:read",
        resource: "https://mcp.example/mcp",
      });
      const screenshot = await Deno.makeTempFile({ suffix: ".png" });
      try {
        const steps: string[] = [];
        const visit = await browseWithChromium(`${server.issuer}/auth?${query}`, {
          decide,
          screenshot,
          onStep: (step) => steps.push(step),
        });
        assert.equal(visit.title, "Back");
        assert.equal(visit.text, "You can close this tab");
        const answer = new URL(visit.url).searchParams;
        assert.equal(answer.get("error"), decide === "deny" ? "access_denied" : null);
        assert.equal(answer.has("code"), decide === "approve");
        assert.ok(steps.includes("signs in as alice"));
        assert.ok((await Deno.stat(screenshot)).size > 1000);
      } finally {
        await Deno.remove(screenshot);
      }
    },
  });
}

Deno.test({
  name: "Chromium stops on its signal (needs Debian's package chromium)",
  ignore,
  async fn() {
    await using server = await startAuthorizationServer();
    server.fail("/jwks", 1, "hang");
    const stop = new AbortController();
    const visit = assert.rejects(browseWithChromium(server.jwksUrl, { signal: stop.signal }), {
      name: "AbortError",
    });
    while (server.requests("/jwks").length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    await visit;
  },
});
