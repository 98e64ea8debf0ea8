/**
 * The client registrations that the store has: which there are, who uses them, what their servers say of them, and
 * their end. What a server changes while it is asked, its registration token above all, is stored at once wherever the
 * client is kept: with the registration, and with the tokens that it brought.
 *
 * @see RFC 7592; MCP 2026-07-28 client registration, authorization server binding (C35)
 * @module
 */
import { asMcpAuthError, type ErrorJson, McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { STORE_CHANGE_TRIES_MAX } from "../../primitives/limits.ts";
import { deleteRegistration, type Registration } from "../../primitives/oauth/registration.ts";
import {
  readRegistration,
  type RegistrationReading,
} from "../../primitives/oauth/registration_management.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { Audit } from "../audit/mod.ts";
import { type ClientRecord, type CredentialStore, entryShape } from "../credentials/mod.ts";

/** A client that is known here. */
export interface KnownClient {
  readonly client: ClientRecord;
  /** The entry that it belongs to; undefined where all at the issuer may use it. */
  readonly entry: string | undefined;
  /** The entries whose tokens it brought. */
  readonly usedBy: readonly string[];
}

/** What the registry runs on. */
export interface RegistryPorts {
  readonly store: CredentialStore;
  /** The fetch for the client's server. */
  readonly http: Http;
  readonly audit: Audit;
}

/** What became of a registration. */
export interface ClientDeletion {
  /**
   * `deleted` at its server and here; only here for the others: `gone` from its server before, `unsupported` there,
   * `failed` there for another reason, and `forgotten` for a client that no server registered.
   */
  readonly outcome: "deleted" | "gone" | "unsupported" | "failed" | "forgotten";
  /** The entries that have to sign in again. */
  readonly usedBy: readonly string[];
  /** Why it failed. */
  readonly error?: ErrorJson | undefined;
}

/**
 * All clients that are known, ordered by issuer: those that are stored for the next sign-in, and those that only tokens
 * name any more.
 *
 * @param store The store.
 * @param signal Ends the wait for a busy store.
 */
export async function listClients(
  store: CredentialStore,
  signal?: AbortSignal,
): Promise<readonly KnownClient[]> {
  // Workloads and tokens that were given by hand have none.
  const credentials = (await store.credentials(signal)).map(({ record }) => record)
    .filter(({ client }) => client.source !== "none");
  const stored = (await store.clients(signal)).map(({ record }) => record);
  const others = credentials.map(({ client }) => client).filter((client, index, all) =>
    [...stored, ...all.slice(0, index)].every((each) => !isSame(each, client))
  );
  return [...stored, ...others]
    .map((client) => ({
      client,
      entry: entryOf(client),
      usedBy: credentials.filter((each) => isSame(each.client, client)).map(({ name }) => name),
    }))
    .sort((a, b) => compare(a.client.issuer, b.client.issuer) || compare(a.entry ?? "", b.entry ?? ""));
}

/**
 * The client that a person means by the name of an entry, or by an issuer.
 *
 * @param known What is known.
 * @param target The name of an entry, or the issuer: then the one that its entries share, or the only one.
 * @throws {McpAuthError} `NOT_FOUND` where none is known, `USAGE` where several are.
 */
export function findClient(known: readonly KnownClient[], target: string): KnownClient {
  const all = "See all with: mcp-auth client list";
  if (!isUrl(target)) {
    const found = known.find(({ usedBy }) => usedBy.includes(target)) ??
      known.find(({ entry }) => entry === target);
    if (found !== undefined) return found;
    throw new McpAuthError("NOT_FOUND", `Cannot find a client of "${safeText(target, 80)}": none is known`, {
      hint: all,
    });
  }
  const there = known.filter(({ client }) => withoutSlash(client.issuer) === withoutSlash(target));
  const found = there.find(({ entry }) => entry === undefined) ?? there[0];
  if (found === undefined) {
    throw new McpAuthError("NOT_FOUND", `Cannot find a client at "${safeUrl(target)}": none is known`, {
      hint: all,
    });
  }
  if (found.entry === undefined || there.length === 1) return found;
  throw new McpAuthError(
    "USAGE",
    `Cannot tell which client at "${safeUrl(target)}" is meant: several entries have one of their own`,
    { hint: `Name the entry: ${there.map(({ entry }) => entry).join(", ")}` },
  );
}

/**
 * Asks the server of a client about it, and stores what the answer changes.
 *
 * @param ports What it runs on.
 * @param client The client.
 * @param signal Ends the question; not what follows from its answer.
 * @throws {McpAuthError} what the question met, or the store.
 * @see RFC 7592 section 2.1
 */
export async function readClient(
  ports: RegistryPorts,
  client: ClientRecord,
  signal?: AbortSignal,
): Promise<RegistrationReading> {
  if (client.source !== "dynamic") return { kind: "unsupported" };
  const reading = await readRegistration(ports.http, client.issuer, client, signal);
  if (reading.kind === "read" && differs(client, reading.registration)) {
    await storeChanged(ports.store, client, reading.registration);
  }
  return reading;
}

/**
 * Ends a client: at its server, where it was registered there and can be deleted, and here.
 *
 * @param ports What it runs on.
 * @param known The client.
 * @param options.force Also where entries use it, and where its server fails.
 * @param options.signal Ends the question to the server.
 * @throws {McpAuthError} `CONFIG_INVALID` where entries use it; what its server answered, where that is no end.
 * @see RFC 7592 section 2.3
 */
export async function deleteClient(
  ports: RegistryPorts,
  known: KnownClient,
  options: { readonly force: boolean; readonly signal?: AbortSignal | undefined },
): Promise<ClientDeletion> {
  const { client, usedBy } = known;
  if (usedBy.length > 0 && !options.force) throw inUse(known);
  const ended = await endAtServer(ports, client, options);
  await forget(ports.store, client);
  ports.audit.record({
    event: "client_forgotten",
    name: known.entry,
    issuer: client.issuer,
    outcome: ended.outcome === "failed" ? "failed" : "done",
    code: ended.error?.code,
    detail: ended.outcome,
    secrets: { client_id: client.clientId },
  });
  return { ...ended, usedBy };
}

async function endAtServer(
  { http }: RegistryPorts,
  client: ClientRecord,
  { force, signal }: { readonly force: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Pick<ClientDeletion, "outcome" | "error">> {
  if (client.source !== "dynamic") return { outcome: "forgotten" };
  try {
    return { outcome: await deleteRegistration(http, client.issuer, client, signal) };
  } catch (error) {
    // RFC 7592 section 2.3: a server that does not know the client answers so, whatever the token.
    if (error instanceof OAuthResponseError && GONE.includes(error.status)) return { outcome: "gone" };
    const coded = asMcpAuthError(error, "SERVER_ERROR", "delete the client registration");
    if (force && !signal?.aborted) return { outcome: "failed", error: coded.toJSON() };
    throw new McpAuthError(coded.code, coded.message, {
      hint: "Try again; to forget it here, though it stays there, add --force",
      cause: coded,
    });
  }
}

const GONE: readonly number[] = [401, 403, 404];

/** What was given by hand is among the options of its entry, too. */
async function forget(store: CredentialStore, client: ClientRecord): Promise<void> {
  await changeStored(store, client, () => undefined);
  const name = entryOf(client);
  if (name === undefined || client.source !== "pre-registered") return;
  for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
    const found = await store.server(name);
    if (found === undefined) return;
    const { clientId, ...options } = found.record.options;
    if (clientId !== client.clientId) return;
    if (await store.putServer({ ...found.record, options }, found.version) !== undefined) return;
  }
}

async function storeChanged(
  store: CredentialStore,
  client: ClientRecord,
  registration: Registration,
): Promise<void> {
  await changeStored(store, client, (stored) => ({ ...stored, ...registration }));
  for (const { record } of await store.credentials()) {
    if (!isSame(record.client, client)) continue;
    for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
      const found = await store.credential(record.name);
      if (found === undefined || !isSame(found.record.client, client)) break;
      const next = { ...found.record, client: { ...found.record.client, ...registration } };
      if (await store.changeCredential(record.name, found.version, next) !== undefined) break;
    }
  }
}

/** Changes what is stored of a client, wherever it is by now; another that took its place stays. */
async function changeStored(
  store: CredentialStore,
  client: ClientRecord,
  change: (stored: ClientRecord) => ClientRecord | undefined,
): Promise<void> {
  for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
    const found = (await store.clients()).filter(({ record }) => isSame(record, client));
    let done = true;
    for (const { record, version } of found) {
      done = await store.changeClient(record, version, change(record)) && done;
    }
    if (done) return;
  }
  throw new McpAuthError("STORE_UNAVAILABLE", "Cannot change the client: other processes keep changing it");
}

