/**
 * A client that a person has registered by means that a sign-in has not: an initial access token, or the session that
 * they have at the server. It is kept for the sign-ins to come, of one entry or of all at the issuer; the means are used
 * for the one request and never stored. Who gets them is told before they are sent, and where an entry was signed in
 * somewhere else before, nobody does.
 *
 * @see RFC 7591 sections 3 and 3.1; MCP 2026-07-28 client registration (C26, C33-C35)
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { CALLBACK_PORT } from "../../primitives/limits.ts";
import { type ChallengeSummary, summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import type { ClientAuthMethod } from "../../primitives/oauth/client_auth.ts";
import { NO_DOCUMENT } from "../../primitives/oauth/client_metadata.ts";
import { checkRedirectUri } from "../../primitives/oauth/redirect_uri.ts";
import { registerClient } from "../../primitives/oauth/registration.ts";
import { parseServerMetadata, type ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import type { Audit } from "../audit/mod.ts";
import {
  type ClientRecord,
  type CredentialStore,
  entryShape,
  type ServerOptions,
  type ServerRecord,
} from "../credentials/mod.ts";
import { findAuthorizationServer } from "./authorization_server.ts";
import { callbackPlace, redirectShape } from "./callback_place.ts";
import { findServerDocument } from "./discovery.ts";
import { probeChallenge } from "./probe.ts";

/** What a registration runs on. */
export interface RegistrationPorts {
  readonly store: CredentialStore;
  /** The fetch for the entry, or for the URL. */
  readonly http: Http;
  readonly clock: Clock;
  readonly audit: Audit;
  /** Told where the client will be registered, before anything secret is sent there. */
  readonly tell: (issuer: string) => void;
}

/** What is to be registered, where, and with which rights. */
export interface RegistrationWish {
  /** The entry that the client is for; or the URL of an issuer or of an MCP server, for all entries there. */
  readonly target: ServerRecord | string;
  /** The headers of the entry, with their variables filled in. */
  readonly entryHeaders?: Readonly<Record<string, string>> | undefined;
  /** Shown to the user by the server. */
  readonly clientName: string;
  /** The redirect URIs; those of the entry's sign-ins when left out. */
  readonly redirectUris?: readonly string[] | undefined;
  readonly authMethod?: ClientAuthMethod | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly initialAccessToken?: string | undefined;
  /** Headers for the registration endpoint alone. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A client that was registered. */
export interface RegisteredClient {
  readonly client: ClientRecord;
  /** The client whose place it took here; at its server that one stays. */
  readonly replaced: ClientRecord | undefined;
}

/**
 * Registers a client and stores it for the next sign-in.
 *
 * @throws {McpAuthError} `REGISTRATION_FAILED`, `ISSUER_MISMATCH` for an entry whose server names another issuer than the
 *   one it was signed in at, `CONFIG_INVALID` for an entry with a client of its own; what the discovery or the store throws.
 */
export async function registerByHand(
  ports: RegistrationPorts,
  wish: RegistrationWish,
): Promise<RegisteredClient> {
  const { target, signal } = wish;
  const entry = typeof target === "string" ? undefined : target;
  if (entry !== undefined) checkTakesRegistration(entry);
  const place = callbackPlace(entry?.options ?? {});
  const redirectUris = wish.redirectUris?.map(checkRedirectUri) ??
    usualPorts(entry?.options ?? {}).map((port) => place.redirectUri(port));
  const server = typeof target === "string"
    ? await findServer(ports, target, signal)
    : await findServerOf(ports, wish, target);
  if (server.registration_endpoint === undefined) throw offersNone(server.issuer);
  ports.tell(server.issuer);
  const { clientName, authMethod, scopes, initialAccessToken, headers } = wish;
  const request = { clientName, redirectUris, authMethod, scopes, initialAccessToken, headers };
  const registration = await registerClient(ports.http, server, request, signal);
  const client: ClientRecord = {
    ...registration,
    issuer: server.issuer,
    redirectShape: entry === undefined ? await redirectShape({}) : entryShape(entry.name),
    source: "dynamic",
    clientName,
    byHand: true,
    redirectUris,
    registeredAt: ports.clock.now(),
  };
  const replaced = await storeClient(ports.store, client);
  ports.audit.record({
    event: "client_registered",
    name: entry?.name,
    issuer: server.issuer,
    outcome: "done",
    detail: "by hand",
    secrets: { client_id: client.clientId },
  });
  return { client, replaced };
}

/** What cannot be stored is there at its server all the same: that is said, since nobody could tell otherwise. */
async function storeClient(store: CredentialStore, client: ClientRecord): Promise<ClientRecord | undefined> {
  try {
    const replaced = await store.client(client.issuer, client.redirectShape);
    await store.putClient(client);
    return replaced;
  } catch (error) {
    const { code, message, hint } = asMcpAuthError(error, "STORE_UNAVAILABLE", "store the client");
    throw new McpAuthError(
      code,
      `Cannot keep client "${safeText(client.clientId, 200)}", which is registered at "${
        safeUrl(client.issuer)
      }" by now: ${message}`,
      { hint, cause: error },
    );
  }
}

/** What an entry's user chose goes before a registration: it would never be used. */
function checkTakesRegistration({ name, options }: ServerRecord): void {
  const { clientId, clientMetadataUrl } = options;
  const option = clientId !== undefined
    ? "client-id"
    : clientMetadataUrl !== undefined && clientMetadataUrl !== NO_DOCUMENT
    ? "client-metadata-url"
    : undefined;
  if (option === undefined) return;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot register a client for "${name}": it has one of its own, "${
      safeText(clientId ?? clientMetadataUrl, 200)
    }"`,
    { hint: `Forget that one first: mcp-auth set ${name} --unset ${option}` },
  );
}

