/**
 * One sign-in, from discovery to tokens. Its outcome is not stored here: the caller gets everything that
 * belongs together and commits it at once, so that a sign-in that ends half way leaves nothing but its count, and takes
 * away nothing but a registration that its server has lost.
 *
 * @see MCP 2026-07-28 authorization, Authorization Flow Steps
 * @module
 */
import type { McpAuthError } from "../../primitives/errors.ts";
import type { AddressGuard } from "../../primitives/http/address.ts";
import type { Http } from "../../primitives/http/http.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import { provenHttp } from "../../primitives/oauth/proven_http.ts";
import { type ServerMetadata, tokenServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { selectScopes } from "../../primitives/oauth/scope.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import type { Browser } from "../../primitives/system/browser.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Listen } from "../../primitives/system/listener.ts";
import type { Audit } from "../audit/mod.ts";
import type { ClientRecord, CredentialRecord, ServerOptions, ServerRecord } from "../credentials/mod.ts";
import { findAccount } from "./account.ts";
import { findAuthorizationServer } from "./authorization_server.ts";
import { type AskClient, checkReRegister, type GivenClient, type SetUpPage } from "./client.ts";
import type { OwnDocument } from "./client_document.ts";
import { withOwnClients } from "./client_seat.ts";
import { describeSteps, type Discovery, withFirstCause } from "./discovery.ts";
import type { GrantPorts } from "../grants/mod.ts";
import { signInByGrant } from "./grant_sign_in.ts";
import type { Paste, PasteRefusal } from "./pasted_response.ts";
import { signInByPerson } from "./person_sign_in.ts";
import { keptKey, keyForSignIn } from "./proof_of_possession.ts";
import {
  allowingFor,
  knownQuirks,
  learnedQuirks,
  mayOmitResource,
  type ProviderKnowledge,
  withResourceHint,
} from "./quirks.ts";
import type { SignInLimit } from "./sign_in_limit.ts";
import { type AskSite, checkSiteWish, siteOf } from "./site.ts";

/** Whether to sign in by a device code. */
export type DeviceChoice = "always" | "preferred" | "never";

/** What a sign-in runs on. */
export interface SignInPorts {
  readonly http: Http;
  /** The same for one request, which throws `Redirected` in place of following a redirect. */
  readonly preflight: Http;
  /** The address rule of the entry: the browser is sent nowhere where the program itself would not go (C68, C70). */
  readonly guard: AddressGuard;
  /** Told of the authorization server as soon as it is found: the entry's certificate is for it as well. */
  readonly found?: ((server: ServerMetadata) => void) | undefined;
  readonly clock: Clock;
  readonly listen: Listen;
  /** Undefined: the URL is only told, for a person to open. */
  readonly browser: Browser | undefined;
  /** Whether to sign in by a device code: `preferred` only where the server offers it; `never` when left out. */
  readonly device?: DeviceChoice | undefined;
  /** Hands in what a person pastes in place of the browser's answer; undefined where nobody can. */
  readonly paste?: Paste | undefined;
  /** The registrations known for an issuer: the entry's own, and the one for such a redirect URI that entries share. */
  clients(
    issuer: string,
    redirectShape: string,
  ): Promise<{ readonly own: ClientRecord | undefined; readonly shared: ClientRecord | undefined }>;
  /** The clients that the sign-in has registered by now, none of which is stored yet. */
  readonly made?: Set<ClientRecord> | undefined;
  /** Forgets a dynamic registration that its issuer has lost. */
  forget(client: ClientRecord): Promise<unknown>;
  /** How often the entry may be signed in to. */
  readonly limit: SignInLimit;
  readonly audit: Audit;
  /** What tokens are had by without a person. */
  readonly grants: GrantPorts;
  readonly ask?: AskClient | undefined;
  /** Asks which of an account's sites an entry is for. */
  readonly askSite?: AskSite | undefined;
  /** The program's own client ID metadata document, to sign in by where a server takes one. */
  readonly ownDocument?: OwnDocument | undefined;
  /** The page where clients of a server are registered, where it is known. */
  readonly setUpPage?: SetUpPage | undefined;
  /** Told what happens, for standard error. */
  readonly tell: (event: SignInEvent) => void;
}

