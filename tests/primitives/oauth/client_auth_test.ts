/**
 * @see RFC 6749 section 2.3.1 and appendix B; behaviours rows 22 and 23
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import fc from "fast-check";
import {
  chooseAuthMethod,
  clientAuthentication,
  type ClientAuthMethod,
  type ClientIdentity,
  clientIdentity,
  encodeBasic,
  isAuthMethod,
  otherAuthMethod,
  toOAuthClient,
} from "../../../lib/primitives/oauth/client_auth.ts";

const encodings: readonly (readonly [string, string, string, string])[] = [
  ["plain credentials", "client", "secret", "client:secret"],
  ["a colon", "a:b", "c:d", "a%3Ab:c%3Ad"],
  ["a blank", "a b", "c d", "a+b:c+d"],
  ["a plus and a percent sign", "a+b", "c%d", "a%2Bb:c%25d"],
  ["characters that a form leaves alone", "a-b_c.d*e", "f-_.*g", "a-b_c.d*e:f-_.*g"],
  ["non-ASCII characters", "café", "😀", "caf%C3%A9:%F0%9F%98%80"],
  ["an ampersand and an equals sign", "a&b", "c=d", "a%26b:c%3Dd"],
  ["a tilde and an exclamation mark", "a~", "b!", "a%7E:b%21"],
  ["a slash, as of base64", "a", "b/c+d==", "a:b%2Fc%2Bd%3D%3D"],
  ["an https client id", "https://example.com/client", "s", "https%3A%2F%2Fexample.com%2Fclient:s"],
];

for (const [description, clientId, clientSecret, plain] of encodings) {
  Deno.test(`HTTP Basic encodes ${description} as a form does (row 23)`, () => {
    equal(atob(encodeBasic(clientId, clientSecret)), plain);
  });
}

Deno.test("HTTP Basic can be decoded again, whatever the credentials are (row 23)", () => {
  const text = fc.string({ unit: "binary" }).filter((value) => value.isWellFormed());
  const decode = (part: string | undefined) => new URLSearchParams(`=${part}`).get("");
  fc.assert(fc.property(text, text, (clientId, clientSecret) => {
    const [id, secret, ...more] = atob(encodeBasic(clientId, clientSecret)).split(":");
    equal(more.length, 0);
    equal(decode(id), clientId);
    equal(decode(secret), clientSecret);
  }));
});

type Choice = readonly [boolean, string | undefined, readonly string[] | undefined, ClientAuthMethod];
const choices: readonly Choice[] = [
  [false, undefined, undefined, "none"],
  [false, "client_secret_post", ["client_secret_post"], "none"],
  [true, "client_secret_post", ["client_secret_basic"], "client_secret_post"],
  [true, "client_secret_basic", ["client_secret_post"], "client_secret_basic"],
  [true, undefined, undefined, "client_secret_basic"],
  [true, undefined, [], "client_secret_basic"],
  [true, undefined, ["client_secret_post"], "client_secret_post"],
  [true, undefined, ["client_secret_post", "client_secret_basic"], "client_secret_basic"],
  [true, undefined, ["private_key_jwt", "client_secret_post"], "client_secret_post"],
  [true, undefined, ["private_key_jwt"], "client_secret_basic"],
  [true, undefined, ["none"], "client_secret_basic"],
  [true, "none", ["none"], "none"],
  [true, "none", ["none", "client_secret_post"], "client_secret_post"],
  [true, "none", undefined, "client_secret_basic"],
];

for (const [hasSecret, registered, supported, method] of choices) {
  Deno.test(
    `a client ${hasSecret ? "with" : "without"} a secret, registered for ${registered}, at a server with ${
      JSON.stringify(supported)
    } uses ${method} (row 22)`,
    () => equal(chooseAuthMethod(hasSecret, registered, supported), method),
  );
}

Deno.test("the other method is tried with a secret alone (row 22)", () => {
  const other = (tokenEndpointAuthMethod: ClientAuthMethod, clientSecret?: string) =>
    otherAuthMethod({
      clientId: "id",
      tokenEndpointAuthMethod,
      ...(clientSecret === undefined ? {} : { clientSecret }),
    });
  equal(other("client_secret_basic", "s"), "client_secret_post");
  equal(other("client_secret_post", "s"), "client_secret_basic");
  equal(other("none", "s"), "client_secret_post");
  equal(other("none"), undefined);
});

Deno.test("isAuthMethod() knows the three methods and no other", () => {
  for (const method of ["none", "client_secret_basic", "client_secret_post"]) {
    equal(isAuthMethod(method), true);
  }
  for (const method of ["", "None", "private_key_jwt", "toString"]) equal(isAuthMethod(method), false);
});

type Sent = readonly [ClientAuthMethod, string | undefined, string | null, string | null, string | null];
const sent: readonly Sent[] = [
  ["none", undefined, "id:1", null, null],
  ["none", "unused", "id:1", null, null],
  ["client_secret_post", "s e", "id:1", "s e", null],
  ["client_secret_basic", "s e", null, null, `Basic ${btoa("id%3A1:s+e")}`],
  ["client_secret_basic", undefined, "id:1", null, null],
];

for (const [tokenEndpointAuthMethod, secret, id, secretSent, header] of sent) {
  const title = `${tokenEndpointAuthMethod} ${secret === undefined ? "without" : "with"} a secret`;
  Deno.test(`${title} proves itself in one place alone`, async () => {
    const client: ClientIdentity = {
      clientId: "id:1",
      tokenEndpointAuthMethod,
      ...(secret === undefined ? {} : { clientSecret: secret }),
    };
    const body = new URLSearchParams();
    const headers = new Headers();
    await clientAuthentication(client)({ issuer: "https://a" }, { client_id: "id:1" }, body, headers);
    equal(body.get("client_id"), id);
    equal(body.get("client_secret"), secretSent);
    equal(headers.get("authorization"), header);
  });
}

Deno.test("a client with a key has no other method, and one without an id authenticates by nothing", async () => {
  const keyed: ClientIdentity = {
    clientId: "c",
    clientSecret: "s",
    privateKey: "k",
    tokenEndpointAuthMethod: "private_key_jwt",
  };
  equal(otherAuthMethod(keyed), undefined);
  const body = new URLSearchParams();
  const headers = new Headers();
  const server = { issuer: "https://as.example" };
  const nobody: ClientIdentity = { clientId: "", tokenEndpointAuthMethod: "none" };
  await clientAuthentication(nobody)(server, toOAuthClient(nobody), body, headers);
  equal(body.size, 0);
  equal([...headers].length, 0);
});

Deno.test("of a secret and a key that were given, the key is what the client authenticates by", async () => {
  const { privateKey } = await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const jwk = JSON.stringify({ ...await crypto.subtle.exportKey("jwk", privateKey), kid: "k1" });
  const server = { issuer: "https://as.example", token_endpoint_auth_methods_supported: ["private_key_jwt"] };
  const identity = await clientIdentity({ clientId: "c", clientSecret: "s", privateKey: jwk }, server);
  const { privateKey: pem, ...rest } = identity;
  match(pem ?? "", /^-----BEGIN PRIVATE KEY-----\n/);
  deepEqual(rest, {
    clientId: "c",
    keyId: "k1",
    signingAlgorithm: "EdDSA",
    tokenEndpointAuthMethod: "private_key_jwt",
  });
  equal(
    (await clientIdentity({ clientId: "c", clientSecret: "s" }, server)).tokenEndpointAuthMethod,
    "client_secret_basic",
  );
  equal((await clientIdentity({ clientId: "c" }, server)).tokenEndpointAuthMethod, "none");
});
