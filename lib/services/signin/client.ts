/**
 * Finds the client to sign in as, in the specification's order: one registered by hand, a client ID metadata document,
 * dynamic registration, and at last a question to the person. A registration belongs to the issuer that made it and is
 * used again there, as long as the redirect URI is the same: byte for byte, since not every server lets the port vary as
 * RFC 8252 section 7.3 asks; the port that was registered is tried first, so that it seldom changes. One that a person
 * had made by means that a sign-in has not (`client register`) is used at another port, too: no other can be made.
 *
 * The program's own document comes after a registration that is there: whoever is known to a server stays who they are.
 *
 * @see MCP 2026-07-28 client registration (C24-C37); behaviours rows 18, 19 and 21
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { clientIdentity, type GivenIdentity } from "../../primitives/oauth/client_auth.ts";
import {
  checkClientMetadataUrl,
  coversRedirectUri,
  NO_DOCUMENT,
} from "../../primitives/oauth/client_metadata.ts";
import { registerClient, UnknownClientError } from "../../primitives/oauth/registration.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { type ClientRecord, entryShape, type ServerOptions } from "../credentials/mod.ts";
import type { OwnDocument } from "./client_document.ts";
import { adviceFor, type RegistrationAdvice, unregistered } from "./client_guidance.ts";

/** The redirect shape of clients for `http://127.0.0.1:<port>/callback`. */
export const LOOPBACK_SHAPE = "loopback";

/** A client that a person registered by hand: with a secret, with a private key, or with neither. */
export type GivenClient = Omit<GivenIdentity, "assertionAudience">;

/**
 * What a person is asked when nothing else works: the client for this redirect URI at this issuer, if they have one.
 * `redirectUri` is the one of this very sign-in.
 */
export type AskClient = (question: RegistrationAdvice) => Promise<GivenClient | undefined>;

