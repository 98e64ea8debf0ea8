/**
 * What mcp-remote keeps for one server: the answers of the token and registration endpoints as JSON, in files that are
 * named after an MD5 of the server's URL. Later versions note the issuer and the expiry; earlier ones do neither.
 * Everything is read as text of an unknown program: what has another type counts as absent.
 *
 * @see behaviours row 5
 * @module
 */
import { STORE_VALUE_MAX_BYTES } from "../../../primitives/limits.ts";
import { isObject } from "../../../primitives/oauth/json.ts";
import { splitScope } from "../../../primitives/oauth/scope.ts";

/** The tokens of a server. */
export interface RemoteTokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  /** Undefined where the server did not say. */
  readonly scopes: readonly string[] | undefined;
  readonly requestedScopes: readonly string[] | undefined;
  /** The issuer, in versions that note it. */
  readonly issuer: string | undefined;
  /** In ms since the epoch. */
  readonly obtainedAt: number;
  /** In ms since the epoch; undefined where the server did not say how long they live. */
  readonly expiresAt: number | undefined;
}

/** The client that mcp-remote has registered. */
export interface RemoteClient {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** In ms since the epoch. */
  readonly clientSecretExpiresAt: number | undefined;
  /** In ms since the epoch. */
  readonly issuedAt: number | undefined;
  readonly authMethod: string | undefined;
  readonly redirectUris: readonly string[];
  /** The issuer, in versions that note it. */
  readonly issuer: string | undefined;
}

/** The last moment that can be written down as a date of four digits. */
const TIME_MAX = Date.UTC(9999, 11, 31);

/**
 * Reads `<hash>_tokens.json`.
 *
 * @param text The file.
 * @param writtenAt When it was written: what a life without a beginning is counted from.
 * @param now No file was written later than this.
 * @returns Undefined when there is no access token in it.
 */
export function readTokens(
  text: string,
  writtenAt: number | undefined,
  now: number,
): RemoteTokens | undefined {
  const json = objectOf(text);
  const accessToken = secret(json?.access_token);
  if (json === undefined || accessToken === undefined) return undefined;
  const obtainedAt = Math.min(writtenAt ?? now, now);
  const life = number(json.expires_in, 1, TIME_MAX / 1000);
  const counted = life === undefined ? undefined : obtainedAt + life * 1000;
  const expiresAt = number(json.expires_at, 1, TIME_MAX) ?? counted;
  return {
    accessToken,
    refreshToken: secret(json.refresh_token),
    idToken: secret(json.id_token),
    scopes: scopes(json.scope),
    requestedScopes: scopes(json.requested_scope),
    issuer: plainText(json.issuer),
    obtainedAt,
    expiresAt: expiresAt !== undefined && expiresAt <= TIME_MAX ? Math.round(expiresAt) : undefined,
  };
}

/**
 * Reads `<hash>_client_info.json`.
 *
 * @param text The file.
 * @returns Undefined when there is no client id in it.
 */
export function readClient(text: string): RemoteClient | undefined {
  const json = objectOf(text);
  const clientId = secret(json?.client_id);
  if (json === undefined || clientId === undefined) return undefined;
  const uris = Array.isArray(json.redirect_uris) ? json.redirect_uris.slice(0, 50) : [];
  const seconds = (value: unknown) => {
    const found = number(value, 1, TIME_MAX / 1000);
    return found === undefined ? undefined : Math.round(found * 1000);
  };
  return {
    clientId,
    clientSecret: secret(json.client_secret),
    clientSecretExpiresAt: seconds(json.client_secret_expires_at),
    issuedAt: seconds(json.client_id_issued_at),
    authMethod: plainText(json.token_endpoint_auth_method),
    redirectUris: uris.flatMap((uri) => plainText(uri) ?? []),
    issuer: plainText(json.issuer),
  };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 6749 appendix A: anything else would end the header that carries it. */
function secret(value: unknown): string | undefined {
  const fits = typeof value === "string" && /^[\x20-\x7e]+$/.test(value) &&
    value.length <= STORE_VALUE_MAX_BYTES;
  return fits ? value : undefined;
}

function plainText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= 8_000 ? value : undefined;
}

function scopes(value: unknown): readonly string[] | undefined {
  return typeof value === "string" ? splitScope(value) : undefined;
}

/** Some servers write numbers as texts. */
function number(value: unknown, min: number, max: number): number | undefined {
  const read = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof read === "number" && read >= min && read <= max ? read : undefined;
}
