/**
 * Finds the client to sign in as, in the specification's order: one registered by hand, a client ID metadata document,
 * dynamic registration, and at last a question to the person. A registration belongs to the issuer that made it and is
 * used again there, as long as the redirect URI is the same: byte for byte, since not every server lets the port vary as
 * RFC 8252 section 7.3 asks; the port that was registered is tried first, so that it seldom changes.
 *
 * @see MCP 2026-07-28 client registration (C24-C37); behaviours rows 18, 19 and 21
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { chooseAuthMethod } from "../../primitives/oauth/client_auth.ts";
import { checkClientMetadataUrl } from "../../primitives/oauth/client_metadata.ts";
import { registerClient } from "../../primitives/oauth/registration.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { type ClientRecord, entryShape, type ServerOptions } from "../credentials/mod.ts";

/** The redirect shape of clients for `http://127.0.0.1:<port>/callback`. */
export const LOOPBACK_SHAPE = "loopback";

/** A client that a person registered by hand. */
export interface GivenClient {
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
}

/** What a person is asked when nothing else works: the client for this redirect URI at this issuer, if they have one. */
export type AskClient = (question: { readonly issuer: string; readonly redirectUri: string }) => Promise<
  GivenClient | undefined
>;

/** What {@linkcode chooseClient} takes. */
export interface ClientChoice {
  readonly http: Http;
  readonly clock: Clock;
  readonly server: ServerMetadata;
  readonly entry: { readonly name: string; readonly options: ServerOptions };
  readonly redirectUri: string;
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
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the client to use; a fresh registration is not stored here.
 *
 * @throws {McpAuthError} `REGISTRATION_FAILED`, `CONFIG_INVALID`, or what the fetch throws.
 */
export async function chooseClient(choice: ClientChoice): Promise<ClientRecord> {
  const { server, entry, redirectUri, given, own } = choice;
  if (given !== undefined) return preRegistered(choice, given);
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
  const { clientMetadataUrl, clientName } = entry.options;
  if (clientMetadataUrl !== undefined && server.client_id_metadata_document_supported === true) {
    if (choice.reRegister) throw notDynamic(entry.name, clientMetadataUrl, "client-metadata-url");
    return record(choice, entryShape(entry.name), "client-id-metadata", {
      clientId: checkClientMetadataUrl(clientMetadataUrl),
      tokenEndpointAuthMethod: "none",
    });
  }
  const known = choice.reRegister ? undefined : knownRegistration(choice);
  if (known !== undefined) return known;
  if (server.registration_endpoint !== undefined) {
    const registration = await registerClient(
      choice.http,
      server,
      { clientName: clientName ?? choice.clientName, redirectUri },
      choice.signal,
    );
    return clientName === undefined
      ? record(choice, LOOPBACK_SHAPE, "dynamic", registration)
      : record(choice, entryShape(entry.name), "dynamic", { ...registration, clientName });
  }
  const answer = await choice.ask?.({ issuer: server.issuer, redirectUri });
  if (answer !== undefined) return preRegistered(choice, answer);
  throw new McpAuthError(
    "REGISTRATION_FAILED",
    `Cannot register a client at "${safeUrl(server.issuer)}": it offers no dynamic registration`,
    {
      hint:
        `Register a client there with redirect URI ${redirectUri}, then repeat the command with --client-id <id>` +
        " (and --client-secret-file <file>, if it has a secret)",
    },
  );
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

/** The registration of an entry that has its own name for it, else the one that all entries at the issuer share. */
function knownRegistration(
  { entry, own, shared, redirectUri, clock }: ClientChoice,
): ClientRecord | undefined {
  const { clientName } = entry.options;
  const client = clientName === undefined ? shared : own;
  const usable = client?.source === "dynamic" && client.clientName === clientName &&
    client.redirectUris.includes(redirectUri) &&
    (client.clientSecretExpiresAt === undefined || client.clientSecretExpiresAt > clock.now());
  return usable ? client : undefined;
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

function preRegistered(choice: ClientChoice, { clientId, clientSecret }: GivenClient): ClientRecord {
  if (clientId === "") throw new McpAuthError("CONFIG_INVALID", "Cannot sign in: the client id is empty");
  return record(choice, entryShape(choice.entry.name), "pre-registered", {
    clientId,
    ...(clientSecret === undefined ? {} : { clientSecret }),
    tokenEndpointAuthMethod: chooseAuthMethod(
      clientSecret !== undefined,
      undefined,
      choice.server.token_endpoint_auth_methods_supported,
    ),
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
