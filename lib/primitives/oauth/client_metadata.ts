/**
 * Client ID metadata documents: a client whose identifier is the https URL of its own description. This module makes
 * such documents, and judges their URLs and what is hosted there; fetching and hosting are others' part. A document
 * describes a client of this program: a native one, whose loopback redirect URIs name no port, since RFC 8252 section
 * 7.3 has servers ignore it. The package publishes one for itself, beside its code and with its version.
 *
 * @see draft-ietf-oauth-client-id-metadata-document-02 sections 3 to 5
 * @see MCP 2026-07-28 client registration (C27-C31, C37)
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { CLIENT_DOCUMENT_MAX_BYTES } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { VERSION } from "../version.ts";
import { isLoopbackHost } from "../web_url.ts";
import { isObject } from "./json.ts";

/** Where the package is published. */
export const PACKAGE_URL = "https://jsr.io/@x/mcp-auth";

/** The document of this very version of the program; until it is published there, no server is sent to it. */
export const CLIENT_METADATA_URL = `${PACKAGE_URL}/${VERSION}/lib/client.json`;

/** What says, in place of a URL, that no document is to be used. */
export const NO_DOCUMENT = "none";

/** The path of this program's redirect URIs. */
const CALLBACK_PATH = "/callback";

/** The redirect URIs of a document that names no ports: any port will do, where servers follow RFC 8252 section 7.3. */
export const LOOPBACK_REDIRECT_URIS: readonly string[] = loopbackUris("");

/** Members of a key that are secret: RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1. */
const PRIVATE_MEMBERS: readonly string[] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Ways to authenticate that need a secret which the server knows as well. */
const SHARED_SECRET_METHODS: readonly unknown[] = [
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
];

/** A document, in the words of RFC 7591. */
export interface ClientMetadata {
  readonly client_id: string;
  readonly client_name: string;
  readonly client_uri: string;
  readonly redirect_uris: readonly string[];
  readonly grant_types: readonly string[];
  readonly response_types: readonly string[];
  readonly application_type: "native" | "web";
  readonly token_endpoint_auth_method: "none" | "private_key_jwt";
  readonly token_endpoint_auth_signing_alg?: string;
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
}

/** What a document is to say. */
export interface DocumentWish {
  /** Where it will be hosted, byte for byte: its `client_id`. */
  readonly url: string;
  /** Shown to people by servers. */
  readonly clientName: string;
  /** Redirect URIs in place of those on loopback. */
  readonly redirectUris?: readonly string[] | undefined;
  /** Ports to name in loopback redirect URIs, for servers that compare them. */
  readonly callbackPorts?: readonly number[] | undefined;
  /** A JWK or a set of them, for a client that authenticates by a key; only what is public of it gets in. */
  readonly jwks?: unknown;
}

/** What was found of one rule. */
export interface Verdict {
  /** The rule, in a few words. */
  readonly check: string;
  readonly ok: boolean;
  /** What is there, or what is wrong with it. */
  readonly detail: string;
}

/**
 * Refuses a URL that cannot be a client identifier.
 *
 * @param url As given: it is sent byte for byte.
 * @returns The same string.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function checkClientMetadataUrl(url: string): string {
  const invalid = (why: string) =>
    new McpAuthError("CONFIG_INVALID", `Cannot use client metadata URL "${safeUrl(url)}": ${why}`, {
      hint: "Give an https URL with a path, such as https://example.com/client.json",
    });
  const parsed = URL.parse(url);
  if (parsed === null) throw invalid("not an absolute URL");
  if (parsed.protocol !== "https:") throw invalid("it is not https");
  if (parsed.username !== "" || parsed.password !== "") throw invalid("it contains a user name or password");
  if (url.includes("#")) throw invalid("it has a fragment");
  if (/[^\x21-\x5b\x5d-\x7e]/.test(url)) throw invalid("it has characters that no URL has");
  if (/\/(?:\.|%2e){1,2}(\/|$)/i.test(url.replace(/[?#].*$/s, "").replace(/^https:\/\//i, ""))) {
    throw invalid("its path has dot segments");
  }
  if (parsed.pathname === "/") throw invalid("it has no path");
  return url;
}

/**
 * Refuses what is neither such a URL nor {@linkcode NO_DOCUMENT}.
 *
 * @param choice As given.
 * @returns The same string.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function checkDocumentChoice(choice: string): string {
  return choice === NO_DOCUMENT ? choice : checkClientMetadataUrl(choice);
}

/**
 * Makes a document.
 *
 * @param wish What it is to say.
 * @throws {McpAuthError} `CONFIG_INVALID` for a URL, a redirect URI or keys that no document may have.
 */
