/**
 * Records as a sign-in would leave them, with a secret in every place that can hold one.
 *
 * @module
 */
import type { ClientRecord, CredentialRecord, ServerRecord } from "../../../lib/services/credentials/mod.ts";

/** Every secret, and everything else that must not be readable on disk, in the records of this file. */
export const SECRETS: readonly string[] = [
  "secret-header",
  "secret-client-secret",
  "secret-registration-token",
  "secret-access-token",
  "secret-refresh-token",
  "secret-id-token",
  "resource.example",
  "issuer.example",
];

/** An entry. */
export function serverRecord(name: string): ServerRecord {
  return {
    name,
    url: "https://resource.example/mcp",
    createdAt: 1_000,
    signIn: "oauth",
    options: { scopes: ["a", "b"], headers: { "x-key": "secret-header" } },
  };
}

/** A client registration. */
export function clientRecord(issuer = "https://issuer.example", redirectShape = "loopback"): ClientRecord {
  return {
    issuer,
    redirectShape,
    source: "dynamic",
    clientId: "client",
    clientSecret: "secret-client-secret",
    tokenEndpointAuthMethod: "client_secret_basic",
    redirectUris: ["http://127.0.0.1:8456/callback"],
    registrationAccessToken: "secret-registration-token",
    registeredAt: 1_000,
  };
}

/** The tokens of an entry. */
export function credentialRecord(name: string, client: ClientRecord = clientRecord()): CredentialRecord {
  return {
    name,
    issuer: client.issuer,
    authorizationServer: { issuer: client.issuer, token_endpoint: "https://issuer.example/token" },
    client,
    resource: "https://resource.example/mcp",
    requestedScopes: ["a"],
    grantedScopes: ["a"],
    accessToken: "secret-access-token",
    tokenType: "Bearer",
    refreshToken: "secret-refresh-token",
    idToken: "secret-id-token",
    expiresAt: 2_000,
    obtainedAt: 1_000,
  };
}
