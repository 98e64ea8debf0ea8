/**
 * One interactive sign-in, from discovery to tokens. Nothing is stored here: the caller gets everything that belongs
 * together and commits it at once, so that a sign-in that ends half way leaves no trace.
 *
 * @see MCP 2026-07-28 authorization, Authorization Flow Steps
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { CALLBACK_PORT } from "../../primitives/limits.ts";
import {
  authorizationUrl,
  createState,
  validateAuthorizationResponse,
} from "../../primitives/oauth/authorization.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import { tokenServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { createPkce, requireS256 } from "../../primitives/oauth/pkce.ts";
import { selectScopes } from "../../primitives/oauth/scope.ts";
import { exchangeCode, type TokenSet } from "../../primitives/oauth/token.ts";
import type { Browser } from "../../primitives/system/browser.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Listen } from "../../primitives/system/listener.ts";
import type { ClientRecord, CredentialRecord, ServerOptions } from "../credentials/mod.ts";
import { type CallbackResponse, openCallbackServer } from "./callback_server.ts";
import { type AskClient, chooseClient, type GivenClient } from "./client.ts";
import { describeSteps, discover, type Discovery } from "./discovery.ts";

/** What a sign-in runs on. */
export interface SignInPorts {
  readonly http: Http;
  readonly clock: Clock;
  readonly listen: Listen;
  /** Undefined: the URL is only told, for a person to open. */
  readonly browser: Browser | undefined;
  /** The registrations known for an issuer. */
  clients(
    issuer: string,
  ): Promise<{ readonly own: ClientRecord | undefined; readonly shared: ClientRecord | undefined }>;
  readonly ask?: AskClient | undefined;
  /** Told what happens, for standard error. */
  readonly tell: (event: SignInEvent) => void;
}

/** What is told while a sign-in runs. */
export type SignInEvent =
  | { readonly kind: "discovered"; readonly issuer: string; readonly steps: string }
  | {
    readonly kind: "registered";
    readonly issuer: string;
    readonly source: "pre-registered" | "client-id-metadata" | "dynamic";
  }
  | { readonly kind: "issuer-changed"; readonly from: string; readonly to: string }
  | { readonly kind: "authorize"; readonly url: string; readonly issuer: string; readonly opened: boolean }
  | { readonly kind: "no-browser"; readonly error: McpAuthError }
  | { readonly kind: "received" };