function usualPorts({ callbackPorts = [] }: ServerOptions): readonly number[] {
  const named = callbackPorts.filter((port) => port !== 0);
  return named.length === 0 ? [CALLBACK_PORT] : named;
}

/** The authorization server of an entry. */
async function findServerOf(
  { store, http }: RegistrationPorts,
  { entryHeaders = {}, clientName, signal }: RegistrationWish,
  entry: ServerRecord,
): Promise<ServerMetadata> {
  const before = (await store.credential(entry.name, signal))?.record;
  const challenge = await challengeOf(http, entry.url, entryHeaders, signal);
  const earlier = before === undefined || entry.signIn !== "oauth"
    ? undefined
    : { issuer: before.issuer, scopes: before.requestedScopes };
  const { server } = await findAuthorizationServer({ http, tell: () => {} }, {
    entry,
    challenge,
    earlier,
    clientName,
    signal,
  });
  if (earlier === undefined || earlier.issuer === server.issuer) return server;
  throw new McpAuthError(
    "ISSUER_MISMATCH",
    `Cannot register a client for "${entry.name}": its server names "${
      safeUrl(server.issuer)
    }" by now, and it was signed in at "${safeUrl(earlier.issuer)}"`,
    { hint: `If you trust it, name it: mcp-auth client register ${safeUrl(server.issuer)}` },
  );
}

/** The authorization server at a URL: the issuer itself, or the one of the MCP server there. */
async function findServer(
  { http }: RegistrationPorts,
  url: string,
  signal: AbortSignal | undefined,
): Promise<ServerMetadata> {
  parseWebUrl(url, "URL");
  const options = { http, serverUrl: url, challenge: {}, signal };
  const found = await findServerDocument(options, url, []);
  if (found !== undefined) {
    try {
      return parseServerMetadata(found.json, url, found.url);
    } catch (error) {
      // An MCP server may have its issuer's metadata below its own path.
      if (!(error instanceof McpAuthError) || error.code !== "ISSUER_MISMATCH") throw error;
    }
  }
  const challenge = await challengeOf(http, url, {}, signal);
  const entry = { name: "", url, options: {} };
  const discovery = await findAuthorizationServer({ http, tell: () => {} }, {
    entry,
    challenge,
    clientName: "",
    signal,
  });
  return discovery.server;
}

async function challengeOf(
  http: Http,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<ChallengeSummary> {
  const options = signal === undefined ? { headers } : { headers, signal };
  return summarizeChallenges(await probeChallenge(http, url, options));
}

function offersNone(issuer: string): McpAuthError {
  return new McpAuthError(
    "REGISTRATION_FAILED",
    `Cannot register a client at "${safeUrl(issuer)}": it offers no dynamic registration`,
    { hint: "Register one on its own pages, and sign in with --client-id <id>" },
  );
}
