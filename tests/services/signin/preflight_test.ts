/**
 * What servers answer at their authorization endpoint to a client that they do not know, word for word.
 *
 * @see behaviours row 9
 * @module
 */
import { equal, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { firstHopOnly, isClientForgotten, Redirected } from "../../../lib/services/signin/preflight.ts";
import { endless, freePort, type LocalServer, serve } from "../../primitives/http/local_server.ts";

const redirectUri = "http://127.0.0.1:1/callback";

function ask(origin: string, signal?: AbortSignal): Promise<boolean> {
  const http = createHttp({ guard: firstHopOnly(() => Promise.resolve()) });
  return isClientForgotten(http, `${origin}/authorize?client_id=gone`, redirectUri, signal);
}

function page(status: number, text: string): () => Response {
  return () => new Response(text, { status, headers: { "content-type": "text/html" } });
}

function json(status: number, body: unknown): () => Response {
  return () => Response.json(body, { status });
}

function redirect(location: string): () => Response {
  return () => new Response(null, { status: 302, headers: { location } });
}

const forgotten: readonly (readonly [string, () => Response])[] = [
  ["oidc-provider", page(400, "<pre><b>error</b>: invalid_client</pre><pre>client is invalid</pre>")],
  ["the MCP TypeScript SDK", json(400, { error: "invalid_client", error_description: "Invalid client_id" })],
  [
    "the MCP Python SDK",
    json(400, { error: "invalid_request", error_description: "Client ID 'gone' not found" }),
  ],
  [
    "FastMCP",
    page(400, "<p>The client ID <code>gone</code> was not found in the server's client registry.</p>"),
  ],
  ["a Cloudflare worker", page(400, "Invalid client. The clientId provided does not match to this client.")],
  ["Supabase", json(422, { message: "Unrecognized client_id" })],
  ["Keycloak", page(400, '<p class="instruction">Client not found.</p>')],
  ["Auth0", page(403, "<p>invalid_request: Unknown client: gone</p>")],
  ["Ory Hydra", redirect("https://auth.example/error?error=invalid_client&error_description=x")],
  ["a redirect back with invalid_client", redirect(`${redirectUri}?error=invalid_client&state=s`)],
  ["a redirect back with unauthorized_client", redirect(`${redirectUri}?error=unauthorized_client`)],
];

for (const [server, answer] of forgotten) {
  Deno.test(`the preflight recognises a forgotten client at ${server} (row 9)`, async () => {
    await using local = serve(answer);
    equal(await ask(local.origin), true);
    equal(local.asked.length, 1);
  });
}

const known: readonly (readonly [string, () => Response])[] = [
  ["a sign-in page", page(200, "Sign in. invalid_client")],
  ["a redirect to a sign-in page", redirect("/login")],
  ["a redirect back with a code", redirect(`${redirectUri}?code=c&state=s`)],
  ["a redirect back with another error", redirect(`${redirectUri}?error=login_required`)],
  [
    "a redirect elsewhere with unauthorized_client",
    redirect("https://auth.example/?error=unauthorized_client"),
  ],
  ["a redirect that is no URL", redirect("https://[")],
  ["a redirect to a place that may not be opened", redirect("javascript:invalid_client")],
  ["400 for another reason", json(400, { error: "invalid_request", error_description: "scope" })],
  ["400 for other metadata", json(400, { error: "invalid_client_metadata" })],
  ["404 that repeats the URL", page(404, "<p>/authorize?client_id=gone was not found</p>")],
  ["a firewall", page(403, "<h1>Forbidden</h1>")],
  ["429", page(429, "invalid_client")],
  ["500", page(500, "invalid_client")],
  ["nothing", page(400, "")],
];

for (const [description, answer] of known) {
  Deno.test(`the preflight leaves ${description} to the browser`, async () => {
    await using local = serve(answer);
    equal(await ask(local.origin), false);
    equal(local.asked.length, 1, "a redirect is not followed");
  });
}

Deno.test("a preflight that fails says nothing of the client", async () => {
  equal(await ask(`http://127.0.0.1:${freePort()}`), false);
  await using local: LocalServer = serve(() => endless());
  equal(await ask(local.origin, AbortSignal.timeout(100)), false);
  equal(await ask("http://example.com"), false);
});

Deno.test("the guard of the preflight lets nobody past the first hop", async () => {
  const guard = firstHopOnly(() => Promise.resolve());
  await guard(new URL("https://a.example/"));
  await rejects(guard(new URL("https://b.example/?secret=1")), (error: Redirected) => {
    equal(error.target.href, "https://b.example/?secret=1");
    equal(error.message, 'Not followed: a redirect to "https://b.example/"');
    return error instanceof Redirected;
  });
});
