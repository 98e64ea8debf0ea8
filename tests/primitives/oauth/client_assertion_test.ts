/**
 * Private keys as people have them, and the assertions that they sign: every one is verified by another implementation.
 *
 * @see RFC 7523 sections 2.2 and 3, RFC 7518 section 3 (X3-X5)
 * @module
 */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import fc from "fast-check";
import { exportJWK, exportPKCS8, generateKeyPair, importJWK, jwtVerify } from "jose";
import {
  chooseSigningAlgorithm,
  privateKeyJwt,
  readSigningKey,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
} from "../../../lib/primitives/oauth/client_assertion.ts";
import { coded } from "../coded_error.ts";

const SERVER = { issuer: "https://as.example/tenant", token_endpoint: "https://as.example/token" };

/** The form after an authentication. */
async function signed(
  client: Parameters<typeof privateKeyJwt>[0],
  withClientId?: boolean,
): Promise<URLSearchParams> {
  const form = new URLSearchParams();
  await privateKeyJwt(client, withClientId)(SERVER, { client_id: client.clientId }, form, new Headers());
  return form;
}

for (const algorithm of SIGNING_ALGORITHMS) {
  Deno.test(`a key signs by ${algorithm}, from PEM and from a JWK, and others verify it`, async () => {
    const generated = algorithm === "EdDSA" ? "Ed25519" : algorithm;
    const { publicKey, privateKey } = await generateKeyPair(generated, { extractable: true });
    const jwk = {
      ...await exportJWK(privateKey),
      kid: "k1",
      alg: algorithm,
      use: "enc",
      key_ops: ["decrypt"],
    };
    for (const text of [await exportPKCS8(privateKey), JSON.stringify(jwk)]) {
      const { pem, kind } = await readSigningKey(text);
      const chosen = chooseSigningAlgorithm({ kind }, algorithm, undefined, SERVER.issuer);
      const form = await signed({ clientId: "me", privateKey: pem, signingAlgorithm: chosen });
      const jwt = form.get("client_assertion") ?? "";
      const { payload, protectedHeader } = await jwtVerify(
        jwt,
        algorithm === "EdDSA" || algorithm === "Ed25519"
          ? await importJWK({ ...await exportJWK(publicKey) }, algorithm)
          : publicKey,
        { issuer: "me", subject: "me", audience: SERVER.issuer, algorithms: [algorithm] },
      );
      equal(protectedHeader.alg, algorithm);
      equal((payload.exp ?? 0) - (payload.iat ?? 0), 120);
      ok(payload.nbf === undefined && typeof payload.jti === "string");
    }
  });
}

Deno.test("every assertion is another one", async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const client = { clientId: "me", privateKey: await exportPKCS8(privateKey), signingAlgorithm: "ES256" };
  const ids = await Promise.all(Array.from({ length: 5 }, async () => {
    const payload = (await signed(client)).get("client_assertion")?.split(".")[1] ?? "";
    return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })))
      .jti;
  }));
  equal(new Set(ids).size, 5);
});

Deno.test("the client's id is left out of the form where that is wanted, unless a parameter has put it there", async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const client = { clientId: "me", privateKey: await exportPKCS8(privateKey), signingAlgorithm: "ES256" };
  equal((await signed(client)).get("client_id"), "me");
  equal((await signed(client, false)).has("client_id"), false);
  const pushed = new URLSearchParams({ client_id: "me", response_type: "code" });
  await privateKeyJwt(client, false)(SERVER, { client_id: "me" }, pushed, new Headers());
  equal(pushed.get("client_id"), "me");
});

const CHOICES: readonly (readonly [
  Parameters<typeof chooseSigningAlgorithm>[0],
  string | undefined,
  readonly string[] | undefined,
  SigningAlgorithm,
])[] = [
  [{ kind: "P-256" }, undefined, undefined, "ES256"],
  [{ kind: "P-384" }, undefined, [], "ES384"],
  [{ kind: "P-521" }, undefined, ["ES256", "ES512"], "ES512"],
  [{ kind: "Ed25519" }, undefined, undefined, "EdDSA"],
  [{ kind: "Ed25519" }, undefined, ["Ed25519"], "Ed25519"],
  [{ kind: "Ed25519" }, undefined, ["Ed25519", "EdDSA"], "EdDSA"],
  [{ kind: "RSA" }, undefined, undefined, "RS256"],
  [{ kind: "RSA" }, undefined, ["RS256"], "RS256"],
  [{ kind: "RSA" }, undefined, ["RS256", "PS256"], "PS256"],
  [{ kind: "RSA" }, undefined, ["PS512", "RS512"], "RS512"],
  [{ kind: "RSA", algorithm: "RS384" }, undefined, ["PS256", "RS384"], "RS384"],
  [{ kind: "RSA", algorithm: "RS384" }, undefined, ["PS256"], "PS256"],
  [{ kind: "RSA" }, "PS384", ["RS256"], "PS384"],
];

