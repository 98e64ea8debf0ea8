/**
 * A sign-in and its commit: entry, credential and client registration are stored together or not at all, while nobody
 * else signs in to the entry, signs out of it or refreshes it. `add`, `login`, `bridge --login` and the library all sign
 * in through here. Approving takes minutes, so that other commands may change the entry meanwhile: what they changed
 * stays, the last sign-in approved wins, and an entry that was removed does not come back.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { STORE_CHANGE_TRIES_MAX } from "../../primitives/limits.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import {
  type ClientRecord,
  type CredentialRecord,
  type CredentialStore,
  entryShape,
  type ServerOptions,
  type ServerRecord,
} from "../credentials/mod.ts";
import type { GivenClient } from "./client.ts";
import type { ProviderKnowledge } from "./quirks.ts";
import { signIn, type SignInOutcome, type SignInPorts } from "./sign_in.ts";
import { signInLimit } from "./sign_in_limit.ts";

/** What the sign-ins of one command share. */
export interface StoredSignInOptions {
  readonly store: CredentialStore;
  readonly ports: Omit<SignInPorts, "clients" | "forget" | "limit">;
  /** Runs an operation while nobody else changes the entry, in this process or another. */
  readonly exclusive: <T>(name: string, operation: () => Promise<T>) => Promise<T>;
  /** Shown to the user by the server. */
  readonly clientName: string;
  readonly given?: GivenClient | undefined;
  /** Register a client anew, whatever is stored. */
  readonly reRegister?: boolean | undefined;
  /** The command line of this sign-in, for a person to repeat it with a client of their own. */
  readonly command?: string | undefined;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number | undefined;
}

