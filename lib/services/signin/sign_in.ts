/**
 * One interactive sign-in, from discovery to tokens. Its outcome is not stored here: the caller gets everything that
 * belongs together and commits it at once, so that a sign-in that ends half way leaves nothing but its count, and takes
 * away nothing but a registration that its server has lost.
 *
 * @see MCP 2026-07-28 authorization, Authorization Flow Steps
 * @module
 */
import type { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { CALLBACK_PORT } from "../../primitives/limits.ts";
import { createState } from "../../primitives/oauth/authorization.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import { tokenServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { createPkce, requireS256 } from "../../primitives/oauth/pkce.ts";
import { selectScopes } from "../../primitives/oauth/scope.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import type { Browser } from "../../primitives/system/browser.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Listen } from "../../primitives/system/listener.ts";
import type { Audit } from "../audit/mod.ts";
import type { ClientRecord, CredentialRecord, ServerOptions } from "../credentials/mod.ts";
import { findAccount } from "./account.ts";
import { authorizeOnce, type Round, roundUrl } from "./authorization_round.ts";
import { type CallbackServer, openCallbackServer } from "./callback_server.ts";
import {
  type AskClient,
  checkReRegister,
  chooseClient,
  type ClientChoice,
  type GivenClient,
} from "./client.ts";
import { describeSteps, discover, type Discovery } from "./discovery.ts";
import { isClientForgotten } from "./preflight.ts";
import type { SignInLimit } from "./sign_in_limit.ts";

/** What a sign-in runs on. */
export interface SignInPorts {
  readonly http: Http;
  /** The same for one request, which throws `Redirected` in place of following a redirect. */
  readonly preflight: Http;
  readonly clock: Clock;
  readonly listen: Listen;
  /** Undefined: the URL is only told, for a person to open. */
  readonly browser: Browser | undefined;
  /** The registrations known for an issuer. */
  clients(
    issuer: string,
  ): Promise<{ readonly own: ClientRecord | undefined; readonly shared: ClientRecord | undefined }>;
  /** Forgets a dynamic registration that its issuer has lost. */
  forget(client: ClientRecord): Promise<unknown>;
  /** How often the entry may be signed in to. */
  readonly limit: SignInLimit;
  readonly audit: Audit;
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
  | {
    /** A registration of an earlier sign-in is gone at its issuer; another one is made (row 9). */
    readonly kind: "client-forgotten";
    readonly issuer: string;
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
  /** Register a client anew, whatever is stored. */
  readonly reRegister?: boolean | undefined;
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
  checkReRegister(request);
  await ports.limit.check();
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
    // Where any port will do, it is the registered one, if that is free: the registration is good for no other.
    ports: entry.options.callbackPorts?.flatMap((port) => port === 0 ? [...registeredPorts, 0] : [port]) ??
      [...registeredPorts, ...DEFAULT_PORTS],
  });
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
  const { tokens, client } = await authorize(ports, request, discovery, callback, known, {
    scopes,
    resource,
  });
  const account = await findAccount({ http: ports.http, server, tokens, scopes, signal });
  const credential = toCredential(entry.name, discovery, client, tokens, scopes, resource, ports.clock.now());
  return { client, credential: account === undefined ? credential : { ...credential, account } };
}

/** The preferred port first, so that the redirect URI tends to stay the same; then any free one. */
const DEFAULT_PORTS: readonly number[] = [CALLBACK_PORT, 0];

/** The authorization, with a new registration once where the server has lost the one that we have (row 9). */
async function authorize(
  ports: SignInPorts,
  request: SignInRequest,
  discovery: Discovery,
  callback: CallbackServer,
  known: Pick<ClientChoice, "own" | "shared">,
  asked: Pick<Round, "scopes" | "resource">,
): Promise<{ readonly tokens: TokenSet; readonly client: ClientRecord }> {
  const { entry, signal } = request;
  const { server } = discovery;
  const choose = async (known: Pick<ClientChoice, "own" | "shared">): Promise<ClientRecord> => {
    const client = await chooseClient({
      ...known,
      http: ports.http,
      clock: ports.clock,
      server,
      entry,
      redirectUri: callback.redirectUri,
      given: request.given,
      clientName: request.clientName,
      reRegister: request.reRegister,
      ask: ports.ask,
      signal,
    });
    ports.tell({ kind: "registered", issuer: server.issuer, source: client.source });
    if (client.source === "dynamic" && !isStored(client)) note("client_registered", client);
    return client;
  };
  const isStored = (client: ClientRecord) => client === known.own || client === known.shared;
  const note = (event: "client_registered" | "client_forgotten", { clientId }: ClientRecord) =>
    ports.audit.record({
      event,
      name: entry.name,
      issuer: server.issuer,
      outcome: "done",
      secrets: { client_id: clientId },
    });
  const roundOf = (client: ClientRecord): Round => ({
    ...asked,
    entry,
    discovery,
    callback,
    client,
    isReused: client.source === "dynamic" && isStored(client),
    timeoutS: request.timeoutS,
    signal,
  });
  const replace = async (lost: ClientRecord): Promise<Round> => {
    ports.tell({ kind: "client-forgotten", issuer: server.issuer });
    const client = await choose({ own: undefined, shared: undefined });
    await ports.forget(lost);
    note("client_forgotten", lost);
    return roundOf(client);
  };

  let round = roundOf(await choose(known));
  // In a step-up the client was accepted not long ago, and servers count authorization requests.
  const asksFirst = round.isReused && !request.stepUp;
  if (asksFirst && await isForgotten(ports, round)) round = await replace(round.client);
  await ports.limit.count();
  const first = await authorizeOnce(ports, round);
  if (first.kind === "granted") return first;
  const second = await authorizeOnce(
    ports,
    first.kind === "forgotten" ? await replace(first.client) : roundOf(first.client),
  );
  if (second.kind === "granted") return second;
  throw second.error;
}

/** The state and the challenge of this question are thrown away, and with them whatever the server makes of it. */
async function isForgotten(ports: SignInPorts, round: Round): Promise<boolean> {
  const url = roundUrl(round, await createPkce(), createState());
  return await isClientForgotten(ports.preflight, url, round.callback.redirectUri, round.signal);
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
