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
  /** Parameters to add to each authorization request, such as `access_type` for a server that wants it (row 8). */
  readonly authorizeParameters?: Readonly<Record<string, string>>;
  /** The name to register clients under, in place of the program's; such an entry has a registration of its own. */
  readonly clientName?: string;
  /** How tokens are had without a person; in the browser, or by a device code, when left out. */
  readonly grant?: Grant;
  /** Whether tokens are to be bound to a key of the entry (RFC 9449), though its server does not ask for it. */
  readonly dpop?: boolean;
  /** The `aud` of client assertions and of what a workload's issuer is asked for, in place of the server's issuer. */
  readonly assertionAudience?: string;
  /** The host in the redirect URI, which is bound as well; `127.0.0.1` when left out. */
  readonly callbackHost?: CallbackHost;
  /** The redirect URI as it was registered, in place of one on the callback's host and port. */
  readonly redirectUri?: string;
  /** Where to listen for the callback, as `host:port`, where the redirect URI leads there by a way of its own. */
  readonly listen?: string;
  /** The provider whose template the entry follows; `none` where not even its host is to be recognized. */
  readonly provider?: string;
  /** What the placeholders of that template stand for, such as `domain`. */
  readonly providerParameters?: Readonly<Record<string, string>>;
  /** The authorization server, in place of one that is discovered. */
  readonly authorizationServer?: GivenServer;
  /** Origins other than the server's own that its challenge may name its metadata at. */
  readonly allowMetadataOrigins?: readonly string[];
  /** The quirks to allow for: those that were named, and those that the server turned out to have. */
  readonly quirks?: readonly string[];
  /** Which of the account's sites the entry is for, where its provider has several under one sign-in. */
  readonly site?: Site;
  /** A file of certificates to trust beside the system's, in PEM. */
  readonly caFile?: string;
  /** The certificate to show to servers that want one, as files in PEM. */
  readonly clientCertificate?: { readonly certFile: string; readonly keyFile: string };
  /** How the MCP server is reached; found out, and anew by each process, when left out. */
  readonly transport?: "http" | "sse" | "websocket";
  /** Where a WebSocket server takes the token; in the header when left out. */
  readonly websocketAuth?: "header" | "query" | "message";
  /** Patterns of the tools that bridges show; all when left out. */
  readonly allowTools?: readonly string[];
  /** Patterns of the tools that bridges hide, whatever is allowed. */
  readonly ignoreTools?: readonly string[];
  /** Bridges ask a server that was silent for so many seconds for a sign of life; never for 0, and when left out. */
  readonly keepAliveSeconds?: number;
}

/** A host that a redirect URI on loopback may name. */
export type CallbackHost = "127.0.0.1" | "localhost" | "[::1]";

/** How tokens are had without a person. */
export type Grant =
  | {
    /** By the client's own credentials (RFC 6749 section 4.4). */
    readonly kind: "client-credentials";
  }
  | {
    /** By a token that the place gives where the program runs (RFC 7523 section 2.1). */
    readonly kind: "workload-identity";
    readonly assertion: AssertionSource;
  }
  | {
    /** By the identity that a company's identity provider vouches for (RFC 8693, then RFC 7523). */
    readonly kind: "enterprise";
    readonly identityProvider: IdentityProvider;
  };

/** Where an assertion comes from; it is read anew for each use, and never kept. */
export type AssertionSource =
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "environment"; readonly variable: string }
  | {
    /** Asked for at the CI's own endpoint, which its environment names. */
    readonly from: "github-actions" | "gitlab";
  };

/** Who vouches for a person in an enterprise. */
export interface IdentityProvider {
  /** Its issuer, of which the token endpoint is discovered; where neither is there, it is that of the entry. */
  readonly issuer?: string;
  /** Its token endpoint. */
  readonly tokenEndpoint?: string;
  /** The client that the identity is had by, there; that of the entry that the ID token comes from when left out. */
  readonly clientId?: string;
  /** The secret of that client. */
  readonly clientSecret?: string;
  /** Where the person's ID token comes from: an entry that is signed in there, or a file or a variable. */
  readonly idToken: { readonly from: "entry"; readonly name: string } | AssertionSource;
}

/** An authorization server that was named rather than discovered: an issuer, of which the rest is read, or endpoints. */
export interface GivenServer {
  /** Its issuer, byte for byte; a guess from the token endpoint where endpoints alone were named. */
  readonly issuer?: string;
  /** Where the browser is sent. */
  readonly authorizationEndpoint?: string;
  /** Where tokens are had. */
  readonly tokenEndpoint?: string;
  /** Where a device code is had (RFC 8628). */
  readonly deviceAuthorizationEndpoint?: string;
  /** Where tokens are revoked (RFC 7009). */
  readonly revocationEndpoint?: string;
  /** Where the name of the account is asked for. */
  readonly userinfoEndpoint?: string;
  /** How a client with a secret authenticates there. */
  readonly tokenEndpointAuthMethod?: "client_secret_basic" | "client_secret_post";
}

/** A provider that the user has defined, or a known one as the user wants it to be. URLs may have placeholders. */
export interface ProviderRecord {
  /** `[a-z0-9][a-z0-9._-]{0,63}`. */
  readonly name: string;
  /** The name that people know. */
  readonly title?: string;
  /** The provider that it is like, but for what is said here. */
  readonly like?: string;
  /** Where its people sign in. */
  readonly server?: GivenServer;
  /** The URL of its API. */
  readonly apiUrl?: string;
  /** The hosts that its MCP servers are recognized by. */
  readonly hosts?: readonly string[];
  /** The scopes to ask for, where the user names none. */
  readonly scopes?: readonly string[];
  /** Parameters to add to each authorization request. */
  readonly authorizeParameters?: Readonly<Record<string, string>>;
  /** The quirks to allow for. */
  readonly quirks?: readonly string[];
  /** The host of the redirect URI that is registered there. */
  readonly callbackHost?: CallbackHost;
  /** The ports of it, in the order to try. */
  readonly callbackPorts?: readonly number[];
  /** Where clients are registered by hand. */
  readonly setUpPage?: string;
  /** Where the sites of an account are listed. */
  readonly sitesUrl?: string;
  /** When it was defined. */
  readonly createdAt: number;
}