/** What one sign-in is for. */
export interface StoredSignInRequest {
  /** The entry as it is to be stored. */
  readonly server: ServerRecord;
  /**
   * The version of the entry that it replaces; null for a new one; undefined for the one that is there, whose options
   * stay as they are, since the caller may have read them long ago.
   */
  readonly expected?: string | null | undefined;
  readonly challenge: ChallengeSummary;
  /** Scopes to keep, in a step-up; those of the sign-in before when left out, unless the entry names its own. */
  readonly earlierScopes?: readonly string[] | undefined;
  /** What is known of the entry's provider; nothing of it is stored. */
  readonly provider?: ProviderKnowledge | undefined;
  /** The id, the name or the URL of the site that the entry is for. */
  readonly site?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Signs in and stores the result.
 *
 * @throws {McpAuthError} whatever the sign-in met, with nothing stored; `RATE_LIMITED` after too many; `CONFIG_INVALID` or
 *   `NOT_FOUND` when the entry is not there any more, or is another one.
 */
export async function signInAndStore(
  options: StoredSignInOptions,
  request: StoredSignInRequest,
): Promise<CredentialRecord> {
  const { audit } = options.ports;
  const { name } = request.server;
  audit.record({ event: "sign_in_started", name, outcome: "done" });
  try {
    const { credential, isNew } = await signInOnce(options, request);
    const { issuer, accessToken, refreshToken, client } = credential;
    if (isNew) audit.record({ event: "entry_added", name, outcome: "done" });
    audit.record({
      event: "signed_in",
      name,
      issuer,
      outcome: "done",
      secrets: { access_token: accessToken, refresh_token: refreshToken, client_id: client.clientId },
    });
    return credential;
  } catch (error) {
    const { code } = asMcpAuthError(error, "AUTH_FAILED", `sign in to "${name}"`);
    audit.record({ event: "sign_in_failed", name, outcome: "failed", code });
    throw error;
  }
}

async function signInOnce(
  options: StoredSignInOptions,
  request: StoredSignInRequest,
): Promise<{ readonly credential: CredentialRecord; readonly isNew: boolean }> {
  const { store, ports } = options;
  const { server, signal, expected } = request;
  const found = await store.serverWithCredential(server.name, signal);
  const base = found?.server;
  if (expected === null ? base !== undefined : base === undefined) throw notThere(server.name, base);
  if (typeof expected === "string" && base?.version !== expected) throw changed(server.name);
  const before = found?.credential?.record;
  const outcome = await signIn({
    ...ports,
    clients: async (issuer, redirectShape) => ({
      own: await store.client(issuer, entryShape(server.name), signal),
      shared: await store.client(issuer, redirectShape, signal),
    }),
    forget: (client) => store.forgetClient(client),
    limit: signInLimit(store.attempts, ports.clock, server.name),
  }, {
    entry: server,
    provider: request.provider,
    site: request.site,
    challenge: request.challenge,
    earlier: earlierOf(request, base?.record, before),
    stepUp: request.earlierScopes !== undefined,
    given: options.given,
    reRegister: options.reRegister,
    clientName: options.clientName,
    command: options.command,
    timeoutS: options.timeoutS,
    signal,
  });
  const entry = expected === undefined && base !== undefined ? base.record : server;
  const remembered = { ...withOwnClient(entry.options, outcome.client), ...outcome.learned };
  const signedIn = { signIn: "oauth", options: remembered } as const;
  const next: ServerRecord = { ...entry, ...signedIn };
  await options.exclusive(server.name, () => save(store, base?.record, next, outcome));
  return { credential: outcome.credential, isNew: base === undefined };
}

/**
 * What the sign-in before says to this one. A machine's entry that replaces another begins anew; and what a person asked
 * for is nothing that a machine has to ask for, or the other way round.
 */
function earlierOf(
  { server, earlierScopes }: StoredSignInRequest,
  base: ServerRecord | undefined,
  before: CredentialRecord | undefined,
): { readonly issuer: string; readonly scopes: readonly string[] } | undefined {
  if (before === undefined) return undefined;
  const { grant } = server.options;
  const isGivenByHand = before.client.source === "none" && before.grant === undefined;
  if (grant !== undefined && (isGivenByHand || base?.createdAt !== server.createdAt)) return undefined;
  const scopes = before.grant === grant?.kind ? before.requestedScopes : [];
  return { issuer: before.issuer, scopes: earlierScopes ?? scopes };
}

/** Stores an outcome over what is there now; whoever changes the entry without its lock makes it look again. */
async function save(
  store: CredentialStore,
  base: ServerRecord | undefined,
  next: ServerRecord,
  outcome: SignInOutcome,
): Promise<void> {
  const { name } = next;
  for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
    const found = await store.serverWithCredential(name);
    const now = found?.server.record;
    if ((base === undefined) !== (now === undefined)) throw notThere(name, now);
    if (base?.url !== now?.url || base?.createdAt !== now?.createdAt) throw changed(name);
    const stored = await store.saveSignedIn({
      ...outcome,
      server: base === undefined || now === undefined ? next : merged(base, next, now),
      expected: { server: found?.server.version ?? null, credential: found?.credential?.version ?? null },
    });
    if (stored) return;
  }
  throw new McpAuthError("STORE_UNAVAILABLE", `Cannot store "${name}": other processes keep changing it`);
}

/** The entry as it is now, with what this sign-in changed of the entry that it began with. */
function merged(base: ServerRecord, next: ServerRecord, now: ServerRecord): ServerRecord {
  return {
    ...changedMembers(base, next, now),
    options: changedMembers(base.options, next.options, now.options),
  };
}

function changedMembers<T extends object>(base: T, next: T, now: T): T {
  const result: Partial<T> = { ...now };
  for (const member of new Set([...Object.keys(base), ...Object.keys(next)]) as Set<keyof T & string>) {
    if (JSON.stringify(base[member]) === JSON.stringify(next[member])) continue;
    if (next[member] === undefined) delete result[member];
    else result[member] = next[member];
  }
  return result as T;
}

/** A client that the person gave when asked is the entry's from now on, as one given by flag is. */
function withOwnClient(options: ServerOptions, client: ClientRecord): ServerOptions {
  return client.source === "pre-registered" ? { ...options, clientId: client.clientId } : options;
}

function notThere(name: string, now: unknown): McpAuthError {
  return now === undefined
    ? new McpAuthError("NOT_FOUND", `Cannot sign in to "${name}": it was removed or renamed meanwhile`, {
      hint: "See all entries with: mcp-auth list",
    })
    : new McpAuthError("CONFIG_INVALID", `Cannot add "${name}": an entry of that name was added meanwhile`, {
      hint: `To sign in to that one, run: mcp-auth login ${name}`,
    });
}

function changed(name: string): McpAuthError {
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot store "${name}": it was changed by another command meanwhile`,
    { hint: `Run: mcp-auth login ${name}` },
  );
}
