/**
 * Decides which addresses may be connected to: where a *server* named the URL, none on a private network that the MCP
 * server itself is not on. A server could otherwise make this program ask the
 * machine's own services or a cloud's metadata address. Address ranges are read by `ipaddr.js`, never by hand.
 *
 * @see RFC 9728 section 7.7
 * @see MCP security best practices, SSRF (C68-C73)
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { isLoopbackHost } from "../web_url.ts";

/** Finds the addresses of a host name; rejects when there are none. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** The networks that a server must not name unless it is on them. */
type Network = "loopback" | "private" | "link-local" | "unspecified" | "public";

/** What {@linkcode createAddressGuard} needs to know. */
export interface AddressGuardOptions {
  /** The MCP server's URL, as the user named it: its host is always allowed. */
  readonly serverUrl: string;
  /** Host names allowed wherever they are (`--allow-private-host`). */
  readonly allowPrivateHosts?: readonly string[] | undefined;
  readonly lookup: Lookup;
}

/** Resolves when the URL may be connected to; throws `McpAuthError` with `UNSAFE_URL` when not. */
export type AddressGuard = (url: URL) => Promise<void>;

/**
 * Makes the guard of one entry. Special ranges other than loopback, RFC 1918, link-local, unique-local and their
 * mapped forms are allowed: proxies and VPNs use them. The server is on a private network only when all its addresses
 * are on private ones; and for plain http, where no certificate speaks against a name service that changes its
 * answers, only when its URL says so itself.
 */
export function createAddressGuard(options: AddressGuardOptions): AddressGuard {
  const server = new URL(options.serverUrl);
  const allowed: ReadonlySet<string> = new Set(
    options.allowPrivateHosts?.flatMap((host) => [host.toLowerCase(), bare(host)]),
  );
  return async (url) => {
    if (url.hostname === server.hostname || allowed.has(bare(url.hostname)) || allowed.has(url.host)) return;
    const refused = (await networksOf(url.hostname, options.lookup)).filter((network) =>
      network !== "public"
    );
    if (refused.length === 0) return;
    const own = url.protocol === "https:" || isLoopbackHost(server.hostname)
      ? await networksOf(server.hostname, options.lookup)
      : [];
    const foreign = refused.find((network) => own.includes("public") || !own.includes(network));
    if (foreign === undefined) return;
    throw new McpAuthError(
      "UNSAFE_URL",
      `Cannot connect to "${
        safeUrl(url.href)
      }": the server named a ${foreign} address and is not on that network itself`,
      { hint: `If you trust it, add --allow-private-host ${safeText(bare(url.hostname))}` },
    );
  };
}

async function networksOf(hostname: string, lookup: Lookup): Promise<readonly Network[]> {
  if (isLoopbackHost(hostname)) return ["loopback"];
  const { default: ipaddr } = await import("ipaddr.js");
  const host = bare(hostname);
  let addresses: readonly string[] = [host];
  if (!ipaddr.isValid(host)) {
    try {
      addresses = await lookup(host);
    } catch {
      return ["public"]; // The connection itself reports an unknown host, or a proxy resolves it.
    }
  }
  return [
    ...new Set(
      addresses.map((address) => networkOf(ipaddr.process(address.split("%")[0] ?? address), ipaddr)),
    ),
  ];
}

type IpAddr = typeof import("ipaddr.js");
type Address = ReturnType<IpAddr["process"]>;

function networkOf(address: Address, ipaddr: IpAddr): Network {
  switch (address.range()) {
    case "loopback":
      return "loopback";
    case "private":
    case "uniqueLocal":
      return "private";
    case "linkLocal":
      return "link-local";
    case "unspecified":
      return "unspecified";
    case "rfc6052":
    case "rfc6145":
      return networkOf(ipaddr.fromByteArray(address.toByteArray().slice(12)), ipaddr);
    case "6to4":
      return networkOf(ipaddr.fromByteArray(address.toByteArray().slice(2, 6)), ipaddr);
    default:
      return isIpv4Compatible(address)
        ? networkOf(ipaddr.fromByteArray(address.toByteArray().slice(12)), ipaddr)
        : "public";
  }
}

/** `::a.b.c.d`: deprecated by RFC 4291 section 2.5.5.1, and not a range of `ipaddr.js`. */
function isIpv4Compatible(address: Address): boolean {
  return address.kind() === "ipv6" && address.toByteArray().slice(0, 12).every((byte) => byte === 0);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").toLowerCase();
}