export function clientMetadataDocument(wish: DocumentWish): ClientMetadata {
  const url = checkClientMetadataUrl(wish.url);
  const keys = wish.jwks === undefined ? undefined : publicKeys(wish.jwks);
  const uris = [
    ...(wish.redirectUris === undefined ? LOOPBACK_REDIRECT_URIS : []),
    ...(wish.callbackPorts ?? []).flatMap((port) => loopbackUris(`:${port}`)),
    ...(wish.redirectUris ?? []),
  ];
  const algorithm = keys?.[0]?.alg;
  const document: ClientMetadata = {
    client_id: url,
    client_name: wish.clientName,
    client_uri: url.startsWith(`${PACKAGE_URL}/`) ? PACKAGE_URL : `${new URL(url).origin}/`,
    redirect_uris: [...new Set(uris)],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    application_type: uris.some((uri) => !isWeb(uri)) ? "native" : "web",
    token_endpoint_auth_method: keys === undefined ? "none" : "private_key_jwt",
    ...(typeof algorithm === "string" ? { token_endpoint_auth_signing_alg: algorithm } : {}),
    ...(keys === undefined ? {} : { jwks: { keys } }),
  };
  const wrong = judgeDocument(document, url).find(({ ok }) => !ok);
  if (wrong === undefined) return document;
  throw new McpAuthError("CONFIG_INVALID", `Cannot make the document: ${wrong.check}: ${wrong.detail}`);
}

/**
 * Judges a document by the rules for its members.
 *
 * @param json What is hosted.
 * @param url Where.
 * @returns A verdict for each rule.
 * @see draft-ietf-oauth-client-id-metadata-document-02 section 4 (C28, C29)
 */
export function judgeDocument(json: unknown, url: string): readonly Verdict[] {
  if (!isObject(json)) return [{ check: "is a JSON object", ok: false, detail: "it is not" }];
  const method = json.token_endpoint_auth_method;
  return [
    { check: "is a JSON object", ok: true, detail: `${Object.keys(json).length} members` },
    judge(
      "client_id is the URL",
      json.client_id === url,
      shown(json.client_id),
      `it is ${shown(json.client_id)}`,
    ),
    judge(
      "client_name is there",
      typeof json.client_name === "string" && json.client_name !== "",
      shown(json.client_name),
      "it is missing",
    ),
    judgeRedirectUris(json.redirect_uris),
    judge(
      "no secret",
      !("client_secret" in json) && !("client_secret_expires_at" in json),
      "none",
      "client_secret or client_secret_expires_at is there: anybody can read it",
    ),
    judge(
      "token_endpoint_auth_method needs no shared secret",
      !SHARED_SECRET_METHODS.includes(method),
      method === undefined ? "left out" : shown(method),
      shown(method),
    ),
    judge(
      "no private keys",
      !hasPrivateKeys(json.jwks),
      "none",
      "jwks has private keys: anybody can read them",
    ),
    judge(
      "a key for private_key_jwt",
      method !== "private_key_jwt" || json.jwks !== undefined || json.jwks_uri !== undefined,
      method === "private_key_jwt" ? "jwks or jwks_uri is there" : "not needed",
      "neither jwks nor jwks_uri is there",
    ),
    judge(
      "grant_types allow what a sign-in does",
      json.grant_types === undefined ||
        Array.isArray(json.grant_types) && json.grant_types.includes("authorization_code"),
      json.grant_types === undefined ? "left out: authorization_code" : shown(json.grant_types),
      `authorization_code is not in ${shown(json.grant_types)}`,
    ),
  ];
}

