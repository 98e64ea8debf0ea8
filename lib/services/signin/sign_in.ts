/**
 * One sign-in, from discovery to tokens. Its outcome is not stored here: the caller gets everything that
 * belongs together and commits it at once, so that a sign-in that ends half way leaves nothing but its count, and takes
 * away nothing but a registration that its server has lost.
 *
 * @see MCP 2026-07-28 authorization, Authorization Flow Steps
 * @module
 */
import type { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import { tokenServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { selectScopes } from "../../primitives/oauth/scope.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import type { Browser } from "../../primitives/system/browser.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Listen } from "../../primitives/system/listener.ts";
import type { Audit } from "../audit/mod.ts";
import type { ClientRecord, CredentialRecord, ServerOptions } from "../credentials/mod.ts";
import { findAccount } from "./account.ts";
import { findAuthorizationServer } from "./authorization_server.ts";
import { type AskClient, checkReRegister, type GivenClient } from "./client.ts";
import { describeSteps, type Discovery } from "./discovery.ts";
import { signInByGrant } from "./grant_sign_in.ts";
import { signInByPerson } from "./person_sign_in.ts";
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

/** What a sign-in asks for. */
export interface Wanted {
  readonly scopes: readonly string[];
  /** The resource indicator, verbatim; undefined for servers that predate it. */
  readonly resource: string | undefined;
}

/** What a sign-in has brought, by whatever way. */
export interface Granted {
  readonly tokens: TokenSet;
  /** The client, with the way to authenticate that worked. */
  readonly client: ClientRecord;
}

/**
 * Signs in, by a person or by the grant that the entry names.
 *
 * @throws {McpAuthError} whatever went wrong on the way; nothing was stored.
 */
export async function signIn(ports: SignInPorts, request: SignInRequest): Promise<SignInOutcome> {
  const { entry, earlier } = request;
  checkReRegister(request);
  await ports.limit.check();
  const discovery = await findAuthorizationServer(ports, request);
  const { server } = discovery;
  if (earlier !== undefined && earlier.issuer !== server.issuer) {
    ports.tell({ kind: "issuer-changed", from: earlier.issuer, to: server.issuer });
  }
  ports.tell({ kind: "discovered", issuer: server.issuer, steps: describeSteps(discovery.steps) });
  const wanted: Wanted = {
    scopes: selectScopes({
      asked: entry.options.scopes,
      challenged: request.challenge.scopes,
      resource: discovery.resourceScopes,
      server: server.scopes_supported,
      earlier: earlier?.issuer === server.issuer && (request.stepUp || entry.options.scopes === undefined)
        ? earlier.scopes
        : undefined,
    }),
    resource: entry.options.resource ?? discovery.resource,
  };
  const { grant } = entry.options;
  const granted = grant === undefined
    ? await signInByPerson(ports, request, discovery, wanted)
    : await signInByGrant(ports, request, discovery, wanted, grant);
  const credential = toCredential(entry.name, discovery, granted, wanted, ports.clock.now());
  const { scopes } = wanted;
  const question = { http: ports.http, server, tokens: granted.tokens, scopes, signal: request.signal };
  const account = grant === undefined ? await findAccount(question) : undefined;
  return {
    client: granted.client,
    credential: {
      ...credential,
      ...(account === undefined ? {} : { account }),
      ...(grant === undefined ? {} : { grant: grant.kind }),
    },
  };
}

function toCredential(
  name: string,
  discovery: Discovery,
  { tokens, client }: Granted,
  { scopes, resource }: Wanted,
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