/** What {@linkcode chooseClient} takes. */
export interface ClientChoice {
  readonly http: Http;
  readonly clock: Clock;
  readonly server: ServerMetadata;
  readonly entry: { readonly name: string; readonly url?: string; readonly options: ServerOptions };
  readonly redirectUri: string;
  /** What kind of redirect URI that is: the key of registrations that entries share. */
  readonly redirectShape: string;
  /** Whether its tokens are to be bound to a key. */
  readonly dpopBoundTokens?: boolean | undefined;
  /** A client given with this very command. */
  readonly given?: GivenClient | undefined;
  /** The registrations that the store has for this issuer: the entry's own, and the shared dynamic one. */
  readonly own: ClientRecord | undefined;
  readonly shared: ClientRecord | undefined;
  /** Shown to the user by the server at dynamic registration, where the entry has no name of its own for it. */
  readonly clientName: string;
  /** Use no registration that is there. */
  readonly reRegister?: boolean | undefined;
  readonly ask?: AskClient | undefined;
  /** The program's own document; undefined where it is not to be used, or the server has refused it. */
  readonly ownDocument?: OwnDocument | undefined;
  /** Told why the program's own document is not used. */
  readonly documentUnusable?: ((why: string) => void) | undefined;
  /** The page where clients of a server are registered, where it is known. */
  readonly setUpPage?: SetUpPage | undefined;
  /** The command line of this sign-in, for a person to repeat it. */
  readonly command?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Knows the page where clients of a server are registered by hand. */
export type SetUpPage = (server: { readonly issuer: string }) => Promise<string | undefined>;

/**
 * Returns the client to use; a fresh registration is not stored here.
 *
 * @throws {McpAuthError} `REGISTRATION_FAILED`, `CONFIG_INVALID`, or what the fetch throws.
 */
export async function chooseClient(choice: ClientChoice): Promise<ClientRecord> {
  const { server, entry, redirectUri, given, own } = choice;
  if (given !== undefined) return await preRegistered(choice, given);
  if (entry.options.clientId !== undefined) {
    if (own !== undefined && own.clientId === entry.options.clientId) return own;
    throw new McpAuthError(
      "REGISTRATION_FAILED",
      `Cannot use client "${entry.options.clientId}" at "${
        safeUrl(server.issuer)
      }": it was registered at another authorization server`,
      { hint: `Register a client there and run: mcp-auth login ${entry.name} --client-id <id>` },
    );
  }
  const { clientName } = entry.options;
  const clientMetadataUrl = documentOf(entry.options);
  if (clientMetadataUrl !== undefined && server.client_id_metadata_document_supported === true) {
    if (choice.reRegister) throw notDynamic(entry.name, clientMetadataUrl, "client-metadata-url");
    return byDocument(choice, checkClientMetadataUrl(clientMetadataUrl));
  }
  const known = choice.reRegister ? undefined : knownRegistration(choice);
  if (known !== undefined) return known;
  const ownUrl = await ownDocumentFor(choice);
  if (ownUrl !== undefined) return byDocument(choice, ownUrl);
  let refusal: UnknownClientError | undefined;
  if (server.registration_endpoint !== undefined) {
    try {
      const { dpopBoundTokens } = choice;
      const wish = {
        clientName: clientName ?? choice.clientName,
        redirectUris: [redirectUri],
        dpopBoundTokens,
      };
      const registration = await registerClient(choice.http, server, wish, choice.signal);
      const identity = {
        ...registration,
        ...(clientName === undefined ? {} : { clientName }),
        ...(dpopBoundTokens ? { dpopBoundTokens } : {}),
      };
      const shape = isOwn(choice) ? entryShape(entry.name) : choice.redirectShape;
      return record(choice, shape, "dynamic", identity);
    } catch (error) {
      if (!(error instanceof UnknownClientError)) throw error;
      refusal = error;
    }
  }
  return await preRegistered(choice, await askPerson(choice, refusal));
}

/** The client of a person who registers one now; without one, the error says how. */
async function askPerson(
  choice: ClientChoice,
  refusal: UnknownClientError | undefined,
): Promise<GivenClient> {
  const { server, entry, redirectUri } = choice;
  const { options } = entry;
  const page = await choice.setUpPage?.({ issuer: server.issuer });
  const advice = adviceFor({ server, options, redirectUri, setUpPage: page, refusal });
  const answer = await choice.ask?.({ ...advice, redirectUri });
  if (answer !== undefined) return answer;
  throw unregistered(advice, choice.command, refusal);
}

/** The document that the entry's user chose. */
function documentOf({ clientMetadataUrl }: ServerOptions): string | undefined {
  return clientMetadataUrl === NO_DOCUMENT ? undefined : clientMetadataUrl;
}

/**
 * The program's own document, where it serves: it carries the program's name, its client has no secret, and whoever asks
 * for a new registration does not want it, as long as one can be made.
 */
async function ownDocumentFor(choice: ClientChoice): Promise<string | undefined> {
  const { server, entry, ownDocument, redirectUri } = choice;
  const { clientName, clientMetadataUrl } = entry.options;
  if (ownDocument === undefined || server.client_id_metadata_document_supported !== true) return undefined;
  if (clientName !== undefined || clientMetadataUrl === NO_DOCUMENT) return undefined;
  if (choice.reRegister && server.registration_endpoint !== undefined) return undefined;
  if (server.token_endpoint_auth_methods_supported?.includes("none") === false) return undefined;
  const obstacle = await ownDocument.obstacle(redirectUri, choice.signal);
  if (obstacle === undefined) return ownDocument.url;
  choice.documentUnusable?.(obstacle);
  return undefined;
}

/**
 * Whether a client is one that its server may have lost, or never have known, and for which another is at hand: a stored
 * dynamic registration, or the program's own document (row 9).
 *
 * @param client The client.
 * @param stored Whether the store had it.
 * @param options What the entry's user chose.
 */
export function isReplaceable(client: ClientRecord, stored: boolean, options: ServerOptions): boolean {
  return client.source === "dynamic"
    ? stored
    : client.source === "client-id-metadata" && documentOf(options) === undefined;
}

/**
 * Refuses to register anew what was not registered dynamically.
 *
 * @param choice What was asked for.
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function checkReRegister(
  { entry, given, reRegister }: Pick<ClientChoice, "entry" | "given" | "reRegister">,
): void {
  const clientId = given?.clientId ?? entry.options.clientId;
  if (reRegister && clientId !== undefined) throw notDynamic(entry.name, clientId, "client-id");
}

/**
 * The registration that a person had made for the entry, else the one under the entry's own name, else the one that all
 * entries at the issuer share.
 */
function knownRegistration(choice: ClientChoice): ClientRecord | undefined {
  const { own, shared } = choice;
  const candidates = [own?.byHand ? own : undefined, isOwn(choice) ? own : shared];
  return candidates.find((client) => client !== undefined && isUsable(client, choice));
}

function isUsable(
  client: ClientRecord,
  { entry, redirectUri, clock, dpopBoundTokens }: ClientChoice,
): boolean {
  if (client.source !== "dynamic") return false;
  if (client.clientSecretExpiresAt !== undefined && client.clientSecretExpiresAt <= clock.now()) return false;
  if (client.byHand) return coversRedirectUri(client.redirectUris, redirectUri);
  // One that gets bound tokens alone serves nobody who wants others; one that gets any serves both.
  if (client.dpopBoundTokens && !dpopBoundTokens) return false;
  return client.clientName === entry.options.clientName && client.redirectUris.includes(redirectUri);
}

/** Whether a registration has something about it that other entries at the issuer do not share. */
function isOwn({ entry, dpopBoundTokens }: ClientChoice): boolean {
  return entry.options.clientName !== undefined || dpopBoundTokens === true;
}

function notDynamic(name: string, clientId: string, option: string): McpAuthError {
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot register a client for "${name}" anew: it has one that is not registered by mcp-auth, "${
      safeText(clientId, 200)
    }"`,
    {
      hint:
        `Sign in without --re-register, or forget that client first: mcp-auth set ${name} --unset ${option}`,
    },
  );
}

async function preRegistered(choice: ClientChoice, given: GivenClient): Promise<ClientRecord> {
  if (given.clientId === "") {
    throw new McpAuthError("CONFIG_INVALID", "Cannot sign in: the client id is empty");
  }
  const { name, options: { assertionAudience } } = choice.entry;
  const identity = await clientIdentity({ ...given, assertionAudience }, choice.server);
  return record(choice, entryShape(name), "pre-registered", identity);
}

function byDocument(choice: ClientChoice, clientId: string): ClientRecord {
  return record(choice, entryShape(choice.entry.name), "client-id-metadata", {
    clientId,
    tokenEndpointAuthMethod: "none",
  });
}

function record(
  choice: ClientChoice,
  redirectShape: string,
  source: ClientRecord["source"],
  identity: Pick<ClientRecord, "clientId" | "tokenEndpointAuthMethod"> & Partial<ClientRecord>,
): ClientRecord {
  return {
    ...identity,
    issuer: choice.server.issuer,
    redirectShape,
    source,
    redirectUris: [choice.redirectUri],
    registeredAt: choice.clock.now(),
  };
}
