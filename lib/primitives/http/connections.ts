/**
 * The connections of all entries: for each request the client that goes the right way (a proxy, or past it), trusts what
 * is to be trusted, and shows a certificate where the entry has one and the host is to see it. Where nothing of this is
 * configured there is no client at all, and nothing is read or made.
 *
 * A client certificate is shown to the entry's own servers alone: it tells a name to whoever asks for it.
 *
 * @see behaviours rows 39 and 40
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { PEM_REREAD_MS } from "../limits.ts";
import type { Env } from "../system/env.ts";
import { areHidden, openHttpClient, type Route } from "../system/http_client.ts";
import { allowFlag } from "../system/permissions.ts";
import { type FileUse, readNamedFile } from "../system/named_file.ts";
import { safeText } from "../untrusted_text.ts";
import { type Proxy, PROXY_VARIABLES, proxyFor, type ProxySettings, readProxySettings } from "./proxy.ts";
import {
  type CaFile,
  caFilesOf,
  type CertificateFiles,
  type KeyPair,
  readCaFile,
  readKeyPairFiles,
} from "./trust.ts";

/** How one request goes out. */
export interface Connection {
  /** The client to send it with; undefined: what `fetch` uses by itself. */
  readonly client: Deno.HttpClient | undefined;
  /** The proxy that it goes through. */
  readonly proxy: Proxy | undefined;
  /** What becomes of the entry's certificate where it is asked for. */
  readonly certificate: "none" | "shown" | "held-back";
}

/**
 * Finds the connection for a request.
 *
 * @param url Where it goes.
 * @param single Whether it wants a connection of its own.
 * @throws {McpAuthError} `CONFIG_INVALID`, `CONFIG_MISSING` or `PERMISSION_DENIED` for a proxy, a file of certificates or
 *   a key that cannot be used.
 */
export type Connect = (url: URL, single: boolean) => Promise<Connection>;

/** What an entry wants of its connections. */
export interface EntryTrust {
  /** A file of certificates to trust. */
  readonly caFile?: string | undefined;
  /** The certificate to show. */
  readonly clientCertificate?: CertificateFiles | undefined;
  /** Whether a host is to see that certificate; none is when left out. */
  readonly showsCertificateTo?: ((url: URL) => Promise<boolean>) | undefined;
}

/** A route, and the proxy on it. */
type ProxiedRoute = Route & { readonly proxy?: Proxy };

const DEFAULT: Connection = { client: undefined, proxy: undefined, certificate: "none" };

/** A file as it was read last. */
interface ReadFile {
  readonly text: string;
  /** By `performance.now`. */
  readonly readAt: number;
  /** Rises when its text changes. */
  readonly version: number;
}

/** Makes and keeps the clients, each once; dispose of it to close them. */
export class Connections implements Disposable {
  readonly #env: Env;
  readonly #clients = new Map<string, Deno.HttpClient>();
  readonly #files = new Map<string, ReadFile>();
  /** The pairs of certificate and key that belong together, by their versions. */
  readonly #checkedPairs = new Set<string>();
  #settings: { readonly proxies: ProxySettings | undefined } | undefined;
  #hidden: boolean | undefined;
  /** Whether the clients that Deno keeps by itself are not to be used: their connections may be dead. */
  #ownOnly = false;

  /** @param env Where proxies and files of certificates are named. */
  constructor(env: Env) {
    this.#env = env;
  }

