/**
 * Who signed in, at sign-in: from the ID token, from the userinfo endpoint, and never at the price of the sign-in.
 *
 * @see OpenID Connect Core 1.0 sections 5.1 and 5.3; behaviours row 45
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { browse } from "../../../scripts/demo/browser/scripted_browser.ts";
import { startAuthorizationServer } from "../../../scripts/demo/servers/authorization_server.ts";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import { endless } from "../../primitives/http/local_server.ts";
import { type Json, startBentServer } from "./bent_server.ts";
import { signingIn } from "./signing_in.ts";

function idToken(claims: Json): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${part({ alg: "RS256" })}.${part(claims)}.c2lnbmF0dXJl`;
}

/** Signs in at a server with these answers; the account, and how often userinfo was asked. */
async function accountOf(
  tokens: Json,
  userinfo?: () => Response | Promise<Response>,
): Promise<readonly [string | undefined, number]> {
  await using server = startBentServer({
    tokens: { scope: "files openid", ...tokens },
    metadata: (origin) => userinfo === undefined ? {} : { userinfo_endpoint: `${origin}/me` },
    other: userinfo === undefined ? {} : { "/me": userinfo },
  });
  using scene = signingIn();
  const credential = await scene.signIn("demo", server.url, { options: { scopes: ["files", "openid"] } });
  const stored = (await scene.store.credential("demo"))?.record;
  equal(stored?.account, credential.account);
  const asked = server.received.filter(({ target }) => target === "/me");
  for (const { headers } of asked) equal(headers.get("authorization"), `Bearer ${credential.accessToken}`);
  return [credential.account, asked.length];
}

const email = { sub: "1", email: "alice@example.com" };

Deno.test("the account is what the ID token calls them, and nobody is asked then (row 45)", async () => {
  const userinfo = () => Response.json({ sub: "1", email: "other@example.com" });
  deepEqual(await accountOf({ id_token: idToken(email) }, userinfo), ["alice@example.com", 0]);
});

Deno.test("an ID token without a name leaves it to userinfo, and then to the server's identifier (row 45)", async () => {
  const id_token = idToken({ sub: "1" });
  deepEqual(await accountOf({ id_token }, () => Response.json(email)), ["alice@example.com", 1]);
  deepEqual(await accountOf({ id_token }, () => Response.json({ sub: "1" })), ["1", 1]);
  deepEqual(await accountOf({ id_token }), ["1", 0]);
});

Deno.test("userinfo about somebody else is not used, OpenID Connect Core 1.0 section 5.3.2", async () => {
  const other = () => Response.json({ sub: "2", email: "mallory@example.com" });
  deepEqual(await accountOf({ id_token: idToken({ sub: "1" }) }, other), ["1", 1]);
});

Deno.test("without an ID token userinfo says it; one that cannot be read counts as none (row 45)", async () => {
  deepEqual(await accountOf({}, () => Response.json(email)), ["alice@example.com", 1]);
  deepEqual(await accountOf({ id_token: "not.a.jwt" }, () => Response.json(email)), ["alice@example.com", 1]);
  deepEqual(await accountOf({ id_token: "not.a.jwt" }), [undefined, 0]);
});

Deno.test("userinfo is not asked where openid was not granted", async () => {
  deepEqual(await accountOf({ scope: "files" }, () => Response.json(email)), [undefined, 0]);
});

for (
  const [description, answer] of [
    ["refuses", () => new Response(null, { status: 401 })],
    ["is down", () => new Response(null, { status: 503 })],
    ["sends a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["redirects to nowhere", () => new Response(null, { status: 302, headers: { location: "https://[" } })],
  ] as const
) {
  Deno.test(`a userinfo endpoint that ${description} is no reason to fail the sign-in`, async () => {
    deepEqual(await accountOf({}, answer), [undefined, 1]);
  });
}

Deno.test("a userinfo endpoint that hangs holds the sign-in for five seconds and no longer", async () => {
  const started = performance.now();
  deepEqual(await accountOf({}, () => endless({ "content-type": "application/json" })), [undefined, 1]);
  const took = performance.now() - started;
  ok(took > 4_500 && took < 9_000, `${took} ms`);
});

Deno.test("two entries at one URL are two accounts of a real server, by name (row 45)", async () => {
  await using as = await startAuthorizationServer({ accessTokenFormat: "opaque" });
  const mcp = await startMcpServer({ authorizationServer: as });
  using scene = signingIn();
  try {
    for (const user of ["alice", "bob"]) {
      const { account } = await scene.signIn(user, mcp.url, {
        options: { scopes: ["openid", "mcp:read"] },
        open: async (url) => void await browse(url, { user }),
      });
      equal(account, user);
    }
    deepEqual(as.errors, []);
  } finally {
    await mcp.close();
  }
});
