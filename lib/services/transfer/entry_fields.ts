/**
 * Reads an entry of an export, member by member, with the rules that the same values meet when they come from a command
 * line or a server. The tokens, the client and the metadata must name one issuer: they go nowhere else afterwards.
 *
 * @module
 */
import { ERROR_CODES } from "../../primitives/errors.ts";
import { KEEP_ALIVE_MAX_S, TOOL_PATTERN_MAX_CHARS } from "../../primitives/bridge_limits.ts";
import { ACCOUNT_MAX_CHARS, EXPORT_CLIENTS_MAX, STORE_VALUE_MAX_BYTES } from "../../primitives/limits.ts";
import { checkDocumentChoice } from "../../primitives/oauth/client_metadata.ts";
import { checkEndpoint } from "../../primitives/oauth/server_metadata.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import { checkEntryName, parseHeader } from "../config/mod.ts";
import {
  type ClientRecord,
  type CredentialRecord,
  entryShape,
  type ServerOptions,
  type ServerRecord,
  type WholeEntry,
} from "../credentials/mod.ts";
import { GRANTS, PEM, readSignInOptions } from "./sign_in_fields.ts";
import { Fields, present, PRINTABLE, type TextRule, unfit } from "./fields.ts";

/** A token fills a record at most. */
const TOKEN: TextRule = { max: STORE_VALUE_MAX_BYTES, pattern: PRINTABLE };
const URL_TEXT: TextRule = { max: 8_000, pattern: /^[^\p{Cc}]+$/u };
const ID: TextRule = { max: 4_000, pattern: PRINTABLE };
const SCOPE: TextRule = { max: 1_000, pattern: /^[\x21\x23-\x5b\x5d-\x7e]+$/ };
const WORD: TextRule = { max: 1_000, pattern: /^[^\p{Cc}]+$/u };
const TOOL_PATTERN: TextRule = { max: TOOL_PATTERN_MAX_CHARS, pattern: /^[^\p{Cc}]+$/u };

/**
 * Reads an entry.
 *
 * @param value What the file has in its place.
 * @param path Where that is, for messages.
 * @throws {McpAuthError} `CONFIG_INVALID` when any part of it is not what it must be.
 */
export function readEntry(value: unknown, path: string): WholeEntry {
  const fields = new Fields(value, path);
  const server = readServer(fields.fields("server"));
  const credential = fields.maybeFields("credential");
  return {
    server,
    ...(credential === undefined ? {} : { credential: readCredential(credential, server.name) }),
    clients: fields.list("clients", EXPORT_CLIENTS_MAX).map((each, index) => {
      const client = readClient(new Fields(each, `${path}.clients[${index}]`), server.name);
      if (client.redirectShape === entryShape(server.name)) return client;
      throw unfit(`${path}.clients[${index}]`, "belongs to another entry");
    }),
  };
}

function readServer(fields: Fields): ServerRecord {
  const name = fields.judged("name", () => checkEntryName(fields.text("name", { max: 64 })));
  const url = webUrl(fields, "url");
  if (url.includes("#")) throw unfit(`${fields.path}.url`, "has a fragment");
  return {
    name,
    url,
    createdAt: fields.time("createdAt"),
    signIn: fields.oneOf("signIn", ["oauth", "none", "token"]),
    ...(fields.raw("kind") === undefined ? {} : { kind: fields.oneOf("kind", ["api"]) }),
    options: readOptions(fields.fields("options")),
  };
}

function readOptions(fields: Fields): ServerOptions {
  const headers = fields.maybeFields("headers");
  const parameters = fields.maybeFields("authorizeParameters");
  const metadataUrl = fields.maybeText("clientMetadataUrl", URL_TEXT);
  return present({
    scopes: fields.maybeTexts("scopes", SCOPE),
    resource: maybeResource(fields),
    clientId: fields.maybeText("clientId", ID),
    clientMetadataUrl: metadataUrl === undefined
      ? undefined
      : fields.judged("clientMetadataUrl", () => checkDocumentChoice(metadataUrl)),
    callbackPorts: fields.maybeIntegers("callbackPorts", 0, 65_535),
    headers: headers && Object.fromEntries(headers.names.map((name) =>
      headers.judged(name, () => {
        const [read, value] = parseHeader(`${name}: ${headers.text(name, { max: 16_000, empty: true })}`);
        if (read !== name) throw unfit(headers.path, "has a name that is none");
        return [name, value];
      })
    )),
    allowPrivateHosts: fields.maybeTexts("allowPrivateHosts", { max: 300, pattern: /^[\x21-\x7e]+$/ }),
    allowMissingPkceMetadata: fields.maybeTrue("allowMissingPkceMetadata"),
    authorizeParameters: parameters && Object.fromEntries(
      parameters.names.map((name) => [name, parameters.text(name, { ...WORD, empty: true })]),
    ),
    clientName: fields.maybeText("clientName", WORD),
    transport: fields.raw("transport") === undefined
      ? undefined
      : fields.oneOf("transport", ["http", "sse", "websocket"]),
    websocketAuth: fields.raw("websocketAuth") === undefined
      ? undefined
      : fields.oneOf("websocketAuth", ["header", "query", "message"]),
    allowTools: fields.maybeTexts("allowTools", TOOL_PATTERN),
    ignoreTools: fields.maybeTexts("ignoreTools", TOOL_PATTERN),
    keepAliveSeconds: fields.raw("keepAliveSeconds") === undefined
      ? undefined
      : fields.integer("keepAliveSeconds", 0, KEEP_ALIVE_MAX_S),
    ...readSignInOptions(fields),
  });
}