/** What is told while a sign-in runs. */
export type SignInEvent =
  | { readonly kind: "discovered"; readonly issuer: string; readonly steps: string }
  | {
    readonly kind: "registered";
    readonly issuer: string;
    readonly source: "pre-registered" | "client-id-metadata" | "dynamic" | "none";
  }
  | {
    /** A registration of an earlier sign-in is gone at its issuer; another one is made (row 9). */
    readonly kind: "client-forgotten";
    readonly issuer: string;
  }
  | {
    /** The program's own client ID metadata document is not used: by the server's word, or by what was found there. */
    readonly kind: "document-unused";
    readonly url: string;
    readonly why: string;
  }
  | { readonly kind: "issuer-changed"; readonly from: string; readonly to: string }
  | {
    /** What is known of the entry's provider is applied to the sign-in. */
    readonly kind: "provider";
    readonly name: string;
    readonly title: string;
    /** When that was last checked, as an ISO date; undefined where the user defined the provider. */
    readonly checked: string | undefined;
    /** The host was recognized; otherwise the entry names the provider. */
    readonly recognized: boolean;
    /** What is added, in a few words each; empty where nothing is. */
    readonly adds: readonly string[];
  }
  | {
    /** The MCP server lists other authorization servers than the one that the user named; the user's word wins. */
    readonly kind: "other-server";
    readonly issuer: string;
    readonly listed: readonly string[];
  }
  | {
    /** The server refuses the `resource` parameter; the sign-in goes on without it (quirk `omit-resource`, row 30). */
    readonly kind: "resource-omitted";
    readonly issuer: string;
    /** Whether the person has to approve again. */
    readonly again: boolean;
  }
  | {
    /** The person has to open this URL, unless the browser that is opened shows it. */
    readonly kind: "authorize";
    readonly url: string;
    readonly issuer: string;
    readonly opened: boolean;
    /** Seconds that the URL is good for; undefined where it has no end. */
    readonly expiresInS?: number | undefined;
    /** Where the browser ends. */
    readonly redirectUri: string;
    /** The port here that the answer comes to; undefined where nothing listens, and it has to be pasted. */
    readonly port: number | undefined;
    /** Whether the answer can be pasted. */
    readonly pasting: boolean;
  }
  | { readonly kind: "no-browser"; readonly error: McpAuthError }
  | {
    /** What was pasted is not the answer; another one can be pasted. */
    readonly kind: "paste-refused";
    readonly reason: PasteRefusal;
  }
  | {
    /** The person has to enter the code at the page, on any device. */
    readonly kind: "device-code";
    readonly issuer: string;
    readonly userCode: string;
    readonly verificationUri: string;
    /** The same with the code in it. */
    readonly verificationUriComplete?: string;
    /** Seconds that the code lives. */
    readonly expiresInS: number;
  }
  | {
    /** The server gives no device code to this client; the browser is used. */
    readonly kind: "no-device-code";
    readonly error: McpAuthError;
  }
  | { readonly kind: "received" };

