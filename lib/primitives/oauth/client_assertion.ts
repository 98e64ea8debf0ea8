/**
 * Private keys that clients authenticate with, and the assertions that they sign. A key is told what it is: the
 * algorithm follows from the key and from what the server accepts, so that nobody has to name it. A new assertion is
 * signed for every request, is good for minutes, and names the issuer as its audience (RFC 7523bis), not the token
 * endpoint: a server that gets one cannot use it at another.
 *
 * @see RFC 7523 sections 2.2 and 3, RFC 7521 section 4.2, RFC 7518 section 3 (X3-X5)
 * @module
 */
import * as oauth from "oauth4webapi";
import { McpAuthError } from "../errors.ts";
import { CLIENT_ASSERTION_LIFE_S, PRIVATE_KEY_MAX_CHARS, RSA_BITS_MIN } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { isObject } from "./json.ts";

/** What a key is: the curve of one on an elliptic curve, else its family. */
type KeyKind = "P-256" | "P-384" | "P-521" | "Ed25519" | "RSA";

type KeyParameters = EcKeyImportParams | RsaHashedImportParams | { readonly name: "Ed25519" };

const rsa = (name: string, bits: number): readonly [KeyKind, KeyParameters] => ["RSA", {
  name,
  hash: `SHA-${bits}`,
}];
const ec = (namedCurve: "P-256" | "P-384" | "P-521"): readonly [KeyKind, KeyParameters] => [namedCurve, {
  name: "ECDSA",
  namedCurve,
}];

/** The JWS algorithms that assertions can be signed with; for each kind of key the usual one comes first. */
const ALGORITHMS = {
  ES256: ec("P-256"),
  ES384: ec("P-384"),
  ES512: ec("P-521"),
  EdDSA: ["Ed25519", { name: "Ed25519" }],
  Ed25519: ["Ed25519", { name: "Ed25519" }],
  RS256: rsa("RSASSA-PKCS1-v1_5", 256),
  PS256: rsa("RSA-PSS", 256),
  RS384: rsa("RSASSA-PKCS1-v1_5", 384),
  PS384: rsa("RSA-PSS", 384),
  RS512: rsa("RSASSA-PKCS1-v1_5", 512),
  PS512: rsa("RSA-PSS", 512),
} as const satisfies Record<string, readonly [KeyKind, KeyParameters]>;

/** One of the algorithms that assertions can be signed with. */
export type SigningAlgorithm = keyof typeof ALGORITHMS;

/** Their names. */
export const SIGNING_ALGORITHMS = Object.keys(ALGORITHMS) as readonly SigningAlgorithm[];

/** A private key that was read and can sign. */
export interface SigningKey {
  /** PKCS #8 in PEM: a secret. */
  readonly pem: string;
  /** What it is. */
  readonly kind: KeyKind;
  /** The `kid` that came with it. */
  readonly keyId?: string;
  /** The algorithm that came with it. */
  readonly algorithm?: SigningAlgorithm;
}

/** The part of a client that signs its assertions. */
export interface AssertingClient {
  readonly clientId: string;
  /** PKCS #8 in PEM. */
  readonly privateKey?: string;
  readonly signingAlgorithm?: string;
  readonly keyId?: string;
  /** The `aud`; the server's issuer when left out. */
  readonly assertionAudience?: string;
}

/**
 * Reads a private key: PKCS #8 in PEM, or a JWK. What is wrong is said without a character of it.
 *
 * @param text What the file or the variable holds.
 * @throws {McpAuthError} `CONFIG_INVALID`, with the command that converts it where there is one.
 */
export async function readSigningKey(text: string): Promise<SigningKey> {
  const trimmed = text.trim();
  if (trimmed.length > PRIVATE_KEY_MAX_CHARS) throw unusable("it is too long for a private key");
  return trimmed.startsWith("{") ? await readJwk(trimmed) : await readPem(trimmed);
}

