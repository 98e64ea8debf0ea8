/**
 * @see draft-ietf-oauth-client-id-metadata-document-02 section 3 (C28, C29)
 * @module
 */
import { deepEqual, doesNotMatch, equal, match, ok, throws } from "node:assert/strict";
import {
  checkClientMetadataUrl,
  checkDocumentChoice,
  CLIENT_METADATA_URL,
  clientMetadataDocument,
  coversRedirectUri,
  judgeDocument,
  judgeSize,
  LOOPBACK_REDIRECT_URIS,
} from "../../../lib/primitives/oauth/client_metadata.ts";
import { CALLBACK_PATH } from "../../../lib/services/signin/mod.ts";
import { coded } from "../coded_error.ts";

for (
  const clientId of [
    "https://example.com/client.json",
    "https://conformance-test.local/client-metadata.json",
    "https://example.com:8443/client",
    "https://example.com:443/client",
    "https://EXAMPLE.com/client",
    "https://example.com/client?version=2",
    "https://example.com/a/..b/.c/d..",
    "https://example.com/client?next=/../x",
    "https://example.com/a%20b",
  ]
) {
  Deno.test(`${clientId} can be a client id, byte for byte`, () => {
    equal(checkClientMetadataUrl(clientId), clientId);
  });
}

const refused: readonly (readonly [string, RegExp])[] = [
  ["http://example.com/client.json", /it is not https/],
  ["http://localhost/client.json", /it is not https/],
  ["ftp://example.com/client.json", /it is not https/],
  ["javascript:alert(1)", /it is not https/],
  ["https://example.com", /it has no path/],
  ["https://example.com/", /it has no path/],
  ["https://example.com/?a=b", /it has no path/],
  ["https://example.com/client#x", /it has a fragment/],
  ["https://example.com/client#", /it has a fragment/],
  ["https://user@example.com/client", /user name or password/],
  ["https://:hunter2@example.com/client", /user name or password/],
  ["https://example.com/a/../client", /dot segments/],
  ["https://example.com/./client", /dot segments/],
  ["https://example.com/client/..", /dot segments/],
  ["https://example.com/client/.", /dot segments/],
  ["HTTPS://example.com/../client", /dot segments/],
  ["https://example.com/%2e%2E/client", /dot segments/],
  ["https://example.com/.%2e/client", /dot segments/],
  [" https://example.com/client", /characters that no URL has/],
  ["https://example.com/cli\nent", /characters that no URL has/],
  ["https:\\\\example.com\\client", /characters that no URL has/],
  ["https://example.com/clíent", /characters that no URL has/],
  ["/client.json", /not an absolute URL/],
  ["client", /not an absolute URL/],
  ["", /not an absolute URL/],
];

for (const [text, why] of refused) {
  Deno.test(`${JSON.stringify(text)} cannot be a client id`, () => {
    throws(() => checkClientMetadataUrl(text), coded("CONFIG_INVALID", why));
  });
}

const url = "https://example.com/client.json";
const plain = { url, clientName: "mcp-auth" };

Deno.test("a document says what a native client without a secret is, and nothing that it must not (C28, C29, row 16)", () => {
  deepEqual(clientMetadataDocument(plain), {
    client_id: url,
    client_name: "mcp-auth",
    client_uri: "https://example.com/",
    redirect_uris: ["http://127.0.0.1/callback", "http://localhost/callback", "http://[::1]/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    application_type: "native",
    token_endpoint_auth_method: "none",
  });
});

Deno.test("a document's redirect URIs have ports for servers that compare them, or are the user's own", () => {
  deepEqual(clientMetadataDocument({ ...plain, callbackPorts: [8456] }).redirect_uris.slice(3), [
    "http://127.0.0.1:8456/callback",
    "http://localhost:8456/callback",
    "http://[::1]:8456/callback",
  ]);
  const web = clientMetadataDocument({ ...plain, redirectUris: ["https://example.com/cb"] });
  deepEqual(web.redirect_uris, ["https://example.com/cb"]);
  equal(web.application_type, "web");
});

Deno.test("a document for a client with a key has what is public of it alone (C30)", async () => {
  const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const jwk = { ...await crypto.subtle.exportKey("jwk", privateKey), alg: "ES256", kid: "1" };
  for (const jwks of [jwk, { keys: [jwk] }]) {
    const document = clientMetadataDocument({ ...plain, jwks });
    equal(document.token_endpoint_auth_method, "private_key_jwt");
    equal(document.token_endpoint_auth_signing_alg, "ES256");
    equal(document.jwks?.keys.length, 1);
    equal(document.jwks?.keys[0]?.x, jwk.x);
    equal("d" in document.jwks!.keys[0]!, false);
    doesNotMatch(JSON.stringify(document), new RegExp(jwk.d!));
  }
  const secret = { kty: "oct", k: "s3cret" };
  for (const jwks of [secret, { keys: [] }, {}, [], "x", null]) {
    throws(() => clientMetadataDocument({ ...plain, jwks }), coded("CONFIG_INVALID", /Cannot use the keys/));
  }
});

Deno.test("the package publishes the document that `client metadata` prints for it", async () => {
  const published = await Deno.readTextFile(new URL("../../../lib/client.json", import.meta.url));
  const document = clientMetadataDocument({ url: CLIENT_METADATA_URL, clientName: "mcp-auth" });
  equal(published, `${JSON.stringify(document, undefined, 2)}\n`, "write it anew: mcp-auth client metadata");
  equal(document.client_uri, "https://jsr.io/@x/mcp-auth");
  const { name, version, publish } = JSON.parse(
    await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)),
  );
  equal(CLIENT_METADATA_URL, `https://jsr.io/${name}/${version}/lib/client.json`);
  ok(publish.include.includes("lib/"));
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: new URL("../../../", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  match(new TextDecoder().decode(stderr), /\/lib\/client\.json \(/);
});

Deno.test("its redirect URIs are those of sign-ins", () => {
  for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
    ok(LOOPBACK_REDIRECT_URIS.includes(`http://${host}${CALLBACK_PATH}`));
  }
});

