/**
 * What entries that sign in without a person run on: the ports of their grants, and the step-up that asks nobody. Loaded
 * when a grant is used.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { GrantPorts } from "../../services/grants/mod.ts";
import { type SignInNeed, signInNeeded } from "../../services/tokens/mod.ts";
import type { Services } from "./services.ts";

/**
 * What the grant of an entry runs on: the hosts that its user named for it may be anywhere, and see no certificate that is
 * meant for its server.
 *
 * @param services The services that it belongs to.
 * @param server The entry.
 */
export function grantPorts(
  services: Pick<Services, "http" | "ports" | "authority">,
  server: Pick<ServerRecord, "url" | "options">,
): GrantPorts {
  const { clientCertificate: _ofServer, ...options } = server.options;
  const { clock, env } = services.ports;
  return {
    http: services.http(server),
    httpAt: (url) => services.http({ url, options }),
    clock,
    env,
    readFile: async (path, maxBytes) => {
      const { readDocument } = await import("../../primitives/system/documents.ts");
      return await readDocument(path, maxBytes);
    },
    identity: (name, signal) => services.authority.identity(name, signal),
  };
}

/**
 * Gets more scopes for an entry by its grant (C63).
 *
 * @param services The services that it belongs to.
 * @param server The entry, as whoever needs them knows it.
 * @param need What they are needed for.
 * @throws {McpAuthError} `AUTH_REQUIRED` where a person is to sign in by now, and what the sign-in meets.
 */
export async function stepUpByGrant(
  services: Pick<Services, "signIn" | "store">,
  { name, url }: Pick<ServerRecord, "name" | "url">,
  { challenge, earlierScopes }: SignInNeed,
): Promise<void> {
  // It may have been given a client since, or another place.
  const stored = (await services.store.server(name))?.record;
  if (stored?.url !== url) throw movedEntry(name);
  if (stored.options.grant === undefined) throw signInNeeded(stored, "a person is to sign in by now");
  const manner = { openBrowser: false, tell: () => {}, clientName: "mcp-auth" };
  await services.signIn(manner, { server: stored, challenge, earlierScopes });
}

/**
 * The error for an entry whose name is another server's by now.
 *
 * @param name The name.
 */
export function movedEntry(name: string): McpAuthError {
  return new McpAuthError("CONFIG_INVALID", `Cannot use "${name}": it is an entry for another URL by now`, {
    hint: "Start the command again",
  });
}