  /** The way for the requests of an entry. */
  for(entry: EntryTrust): Connect {
    return async (url, single) => {
      const route = await this.routeTo(url);
      const isSecure = url.protocol === "https:";
      const caFiles = isSecure ? caFilesOf(this.#env, entry.caFile) : [];
      const own = isSecure ? entry.clientCertificate : undefined;
      const files = own !== undefined && await entry.showsCertificateTo?.(url) ? own : undefined;
      const certificate = own === undefined ? "none" : files === undefined ? "held-back" : "shown";
      if (route.kind === "default" && caFiles.length === 0 && files === undefined && !this.#ownOnly) {
        return { ...DEFAULT, certificate };
      }
      const proxy = route.kind === "proxy" ? route.proxy : undefined;
      try {
        return { client: await this.#client(route, caFiles, files, single), proxy, certificate };
      } catch (error) {
        const isRefused = error instanceof Error && error.name === "NotCapable";
        // A sandbox may refuse a client of our own where proxies are hidden from us; there is the one of the runtime.
        if (isRefused && route.kind === "default" && caFiles.length === 0 && files === undefined) {
          return { ...DEFAULT, certificate };
        }
        throw error;
      }
    };
  }

  /**
   * The way to a URL.
   *
   * @throws {McpAuthError} `CONFIG_INVALID` where a variable names no proxy that can be used.
   */
  async routeTo(url: URL): Promise<ProxiedRoute> {
    const { proxies } = this.#settings ??= { proxies: readProxySettings(this.#env) };
    if (proxies === undefined) {
      // Plain http goes to loopback only; a proxy that this program cannot see must not get it.
      const isExposed = url.protocol === "http:" && (this.#hidden ??= areHidden(PROXY_VARIABLES));
      return isExposed ? { kind: "direct", to: url } : { kind: "default" };
    }
    const proxy = await proxyFor(url, proxies);
    return proxy === undefined ? { kind: "direct", to: url } : { kind: "proxy", url: proxy.url, proxy };
  }

  /** Has the next requests go out on new connections; what is under way goes on where it is. */
  renew(): void {
    this[Symbol.dispose]();
    this.#ownOnly = true;
  }

  /** Closes the clients; what is under way on them goes on. */
  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #client(
    route: ProxiedRoute,
    caFiles: readonly CaFile[],
    certificateFiles: CertificateFiles | undefined,
    single: boolean,
  ): Promise<Deno.HttpClient> {
    const { certFile, keyFile } = certificateFiles ?? {};
    const paths = [...caFiles.map(({ path }) => path), ...(certFile && keyFile ? [certFile, keyFile] : [])];
    const place = JSON.stringify([placeOf(route), single, paths]);
    const known = this.#isFresh(paths) && this.#clients.get(`${place} ${this.#versions(paths)}`);
    if (known) return known;
    const caCerts = caFiles.map((file) => readCaFile(file, this.#read));
    const pair = certificateFiles === undefined ? undefined : readKeyPairFiles(certificateFiles, this.#read);
    if (certificateFiles !== undefined && pair !== undefined) await this.#check(certificateFiles, pair);
    const key = `${place} ${this.#versions(paths)}`;
    const same = this.#clients.get(key);
    if (same !== undefined) return same;
    this.#closeOlder(place);
    const client = open(route, caFiles, caCerts, pair, single);
    this.#clients.set(key, client);
    return client;
  }

  /** Reads a file, anew where that was long ago; one that is being replaced counts as it was. */
  readonly #read = (path: string, use: FileUse): string => {
    const known = this.#files.get(path);
    const now = performance.now();
    if (known !== undefined && now - known.readAt < PEM_REREAD_MS) return known.text;
    let text: string;
    try {
      text = readNamedFile(path, use);
    } catch (error) {
      if (known === undefined) throw error;
      text = known.text;
    }
    const version = known === undefined ? 0 : known.version + (known.text === text ? 0 : 1);
    this.#files.set(path, { text, readAt: now, version });
    return text;
  };

  #isFresh(paths: readonly string[]): boolean {
    const since = performance.now() - PEM_REREAD_MS;
    return paths.every((path) => (this.#files.get(path)?.readAt ?? -Infinity) > since);
  }

  async #check(files: CertificateFiles, pair: KeyPair): Promise<void> {
    const key = this.#versions([files.certFile, files.keyFile]);
    if (!this.#checkedPairs.has(key)) await checkPair(files, pair);
    this.#checkedPairs.add(key);
  }

  #versions(paths: readonly string[]): string {
    return paths.map((path) => `${path}:${this.#files.get(path)?.version}`).join(" ");
  }

  /** Closes the clients that were made from earlier contents of the same files. */
  #closeOlder(place: string): void {
    for (const [key, client] of this.#clients) {
      if (!key.startsWith(`${place} `)) continue;
      client.close();
      this.#clients.delete(key);
    }
  }
}

function placeOf(route: Route): string {
  switch (route.kind) {
    case "default":
      return "";
    case "proxy":
      return route.url;
    case "direct":
      return route.to.protocol === "https:" ? "direct" : `direct ${route.to.origin}`;
  }
}

function open(
  route: ProxiedRoute,
  caFiles: readonly CaFile[],
  caCerts: readonly string[],
  certificate: KeyPair | undefined,
  single: boolean,
): Deno.HttpClient {
  const trusted = caCerts.length === 0 ? {} : { caCerts };
  try {
    return openHttpClient({ route, single, certificate, ...trusted });
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    if (error instanceof Error && error.name === "NotCapable") throw proxyRefused(error, route.proxy);
    for (const [index, { path, namedBy }] of caFiles.entries()) {
      try {
        openHttpClient({ route: { kind: "default" }, caCerts: caCerts.slice(index, index + 1) }).close();
      } catch (cause) {
        throw new McpAuthError(
          "CONFIG_INVALID",
          `Cannot use the certificates that ${namedBy} names: one in "${safeText(path)}" is damaged`,
          { hint: `Correct ${namedBy}`, cause },
        );
      }
    }
    throw certificate === undefined ? error : unusablePair(error);
  }
}

/** A client of its own is refused for the sake of its proxy alone. */
function proxyRefused(cause: Error, proxy: Proxy | undefined): Error {
  if (proxy === undefined) return cause;
  const place = `${proxy.hostname}:${proxy.port}`;
  return new McpAuthError(
    "PERMISSION_DENIED",
    `Cannot connect: the sandbox does not allow the proxy "${
      safeText(place)
    }", which ${proxy.variable} names`,
    { hint: `Add ${allowFlag("net", place)}`, cause },
  );
}

async function checkPair(
  { certFile, keyFile }: CertificateFiles,
  { cert, key }: KeyPair,
): Promise<void> {
  const { readKeyPair } = await import("../system/key_pair.ts");
  let matches: boolean;
  try {
    ({ matches } = await readKeyPair(cert, key));
  } catch (cause) {
    throw unusablePair(cause);
  }
  if (matches) return;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot use the certificate in "${safeText(certFile)}": the private key in "${
      safeText(keyFile)
    }" belongs to another one`,
    { hint: "Name the key of this certificate with --client-key" },
  );
}

/** What the runtime says of a key is about its form and not repeated: it may quote it. */
function unusablePair(cause: unknown): McpAuthError {
  return new McpAuthError(
    "CONFIG_INVALID",
    "Cannot use the certificate of --client-cert: it or its private key is damaged, or of a kind that is not known here",
    {
      hint: "Check both with: openssl x509 -in <cert> -noout -subject; openssl pkey -in <key> -noout",
      cause,
    },
  );
}