/** What {@linkcode signIn} takes. */
export interface SignInRequest {
  readonly entry: { readonly name: string; readonly url: string; readonly options: ServerOptions };
  /** What the 401 or 403 said. */
  readonly challenge: ChallengeSummary;
  /** The sign-in before this one: its issuer is preferred, and its scopes are asked for again there (C46). */
  readonly earlier?: { readonly issuer: string; readonly scopes: readonly string[] } | undefined;
  /** More scopes are needed: the earlier ones are kept even where the entry names its own. */
  readonly stepUp?: boolean | undefined;
  readonly given?: GivenClient | undefined;
  /** Shown to the user by the server. */
  readonly clientName: string;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The outcome: what belongs together in the store. */
export interface SignInOutcome {
  readonly credential: CredentialRecord;
  readonly client: ClientRecord;
}

/**
 * Signs in.
 *
 * @throws {McpAuthError} whatever went wrong on the way; nothing was stored.
 */
export async function signIn(ports: SignInPorts, request: SignInRequest): Promise<SignInOutcome> {
  const { entry, signal } = request;
  const discovery = await discover({
    http: ports.http,
    serverUrl: entry.url,
    challenge: request.challenge,
    preferredIssuer: request.earlier?.issuer,
    signal,
  });
  const { server } = discovery;
  const { earlier } = request;
  if (earlier !== undefined && earlier.issuer !== server.issuer) {
    ports.tell({ kind: "issuer-changed", from: earlier.issuer, to: server.issuer });
  }
  ports.tell({ kind: "discovered", issuer: server.issuer, steps: describeSteps(discovery.steps) });
  if (!discovery.withoutMetadata && !entry.options.allowMissingPkceMetadata) {
    requireS256(server.code_challenge_methods_supported, server.issuer);
  }
  const known = await ports.clients(server.issuer);
  const registeredPorts = [known.own, known.shared].flatMap((client) => client?.redirectUris ?? []).map(
    portOf,
  );
  await using callback = await openCallbackServer({
    listen: ports.listen,
    ports: entry.options.callbackPorts ?? [...registeredPorts, ...DEFAULT_PORTS],
  });
  const client = await chooseClient({
    ...known,
    http: ports.http,
    clock: ports.clock,
    server,
    entry,
    redirectUri: callback.redirectUri,
    given: request.given,
    clientName: request.clientName,
    ask: ports.ask,
    signal,
  });
  ports.tell({ kind: "registered", issuer: server.issuer, source: client.source });
  const pkce = await createPkce();
  const state = createState();
  const scopes = selectScopes({
    asked: entry.options.scopes,
    challenged: request.challenge.scopes,
    resource: discovery.resourceScopes,
    server: server.scopes_supported,
    earlier: earlier?.issuer === server.issuer && (request.stepUp || entry.options.scopes === undefined)
      ? earlier.scopes
      : undefined,
  });
  const resource = entry.options.resource ?? discovery.resource;
  const url = authorizationUrl(server, {
    clientId: client.clientId,
    redirectUri: callback.redirectUri,
    codeChallenge: pkce.codeChallenge,
    state,
    scopes,
    resource,
    promptConsent: scopes.includes("offline_access"),
  });
  const answer = callback.wait(state, request.timeoutS, signal);
  answer.catch(() => {}); // Reported by the await below, also when the browser fails first.
  // An opener is watched for a moment; a browser that is signed in already can be faster.
  await Promise.race([openBrowser(ports, url, server.issuer), answer]);
  const response = await answer;
  ports.tell({ kind: "received" });
  const tokens = await redeem(
    response,
    async () =>
      await exchangeCode({ http: ports.http, server, client, resource, signal }, {
        response: validateAuthorizationResponse(response.parameters, {
          server,
          clientId: client.clientId,
          state,
          issuerUnknown: discovery.withoutMetadata,
        }),
        redirectUri: callback.redirectUri,
        codeVerifier: pkce.codeVerifier,
      }),
  );
  return {
    client,
    credential: toCredential(entry.name, discovery, client, tokens, scopes, resource, ports.clock.now()),
  };
}

/** The preferred port first, so that the redirect URI tends to stay the same; then any free one. */
const DEFAULT_PORTS: readonly number[] = [CALLBACK_PORT, 0];

async function openBrowser(ports: SignInPorts, url: string, issuer: string): Promise<void> {
  ports.tell({ kind: "authorize", url, issuer, opened: ports.browser !== undefined });
  try {
    await ports.browser?.open(url);
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code === "UNSAFE_URL") throw error;
    ports.tell({ kind: "no-browser", error });
  }
}

/** Runs the exchange and shows the person the page that fits its outcome. */
async function redeem(response: CallbackResponse, exchange: () => Promise<TokenSet>): Promise<TokenSet> {
  try {
    const tokens = await exchange();
    await response.settle(true);
    return tokens;
  } catch (error) {
    await response.settle(false);
    throw error;
  }
}

function toCredential(
  name: string,
  discovery: Discovery,
  client: ClientRecord,
  tokens: TokenSet,
  scopes: readonly string[],
  resource: string | undefined,
  now: number,
): CredentialRecord {
  return {
    name,
    issuer: discovery.server.issuer,
    authorizationServer: { ...tokenServerMetadata(discovery.server) },
    client,
    ...(resource === undefined ? {} : { resource }),
    requestedScopes: scopes,
    grantedScopes: tokens.scopes ?? scopes,
    accessToken: tokens.accessToken,
    tokenType: tokens.tokenType,
    ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
    ...(tokens.idToken === undefined ? {} : { idToken: tokens.idToken }),
    ...(tokens.expiresIn === undefined ? {} : { expiresAt: now + tokens.expiresIn * 1000 }),
    obtainedAt: now,
  };
}

function portOf(redirectUri: string): number {
  return Number(URL.parse(redirectUri)?.port ?? 0);
}
