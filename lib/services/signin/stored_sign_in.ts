/**
 * A sign-in and its commit: entry, credential and client registration are stored together or not at all. `add`,
 * `login`, `bridge --login` and the library all sign in through here.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import {
  type ClientRecord,
  type CredentialRecord,
  type CredentialStore,
  entryShape,
  type ServerOptions,
  type ServerRecord,
} from "../credentials/mod.ts";
import { type GivenClient, LOOPBACK_SHAPE } from "./client.ts";
import { signIn, type SignInPorts } from "./sign_in.ts";

/** What the sign-ins of one command share. */
export interface StoredSignInOptions {
  readonly store: CredentialStore;
  readonly ports: Omit<SignInPorts, "clients">;
  /** Shown to the user by the server. */
  readonly clientName: string;
  readonly given?: GivenClient | undefined;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number | undefined;
}

/** What one sign-in is for. */
export interface StoredSignInRequest {
  /** The entry as it is to be stored. */
  readonly server: ServerRecord;
  /** The version of the entry that it replaces; null for a new one; undefined for whatever is there. */
  readonly expected?: string | null | undefined;
  readonly challenge: ChallengeSummary;
  /** Scopes to keep, in a step-up; those of the sign-in before when left out, unless the entry names its own. */
  readonly earlierScopes?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Signs in and stores the result.
 *
 * @throws {McpAuthError} whatever the sign-in met, with nothing stored; `CONFIG_INVALID` when the entry was changed
 *   meanwhile.
 */
export async function signInAndStore(
  options: StoredSignInOptions,
  request: StoredSignInRequest,
): Promise<CredentialRecord> {
  const { store } = options;
  const { server, signal } = request;
  const before = await store.credential(server.name, signal);
  const outcome = await signIn({
    ...options.ports,
    clients: async (issuer) => ({
      own: await store.client(issuer, entryShape(server.name), signal),
      shared: await store.client(issuer, LOOPBACK_SHAPE, signal),
    }),
  }, {
    entry: server,
    challenge: request.challenge,
    earlier: before === undefined ? undefined : {
      issuer: before.record.issuer,
      scopes: request.earlierScopes ?? before.record.requestedScopes,
    },
    stepUp: request.earlierScopes !== undefined,
    given: options.given,
    clientName: options.clientName,
    timeoutS: options.timeoutS,
    signal,
  });
  const stored = await store.saveSignedIn({
    server: { ...server, signIn: "oauth", options: withOwnClient(server.options, outcome.client) },
    ...outcome,
    ...(request.expected === undefined ? {} : { expected: { server: request.expected } }),
  });
  if (stored) return outcome.credential;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot store "${server.name}": it was changed by another command meanwhile`,
    {
      hint: `Run: mcp-auth login ${server.name}`,
    },
  );
}

/** A client that the person gave when asked is the entry's from now on, as one given by flag is. */
function withOwnClient(options: ServerOptions, client: ClientRecord): ServerOptions {
  return client.source === "pre-registered" ? { ...options, clientId: client.clientId } : options;
}