for (const [key, asked, supported, expected] of CHOICES) {
  const what = `${JSON.stringify(key)}, asked ${asked}, the server takes ${supported}`;
  Deno.test(`the algorithm follows from key and server (X4): ${what}`, () => {
    equal(chooseSigningAlgorithm(key, asked, supported, SERVER.issuer), expected);
  });
}

Deno.test("a key that the server cannot take, or that cannot sign so, is said beforehand", () => {
  const choose = (asked: string | undefined, supported?: readonly string[]) =>
    chooseSigningAlgorithm({ kind: "P-256" }, asked, supported, SERVER.issuer);
  throws(() => choose(undefined, ["RS256", "PS256"]), coded("CONFIG_INVALID", /accepts RS256, PS256/));
  throws(() => choose("RS256"), coded("CONFIG_INVALID", /"RS256"/));
  throws(() => choose("none"), coded("CONFIG_INVALID", /"none"/));
});

/** What openssl makes. */
async function openssl(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("openssl", { args }).output();
  ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("keys of openssl are read as they are, and older forms are told how to convert", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const made = await openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256");
    equal((await readSigningKey(`Bag Attributes\n  friendlyName: x\n${made}\n`)).kind, "P-256");
    await Deno.writeTextFile(`${folder}/key.pem`, made);
    const legacy = await openssl("ec", "-in", `${folder}/key.pem`);
    const locked = await openssl("pkcs8", "-topk8", "-in", `${folder}/key.pem`, "-passout", "pass:x");
    const open = await openssl("pkey", "-in", `${folder}/key.pem`, "-pubout");
    const short = await openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024");
    const other = await openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1");
    const lockedLegacy = await openssl(
      ...["ec", "-in", `${folder}/key.pem`, "-aes256", "-passout", "pass:x"],
    );
    equal((await readSigningKey(made.replaceAll("\n", "\\n"))).kind, "P-256");
    const ssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n";
    const cases = [
      [lockedLegacy, /encrypted/, /pkcs8 -topk8 -nocrypt/],
      [ssh, /OpenSSH/, /ssh-keygen -p -N '' -m PKCS8/],
      ['{"keys":[{"kty":"EC","d":"x"}]}', /set of keys/, /one key/],
      [legacy, /"EC PRIVATE KEY", not PKCS #8/, /pkcs8 -topk8 -nocrypt/],
      [locked, /encrypted/, /openssl pkcs8 -in/],
      [open, /no private key in it/, undefined],
      [short, /1024 bits is too short/, undefined],
      [other, /damaged, or of a kind/, /P-256/],
    ] as const;
    for (const [text, words, hint] of cases) {
      await rejects(readSigningKey(text), (error) => {
        coded("CONFIG_INVALID", words)(error);
        return hint === undefined || hint.test((error as { hint?: string }).hint ?? "");
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("whatever is no key is refused, and not a character of it is shown", async () => {
  const texts = fc.oneof(
    fc.string({ minLength: 12 }),
    fc.json(),
    fc.base64String({ minLength: 40 }).map((text) =>
      `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----`
    ),
    fc.record({ kty: fc.constantFrom("EC", "RSA", "OKP", "oct"), d: fc.base64String(), crv: fc.string() })
      .map((jwk) => JSON.stringify(jwk)),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      await rejects(readSigningKey(text), (error) => {
        coded("CONFIG_INVALID")(error);
        const body = text.replace(/-----[^-]+-----|\s/g, "");
        return body.length < 16 || !(error as Error).message.includes(body.slice(0, 16));
      });
    }),
    { numRuns: 500 },
  );
  await rejects(readSigningKey("a".repeat(30_000)), coded("CONFIG_INVALID", /too long/));
});

Deno.test("a public JWK is no private key, and a private one keeps its kid", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  await rejects(
    readSigningKey(JSON.stringify(await exportJWK(publicKey))),
    coded("CONFIG_INVALID", /without its private part/),
  );
  const { keyId, algorithm } = await readSigningKey(
    JSON.stringify({ ...await exportJWK(privateKey), kid: "k", alg: "ES256" }),
  );
  deepEqual([keyId, algorithm], ["k", "ES256"]);
});

Deno.test("a stored key that is damaged is an error with a code, when it is to sign", async () => {
  const client = {
    clientId: "me",
    privateKey: "-----BEGIN PRIVATE KEY-----\nAAAA\n",
    signingAlgorithm: "ES256",
  };
  await rejects(signed(client), coded("CONFIG_INVALID"));
  await rejects(signed({ ...client, signingAlgorithm: "HS256" }), coded("CONFIG_INVALID"));
});