const sound = clientMetadataDocument(plain);
const judged: readonly (readonly [string, unknown, RegExp | undefined])[] = [
  ["what this program writes", sound, undefined],
  ["no members but those that must be there", {
    client_id: url,
    client_name: "x",
    redirect_uris: ["http://127.0.0.1/callback"],
  }, undefined],
  ["a port", { ...sound, redirect_uris: ["http://127.0.0.1:7777/callback"] }, undefined],
  ["a list", [], /is a JSON object/],
  [
    "another client_id",
    { ...sound, client_id: "https://example.com:443/client.json" },
    /client_id is the URL/,
  ],
  ["no client_id", { ...sound, client_id: undefined }, /client_id is the URL/],
  ["no name", { ...sound, client_name: "" }, /client_name is there/],
  ["no redirect URIs", { ...sound, redirect_uris: [] }, /redirect_uris/],
  ["redirect URIs of another kind", { ...sound, redirect_uris: [1] }, /redirect_uris/],
  ["a redirect URI with a fragment", { ...sound, redirect_uris: ["https://a/b#c"] }, /redirect_uris/],
  [
    "another path on loopback alone",
    { ...sound, redirect_uris: ["http://127.0.0.1/other"] },
    /redirect_uris/,
  ],
  ["a secret", { ...sound, client_secret: "s" }, /no secret/],
  ["the expiry of a secret", { ...sound, client_secret_expires_at: 0 }, /no secret/],
  ...["client_secret_basic", "client_secret_post", "client_secret_jwt"].map((token_endpoint_auth_method) =>
    [token_endpoint_auth_method, { ...sound, token_endpoint_auth_method }, /needs no shared secret/] as const
  ),
  ["a private key", { ...sound, jwks: { keys: [{ kty: "EC", d: "s" }] } }, /no private keys/],
  ["a shared key", { ...sound, jwks: { keys: [{ kty: "oct", k: "s" }] } }, /no private keys/],
  ["a method without its key", { ...sound, token_endpoint_auth_method: "private_key_jwt" }, /a key for/],
  ["other grants", { ...sound, grant_types: ["client_credentials"] }, /grant_types/],
];

for (const [what, json, broken] of judged) {
  Deno.test(`a hosted document with ${what} is ${broken === undefined ? "sound" : "not"} (C28, C29)`, () => {
    const found = judgeDocument(json, url).filter((verdict) => !verdict.ok);
    if (broken === undefined) return deepEqual(found, []);
    equal(found.length, 1);
    match(found[0]!.check, broken);
  });
}

Deno.test("servers stop reading a document at 5 kB (draft -02 section 8.7)", () => {
  equal(judgeSize(5 * 1024).ok, true);
  equal(judgeSize(5 * 1024 + 1).ok, false);
});

Deno.test("a verdict shows nothing that would steer a terminal", () => {
  const hostile = {
    ...sound,
    client_id: "\u001b[31mx",
    client_name: "\u202ename",
    redirect_uris: ["\u001b"],
  };
  for (const { detail } of judgeDocument(hostile, url)) doesNotMatch(detail, /[\p{Cc}\p{Cf}]/u);
});

Deno.test("a loopback redirect URI is covered at any port, and by its host and path alone (RFC 8252 section 7.3)", () => {
  const registered = ["http://127.0.0.1/callback", "https://example.com/cb"];
  for (const uri of ["http://127.0.0.1:1/callback", "http://127.0.0.1/callback", "https://example.com/cb"]) {
    ok(coversRedirectUri(registered, uri), uri);
  }
  for (
    const uri of [
      "http://localhost:1/callback",
      "http://127.0.0.1:1/other",
      "https://127.0.0.1:1/callback",
      "https://example.com:8443/cb",
      "http://127.0.0.1.evil.example/callback",
      "http://127.0.0.1:1/callback?x=1",
    ]
  ) ok(!coversRedirectUri(registered, uri), uri);
});

Deno.test("none is a choice of document, and no URL", () => {
  equal(checkDocumentChoice("none"), "none");
  equal(checkDocumentChoice(url), url);
  throws(() => checkDocumentChoice("None"), coded("CONFIG_INVALID"));
  throws(() => checkClientMetadataUrl("none"), coded("CONFIG_INVALID"));
});
