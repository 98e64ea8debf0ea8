/**
 * An entry for a URL that none is stored for, where the environment says how a machine signs in: `MCP_AUTH_GRANT`, and
 * what belongs to it. It is signed in at once, without a person, and ends with the command.
 *
 * @module
 */
import { summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import { entryNameFor } from "../../services/config/mod.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import { probeServer } from "../../services/signin/mod.ts";
import type { StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";
import { signInWithBrowser } from "./entry.ts";
import { givenClient, signInOptions } from "./entry_flags.ts";
import { grantOptions } from "./grant_flags.ts";

/**
 * Makes the entry and signs in to it; a server that asks for no sign-in gets none.
 *
 * @param context The command; its services are those of a store in memory from here on.
 * @param flags Its flags.
 * @param url The URL, checked already.
 * @returns Undefined where the environment names no grant; the services are as before then.
 * @throws {McpAuthError} `CONFIG_MISSING` and the like for what the environment lacks, and what the sign-in met.
 */
export async function entryByGrant(
  context: CliContext,
  flags: StoreFlags,
  url: string,
): Promise<ServerRecord | undefined> {
  const granted = await grantOptions(context, {}, context.env);
  if (granted.grant === undefined) return undefined;
  const given = await givenClient(context, {});
  const server: ServerRecord = {
    name: entryNameFor(url),
    url,
    createdAt: context.clock.now(),
    signIn: "oauth",
    options: { ...await signInOptions(context, {}), ...granted },
  };
  const services = context.servicesInMemory(flags);
  const { signal } = await services.interruption();
  const answer = await probeServer(services.http(server), url, { signal });
  await answer.body?.cancel();
  if (answer.status !== 401 && answer.status !== 403) {
    const open: ServerRecord = { ...server, signIn: "none" };
    await services.store.putServer(open, null);
    return open;
  }
  const challenge = summarizeChallenges(answer.headers.get("www-authenticate"));
  await signInWithBrowser(
    context,
    { ...flags, inputTaken: true },
    { server, expected: null, challenge },
    given,
  );
  // With the client that the sign-in has made its own.
  return (await services.store.server(server.name))?.record ?? server;
}