/** What {@linkcode signIn} takes. */
export interface SignInRequest {
  readonly entry: Pick<ServerRecord, "name" | "url" | "kind" | "options">;
  /** What is known of the entry's provider. */
  readonly provider?: ProviderKnowledge | undefined;
  /** The id, the name or the URL of the site that the entry is for. */
  readonly site?: string | undefined;
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
  /** The command line of this sign-in, for a person to repeat it with a client of their own. */
  readonly command?: string | undefined;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The outcome: what belongs together in the store. */
export interface SignInOutcome {
  readonly credential: CredentialRecord;
  readonly client: ClientRecord;
  /** What the entry remembers from now on. */
  readonly learned?: Pick<ServerOptions, "quirks" | "site"> | undefined;
}

/** What a sign-in asks for. */
export interface Wanted {
  readonly scopes: readonly string[];
  /** The resource indicator, verbatim; undefined for servers that predate it. */
  readonly resource: string | undefined;
  /** Proves the possession of the key to bind the tokens to, in every request that brings some; undefined for others. */
  readonly proof?: DpopProver | undefined;
}

/** What a sign-in has brought, by whatever way. */
export interface Granted {
  readonly tokens: TokenSet;
  /** The client, with the way to authenticate that worked. */
  readonly client: ClientRecord;
  /** The server refused the resource that was wanted, and gave these without it. */
  readonly withoutResource?: true | undefined;
}

/**
 * Signs in, by a person or by the grant that the entry names.
 *
 * @throws {McpAuthError} whatever went wrong on the way; nothing was stored.
 */
export async function signIn(given: SignInPorts, asked: SignInRequest): Promise<SignInOutcome> {
  const { earlier, provider } = asked;
  const ports = withOwnClients(given, asked.entry.name);
  checkReRegister(asked);
  checkSiteWish(asked);
  await ports.limit.check();
  const provided = { ...asked.entry, options: provider?.options ?? asked.entry.options };
  const discovery = await findAuthorizationServer(ports, { ...asked, entry: provided });
  const { server } = discovery;
  ports.found?.(server);
  const quirks = knownQuirks(provided.options, server.issuer);
  const entry = { ...provided, options: allowingFor(quirks, provided.options) };
  const request = { ...asked, entry };
  if (earlier !== undefined && earlier.issuer !== server.issuer) {
    ports.tell({ kind: "issuer-changed", from: earlier.issuer, to: server.issuer });
  }
  ports.tell({ kind: "discovered", issuer: server.issuer, steps: describeSteps(discovery.steps) });
  const key = await keyForSignIn(request, discovery, ports.clock);
  const wanted: Wanted = {
    proof: key?.prover,
    scopes: selectScopes({
      asked: entry.options.scopes,
      challenged: request.challenge.scopes,
      resource: discovery.resourceScopes ?? provider?.scopes,
      // A machine needs no refresh token: its grant brings the next access token.
      server: entry.options.grant === undefined ? server.scopes_supported : undefined,
      earlier: earlier?.issuer === server.issuer && (request.stepUp || entry.options.scopes === undefined)
        ? earlier.scopes
        : undefined,
    }),
    resource: entry.options.resource ?? (quirks.has("omit-resource") ? undefined : discovery.resource),
  };
  const { grant } = entry.options;
  const bring = (wanted: Wanted) =>
    grant === undefined
      ? signInByPerson(ports, request, discovery, wanted)
      : signInByGrant(ports, request, discovery, wanted, grant);
  const granted = await bring(wanted).catch(async (error) => {
    if (!mayOmitResource(error, wanted, entry.options, server.issuer)) {
      throw withFirstCause(withResourceHint(error, entry, wanted), discovery, entry.url);
    }
    ports.tell({ kind: "resource-omitted", issuer: server.issuer, again: grant === undefined });
    return { ...await bring({ ...wanted, resource: undefined }), withoutResource: true as const };
  });
  const learned = learnedQuirks(quirks, granted, asked.entry.options);
  const credential = toCredential(entry.name, discovery, granted, wanted, ports.clock.now());
  const bound = keptKey(key, granted.tokens, request, server.issuer);
  const { scopes, proof } = wanted;
  const { tokens } = granted;
  const isNamed = entry.options.authorizationServer?.userinfoEndpoint !== undefined;
  const question = { http: ports.http, server, tokens, scopes, proof, isNamed, signal: request.signal };
  const account = grant === undefined ? await findAccount(question) : undefined;
  const http = provenHttp(ports.http, bound.dpopKey && proof, tokens.accessToken);
  const site = await siteOf({ ...ports, http }, request, tokens.accessToken);
  return {
    client: granted.client,
    learned: { ...learned.remembered, ...(site === undefined ? {} : { site }) },
    credential: {
      ...credential,
      ...bound,
      ...(learned.all.length === 0 ? {} : { quirks: learned.all }),
      ...(account === undefined ? {} : { account }),
      ...(grant === undefined ? {} : { grant: grant.kind }),
    },
  };
}

function toCredential(
  name: string,
  discovery: Discovery,
  { tokens, client, withoutResource }: Granted,
  { scopes, resource: wanted }: Wanted,
  now: number,
): CredentialRecord {
  const resource = withoutResource ? undefined : wanted;
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