async function readPem(text: string): Promise<SigningKey> {
  // A variable that holds a file often has "\n" for its line breaks; base64 has no such thing.
  const lines = text.replaceAll("\\n", "\n");
  const blocks = [...lines.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----/gs)];
  const found = blocks.find(([, label]) => label?.endsWith("PRIVATE KEY"));
  if (found === undefined) {
    throw unusable(blocks.length === 0 ? "it is neither PEM nor a JWK" : "there is no private key in it");
  }
  const [, label, body = ""] = found;
  if (label === "ENCRYPTED PRIVATE KEY") {
    throw unusable("it is encrypted", "Decrypt it with: openssl pkcs8 -in <file> -out <new file>");
  }
  // The older forms name it in a header (RFC 1421 section 4.6.1.1).
  if (/^\s*Proc-Type:.*ENCRYPTED/.test(body)) {
    throw unusable(
      "it is encrypted",
      "Decrypt it with: openssl pkcs8 -topk8 -nocrypt -in <file> -out <new file>",
    );
  }
  if (label === "OPENSSH PRIVATE KEY") {
    throw unusable(
      "it is in the form of OpenSSH, not PKCS #8",
      "Convert a copy of it in place with: ssh-keygen -p -N '' -m PKCS8 -f <copy>",
    );
  }
  if (label !== "PRIVATE KEY") {
    throw unusable(
      `it is "${safeText(label, 40)}", not PKCS #8`,
      "Convert it with: openssl pkcs8 -topk8 -nocrypt -in <file> -out <new file>",
    );
  }
  const der = fromBase64(body);
  for (const algorithm of SIGNING_ALGORITHMS) {
    const [kind, parameters] = ALGORITHMS[algorithm];
    const key = der && await imported("pkcs8", der, parameters);
    if (key !== undefined) return { pem: toPem(der), kind: checkedKind(kind, key) };
  }
  throw notAKey();
}

async function readJwk(text: string): Promise<SigningKey> {
  const jwk = parsed(text);
  if (jwk === undefined) throw unusable("it is neither PEM nor a JWK");
  if (Array.isArray(jwk.keys)) throw unusable("it is a set of keys", "Give one key of it, as a JWK");
  if (jwk.d === undefined) throw unusable("it is a JWK without its private part");
  const { kty, crv, x, y, d, n, e, p, q, dp, dq, qi } = jwk as Record<string, string>;
  // What a key may be used for is the business of whoever made it, and some name it wrongly.
  const bare = present({ kty, crv, x, y, d, n, e, p, q, dp, dq, qi }) as JsonWebKey;
  const known = SIGNING_ALGORITHMS.find((algorithm) => algorithm === jwk.alg);
  for (const [kind, parameters] of Object.values(ALGORITHMS)) {
    const key = await imported("jwk", bare, parameters);
    if (key === undefined) continue;
    return present({
      pem: toPem(new Uint8Array(await crypto.subtle.exportKey("pkcs8", key))),
      kind: checkedKind(kind, key),
      keyId: typeof jwk.kid === "string" && jwk.kid !== "" ? jwk.kid : undefined,
      algorithm: known !== undefined && ALGORITHMS[known][0] === kind ? known : undefined,
    });
  }
  throw notAKey();
}

/**
 * The algorithm that a key signs with at a server: the one that was asked for, else the one that came with the key, else
 * the key's usual one among those that the server accepts. An RSA key signs with PSS where the server takes it.
 *
 * @param key The key.
 * @param asked `--signing-algorithm`; it is used whatever the server says.
 * @param supported `token_endpoint_auth_signing_alg_values_supported`; undefined where the server does not say.
 * @param issuer The server, for the message.
 * @throws {McpAuthError} `CONFIG_INVALID` where the key cannot sign so, or the server takes nothing that it can.
 * @see RFC 8414 section 2 (X4)
 */
