/**
 * Client registrations as the library shows and makes them: what there is to know, without the secrets.
 *
 * @module
 */
import type { KnownClient, RegisteredClient as Registered } from "../../services/signin/mod.ts";

/** A client that is known to the store. */
export interface RegisteredClient {
  /** The issuer that it is registered at. */
  readonly issuer: string;
  /** The client id. */
  readonly clientId: string;
  /** How the id came about. */
  readonly source: "pre-registered" | "client-id-metadata" | "dynamic" | "none";
  /** The redirect URIs, as registered. */
  readonly redirectUris: readonly string[];
  /** When its secret expires, in milliseconds since the epoch; undefined where it has none, or it does not expire. */
  readonly secretExpiresAt: number | undefined;
  /** The entry that it belongs to; undefined where all at the issuer share it. */
  readonly entry: string | undefined;
  /** The entries that are signed in with it. */
  readonly usedBy: readonly string[];
}

/** What `McpAuthClient.registerClient` takes. */
export interface RegisterClientOptions {
  /** The token that the server wants of who registers clients (RFC 7591 section 3): a secret, used once. */
  readonly initialAccessToken?: string;
  /** Headers for the registration endpoint alone, such as the cookie of a session: secrets, used once. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Name to register it under; the program's when left out. */
  readonly clientName?: string;
  /** Redirect URIs to register; those of the entry's sign-ins when left out. */
  readonly redirectUris?: readonly string[];
  /** How it is to authenticate; what suits the server when left out. */
  readonly authMethod?: "none" | "client_secret_basic" | "client_secret_post";
  /** Scopes to register it for; none are named when left out, since servers refuse all others from then on. */
  readonly scopes?: readonly string[];
  /** Told the issuer before anything secret is sent there; what it throws ends the registration. */
  readonly onIssuer?: (issuer: string) => void;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** What a caller sees of a client. */
export function toRegisteredClient({ client, entry, usedBy }: KnownClient): RegisteredClient {
  return {
    issuer: client.issuer,
    clientId: client.clientId,
    source: client.source,
    redirectUris: client.redirectUris,
    secretExpiresAt: client.clientSecretExpiresAt,
    entry,
    usedBy,
  };
}

/** What a caller sees of a client that was just registered. */
export function justRegistered({ client }: Registered, entry: string | undefined): RegisteredClient {
  return toRegisteredClient({ client, entry, usedBy: [] });
}