/** The judgement of how large a document is. */
export function judgeSize(bytes: number): Verdict {
  const detail = `${bytes} bytes`;
  return judge(
    `at most ${CLIENT_DOCUMENT_MAX_BYTES} bytes`,
    bytes <= CLIENT_DOCUMENT_MAX_BYTES,
    detail,
    `${detail}: servers stop reading after that`,
  );
}

/**
 * Whether a redirect URI is among those that were registered: byte for byte, or but for its port where it is on
 * loopback.
 *
 * @param registered As registered.
 * @param redirectUri As it would be sent.
 * @see RFC 8252 section 7.3
 */
export function coversRedirectUri(registered: readonly string[], redirectUri: string): boolean {
  if (registered.includes(redirectUri)) return true;
  const wanted = withoutLoopbackPort(redirectUri);
  return wanted !== undefined && registered.some((each) => withoutLoopbackPort(each) === wanted);
}

function judgeRedirectUris(uris: unknown): Verdict {
  const check = "redirect_uris lead to this program";
  if (!Array.isArray(uris) || uris.length === 0 || !uris.every((each) => typeof each === "string")) {
    return { check, ok: false, detail: "they are missing" };
  }
  const list: readonly string[] = uris;
  const broken = list.find((uri) => !URL.canParse(uri) || uri.includes("#"));
  if (broken !== undefined) return { check, ok: false, detail: `${shown(broken)} is no redirect URI` };
  if (LOOPBACK_REDIRECT_URIS.some((uri) => list.includes(uri))) {
    return { check, ok: true, detail: "on loopback, at any port where the server ignores it (RFC 8252)" };
  }
  const ports = list.flatMap((uri) => withoutLoopbackPort(uri) === undefined ? [] : [new URL(uri).port]);
  if (ports.length > 0) {
    const flags = [...new Set(ports)].map((port) => `--callback-port ${port}`).join(" ");
    return { check, ok: true, detail: `on loopback with a port: sign in with ${flags}` };
  }
  const web = list.find(isWeb);
  return web === undefined
    ? { check, ok: false, detail: `none is http://127.0.0.1${CALLBACK_PATH}, at which sign-ins end` }
    : { check, ok: true, detail: `none on loopback: sign in with --redirect-uri ${safeUrl(web)}` };
}

function judge(check: string, ok: boolean, good: string, bad: string): Verdict {
  return { check, ok, detail: ok ? good : bad };
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : safeText(typeof value === "string" ? `"${value}"` : value, 200);
}

function loopbackUris(port: string): readonly string[] {
  return ["127.0.0.1", "localhost", "[::1]"].map((host) => `http://${host}${port}${CALLBACK_PATH}`);
}

/** The URI without its port; undefined for one that is not on loopback, or not ours. */
function withoutLoopbackPort(uri: string): string | undefined {
  const url = URL.parse(uri);
  const isOurs = url?.protocol === "http:" && isLoopbackHost(url.hostname) && url.pathname === CALLBACK_PATH;
  return isOurs ? `http://${url.hostname}${url.pathname}${url.search}` : undefined;
}

function isWeb(uri: string): boolean {
  const url = URL.parse(uri);
  return url?.protocol === "https:" && !isLoopbackHost(url.hostname);
}

function hasPrivateKeys(jwks: unknown): boolean {
  const keys = isObject(jwks) && Array.isArray(jwks.keys) ? jwks.keys : [];
  return keys.some((key) => isObject(key) && PRIVATE_MEMBERS.some((member) => member in key));
}

/** What is public of keys; a key that is secret as a whole is none for a document. */
function publicKeys(jwks: unknown): readonly Readonly<Record<string, unknown>>[] {
  const invalid = (why: string) => new McpAuthError("CONFIG_INVALID", `Cannot use the keys: ${why}`);
  const keys: readonly unknown[] = isObject(jwks) && Array.isArray(jwks.keys) ? jwks.keys : [jwks];
  if (keys.length === 0) throw invalid("there are none");
  return keys.map((key) => {
    if (!isObject(key) || typeof key.kty !== "string") throw invalid("they are no JWK and no set of them");
    if (key.kty === "oct") throw invalid("one is a shared secret, which nobody else may see");
    return Object.fromEntries(Object.entries(key).filter(([name]) => !PRIVATE_MEMBERS.includes(name)));
  });
}
