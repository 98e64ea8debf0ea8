/**
 * Makes an entry of a state. Tokens go to the issuer that issued them and to no other; mcp-remote has long not noted who
 * that was. What a server names today may be another than then: so tokens are taken over only where the state itself, or
 * the person, names the same issuer as the server does. Otherwise the entry comes without tokens.
 *
 * @see MCP 2026-07-28 client registration (C35)
 * @module
 */
import { chooseAuthMethod } from "../../../primitives/oauth/client_auth.ts";
import { accountName, accountSubject, claimsOf } from "../../../primitives/oauth/id_token.ts";
import { type ServerMetadata, tokenServerMetadata } from "../../../primitives/oauth/server_metadata.ts";
import { safeUrl } from "../../../primitives/untrusted_text.ts";
import { type CredentialRecord, entryShape, type WholeEntry } from "../../credentials/mod.ts";
import type { RecognizedState } from "./recognition.ts";
import type { RemoteClient, RemoteTokens } from "./state.ts";

/** Who authorizes access to a server, as it says today. */
export interface CurrentServer {
  readonly server: ServerMetadata;
  /** The resource indicator to send. */
  readonly resource: string | undefined;
  /** There is no metadata: the issuer is a guess. */
  readonly withoutMetadata: boolean;
}

/** What {@linkcode toEntry} takes. */
export interface BindingRequest {
  /** The name of the entry. */
  readonly name: string;
  readonly recognized: RecognizedState;
  readonly current: CurrentServer;
  /** The issuer that the person vouches for. */
  readonly issuer: string | undefined;
  /** In ms since the epoch. */
  readonly now: number;
}

/** An entry, and why it has no tokens where it has none. */
export interface BoundEntry {
  readonly entry: WholeEntry;
  /** In a few words; undefined where the tokens were taken over. */
  readonly withoutTokens: string | undefined;
}

/** Makes an entry, with the tokens where it is certain where they belong. */
export function toEntry(request: BindingRequest): BoundEntry {
  const { name, recognized, current, now } = request;
  const { state, url, resource } = recognized;
  const server = {
    name,
    url,
    createdAt: now,
    signIn: "oauth" as const,
    options: resource === undefined ? {} : { resource },
  };
  const { tokens, client } = state;
  const without = (why: string): BoundEntry => ({ entry: { server, clients: [] }, withoutTokens: why });
  if (tokens === undefined) return without("nobody was signed in");
  if (client === undefined) {
    return without("mcp-remote did not store its client, so that nothing can be refreshed");
  }
  const objection = objectionTo(tokens, client, current, request.issuer);
  if (objection !== undefined) return without(objection);
  return {
    entry: { server, credential: toCredential(request, tokens, client), clients: [] },
    withoutTokens: undefined,
  };
}

/** The issuer that a state notes, to be preferred where a server names several. */
export function notedIssuer({ state }: RecognizedState): string | undefined {
  return state.tokens?.issuer ?? state.client?.issuer ??
    text(claimsOf(state.tokens?.accessToken)?.iss) ?? text(claimsOf(state.tokens?.idToken)?.iss);
}

/** Why it is not certain that tokens and client are of the issuer that the server names; undefined where it is. */
function objectionTo(
  tokens: RemoteTokens,
  client: RemoteClient,
  { server, withoutMetadata }: CurrentServer,
  vouched: string | undefined,
): string | undefined {
  if (withoutMetadata) return "the server publishes no metadata that names its issuer";
  const noted = [tokens.issuer, client.issuer].filter((issuer) => issuer !== undefined);
  const claimed = [tokens.accessToken, tokens.idToken].flatMap((jwt) => text(claimsOf(jwt)?.iss) ?? []);
  const said = noted.length > 0 ? noted : vouched !== undefined ? [vouched] : claimed;
  const other = [...said, ...(vouched === undefined ? [] : [vouched])].find((issuer) =>
    issuer !== server.issuer
  );
  if (other !== undefined) {
    return `they are of the issuer "${safeUrl(other)}", and the server names "${safeUrl(server.issuer)}" now`;
  }
  if (said.length === 0) {
    return "mcp-remote did not note their issuer; if it was " +
      `"${safeUrl(server.issuer)}", import them with --issuer ${safeUrl(server.issuer)}`;
  }
  const { client_id, azp } = claimsOf(tokens.accessToken) ?? {};
  const holder = text(client_id) ?? text(azp);
  if (holder !== undefined && holder !== client.clientId) return "they were issued to another client";
  return undefined;
}

function toCredential(
  { name, recognized, current }: BindingRequest,
  tokens: RemoteTokens,
  client: RemoteClient,
): CredentialRecord {
  const { issuer } = current.server;
  const resource = recognized.resource ?? current.resource;
  const claims = claimsOf(tokens.idToken);
  const account = accountName(claims) ?? accountSubject(claims);
  const { clientSecret, clientSecretExpiresAt } = client;
  const hasSecret = clientSecret !== undefined;
  return {
    name,
    issuer,
    authorizationServer: { ...tokenServerMetadata(current.server) },
    client: {
      issuer,
      redirectShape: entryShape(name),
      source: "dynamic",
      clientId: client.clientId,
      ...(hasSecret ? { clientSecret } : {}),
      ...(hasSecret && clientSecretExpiresAt !== undefined ? { clientSecretExpiresAt } : {}),
      tokenEndpointAuthMethod: chooseAuthMethod(
        hasSecret,
        client.authMethod,
        current.server.token_endpoint_auth_methods_supported,
      ),
      redirectUris: client.redirectUris,
      registeredAt: client.issuedAt ?? tokens.obtainedAt,
    },
    ...(resource === undefined ? {} : { resource }),
    requestedScopes: tokens.requestedScopes ?? tokens.scopes ?? [],
    grantedScopes: tokens.scopes ?? tokens.requestedScopes ?? [],
    accessToken: tokens.accessToken,
    tokenType: "bearer",
    ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
    ...(tokens.idToken === undefined ? {} : { idToken: tokens.idToken }),
    ...(tokens.expiresAt === undefined ? {} : { expiresAt: tokens.expiresAt }),
    obtainedAt: tokens.obtainedAt,
    ...(account === undefined ? {} : { account }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
