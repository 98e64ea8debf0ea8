/**
 * How the entries of a store reach their servers: the one fetch of each, with the address rule, the proxy, the trust and
 * the certificate that follow from the entry and the environment; and an account of all that for `doctor`. Loaded when
 * the first request is made.
 *
 * @see behaviours rows 39 and 40
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import {
  type AddressGuard,
  createAddressGuard,
  judgeAddresses,
  type JudgedAddress,
} from "../../primitives/http/address.ts";
import { createHttp } from "../../primitives/http/client.ts";
import { Connections, type EntryTrust } from "../../primitives/http/connections.ts";
import type { Http } from "../../primitives/http/http.ts";
import { PROXY_VARIABLES } from "../../primitives/http/proxy.ts";
import type { OpenSocket } from "../../primitives/http/web_sockets.ts";
import type { CaFileReport, CertificateReport } from "../../primitives/http/trust_report.ts";
import type { CredentialRecord, ServerRecord } from "../../services/credentials/mod.ts";
import { areHidden } from "../../primitives/system/http_client.ts";
import type { ReachTarget } from "../../primitives/system/reach.ts";
import type { Ports } from "./ports.ts";

/** An entry, as far as its connections go; one that is not stored has no name. */
export type Reachable = Pick<ServerRecord, "url" | "options"> & { readonly name?: string };

/** What {@linkcode Network} takes. */
export interface NetworkOptions {
  readonly ports: Pick<Ports, "env" | "lookup">;
  /** The stored credential of an entry. */
  readonly credential: (name: string) => Promise<CredentialRecord | undefined>;
  /** Gets one redacted line for each exchange. */
  readonly log: ((line: string) => void) | undefined;
}

/** How a request to a URL would go out. Nothing of it is a secret. */
export interface ConnectionReport {
  /** The proxy without user name and password, and the variable that names it; undefined: it goes directly. */
  readonly proxy: { readonly url: string; readonly variable: string } | undefined;
  /** Why there is no connection to be made, such as a proxy whose URL cannot be read. */
  readonly error: McpAuthError | undefined;
  /** The files of certificates that are trusted beside what the runtime trusts. */
  readonly caFiles: readonly CaFileReport[];
  /** The certificate of the entry. */
  readonly clientCertificate: CertificateReport | undefined;
  /** The addresses that this machine finds for the host; empty where it finds none, as behind many proxies. */
  readonly addresses: readonly JudgedAddress[];
  /** Why the entry may not be led there. */
  readonly refusal: McpAuthError | undefined;
}

/** The connections of all entries; dispose of it to close them. */
export class Network implements Disposable {
  readonly #options: NetworkOptions;
  readonly #connections: Connections;
  /** The origins of authorization servers that sign-ins of this process have found, by entry. */
  readonly #found = new Map<string, ReadonlySet<string>>();

