/**
 * The userinfo endpoint against a local server.
 *
 * @see OpenID Connect Core 1.0 section 5.3; behaviours row 45
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { createDpopKey, DpopProver } from "../../../lib/primitives/oauth/dpop.ts";
import { fetchUserinfo } from "../../../lib/primitives/oauth/userinfo.ts";
import { coded } from "../coded_error.ts";
import { serve } from "../http/local_server.ts";

const signed = `e30.${new TextEncoder().encode('{"sub":"s"}').toBase64({ alphabet: "base64url" })}.c2ln`;
const typed = (body: string, type: string) => new Response(body, { headers: { "content-type": type } });

const answers: readonly (readonly [string, () => Response, unknown])[] = [
  ["JSON", () => Response.json({ sub: "s", email: "a@b.example" }), { sub: "s", email: "a@b.example" }],
  ["JSON with a charset", () => typed('{"sub":"s"}', "application/json; charset=utf-8"), { sub: "s" }],
  ["a signed answer", () => typed(signed, "application/jwt"), { sub: "s" }],
  ["a signed answer that is none", () => typed("x", "application/jwt"), undefined],
  ["a page", () => typed("<html>", "text/html"), undefined],
  ["JSON that says it is text", () => typed('{"sub":"s"}', "text/plain"), undefined],
  ["no content type", () => new Response(new TextEncoder().encode('{"sub":"s"}')), undefined],
  ["a list", () => Response.json(["s"]), undefined],
  ["broken JSON", () => typed("{", "application/json"), undefined],
  ["401", () => Response.json({ sub: "s" }, { status: 401 }), undefined],
  ["204", () => new Response(null, { status: 204 }), undefined],
];

for (const [description, answer, claims] of answers) {
  Deno.test(`userinfo answers with ${description} (row 45)`, async () => {
    await using server = serve(answer);
    deepEqual(await fetchUserinfo(createHttp(), `${server.origin}/me?x=1`, "token"), claims);
    deepEqual(server.asked, ["GET /me?x=1"]);
    equal(server.received[0]?.headers.get("authorization"), "Bearer token");
  });
}

Deno.test("X16, X17: a token that is bound to a key goes to userinfo with a proof, and with the nonce that it asks for", async () => {
  await using server = serve(({ headers }) => {
    const [, payload = ""] = headers.get("dpop")?.split(".") ?? [];
    const said = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })),
    );
    return said.nonce === "n" && said.ath !== undefined ? Response.json({ sub: "s" }) : new Response(null, {
      status: 401,
      headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n" },
    });
  });
  const proof = await DpopProver.of(await createDpopKey(), { now: Date.now });
  deepEqual(await fetchUserinfo(createHttp(), `${server.origin}/me`, "token", { proof }), { sub: "s" });
  deepEqual(server.received.map(({ headers }) => headers.get("authorization")), ["DPoP token", "DPoP token"]);
});

Deno.test("the token does not follow a redirect of the userinfo endpoint to another origin", async () => {
  await using other = serve(() => Response.json({ sub: "s" }));
  await using server = serve(() => Response.redirect(`${other.origin}/me`, 302));
  await fetchUserinfo(createHttp(), server.origin, "token");
  equal(other.received[0]?.headers.get("authorization"), null);
});

Deno.test("a userinfo endpoint at a place that is not allowed is not asked", async () => {
  await rejects(fetchUserinfo(createHttp(), "http://example.com/me", "token"), coded("UNSAFE_URL"));
});
