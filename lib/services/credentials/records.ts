/**
 * What the store holds: plain data, one type for each kind of record. Times are milliseconds since the Unix epoch;
 * issuers, resources and redirect URIs are kept byte for byte as they were received (RFC 3986 section 6.2.1, RFC 8414
 * section 3.3), since they are compared as strings.
 *
 * @module
 */

/** What a user chose for an entry; it applies to each sign-in and each request. */
export interface ServerOptions {
  /** The scopes to ask for in place of those that the server names. */
  readonly scopes?: readonly string[];
  /** The RFC 8707 resource to name in place of the one that is discovered. */
  readonly resource?: string;
  /** A client id that was registered beforehand. */
  readonly clientId?: string;
  /** The URL of a client id metadata document. */
  readonly clientMetadataUrl?: string;
  /** The callback ports that were registered beforehand, in the order to try. */
  readonly callbackPorts?: readonly number[];
  /** Headers to add to each request to the MCP server; they may hold secrets. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Hosts on private networks that this server may name. */
  readonly allowPrivateHosts?: readonly string[];
  /** Whether server metadata that says nothing of PKCE counts as supporting it. */
  readonly allowMissingPkceMetadata?: boolean;
}

/** An entry: the name is its identity, and two names may share one URL (row 45). */
export interface ServerRecord {
  /** What the user calls it: `[a-z0-9][a-z0-9._-]{0,63}`. */
  readonly name: string;
  /** The URL of the MCP server, as the user gave it. */
  readonly url: string;
  /** When it was added. */
  readonly createdAt: number;
  /** Whether the server asked for a sign-in when it was added. */
  readonly signIn: "oauth" | "none";
  /** What the user chose for it. */
  readonly options: ServerOptions;
}

/** How a client authenticates at the token endpoint (RFC 7591 section 2). */
export type TokenEndpointAuthMethod = "none" | "client_secret_basic" | "client_secret_post";

/** A client registration; it is never used at another issuer. */
export interface ClientRecord {
  /** The issuer it was made at. */
  readonly issuer: string;
  /** What kind of redirect URI it is for, such as `loopback`; or `entryShape(name)` where it belongs to one entry. */
  readonly redirectShape: string;
  /** How the client id came about. */
  readonly source: "pre-registered" | "client-id-metadata" | "dynamic";
  /** The client id. */
  readonly clientId: string;
  /** The client secret, of a confidential client. */
  readonly clientSecret?: string;
  /** When the secret expires; left out where it does not. */
  readonly clientSecretExpiresAt?: number;
  /** How the client authenticates: one method, as registered. */
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  /** The redirect URIs as registered, byte for byte. */
  readonly redirectUris: readonly string[];
  /** Where the registration can be read and deleted (RFC 7592). */
  readonly registrationClientUri?: string;
  /** The token for that (RFC 7592 section 3). */
  readonly registrationAccessToken?: string;
  /** When it was registered, or given. */
  readonly registeredAt: number;
}

/** The tokens of an entry and all that a refresh or a revocation needs, so that neither needs the network to begin. */
export interface CredentialRecord {
  /** The name of the entry. */
  readonly name: string;
  /** The issuer that issued the tokens: they and the refresh token go nowhere else. */
  readonly issuer: string;
  /** The issuer's metadata as it was at sign-in, trimmed to what is used later (RFC 8414 section 2). */
  readonly authorizationServer: Readonly<Record<string, unknown>>;
  /** The client that the tokens were issued to. */
  readonly client: ClientRecord;
  /** The RFC 8707 resource that the tokens are for, where one was named. */
  readonly resource?: string;
  /** The scopes that were asked for; empty where none were named. */
  readonly requestedScopes: readonly string[];
  /** The scopes that the server granted (RFC 6749 section 5.1). */
  readonly grantedScopes: readonly string[];
  /** The access token. */
  readonly accessToken: string;
  /** How the access token is sent, such as `Bearer`. */
  readonly tokenType: string;
  /** The refresh token, where there is one; each is sent once. */
  readonly refreshToken?: string;
  /** The ID token, where there is one; it names the account. */
  readonly idToken?: string;
  /** When the access token expires; without it, it is used until the server refuses it (row 7). */
  readonly expiresAt?: number;
  /** When the tokens came. */
  readonly obtainedAt: number;
  /** Why the last refresh failed. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: number };
}

/** A record with the version that a compare-and-set change names. */
export interface Versioned<T> {
  /** What is stored. */
  readonly record: T;
  /** Changes with every write of the record. */
  readonly version: string;
}