function readClient(fields: Fields, entry: string): ClientRecord {
  const redirectShape = fields.text("redirectShape", { max: 100, pattern: PRINTABLE });
  if (redirectShape.startsWith(entryShape("")) && redirectShape !== entryShape(entry)) {
    throw unfit(`${fields.path}.redirectShape`, "names another entry");
  }
  return present({
    issuer: webUrl(fields, "issuer"),
    redirectShape,
    source: fields.oneOf("source", ["pre-registered", "client-id-metadata", "dynamic", "none"]),
    clientName: fields.maybeText("clientName", WORD),
    byHand: fields.maybeTrue("byHand"),
    clientId: fields.text("clientId", { ...ID, empty: fields.raw("source") === "none" }),
    clientSecret: fields.maybeText("clientSecret", ID),
    clientSecretExpiresAt: fields.maybeTime("clientSecretExpiresAt"),
    tokenEndpointAuthMethod: fields.oneOf(
      "tokenEndpointAuthMethod",
      ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
    ),
    privateKey: fields.maybeText("privateKey", PEM),
    signingAlgorithm: fields.maybeText("signingAlgorithm", ID),
    keyId: fields.maybeText("keyId", ID),
    assertionAudience: fields.maybeText("assertionAudience", URL_TEXT),
    dpopBoundTokens: fields.maybeTrue("dpopBoundTokens"),
    requiresPushedRequests: fields.maybeTrue("requiresPushedRequests"),
    redirectUris: fields.texts("redirectUris", URL_TEXT),
    registrationClientUri: fields.raw("registrationClientUri") === undefined
      ? undefined
      : webUrl(fields, "registrationClientUri"),
    registrationAccessToken: fields.maybeText("registrationAccessToken", ID),
    registeredAt: fields.time("registeredAt"),
  });
}

function readCredential(fields: Fields, name: string): CredentialRecord {
  const issuer = webUrl(fields, "issuer");
  const client = readClient(fields.fields("client"), name);
  const pending = fields.maybeFields("pendingRefresh");
  const error = fields.maybeFields("lastError");
  if (fields.raw("name") !== name) throw unfit(`${fields.path}.name`, "is another than its entry's");
  if (client.issuer !== issuer) throw unfit(`${fields.path}.client`, "is of another issuer than the tokens");
  return present({
    name,
    issuer,
    authorizationServer: readMetadata(
      fields.fields("authorizationServer"),
      issuer,
      // A token that was given by hand is renewed nowhere.
      client.source !== "none" || (fields.raw("grant") ?? fields.raw("refreshToken")) !== undefined,
    ),
    client,
    resource: maybeResource(fields),
    requestedScopes: fields.texts("requestedScopes", SCOPE),
    grantedScopes: fields.texts("grantedScopes", SCOPE),
    accessToken: fields.text("accessToken", TOKEN),
    tokenType: fields.text("tokenType", { max: 100, pattern: PRINTABLE }),
    dpopKey: readKey(fields.maybeFields("dpopKey")),
    grant: fields.raw("grant") === undefined ? undefined : fields.oneOf("grant", GRANTS),
    refreshToken: fields.maybeText("refreshToken", TOKEN),
    idToken: fields.maybeText("idToken", TOKEN),
    expiresAt: fields.maybeTime("expiresAt"),
    obtainedAt: fields.time("obtainedAt"),
    quirks: fields.maybeTexts("quirks", { max: 64, pattern: /^[a-z0-9-]+$/ }),
    account: fields.maybeText("account", {
      max: ACCOUNT_MAX_CHARS,
      pattern: /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u,
    }),
    pendingRefresh: pending &&
      { at: pending.time("at"), state: pending.oneOf("state", ["sent", "unanswered"]) },
    lastError: error && {
      code: error.oneOf("code", ERROR_CODES),
      message: safeText(error.text("message", { max: 4_000 })),
      at: error.time("at"),
    },
  });
}

/** An elliptic curve key, as a JWK (RFC 7518 section 6.2). */
function readKey(fields: Fields | undefined): JsonWebKey | undefined {
  if (fields === undefined) return undefined;
  const coordinate: TextRule = { max: 200, pattern: /^[\w-]+$/ };
  return {
    kty: fields.oneOf("kty", ["EC"]),
    crv: fields.oneOf("crv", ["P-256"]),
    x: fields.text("x", coordinate),
    y: fields.text("y", coordinate),
    d: fields.text("d", coordinate),
  };
}

/** The endpoints, each as strict as when they were discovered. */
function readMetadata(
  fields: Fields,
  issuer: string,
  isRenewable: boolean,
): Readonly<Record<string, unknown>> {
  if (fields.raw("issuer") !== issuer) {
    throw unfit(`${fields.path}.issuer`, "is another than that of the tokens");
  }
  if (isRenewable) fields.text("token_endpoint", URL_TEXT);
  const endpoints = fields.names.filter((name) => name.endsWith("_endpoint"));
  return {
    issuer,
    ...Object.fromEntries(endpoints.map((name) => {
      const endpoint = fields.text(name, URL_TEXT);
      fields.judged(name, () => checkEndpoint(endpoint, name, issuer));
      return [name, endpoint];
    })),
  };
}

function webUrl(fields: Fields, name: string): string {
  const url = fields.text(name, URL_TEXT);
  fields.judged(name, () => parseWebUrl(url, name));
  return url;
}

function maybeResource(fields: Fields): string | undefined {
  const resource = fields.maybeText("resource", URL_TEXT);
  if (resource === undefined || (URL.canParse(resource) && !resource.includes("#"))) return resource;
  throw unfit(`${fields.path}.resource`, "is no absolute URI without a fragment");
}
