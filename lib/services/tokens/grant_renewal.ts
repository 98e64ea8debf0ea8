/**
 * The renewal of a machine's tokens: its grant once more, with what the entry says now. Where no answer came it is run
 * again at once, since nothing of it is used up; except that the assertion of a workload may be good for one use.
 *
 * Loaded when there is such a renewal.
 *
 * @see RFC 6749 section 4.4, RFC 7523 section 2.1; X24
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { REFRESH_TIMEOUT_MS } from "../../primitives/limits.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import { pause } from "../../primitives/system/clock.ts";
import type { CredentialRecord, ServerRecord } from "../credentials/mod.ts";
import { runGrant } from "../grants/mod.ts";
import type { TokenPorts } from "./authority.ts";
import { renewalFailure, retryPause } from "./refresh_policy.ts";

/** What {@linkcode renewByGrant} takes. */
export interface GrantRenewal {
  readonly ports: Pick<TokenPorts, "grants">;
  /** The entry as it is now. */
  readonly server: ServerRecord;
  /** Its tokens; a grant has brought them. */
  readonly record: CredentialRecord;
  /** What proves the possession of the key that they are bound to. */
  readonly prover: () => Promise<DpopProver | undefined>;
}

/**
 * Refuses an entry that has another way to sign in by now: neither what it has now nor what it had then is presented in
 * the place of the other.
 *
 * @param server The entry as it is now.
 * @param record Its tokens; a grant has brought them.
 * @throws {McpAuthError} `TOKEN_EXPIRED`.
 */
export function checkGrant({ name, options }: ServerRecord, record: CredentialRecord): void {
  if (options.grant?.kind === record.grant) return;
  throw new McpAuthError(
    "TOKEN_EXPIRED",
    `Cannot refresh "${name}": it is to sign in by another way since its last sign-in`,
    { hint: `Run: mcp-auth login ${name}` },
  );
}

/**
 * Gets new tokens.
 *
 * @throws {McpAuthError} `TOKEN_REFRESH_FAILED` where the server refuses the grant; as {@linkcode checkGrant};
 *   `CONFIG_MISSING`, `TIMEOUT`, `NETWORK_ERROR`, ...
 */
export async function renewByGrant({ ports, server, record, prover }: GrantRenewal): Promise<TokenSet> {
  const { grant, assertionAudience } = server.options;
  checkGrant(server, record);
  if (grant === undefined) throw new TypeError("No grant brought these tokens");
  const { assertionAudience: _before, ...client } = record.client;
  const ended = new AbortController();
  const end = () => ended.abort(new DOMException("Timed out", "TimeoutError"));
  const timer = setTimeout(end, REFRESH_TIMEOUT_MS);
  try {
    for (let retries = 0;; retries++) {
      try {
        return await runGrant(await ports.grants(server), {
          name: server.name,
          again: `mcp-auth login ${server.name}`,
          grant,
          assertionAudience,
          server: record.authorizationServer as ServerMetadata,
          client: assertionAudience === undefined ? client : { ...client, assertionAudience },
          resource: record.resource,
          scopes: record.requestedScopes,
          proof: await prover(),
          signal: ended.signal,
        });
      } catch (error) {
        const coded = renewalFailure(asMcpAuthError(error, "NETWORK_ERROR", "refresh the access token"));
        const pauseMs = retryPause(coded, retries, Math.random(), grant.kind !== "workload-identity");
        if (pauseMs === undefined || ended.signal.aborted) throw coded;
        await pause(pauseMs, ended.signal).catch(() => {
          throw coded;
        });
      }
    }
  } finally {
    clearTimeout(timer);
  }
}
