/**
 * Reads what an entry of an export says about the way to sign in: the grant, the callback, the authorization server.
 *
 * @module
 */
import { CALLBACK_HOSTS } from "../../primitives/oauth/redirect_uri.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import {
  type AssertionSource,
  type GivenServer,
  type Grant,
  type IdentityProvider,
  type ServerOptions,
  type Site,
} from "../credentials/mod.ts";
import { checkEntryName } from "../config/mod.ts";
import { type Fields, present, PRINTABLE, type TextRule } from "./fields.ts";

/** A key in PEM. */
export const PEM: TextRule = { max: 20_000, pattern: /^[\x20-\x7e\r\n]+$/ };
/** The kinds of grant. */
export const GRANTS = ["client-credentials", "workload-identity", "enterprise"] as const;

const TEXT: TextRule = { max: 8_000, pattern: /^[^\p{Cc}]+$/u };
const WORD: TextRule = { max: 300, pattern: PRINTABLE };

/**
 * Reads those options.
 *
 * @param fields The options of the entry.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function readSignInOptions(fields: Fields): Partial<ServerOptions> {
  const certificate = fields.maybeFields("clientCertificate");
  return present({
    grant: readGrant(fields.maybeFields("grant")),
    dpop: fields.maybeTrue("dpop"),
    assertionAudience: fields.maybeText("assertionAudience", TEXT),
    callbackHost: fields.raw("callbackHost") === undefined
      ? undefined
      : fields.oneOf("callbackHost", CALLBACK_HOSTS),
    redirectUri: maybeUrl(fields, "redirectUri"),
    listen: fields.maybeText("listen", WORD),
    provider: fields.maybeText("provider", { max: 64, pattern: /^[a-z0-9][a-z0-9._-]*$/ }),
    providerParameters: readParameters(fields.maybeFields("providerParameters")),
    authorizationServer: readServer(fields.maybeFields("authorizationServer")),
    allowMetadataOrigins: fields.maybeTexts("allowMetadataOrigins", WORD),
    quirks: fields.maybeTexts("quirks", { max: 64, pattern: /^[a-z0-9-]+$/ }),
    site: readSite(fields.maybeFields("site")),
    caFile: fields.maybeText("caFile", TEXT),
    clientCertificate: certificate &&
      { certFile: certificate.text("certFile", TEXT), keyFile: certificate.text("keyFile", TEXT) },
  });
}

function readGrant(fields: Fields | undefined): Grant | undefined {
  if (fields === undefined) return undefined;
  const kind = fields.oneOf("kind", GRANTS);
  switch (kind) {
    case "client-credentials":
      return { kind };
    case "workload-identity":
      return { kind, assertion: readSource(fields.fields("assertion")) };
    case "enterprise":
      return { kind, identityProvider: readIdentityProvider(fields.fields("identityProvider")) };
  }
}

function readSource(fields: Fields): AssertionSource {
  const from = fields.oneOf("from", ["file", "environment", "github-actions", "gitlab"]);
  switch (from) {
    case "file":
      return { from, path: fields.text("path", TEXT) };
    case "environment":
      return { from, variable: fields.text("variable", WORD) };
    default:
      return { from };
  }
}

function readIdentityProvider(fields: Fields): IdentityProvider {
  const token = fields.fields("idToken");
  return present({
    issuer: maybeUrl(fields, "issuer"),
    tokenEndpoint: maybeUrl(fields, "tokenEndpoint"),
    clientId: fields.maybeText("clientId", WORD),
    clientSecret: fields.maybeText("clientSecret", { max: 4_000, pattern: PRINTABLE }),
    idToken: token.raw("from") === "entry"
      ? {
        from: "entry" as const,
        name: token.judged("name", () => checkEntryName(token.text("name", { max: 64 }))),
      }
      : readSource(token),
  });
}

function readServer(fields: Fields | undefined): GivenServer | undefined {
  if (fields === undefined) return undefined;
  return present({
    issuer: maybeUrl(fields, "issuer"),
    authorizationEndpoint: maybeUrl(fields, "authorizationEndpoint"),
    tokenEndpoint: maybeUrl(fields, "tokenEndpoint"),
    deviceAuthorizationEndpoint: maybeUrl(fields, "deviceAuthorizationEndpoint"),
    revocationEndpoint: maybeUrl(fields, "revocationEndpoint"),
    userinfoEndpoint: maybeUrl(fields, "userinfoEndpoint"),
    tokenEndpointAuthMethod: fields.raw("tokenEndpointAuthMethod") === undefined
      ? undefined
      : fields.oneOf("tokenEndpointAuthMethod", ["client_secret_basic", "client_secret_post"]),
  });
}

/** What the placeholders of a provider stand for: hosts and words. */
function readParameters(fields: Fields | undefined): Readonly<Record<string, string>> | undefined {
  return fields && Object.fromEntries(
    fields.names.map((name) => [name, fields.text(name, { max: 260, pattern: /^[\w.~:-]+$/ })]),
  );
}

function readSite(fields: Fields | undefined): Site | undefined {
  if (fields === undefined) return undefined;
  return present({
    id: fields.text("id", WORD),
    name: fields.text("name", TEXT),
    url: maybeUrl(fields, "url"),
  });
}

function maybeUrl(fields: Fields, name: string): string | undefined {
  const url = fields.maybeText(name, TEXT);
  if (url !== undefined) fields.judged(name, () => parseWebUrl(url, name));
  return url;
}