export function chooseSigningAlgorithm(
  key: Pick<SigningKey, "kind" | "algorithm">,
  asked: string | undefined,
  supported: readonly string[] | undefined,
  issuer: string,
): SigningAlgorithm {
  const own = SIGNING_ALGORITHMS.filter((algorithm) => ALGORITHMS[algorithm][0] === key.kind);
  const fit = (algorithm: string | undefined) => own.find((each) => each === algorithm);
  if (asked !== undefined) {
    const chosen = fit(asked);
    if (chosen !== undefined) return chosen;
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot sign with "${safeText(asked, 40)}": the private key is ${key.kind}`,
      { hint: `It signs with ${own.join(", ")}` },
    );
  }
  const [usual] = own;
  const preferred = key.kind === "RSA" && supported?.includes("PS256") ? "PS256" : usual;
  const candidates = [key.algorithm, preferred, ...own].filter((algorithm) => algorithm !== undefined);
  if (supported === undefined || supported.length === 0) return candidates[0] ?? "ES256";
  const accepted = candidates.find((algorithm) => supported.includes(algorithm));
  if (accepted !== undefined) return accepted;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot sign for "${safeUrl(issuer)}": it accepts ${
      safeText(supported.join(", "), 100)
    }, and the private key is ${key.kind}`,
    { hint: `Use a key of another kind, or try it all the same with --signing-algorithm ${usual}` },
  );
}

/**
 * The authentication of a client by an assertion that its key signs, anew for each request.
 *
 * @param client Its id and its key.
 * @param withClientId Whether the request names the client beside the assertion, which says it already.
 * @param aheadS How far the server's clock is ahead of ours, in seconds.
 * @throws {McpAuthError} When the request is made: `CONFIG_INVALID` for a key that cannot be used.
 */
export function privateKeyJwt(
  client: AssertingClient,
  withClientId = true,
  aheadS = 0,
): oauth.ClientAuth {
  return async (server, identity, body, headers) => {
    const { algorithm, key } = await signingKeyOf(client);
    const hadClientId = body.has("client_id");
    const sign = oauth.PrivateKeyJwt(client.keyId === undefined ? key : { key, kid: client.keyId }, {
      [oauth.modifyAssertion]: (header, payload) => {
        header.alg = algorithm;
        payload.aud = client.assertionAudience ?? server.issuer;
        payload.iat = Number(payload.iat) + aheadS;
        payload.exp = payload.iat as number + CLIENT_ASSERTION_LIFE_S;
        // Of no use beside "iat", and a server whose clock is a second behind would refuse the assertion.
        delete payload.nbf;
      },
    });
    await sign(server, identity, body, headers);
    if (!withClientId && !hadClientId) body.delete("client_id");
  };
}

async function signingKeyOf({ privateKey = "", signingAlgorithm }: AssertingClient) {
  const der = fromBase64(privateKey.replace(/-----[^-]+-----/g, ""));
  const algorithm = SIGNING_ALGORITHMS.find((each) => each === signingAlgorithm);
  const key = der && algorithm && await imported("pkcs8", der, ALGORITHMS[algorithm][1]);
  if (algorithm === undefined || key === undefined) throw notAKey();
  return { algorithm, key };
}

async function imported(
  format: "pkcs8" | "jwk",
  data: Uint8Array<ArrayBuffer> | JsonWebKey,
  parameters: KeyParameters,
): Promise<CryptoKey | undefined> {
  try {
    return format === "jwk"
      ? await crypto.subtle.importKey(format, data as JsonWebKey, parameters, true, ["sign"])
      : await crypto.subtle.importKey(format, data as Uint8Array<ArrayBuffer>, parameters, true, ["sign"]);
  } catch {
    return undefined;
  }
}

/** RFC 7518 section 3.3 and 3.5. */
function checkedKind(kind: KeyKind, { algorithm }: CryptoKey): KeyKind {
  const bits = "modulusLength" in algorithm ? Number(algorithm.modulusLength) : RSA_BITS_MIN;
  if (bits >= RSA_BITS_MIN) return kind;
  throw unusable(`an RSA key of ${bits} bits is too short: ${RSA_BITS_MIN} are needed`);
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text.replace(/\s+/g, ""));
  } catch {
    return undefined;
  }
}

function toPem(der: Uint8Array<ArrayBuffer> | undefined): string {
  const lines = der?.toBase64().match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}

function present<T extends object>(members: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}

function notAKey(): McpAuthError {
  return unusable(
    "it is damaged, or of a kind that is not supported",
    "Keys on the curves P-256, P-384 and P-521, Ed25519 and RSA are",
  );
}

function unusable(why: string, hint = "Give a private key as PKCS #8 in PEM, or as a JWK"): McpAuthError {
  return new McpAuthError("CONFIG_INVALID", `Cannot use the private key: ${why}`, { hint });
}
