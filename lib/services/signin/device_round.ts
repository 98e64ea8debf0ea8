/**
 * The sign-in by a device code: the person is shown a code and a page for it, and the token endpoint is asked, as often
 * as the server allows, until they have approved, refused or let it lapse. A network that fails meanwhile ends nothing.
 *
 * @see RFC 8628 sections 3.3 to 3.5; behaviours rows 9 and 14
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import {
  CALLBACK_PORT,
  DEVICE_INTERVAL_MAX_S,
  DEVICE_SLOW_DOWN_S,
  RETRY_AFTER_MAX_MS,
} from "../../primitives/limits.ts";
import {
  type DeviceAuthorization,
  redeemDeviceCode,
  requestDeviceCode,
} from "../../primitives/oauth/device.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import type { TokenRequest, TokenSet } from "../../primitives/oauth/token.ts";
import { pause } from "../../primitives/system/clock.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { callbackPlace, redirectShape } from "./callback_place.ts";
import { replaceClient, type Seat, seatClient, type SeatedClient } from "./client_seat.ts";
import type { Discovery } from "./discovery.ts";
import type { Granted, SignInPorts, SignInRequest, Wanted } from "./sign_in.ts";

/** The server gives no device code to this client, so that nobody was shown one. */
export class DeviceFlowRefused extends McpAuthError {
  /** @param cause What the server said. */
  constructor(cause: McpAuthError) {
    super(cause.code, cause.message, { hint: cause.hint, cause });
  }
}

/**
 * Has a person sign in by a device code.
 *
 * @param ports What it runs on.
 * @param request What it is for.
 * @param discovery Where to sign in: a server that offers it.
 * @param wanted The scopes and the resource to ask for.
 * @throws {McpAuthError} {@linkcode DeviceFlowRefused} where the server gives no code to this client; `AUTH_CANCELLED`
 *   where the person refuses, `TIMEOUT` where they do nothing; whatever else went wrong on the way.
 */
export async function signInByDevice(
  ports: SignInPorts,
  request: SignInRequest,
  discovery: Discovery,
  wanted: Wanted,
): Promise<Granted> {
  const { server } = discovery;
  const { signal } = request;
  const seat = await seatFor(ports, request, discovery);
  let seated = await seatClient(ports, request, seat);
  const tokenRequest = ({ client }: SeatedClient): TokenRequest => ({
    http: ports.http,
    server,
    client,
    resource: wanted.resource,
    proof: wanted.proof,
    signal,
  });
  let device: DeviceAuthorization;
  try {
    device = await requestDeviceCode(tokenRequest(seated), wanted.scopes);
  } catch (error) {
    if (!(error instanceof OAuthResponseError)) throw error;
    if (!seated.isReused || !isClientRefusal(error)) throw asRefused(error);
    seated = await replaceClient(ports, request, seat, seated.client);
    device = await requestDeviceCode(tokenRequest(seated), wanted.scopes).catch((second) => {
      throw second instanceof OAuthResponseError ? asRefused(second) : second;
    });
  }
  await checkPages(ports, device);
  await ports.limit.count();
  const { userCode, verificationUri, verificationUriComplete, expiresInS } = device;
  ports.tell({
    kind: "device-code",
    issuer: server.issuer,
    userCode,
    verificationUri,
    ...(verificationUriComplete === undefined ? {} : { verificationUriComplete }),
    expiresInS,
  });
  const tokens = await approved(ports, tokenRequest(seated), device, request.timeoutS);
  ports.tell({ kind: "received" });
  return { tokens, client: seated.client };
}

/**
 * The client is the one of sign-ins in the browser: servers with a device flow register a client for both, and most want
 * a redirect URI of it.
 */
async function seatFor(ports: SignInPorts, { entry }: SignInRequest, { server }: Discovery): Promise<Seat> {
  const place = callbackPlace(entry.options);
  const shape = await redirectShape(entry.options);
  const known = await ports.clients(server.issuer, shape);
  const registered = [known.own, known.shared].find((client) => client?.source === "dynamic")?.redirectUris;
  const port = place.listen?.ports.find((each) => each !== 0) ?? CALLBACK_PORT;
  return {
    server,
    redirectUri: registered?.[0] ?? place.redirectUri(port),
    redirectShape: shape,
    known,
  };
}

/** A temporary failure is no reason to try another way. */
function asRefused(error: OAuthResponseError): McpAuthError {
  return error.code === "AUTH_FAILED" ? new DeviceFlowRefused(error) : error;
}

function isClientRefusal({ oauthError }: OAuthResponseError): boolean {
  return oauthError === "invalid_client" || oauthError === "unauthorized_client";
}

/** The person is sent nowhere where the program itself would not go. */
async function checkPages(ports: SignInPorts, device: DeviceAuthorization): Promise<void> {
  await ports.guard(new URL(device.verificationUri));
  if (device.verificationUriComplete !== undefined) {
    await ports.guard(new URL(device.verificationUriComplete));
  }
}

/** Asks until there are tokens. */
async function approved(
  ports: SignInPorts,
  request: TokenRequest,
  device: DeviceAuthorization,
  timeoutS: number | undefined,
): Promise<TokenSet> {
  const { clock } = ports;
  const lifeS = Math.min(device.expiresInS, timeoutS ?? Infinity);
  const end = clock.now() + lifeS * 1000;
  let pauseS = device.intervalS;
  let waitMs = pauseS * 1000;
  for (;;) {
    const left = end - clock.now();
    if (left <= 0) throw lapsed(lifeS);
    await pause(Math.min(waitMs, left), request.signal);
    waitMs = pauseS * 1000;
    try {
      return await redeemDeviceCode(request, device.deviceCode);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!(error instanceof McpAuthError)) throw error;
      const said = error instanceof OAuthResponseError ? error.oauthError : undefined;
      if (said === "authorization_pending") continue;
      // A server that has forgotten a code by then does not know that it was one.
      const isForgotten = said === "invalid_grant" && clock.now() > end - 1_000;
      if (said === "expired_token" || isForgotten) throw lapsed(lifeS);
      if (said === "access_denied") throw refusedByPerson(request.server.issuer, error);
      if (said !== "slow_down" && !TEMPORARY.has(error.code)) throw error;
      // RFC 8628 section 3.5: a connection that fails is asked for less often, too.
      pauseS = Math.min(
        said === "slow_down" ? pauseS + DEVICE_SLOW_DOWN_S : pauseS * 2,
        DEVICE_INTERVAL_MAX_S,
      );
      const asked = error instanceof OAuthResponseError ? error.retryAfterMs ?? 0 : 0;
      waitMs = Math.max(pauseS * 1000, Math.min(asked, RETRY_AFTER_MAX_MS));
    }
  }
}

const TEMPORARY: ReadonlySet<string> = new Set(["NETWORK_ERROR", "TIMEOUT", "SERVER_ERROR", "RATE_LIMITED"]);

function lapsed(seconds: number): McpAuthError {
  return new McpAuthError("TIMEOUT", `Cannot sign in: nobody approved the code within ${seconds} s`, {
    hint: "Start the sign-in again for a new code",
  });
}

function refusedByPerson(issuer: string, cause: McpAuthError): McpAuthError {
  return new McpAuthError("AUTH_CANCELLED", `Sign-in was refused at "${safeUrl(issuer)}": access_denied`, {
    hint: "Start the sign-in again to approve it",
    cause,
  });
}