function inUse({ client, usedBy }: KnownClient): McpAuthError {
  const names = usedBy.map((name) => `"${name}"`).join(", ");
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot delete client "${safeText(client.clientId, 100)}": ${names} ${
      usedBy.length === 1 ? "is" : "are"
    } signed in with it`,
    { hint: `Sign out first: mcp-auth logout ${usedBy[0]}; or add --force, and sign in again` },
  );
}

/** Whether the means or the secret are others. */
function differs(client: ClientRecord, registration: Registration): boolean {
  return client.registrationAccessToken !== registration.registrationAccessToken ||
    client.registrationClientUri !== registration.registrationClientUri ||
    client.clientSecret !== registration.clientSecret ||
    client.clientSecretExpiresAt !== registration.clientSecretExpiresAt;
}

/** Two entries may have one client by hand, each for itself. */
function isSame(a: ClientRecord, b: ClientRecord): boolean {
  return a.issuer === b.issuer && a.clientId === b.clientId && a.redirectShape === b.redirectShape;
}

function entryOf({ redirectShape }: ClientRecord): string | undefined {
  const prefix = entryShape("");
  return redirectShape.startsWith(prefix) ? redirectShape.slice(prefix.length) : undefined;
}

/** Says whether a target is a URL rather than a name. */
export function isUrl(target: string): boolean {
  return /^https?:/i.test(target);
}

function withoutSlash(issuer: string): string {
  return issuer.endsWith("/") ? issuer.slice(0, -1) : issuer;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
