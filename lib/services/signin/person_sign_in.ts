/**
 * The sign-in of a person: the authorization server sends the browser back to a callback of ours with a code. Where the
 * server has lost the client that was registered there, another is registered, once.
 *
 * @see RFC 6749 section 4.1, RFC 8252
 * @module
 */
import { CALLBACK_PORT } from "../../primitives/limits.ts";
import { createState } from "../../primitives/oauth/authorization.ts";
import { createPkce, requireS256 } from "../../primitives/oauth/pkce.ts";
import type { ClientRecord } from "../credentials/mod.ts";
import { authorizeOnce, type Round, roundUrl } from "./authorization_round.ts";
import { type CallbackServer, openCallbackServer } from "./callback_server.ts";
import { chooseClient, type ClientChoice } from "./client.ts";
import type { Discovery } from "./discovery.ts";
import { isClientForgotten } from "./preflight.ts";
import type { Granted, SignInPorts, SignInRequest, Wanted } from "./sign_in.ts";

/**
 * Has a person sign in.
 *
 * @param ports What it runs on.
 * @param request What it is for.
 * @param discovery Where to sign in.
 * @param wanted The scopes and the resource to ask for.
 * @throws {McpAuthError} whatever went wrong on the way.
 */
export async function signInByPerson(
  ports: SignInPorts,
  request: SignInRequest,
  discovery: Discovery,
  wanted: Wanted,
): Promise<Granted> {
  const { entry } = request;
  const { server } = discovery;
  if (!discovery.withoutMetadata && !entry.options.allowMissingPkceMetadata) {
    requireS256(server.code_challenge_methods_supported, server.issuer);
  }
  const known = await ports.clients(server.issuer);
  const registeredPorts = [known.own, known.shared].flatMap((client) => client?.redirectUris ?? []).map(
    portOf,
  );
  await using callback = await openCallbackServer({
    listen: ports.listen,
    // Where any port will do, it is the registered one, if that is free: the registration is good for no other.
    ports: entry.options.callbackPorts?.flatMap((port) => port === 0 ? [...registeredPorts, 0] : [port]) ??
      [...registeredPorts, ...DEFAULT_PORTS],
  });
  return await authorize(ports, request, discovery, callback, known, wanted);
}

/** The preferred port first, so that the redirect URI tends to stay the same; then any free one. */
const DEFAULT_PORTS: readonly number[] = [CALLBACK_PORT, 0];

/** The authorization, with a new registration once where the server has lost the one that we have (row 9). */
async function authorize(
  ports: SignInPorts,
  request: SignInRequest,
  discovery: Discovery,
  callback: CallbackServer,
  known: Pick<ClientChoice, "own" | "shared">,
  asked: Wanted,
): Promise<Granted> {
  const { entry, signal } = request;
  const { server } = discovery;
  const choose = async (known: Pick<ClientChoice, "own" | "shared">): Promise<ClientRecord> => {
    const client = await chooseClient({
      ...known,
      http: ports.http,
      clock: ports.clock,
      server,
      entry,
      redirectUri: callback.redirectUri,
      given: request.given,
      clientName: request.clientName,
      reRegister: request.reRegister,
      ask: ports.ask,
      signal,
    });
    ports.tell({ kind: "registered", issuer: server.issuer, source: client.source });
    if (client.source === "dynamic" && !isStored(client)) note("client_registered", client);
    return client;
  };
  const isStored = (client: ClientRecord) => client === known.own || client === known.shared;
  const note = (event: "client_registered" | "client_forgotten", { clientId }: ClientRecord) =>
    ports.audit.record({
      event,
      name: entry.name,
      issuer: server.issuer,
      outcome: "done",
      secrets: { client_id: clientId },
    });
  const roundOf = (client: ClientRecord): Round => ({
    ...asked,
    entry,
    discovery,
    callback,
    client,
    isReused: client.source === "dynamic" && isStored(client),
    timeoutS: request.timeoutS,
    signal,
  });
  const replace = async (lost: ClientRecord): Promise<Round> => {
    ports.tell({ kind: "client-forgotten", issuer: server.issuer });
    const client = await choose({ own: undefined, shared: undefined });
    await ports.forget(lost);
    note("client_forgotten", lost);
    return roundOf(client);
  };

  let round = roundOf(await choose(known));
  // In a step-up the client was accepted not long ago, and servers count authorization requests.
  const asksFirst = round.isReused && !request.stepUp;
  if (asksFirst && await isForgotten(ports, round)) round = await replace(round.client);
  await ports.limit.count();
  const first = await authorizeOnce(ports, round);
  if (first.kind === "granted") return first;
  const second = await authorizeOnce(
    ports,
    first.kind === "forgotten" ? await replace(first.client) : roundOf(first.client),
  );
  if (second.kind === "granted") return second;
  throw second.error;
}

/** The state and the challenge of this question are thrown away, and with them whatever the server makes of it. */
async function isForgotten(ports: SignInPorts, round: Round): Promise<boolean> {
  const url = roundUrl(round, await createPkce(), createState());
  return await isClientForgotten(ports.preflight, url, round.callback.redirectUri, round.signal);
}

function portOf(redirectUri: string): number {
  return Number(URL.parse(redirectUri)?.port ?? 0);
}
