/**
 * The sign-in of a person: by a device code where that is the way, else the authorization server sends the browser back
 * to a callback of ours with a code. Where the server has lost the client that was registered there, another is
 * registered, once.
 *
 * @see RFC 6749 section 4.1, RFC 8252, RFC 8628; behaviours rows 9 and 14
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { createState } from "../../primitives/oauth/authorization.ts";
import { offersDeviceFlow } from "../../primitives/oauth/device.ts";
import { createPkce, requireS256 } from "../../primitives/oauth/pkce.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import type { ClientRecord } from "../credentials/mod.ts";
import { authorizationPage, wantsPush } from "./authorization_page.ts";
import { authorizeOnce, type Round } from "./authorization_round.ts";
import { callbackPlace, type CallbackWishes, redirectShape, registeredPorts } from "./callback_place.ts";
import { type CallbackServer, openCallbackServer } from "./callback_server.ts";
import { replaceClient, type Seat, seatClient, type SeatedClient } from "./client_seat.ts";
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
  if (!takesDeviceCode(ports, discovery.server)) {
    return await signInByCallback(ports, request, discovery, wanted);
  }
  const { DeviceFlowRefused, signInByDevice } = await import("./device_round.ts");
  try {
    return await signInByDevice(ports, request, discovery, wanted);
  } catch (error) {
    const canFallBack = ports.device === "preferred" && error instanceof DeviceFlowRefused &&
      discovery.server.authorization_endpoint !== undefined;
    if (!canFallBack) throw error;
    ports.tell({ kind: "no-device-code", error });
    return await signInByCallback(ports, request, discovery, wanted);
  }
}

/**
 * Whether this sign-in goes by a device code.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` where it has to and the server offers none.
 */
function takesDeviceCode({ device = "never" }: SignInPorts, server: ServerMetadata): boolean {
  const isOffered = offersDeviceFlow(server);
  if (device !== "always") return device === "preferred" && isOffered;
  if (isOffered) return true;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot sign in by a device code: "${safeUrl(server.issuer)}" does not offer it`,
    { hint: "Leave out --device; with --no-browser the address that the browser ends at can be pasted" },
  );
}

async function signInByCallback(
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
  const shape = await redirectShape(entry.options);
  const known = await ports.clients(server.issuer, shape);
  const registered = [known.own, known.shared].flatMap((client) => client?.redirectUris ?? []);
  const place = callbackPlace(entry.options, registeredPorts(registered, entry.options));
  if (place.listen === undefined && ports.paste === undefined) throw nothingListens(entry.options);
  await using callback = await openCallbackServer({ listen: ports.listen, place });
  const seat: Seat = {
    server,
    redirectUri: callback.redirectUri,
    redirectShape: shape,
    dpopBoundTokens: wanted.proof !== undefined,
    known,
  };
  return await authorize(ports, request, discovery, callback, seat, wanted);
}

function nothingListens({ redirectUri }: CallbackWishes): McpAuthError {
  return new McpAuthError(
    "CONFIG_INVALID",
    `Cannot wait for an answer at "${
      safeUrl(redirectUri)
    }": nothing listens for it here, and nobody can paste it`,
    {
      hint:
        "Say with --listen <host:port> where it arrives, or run the command with --no-browser and paste it",
    },
  );
}

/** The authorization, with a new registration once where the server has lost the one that we have (row 9). */
async function authorize(
  ports: SignInPorts,
  request: SignInRequest,
  discovery: Discovery,
  callback: CallbackServer,
  seat: Seat,
  asked: Wanted,
): Promise<Granted> {
  const { entry, signal, timeoutS } = request;
  const roundOf = ({ client, isReused }: SeatedClient): Round => ({
    ...asked,
    entry,
    discovery,
    callback,
    client,
    isReused,
    timeoutS,
    signal,
  });
  const replace = async (lost: ClientRecord) => roundOf(await replaceClient(ports, request, seat, lost));

  let round = roundOf(await seatClient(ports, request, seat));
  // In a step-up the client was accepted not long ago, and servers count authorization requests.
  const asksFirst = round.isReused && !request.stepUp;
  if (asksFirst && await isForgotten(ports, round)) round = await replace(round.client);
  await ports.limit.count();
  const first = await authorizeOnce(ports, round);
  if (first.kind === "granted") return first;
  const second = await authorizeOnce(
    ports,
    first.kind === "forgotten"
      ? await replace(first.client)
      : roundOf({ client: first.client, isReused: false }),
  );
  if (second.kind === "granted") return second;
  throw second.error;
}

/** The state and the challenge of this question are thrown away, and with them whatever the server makes of it. */
async function isForgotten(ports: SignInPorts, round: Round): Promise<boolean> {
  // The push of the authorization itself tells, before a browser opens.
  if (wantsPush(round.discovery.server, round.client)) return false;
  const { url } = await authorizationPage(ports, round, await createPkce(), createState());
  return await isClientForgotten(ports.preflight, url, round.callback.redirectUri, round.signal);
}
