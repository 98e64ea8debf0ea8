/**
 * An access token that a person or a machine brings along, in place of a sign-in: for a place where no browser is, or a
 * server that hands out tokens on a page of its own. Nothing is known of who issued it and nothing can renew it: it is
 * sent to the entry's server alone, until it expires or the server refuses it.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { HAND_TOKEN_MAX_CHARS } from "../../primitives/limits.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { Audit } from "../audit/mod.ts";
import {
  type ClientRecord,
  type CredentialRecord,
  type CredentialStore,
  entryShape,
  type ServerRecord,
} from "../credentials/mod.ts";

/**
 * Reads a token as people paste it: with a line break at the end, or with the word before it that the header has. What
 * servers hand out has more characters than RFC 6750 names, such as the bar in `12|abc`.
 *
 * @param text What was given.
 * @param from Where it came from, for the message.
 * @throws {McpAuthError} `CONFIG_INVALID` for what cannot be a token; it is not repeated.
 * @see RFC 6750 section 2.1
 */
export function readToken(text: string, from: string): string {
  const token = text.trim().replace(/^Bearer +/i, "");
  const why = token === ""
    ? "it is empty"
    : token.length > HAND_TOKEN_MAX_CHARS
    ? `it is longer than ${HAND_TOKEN_MAX_CHARS} characters`
    : /^[\x21-\x7e]+$/.test(token)
    ? undefined
    : "it has characters that no token has";
  if (why === undefined) return token;
  throw new McpAuthError("CONFIG_INVALID", `Cannot use the access token from ${from}: ${why}`);
}

/** A token, and what is known of it. */
export interface GivenToken {
  readonly accessToken: string;
  /** Milliseconds since the epoch; undefined where it is used until the server refuses it. */
  readonly expiresAt?: number | undefined;
}

/**
 * The credential that a token makes.
 *
 * @param server The entry that it is for.
 * @param token The token.
 * @param now Milliseconds since the epoch.
 */
export function givenCredential(
  server: Pick<ServerRecord, "name" | "url">,
  { accessToken, expiresAt }: GivenToken,
  now: number,
): CredentialRecord {
  // Records name an issuer; nothing is ever asked of this one.
  const issuer = new URL(server.url).origin;
  const client: ClientRecord = {
    issuer,
    redirectShape: entryShape(server.name),
    source: "none",
    clientId: "",
    tokenEndpointAuthMethod: "none",
    redirectUris: [],
    registeredAt: now,
  };
  return {
    name: server.name,
    issuer,
    authorizationServer: { issuer },
    client,
    requestedScopes: [],
    grantedScopes: [],
    accessToken,
    tokenType: "bearer",
    ...(expiresAt === undefined ? {} : { expiresAt }),
    obtainedAt: now,
  };
}

/** What {@linkcode storeGivenToken} runs on. */
export interface GivenTokenPorts {
  readonly store: CredentialStore;
  readonly audit: Audit;
  /** Runs an operation while nobody else changes the entry. */
  readonly exclusive: <T>(name: string, operation: () => Promise<T>) => Promise<T>;
}

/**
 * Stores an entry with its token, in place of what has its name.
 *
 * @param ports What it runs on.
 * @param server The entry as it is to be.
 * @param credential Its credential.
 * @param expected The version of the entry that it replaces; null for a new one.
 * @throws {McpAuthError} `CONFIG_INVALID` when another command was faster; nothing is stored then.
 */
export async function storeGivenToken(
  { store, audit, exclusive }: GivenTokenPorts,
  server: ServerRecord,
  credential: CredentialRecord,
  expected: string | null,
): Promise<void> {
  const { name } = server;
  const entry: ServerRecord = { ...server, signIn: "token" };
  const stored = await exclusive(name, async () => {
    const found = await store.wholeEntry(name);
    if ((found?.versions.server ?? null) !== expected) return false;
    // Tokens and clients of another server are none of this one's.
    const clients = found?.entry.server.url === server.url ? found.entry.clients : [];
    const versions = found?.versions ?? { server: null, credential: null };
    const written = await store.putWholeEntries([{
      entry: { server: entry, credential, clients },
      expected: versions,
    }]);
    return written.length > 0;
  });
  if (!stored) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot store "${safeText(name, 80)}": it was changed by another command meanwhile`,
      { hint: "Run the command again" },
    );
  }
  if (expected === null) audit.record({ event: "entry_added", name, outcome: "done" });
  audit.record({
    event: "signed_in",
    name,
    outcome: "done",
    detail: "token given by hand",
    secrets: { access_token: credential.accessToken },
  });
}
