/**
 * Which proxy a request goes through. The variables are read here and not left to Deno, which sends loopback through the
 * proxy, knows no port in `NO_PROXY` and goes past a proxy whose URL it cannot read. They are read as curl reads them:
 * the lower-case name wins, and a value without a scheme is an http proxy.
 *
 * @see behaviours row 40
 * @see https://everything.curl.dev/usingcurl/proxies/env.html
 * @module
 */
import { McpAuthError } from "../errors.ts";
import type { Env } from "../system/env.ts";
import { isLoopbackHost } from "../web_url.ts";

/** The variables that say which proxy to use and where not to. */
export const PROXY_VARIABLES = [
  "https_proxy",
  "HTTPS_PROXY",
  "http_proxy",
  "HTTP_PROXY",
  "all_proxy",
  "ALL_PROXY",
  "no_proxy",
  "NO_PROXY",
] as const;

/** What the environment says of proxies. */
export interface ProxySettings {
  /** By protocol of the request. */
  readonly "https:"?: ProxyVariable | undefined;
  readonly "http:"?: ProxyVariable | undefined;
  /** Where requests go directly. */
  readonly exceptions: readonly string[];
}

/** A variable that names a proxy. */
export interface ProxyVariable {
  readonly variable: string;
  /** As it was set; it may hold a password. */
  readonly value: string;
}

/** A proxy. */
export interface Proxy {
  /** Its URL with an explicit port, and with its user name and password: a secret. */
  readonly url: string;
  /** The same without user name and password, for people. */
  readonly shown: string;
  readonly hostname: string;
  readonly port: number;
  /** The variable that names it. */
  readonly variable: string;
}

/** The ports of proxies whose URL names none. */
const PORTS: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "socks5:": 1080,
  "socks5h:": 1080,
};

/**
 * Reads the variables. In a CGI program `HTTP_PROXY` is the `Proxy` header of whoever sent the request: it is ignored
 * there (httpoxy, CVE-2016-5385).
 *
 * @param env The environment.
 * @returns Undefined where no proxy is named.
 */
export function readProxySettings(env: Env): ProxySettings | undefined {
  const first = (...names: readonly (typeof PROXY_VARIABLES[number])[]): ProxyVariable | undefined => {
    for (const variable of names) {
      const value = env.get(variable)?.trim();
      if (value) return { variable, value };
    }
    return undefined;
  };
  const all = first("all_proxy", "ALL_PROXY");
  const https = first("https_proxy", "HTTPS_PROXY") ?? all;
  const http =
    (env.get("REQUEST_METHOD") === undefined ? first("http_proxy", "HTTP_PROXY") : first("http_proxy")) ??
      all;
  if (https === undefined && http === undefined) return undefined;
  const exceptions = first("no_proxy", "NO_PROXY")?.value.split(/[\s,]+/).filter((each) => each !== "") ?? [];
  return { "https:": https, "http:": http, exceptions };
}

/**
 * The proxy for a request. Loopback never has one.
 *
 * @param url Where the request goes.
 * @param settings What the environment says.
 * @throws {McpAuthError} `CONFIG_INVALID` where the variable names no proxy that can be used.
 */
export async function proxyFor(url: URL, settings: ProxySettings): Promise<Proxy | undefined> {
  const named = url.protocol === "https:" || url.protocol === "http:" ? settings[url.protocol] : undefined;
  if (named === undefined || isLoopbackHost(withoutDot(url.hostname))) return undefined;
  for (const exception of settings.exceptions) if (await isExcepted(url, exception)) return undefined;
  return readProxy(named);
}

/**
 * Reads the URL of a proxy.
 *
 * @throws {McpAuthError} `CONFIG_INVALID`, which names the variable and nothing of its value: it may hold a password.
 */
export function readProxy({ variable, value }: ProxyVariable): Proxy {
  const parsed = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  const protocol = parsed?.protocol ?? "";
  const defaultPort = PORTS[protocol];
  if (parsed === null || defaultPort === undefined || parsed.hostname === "" || !isDecodable(parsed)) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot use the proxy in ${variable}: ${
        parsed !== null && defaultPort === undefined
          ? "its scheme is none of http, https and socks5"
          : "it is not a URL"
      }`,
      {
        hint:
          `Set ${variable} to something like http://proxy.example.com:3128 (with user:password@ before the host, where it wants one), or unset it`,
      },
    );
  }
  const port = parsed.port === "" ? defaultPort : Number(parsed.port);
  const place = `${parsed.hostname}:${port}`;
  const user = parsed.username === "" && parsed.password === ""
    ? ""
    : `${parsed.username}:${parsed.password}@`;
  return {
    url: `${protocol}//${user}${place}`,
    shown: `${protocol}//${place}`,
    hostname: parsed.hostname,
    port,
    variable,
  };
}

/** Whether an entry of `NO_PROXY` is about a URL: `*`, a host and all below it, an address, a CIDR block; with a port or not. */
async function isExcepted(url: URL, exception: string): Promise<boolean> {
  if (exception === "*") return true;
  const block = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(exception);
  if (block !== null) return await isWithin(bare(url.hostname), exception);
  const [, host = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(exception) ?? [undefined, exception];
  if (port !== undefined && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) return false;
  const wanted = normal(host.replace(/^\*?\./, ""));
  const actual = bare(withoutDot(url.hostname));
  return wanted !== "" && (actual === wanted || (!isAddress(actual) && actual.endsWith(`.${wanted}`)));
}

async function isWithin(host: string, block: string): Promise<boolean> {
  const { default: ipaddr } = await import("ipaddr.js");
  if (!ipaddr.isValid(host) || !ipaddr.isValidCIDR(block)) return false;
  const address = ipaddr.process(host);
  const [network, bits] = ipaddr.parseCIDR(block);
  return address.kind() === network.kind() && address.match(network, bits);
}

/** A host name as `URL.hostname` gives it, without brackets: IDN in ASCII, addresses in their one form. */
function normal(host: string): string {
  const bracketed = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const parsed = URL.parse(`https://${bracketed}/`);
  return parsed === null ? "" : bare(withoutDot(parsed.hostname));
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}${password}`);
    return true;
  } catch {
    return false;
  }
}

function withoutDot(hostname: string): string {
  return hostname.replace(/\.$/, "");
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").toLowerCase();
}
