/**
 * Decides which addresses may be connected to: where a *server* named the URL, none on a private network that the MCP
 * server itself is not on. A server could otherwise make this program ask the
 * machine's own services or a cloud's metadata address. Address ranges are read by `ipaddr.js`, never by hand; an IPv6
 * address that stands for an IPv4 one counts as that one, whichever way of transition it comes from.
 *
 * All addresses of a name are looked at, before each connection and for each redirect. The one that is then connected to
 * cannot be pinned in Deno's `fetch`: against a name service that changes its answer in between, the certificate of https
 * speaks, and plain http goes to loopback names alone, which are not looked up. Where the sandbox grants single hosts,
 * Deno refuses the lookup: names are then what the sandbox says, and addresses in URLs are judged as ever.
 *
 * @see RFC 9728 section 7.7
 * @see MCP security best practices, SSRF (C68-C73); CVE-2026-51994, CVE-2026-77822, CVE-2026-45609, GHSA-vv7q-7jx5-f767
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { PROXY_LOOKUP_MS } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { isLoopbackHost } from "../web_url.ts";

/** Finds the addresses of a host name; rejects when there are none. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** The networks that a server must not name unless it is on them, and all else. */
export type Network = "loopback" | "private" | "link-local" | "unspecified" | "public";

/** What {@linkcode createAddressGuard} needs to know. */
export interface AddressGuardOptions {
  /** The MCP server's URL, as the user named it: its host is always allowed. */
  readonly serverUrl: string;
  /** Host names allowed wherever they are (`--allow-private-host`). */
  readonly allowPrivateHosts?: readonly string[] | undefined;
  readonly lookup: Lookup;
  /**
   * Whether a proxy makes the connection to a URL. It resolves names itself, and often the only one who can: what cannot be
   * resolved here soon is allowed then.
   */
  readonly throughProxy?: ((url: URL) => Promise<boolean>) | undefined;
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
  const allowed: ReadonlySet<string> = new Set(options.allowPrivateHosts?.flatMap(namesOf));
  /** Names that only the proxy knows. */
  const foreign = new Set<string>();
  const proxied: Lookup = async (hostname) => {
    if (foreign.has(hostname)) return [];
    const found = await soon(options.lookup(hostname), PROXY_LOOKUP_MS);
    if (found.length === 0) foreign.add(hostname);
    return found;
  };
  return async (url) => {
    const host = bare(url.hostname);
    if (host === bare(server.hostname) || allowed.has(host) || allowed.has(url.host)) return;
    const lookup = await options.throughProxy?.(url) ? proxied : options.lookup;
    const refused = (await networksOf(url.hostname, lookup)).filter((network) => network !== "public");
    if (refused.length === 0) return;
    const own = url.protocol === "https:" || isLoopbackHost(bare(server.hostname))
      ? await networksOf(server.hostname, lookup)
      : [];
    const strange = refused.find((network) => own.includes("public") || !own.includes(network));
    if (strange === undefined) return;
    throw new McpAuthError(
      "UNSAFE_URL",
      `Cannot connect to "${
        safeUrl(url.href)
      }": the server named a ${strange} address and is not on that network itself`,
      { hint: `If you trust it, add --allow-private-host ${safeText(host)}` },
    );
  };
}

/** An address, and the network that it is on. */
export interface JudgedAddress {
  readonly address: string;
  readonly network: Network;
}

/**
 * The addresses of a host, each with the network that it is on.
 *
 * @param hostname As `URL.hostname` gives it.
 * @param lookup Finds the addresses of a name.
 * @throws {Error} what the lookup throws.
 */
export async function judgeAddresses(hostname: string, lookup: Lookup): Promise<readonly JudgedAddress[]> {
  const host = bare(hostname);
  const { default: ipaddr } = await import("ipaddr.js");
  const addresses = ipaddr.isValid(host) ? [host] : await lookup(host);
  return addresses.map((address) => ({
    address,
    network: networkOf(ipaddr.process(address.split("%")[0] ?? address), ipaddr),
  }));
}

