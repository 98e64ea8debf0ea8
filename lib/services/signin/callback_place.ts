/**
 * Where the answer of a sign-in comes to: the redirect URI, sent the same byte for byte at registration, authorization
 * and exchange, and the address here that it leads to. Without a wish it is `http://127.0.0.1:<port>/callback` on a port
 * that is bound first. A redirect URI of one's own may lead anywhere; what listens then has to be said, or the address
 * that the browser ends at is pasted.
 *
 * @see RFC 8252 sections 7.3 and 8.3 (C49); behaviours rows 15 and 16
 * @module
 */
import { sha256Hex } from "../../primitives/crypto/digest.ts";
import { McpAuthError } from "../../primitives/errors.ts";
import { CALLBACK_PORT } from "../../primitives/limits.ts";
import { checkRedirectUri, type ListenAddress, parseListen } from "../../primitives/oauth/redirect_uri.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { ServerOptions } from "../credentials/mod.ts";
import { LOOPBACK_SHAPE } from "./client.ts";

/** The path of the redirect URI, where none was given. */
export const CALLBACK_PATH = "/callback";

/** What decides where the answer comes to. */
export type CallbackWishes = Pick<ServerOptions, "callbackHost" | "callbackPorts" | "redirectUri" | "listen">;

/** Where the answer comes to. */
export interface CallbackPlace {
  /** What to bind; undefined where nothing listens here, and the answer has to be pasted. */
  readonly listen: ListenPlace | undefined;
  /** The redirect URI, given the port that was bound. */
  redirectUri(port: number): string;
  /** The `Host` fields that are answered, given the port that was bound. */
  hosts(port: number): readonly string[];
}

/** An address to bind. */
export interface ListenPlace {
  readonly hostname: string;
  /** Addresses to bind on the same port, as far as the machine has them. */
  readonly also?: readonly string[];
  /** Ports to try in order; 0 is any free one. */
  readonly ports: readonly number[];
}

/**
 * Works it out.
 *
 * @param wishes What the user chose.
 * @param registeredPorts Ports of earlier registrations, tried first where any will do.
 * @throws {McpAuthError} `CONFIG_INVALID` or `UNSAFE_URL` for wishes that do not fit together.
 */
export function callbackPlace(
  wishes: CallbackWishes,
  registeredPorts: readonly number[] = [],
): CallbackPlace {
  const { redirectUri } = wishes;
  return redirectUri === undefined
    ? ownPlace(wishes, registeredPorts)
    : givenPlace(redirectUri, wishes.listen);
}

/**
 * The ports of earlier registrations that a sign-in could use again.
 *
 * @param redirectUris Their redirect URIs.
 * @param wishes What the user chose.
 */
export function registeredPorts(
  redirectUris: readonly string[],
  { callbackHost = "127.0.0.1" }: CallbackWishes,
): readonly number[] {
  return redirectUris.flatMap((uri) => {
    const url = URL.parse(uri);
    const isOurs = url?.protocol === "http:" && url.hostname === callbackHost &&
      url.pathname === CALLBACK_PATH && url.port !== "";
    return isOurs ? [Number(url.port)] : [];
  });
}

/**
 * What kind of redirect URI it is: the key of registrations that entries share. One for another kind is not used.
 *
 * @param wishes What the user chose.
 * @returns At most 100 characters.
 */
export async function redirectShape({ redirectUri, callbackHost }: CallbackWishes): Promise<string> {
  if (redirectUri !== undefined) return `uri:${await sha256Hex(redirectUri)}`;
  return callbackHost === undefined || callbackHost === "127.0.0.1"
    ? LOOPBACK_SHAPE
    : `${LOOPBACK_SHAPE}:${callbackHost}`;
}

function ownPlace(wishes: CallbackWishes, registeredPorts: readonly number[]): CallbackPlace {
  const host = wishes.callbackHost ?? "127.0.0.1";
  const ports = wishes.callbackPorts;
  const uriOn = (port: number) => `http://${host}:${port}${CALLBACK_PATH}`;
  if (wishes.listen !== undefined) {
    const place = parseListen(wishes.listen);
    if ((ports?.length ?? 0) > 1) {
      throw new McpAuthError(
        "CONFIG_INVALID",
        "Cannot listen at a given place for several ports: the redirect URI names one",
        {
          hint: "Give one --callback-port, or none",
        },
      );
    }
    // The port that leads here may be another one, as a published port of a container is.
    const outer = ports?.[0] || place.port;
    return {
      listen: { ...addressesOf(place.hostname), ports: [place.port] },
      redirectUri: () => uriOn(outer),
      hosts: () => [authority(host, outer), ...askedHosts(place)],
    };
  }
  if (!Object.hasOwn(LOOPBACK_ADDRESSES, host)) {
    // Without an address the listener would be open to the network.
    throw new McpAuthError("CONFIG_INVALID", `Cannot listen at "${safeText(host, 80)}": not a loopback host`);
  }
  return {
    listen: {
      ...LOOPBACK_ADDRESSES[host],
      // Where any port will do, it is the registered one, if that is free: the registration is good for no other.
      ports: ports?.flatMap((port) => port === 0 ? [...registeredPorts, 0] : [port]) ??
        [...registeredPorts, ...DEFAULT_PORTS],
    },
    redirectUri: uriOn,
    hosts: (port) => [authority(host, port)],
  };
}

/** The preferred port first, so that the redirect URI tends to stay the same; then any free one. */
const DEFAULT_PORTS: readonly number[] = [CALLBACK_PORT, 0];

/** RFC 8252 section 8.3: a browser may take `localhost` for either. */
const LOOPBACK_ADDRESSES = {
  "127.0.0.1": { hostname: "127.0.0.1" },
  "[::1]": { hostname: "::1" },
  "localhost": { hostname: "127.0.0.1", also: ["::1"] },
} as const;

function givenPlace(redirectUri: string, listen: string | undefined): CallbackPlace {
  const url = new URL(checkRedirectUri(redirectUri));
  if (listen !== undefined) {
    const place = parseListen(listen);
    return {
      redirectUri: () => redirectUri,
      listen: { ...addressesOf(place.hostname), ports: [place.port] },
      hosts: () => [url.host, ...askedHosts(place)],
    };
  }
  const isHere = url.protocol === "http:";
  return {
    redirectUri: () => redirectUri,
    listen: isHere ? { ...addressesOf(url.hostname), ports: [Number(url.port || 80)] } : undefined,
    hosts: () => [url.host],
  };
}

function addressesOf(hostname: string): Omit<ListenPlace, "ports"> {
  if (hostname.startsWith("[")) return { hostname: hostname.slice(1, -1) };
  return /^(.+\.)?localhost$/i.test(hostname) ? LOOPBACK_ADDRESSES.localhost : { hostname };
}

/**
 * What may stand in `Host` where a place to listen at was asked for: a proxy in front names either the place or, on the
 * same machine, some name of it.
 */
function askedHosts({ hostname, port }: ListenAddress): readonly string[] {
  const names = ["localhost", "127.0.0.1", "[::1]"];
  return [...new Set([hostname.includes(":") ? `[${hostname}]` : hostname, ...names])]
    .map((name) => authority(name, port));
}

/** A host and its port as a browser writes it in `Host`. */
function authority(host: string, port: number): string {
  return port === 80 ? host : `${host}:${port}`;
}