  /** @param options What it runs on. */
  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#connections = new Connections(options.ports.env);
  }

  /**
   * The fetch of an entry.
   *
   * @param server The entry.
   * @param narrowed Makes the address rule narrower.
   */
  http(server: Reachable, narrowed: (guard: AddressGuard) => AddressGuard = (guard) => guard): Http {
    return createHttp({
      guard: narrowed(this.guard(server)),
      connect: this.#connections.for(this.#trustOf(server)),
      log: this.#options.log,
    });
  }

  /** Opens the WebSockets of an entry. */
  async sockets(server: Reachable): Promise<OpenSocket> {
    const { createWebSockets } = await import("../../primitives/http/web_sockets.ts");
    return createWebSockets({
      guard: this.guard(server),
      connect: this.#connections.for(this.#trustOf(server)),
      log: this.#options.log,
    });
  }

  /** The address rule of an entry. */
  guard(server: Reachable): AddressGuard {
    return createAddressGuard({
      serverUrl: server.url,
      allowPrivateHosts: [...server.options.allowPrivateHosts ?? [], ...namedHosts(server.options)],
      lookup: (hostname) => this.#lookup(hostname),
      throughProxy: async (url) => (await this.#connections.routeTo(url)).kind === "proxy",
    });
  }

  /**
   * Notes the authorization server that a sign-in to an entry has found: the certificate of the entry is for it as well.
   *
   * @param server The entry.
   * @param metadata The metadata of the authorization server.
   */
  found(server: Reachable, metadata: Readonly<Record<string, unknown>>): void {
    if (server.name !== undefined) this.#found.set(server.name, originsOf(metadata));
  }

  /**
   * Says how a request of an entry would go out; never throws.
   *
   * @param server The entry.
   * @param url Where to.
   */
  async describe(server: Reachable, url: string): Promise<ConnectionReport> {
    const target = new URL(url);
    return {
      ...await this.describeRoute(server, target),
      addresses: await judgeAddresses(target.hostname, (hostname) => this.#lookup(hostname)).catch(() => []),
      refusal: await this.guard(server)(target).then(() => undefined, asError),
    };
  }

  /**
   * The part of that which asks no name server; never throws.
   *
   * @param server The entry.
   * @param target Where to.
   */
  async describeRoute(
    server: Reachable,
    target: URL,
  ): Promise<Omit<ConnectionReport, "addresses" | "refusal">> {
    const trust = this.#trustOf(server);
    const route = await this.#connections.routeTo(target).catch(asError);
    const { reportTrust } = await import("../../primitives/http/trust_report.ts");
    return {
      proxy: route instanceof Error || route.proxy === undefined
        ? undefined
        : { url: route.proxy.shown, variable: route.proxy.variable },
      error: await this.#connections.for(trust)(target, true).then(() => undefined, asError),
      ...await reportTrust(this.#options.ports.env, trust, target),
    };
  }

  /** Has the next requests of all entries go out on new connections. */
  renew(): void {
    this.#connections.renew();
  }

  /**
   * Whether a connection can be made to where requests to a URL go: its host, or a proxy.
   *
   * @param url Where to.
   * @param timeoutMs How long that may take, in milliseconds.
   */
  async isReachable(url: string, timeoutMs: number): Promise<boolean> {
    const { systemReach } = await import("../../primitives/system/reach.ts");
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    try {
      const route = await this.#connections.routeTo(new URL(url));
      // Where a proxy may be hidden from us, the host is not where requests go.
      if (route.kind === "default" && areHidden(PROXY_VARIABLES)) return true;
      const proxy = route.kind === "proxy" ? route.proxy : undefined;
      await systemReach.connect(proxy === undefined ? placeOf(url) : portOf(proxy), limit.signal);
      return true;
    } catch (error) {
      // Who may not look has seen nothing.
      return error instanceof McpAuthError || (error instanceof Error && error.name === "NotCapable");
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the connections that nobody uses. */
  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]();
  }

  async #lookup(hostname: string): Promise<readonly string[]> {
    return await (await this.#options.ports.lookup())(hostname);
  }

  #trustOf(server: Reachable): EntryTrust {
    const { caFile, clientCertificate } = server.options;
    return {
      caFile,
      clientCertificate,
      showsCertificateTo: async ({ origin }) =>
        origin === new URL(server.url).origin ||
        originsOf(server.options.authorizationServer).has(origin) ||
        server.name !== undefined &&
          (this.#found.get(server.name)?.has(origin) || await this.#hasSignedInAt(server.name, origin)),
    };
  }

  async #hasSignedInAt(name: string, origin: string): Promise<boolean> {
    const credential = await this.#options.credential(name);
    return credential !== undefined &&
      originsOf({ issuer: credential.issuer, ...credential.authorizationServer }).has(origin);
  }
}

/** The origins of the issuer and of the endpoints that it names. */
function originsOf(metadata: object = {}): ReadonlySet<string> {
  const urls = Object.entries(metadata).flatMap(([name, value]) =>
    name === "issuer" || /endpoint$/i.test(name) ? [URL.parse(String(value))?.origin] : []
  );
  return new Set(urls.filter((origin) => origin !== undefined));
}

function asError(thrown: unknown): McpAuthError {
  return thrown instanceof McpAuthError
    ? thrown
    : new McpAuthError("NETWORK_ERROR", "Cannot tell how to connect", { cause: thrown });
}

function placeOf(url: string): ReachTarget {
  const { hostname, port, protocol } = new URL(url);
  const usual = protocol === "http:" || protocol === "ws:" ? 80 : 443;
  return portOf({ hostname, port: port === "" ? usual : Number(port) });
}

/** A place to connect to: an IPv6 address without its brackets. */
function portOf({ hostname, port }: ReachTarget): ReachTarget {
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port };
}

/** The hosts of the authorization server that the user named: the rule is about hosts that servers name. */
function namedHosts({ authorizationServer }: Reachable["options"]): readonly string[] {
  return Object.values(authorizationServer ?? {}).flatMap((url) => URL.parse(url)?.hostname ?? []);
}
