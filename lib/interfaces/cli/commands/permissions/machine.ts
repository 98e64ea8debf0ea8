/**
 * What an entry that signs in without a person needs of the machine beside its authorization server: the file or the
 * variables that its assertion comes from, and the hosts that vouch for it.
 *
 * @module
 */
import type { AssertionSource, Grant, IdentityProvider } from "../../../../services/credentials/mod.ts";

/** What a grant needs. */
export interface MachineNeeds {
  /** Files to read. */
  readonly read: readonly string[];
  /** Variables to read, set or not. */
  readonly env: readonly string[];
  /** Variables that hold the URL of a host to reach. */
  readonly hostVariables: readonly string[];
  /** URLs whose hosts are reached. */
  readonly urls: readonly string[];
  /** The entry whose sign-in it leans on. */
  readonly entry?: string;
}

const NONE: MachineNeeds = { read: [], env: [], hostVariables: [], urls: [] };

/**
 * Works out the needs of a grant.
 *
 * @param grant The grant of an entry; undefined where a person signs in.
 */
export function machineNeeds(grant: Grant | undefined): MachineNeeds {
  switch (grant?.kind) {
    case undefined:
    case "client-credentials":
      return NONE;
    case "workload-identity":
      return sourceNeeds(grant.assertion);
    case "enterprise":
      return providerNeeds(grant.identityProvider);
  }
}

function providerNeeds({ issuer, tokenEndpoint, idToken }: IdentityProvider): MachineNeeds {
  const urls = [issuer, tokenEndpoint].filter((url) => url !== undefined);
  return idToken.from === "entry"
    ? { ...NONE, urls, entry: idToken.name }
    : { ...sourceNeeds(idToken), urls };
}

function sourceNeeds(source: AssertionSource): MachineNeeds {
  switch (source.from) {
    case "file":
      return { ...NONE, read: [source.path] };
    case "environment":
      return { ...NONE, env: [source.variable] };
    case "gitlab":
      return { ...NONE, env: ["MCP_AUTH_ASSERTION"] };
    case "github-actions":
      return {
        ...NONE,
        env: ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"],
        hostVariables: ["ACTIONS_ID_TOKEN_REQUEST_URL"],
      };
  }
}