async function networksOf(hostname: string, lookup: Lookup): Promise<readonly Network[]> {
  if (isLoopbackHost(bare(hostname))) return ["loopback"];
  try {
    const judged = await judgeAddresses(hostname, lookup);
    return judged.length === 0 ? ["public"] : [...new Set(judged.map(({ network }) => network))];
  } catch {
    return ["public"]; // The connection itself reports an unknown host, or a proxy resolves it.
  }
}

/** What a lookup finds within a time; nothing where it fails or takes longer. */
async function soon(work: Promise<readonly string[]>, ms: number): Promise<readonly string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  try {
    timer = setTimeout(() => resolve([]), ms);
    return await Promise.race([promise, work.catch(() => [])]);
  } finally {
    clearTimeout(timer);
  }
}

type IpAddr = typeof import("ipaddr.js");
type Address = ReturnType<IpAddr["process"]>;

function networkOf(address: Address, ipaddr: IpAddr): Network {
  // The types of ipaddr.js leave out a range.
  switch (address.range() as string) {
    case "loopback":
      return "loopback";
    case "private":
    case "uniqueLocal":
    case "deprecatedSiteLocal":
      return "private";
    case "linkLocal":
      return "link-local";
    case "unspecified":
      return "unspecified";
    default:
      return embedded(address, ipaddr).find((network) => network !== "public") ?? "public";
  }
}

/** The networks of the IPv4 addresses that an IPv6 address stands for, or may stand for. */
function embedded(address: Address, ipaddr: IpAddr): readonly Network[] {
  if (address.kind() !== "ipv6") return [];
  const bytes = address.toByteArray();
  const at = (...places: readonly number[]) =>
    networkOf(ipaddr.fromByteArray(places.map((place) => bytes[place] ?? 0)), ipaddr);
  const last = () => at(12, 13, 14, 15);
  switch (address.range()) {
    case "rfc6145":
      return [last()];
    case "rfc6052": {
      // RFC 8215's prefix of 48 bits may be used with each length of RFC 6052 section 2.2; what is not filled is zero.
      const local = bytes[5] === 1 ? [at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12)] : [];
      const filled = [...local, last()].filter((network) => network !== "unspecified");
      return filled.length === 0 ? ["unspecified"] : filled;
    }
    case "6to4":
      return [at(2, 3, 4, 5)];
    case "teredo":
      // RFC 4380 section 4: the client's address, inverted.
      return [networkOf(ipaddr.fromByteArray(bytes.slice(12).map((byte) => byte ^ 0xff)), ipaddr)];
    default:
      return isIsatap(bytes) || isCompatible(bytes) ? [last()] : [];
  }
}

/** An interface identifier with an IPv4 address in it (RFC 5214 section 6.1). */
function isIsatap(bytes: readonly number[]): boolean {
  const [first = 0, ...rest] = bytes.slice(8, 12);
  return (first & ~2) === 0 && rest.join() === "0,94,254";
}

/** `::a.b.c.d`: deprecated by RFC 4291 section 2.5.5.1, and not a range of `ipaddr.js`. */
function isCompatible(bytes: readonly number[]): boolean {
  return bytes.slice(0, 12).every((byte) => byte === 0);
}

/** The forms of an allowed host that URLs may have: IDN in ASCII, addresses in their one form. */
function namesOf(host: string): readonly string[] {
  const wanted = host.toLowerCase();
  const bracketed = wanted.split(":").length > 2 && !wanted.startsWith("[") ? `[${wanted}]` : wanted;
  const parsed = URL.parse(`https://${bracketed}/`);
  if (parsed === null) return [wanted];
  return parsed.port === "" ? [bare(parsed.hostname)] : [parsed.host];
}

/** A host without the brackets of IPv6 and the dot at the end of a full name. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$|\.$/g, "").toLowerCase();
}