/** One of the sites that a provider keeps under one account. */
export interface Site {
  /** What the provider knows it by. */
  readonly id: string;
  /** What people know it by. */
  readonly name: string;
  /** Its URL, where it has one. */
  readonly url?: string;
}

/** An entry: the name is its identity, and two names may share one URL (row 45). */
export interface ServerRecord {
  /** What the user calls it: `[a-z0-9][a-z0-9._-]{0,63}`. */
  readonly name: string;
  /** The URL of the MCP server, as the user gave it. */
  readonly url: string;
  /** When it was added. */
  readonly createdAt: number;
  /** Whether the server asked for a sign-in when it was added; `token`: it has one that was given by hand. */
  readonly signIn: "oauth" | "none" | "token";
  /** `api`: no MCP server stands there, and the entry only hands out tokens. */
  readonly kind?: "api";
  /** What the user chose for it. */
  readonly options: ServerOptions;
}

/** How a client authenticates at the token endpoint (RFC 7591 section 2). */
export type TokenEndpointAuthMethod =
  | "none"
  | "client_secret_basic"
  | "client_secret_post"
  | "private_key_jwt";

/** A client registration; it is never used at another issuer. */
export interface ClientRecord {
  /** The issuer it was made at. */
  readonly issuer: string;
  /** What kind of redirect URI it is for, such as `loopback`; or `entryShape(name)` where it belongs to one entry. */
  readonly redirectShape: string;
  /**
   * How the client id came about; `none`: there is none, and the id is empty, since an assertion says who asks
   * (RFC 7523 section 2.1).
   */
  readonly source: "pre-registered" | "client-id-metadata" | "dynamic" | "none";
  /** The name that it was registered under, where an entry has one of its own. */
  readonly clientName?: string;
  /** A person had it registered by means that a sign-in has not: none takes its place by itself. */
  readonly byHand?: true;
  /** The client id. */
  readonly clientId: string;
  /** The client secret, of a confidential client. */
  readonly clientSecret?: string;
  /** When the secret expires; left out where it does not. */
  readonly clientSecretExpiresAt?: number;
  /** The private key of a client that authenticates by one, as PKCS #8 in PEM. */
  readonly privateKey?: string;
  /** The JWS algorithm that it signs with, such as `ES256`. */
  readonly signingAlgorithm?: string;
  /** The `kid` that its server knows the key by. */
  readonly keyId?: string;
  /** The `aud` of its assertions; the server's issuer when left out. */
  readonly assertionAudience?: string;
  /** How the client authenticates: one method, as registered. */
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  /** It was registered for tokens that are bound to a key, and gets no others (RFC 9449 section 5.2). */
  readonly dpopBoundTokens?: boolean;
  /** It was registered so that its authorization requests have to be pushed (RFC 9126 section 6). */
  readonly requiresPushedRequests?: boolean;
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
  /** How the access token is sent, such as `bearer` or `dpop`. */
  readonly tokenType: string;
  /** The private key that the tokens are bound to, as a JWK (RFC 9449). */
  readonly dpopKey?: JsonWebKey;
  /** The grant that brought the tokens and brings the next ones, where no person did. */
  readonly grant?: Grant["kind"];
  /** The refresh token, where there is one; each is sent once. */
  readonly refreshToken?: string;
  /** The ID token, where there is one; it names the account. */
  readonly idToken?: string;
  /** When the access token expires; without it, it is used until the server refuses it (row 7). */
  readonly expiresAt?: number;
  /** When the tokens came. */
  readonly obtainedAt: number;
  /** Who signed in, as the ID token or the userinfo endpoint calls them; for showing only (row 45). */
  readonly account?: string;
  /** The quirks that were allowed for when the tokens came, and those that a refresh has found since. */
  readonly quirks?: readonly string[];
  /** A refresh token was sent and what came of it is not known: by whom it is still there, nobody stored an answer. */
  readonly pendingRefresh?: PendingRefresh;
  /** Why the last refresh failed. */
  readonly lastError?: RefreshFailure;
  /** When the last token responses came, oldest first; at most as many as the storm breaker counts (row 33). */
  readonly tokenResponses?: readonly number[];
}

/** A refresh that was begun: written before the request goes out, and gone once its answer is stored. */
export interface PendingRefresh {
  /** When it was begun. */
  readonly at: number;
  /** `sent`: the process has ended before it could say more. `unanswered`: the request went out, and no answer came. */
  readonly state: "sent" | "unanswered";
}

/** A refresh that failed. */
export interface RefreshFailure {
  readonly code: string;
  readonly message: string;
  readonly at: number;
  /** How many have failed in a row. */
  readonly failures?: number;
  /** No refresh is tried before this time, except one that a person asks for. */
  readonly retryAt?: number;
  /** The server named that time (`Retry-After`): not even one that a person asks for is tried before it. */
  readonly byServer?: boolean;
}

/** A record with the version that a compare-and-set change names. */
export interface Versioned<T> {
  /** What is stored. */
  readonly record: T;
  /** Changes with every write of the record. */
  readonly version: string;
}
