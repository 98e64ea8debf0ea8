/**
 * The composition root of the command line and the library: the one place where services meet their ports. Everything
 * costly is made when it is first asked for, so that handing out a token pays for the store and for nothing else.
 *
 * @module
 */
import { asMcpAuthError } from "../../primitives/errors.ts";
import type { AddressGuard } from "../../primitives/http/address.ts";
import type { Http, HttpRequest } from "../../primitives/http/http.ts";
import type { OpenSocket } from "../../primitives/http/web_sockets.ts";
import { CANCELLED_SIGN_IN_MS } from "../../primitives/limits.ts";
import { pause } from "../../primitives/system/clock.ts";
import type { Interruption } from "../../primitives/system/process.ts";
import type { Lock, Locks } from "../../primitives/system/lock.ts";
import { dataFolder, pathIn } from "../../primitives/system/paths.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { AuditLog, type AuditPlace } from "../../services/audit/mod.ts";
import {
  type CredentialRecord,
  type CredentialStore,
  type KeystoreChanged,
  type KeystoreKind,
  openStore,
  type ServerRecord,
} from "../../services/credentials/mod.ts";
import type { AppliedProvider, ProvidedEntry, ProviderRegistry } from "../../services/providers/mod.ts";
import type {
  GivenToken,
  SignOutOptions,
  SignOutReport,
  StoredSignInRequest,
} from "../../services/signin/mod.ts";
import { type Authorizer, entryAuthorizer, TokenAuthority } from "../../services/tokens/mod.ts";
import type { EntrySignIn } from "./entry_sign_in.ts";
import type { Network, Reachable } from "./network.ts";
import type { Ports } from "./ports.ts";
import type { AuthorizerOptions, ServicesOptions, SignInManner } from "./services_options.ts";

/** All services over one store. */
export class Services implements Disposable {
  readonly ports: Ports;
  readonly store: CredentialStore;
  readonly authority: TokenAuthority;
  /** Where everything that happens to credentials is noted. */
  readonly audit: AuditLog;
  readonly #options: ServicesOptions;
  readonly #disposables: Disposable[] = [];
  #signingIn: Promise<EntrySignIn> | undefined;
  #interruption: Promise<Interruption> | undefined;
  /** The ends of the sign-ins under way. */
  readonly #signIns = new Set<Promise<void>>();
  #network: Promise<Network> | undefined;

  constructor(ports: Ports, options: ServicesOptions = {}) {
    this.ports = ports;
    this.#options = options;
    const { env, clock, run } = ports;
    this.audit = new AuditLog({ clock, log: options.log, place: () => this.auditPlace });
    this.store = this.#own(
      openStore({ ...options, env, run, http: (url) => this.http({ url, options: {} }) }),
    );
    this.authority = new TokenAuthority({
      store: this.store,
      clock,
      http: (server) => this.http(server),
      locks: () => this.#locks(),
      room: async (lockName) =>
        this.store.location === "local"
          ? await this.ports.room(this.#home, lockName)
          : { [Symbol.dispose]: () => {} },
      shield: async (operation) => {
        const { signal, shield } = await this.interruption();
        signal.throwIfAborted();
        const result = await shield(async () => {
          try {
            return await operation();
          } finally {
            // The end of the shield may be the end of the process.
            if (signal.aborted) await this.audit.flush();
          }
        });
        signal.throwIfAborted();
        return result;
      },
      grants: async (server) => (await import("./machine_entries.ts")).grantPorts(this, server),
      audit: this.audit,
    });
  }

  /**
   * The one fetch of an entry, with the address rules that follow from its URL; loaded when first used.
   *
   * @param server The entry.
   * @param narrowed Makes the address rules narrower.
   */
  http(
    server: Reachable,
    narrowed: (guard: AddressGuard) => AddressGuard = (guard) => guard,
  ): Http {
    let http: Http | undefined;
    return async (url: string, request?: HttpRequest) => {
      http ??= (await this.network()).http(server, narrowed);
      return await http(url, request);
    };
  }

  /** Opens the WebSockets of an entry, by the same rules as its fetch; loaded when first used. */
  openSocket(server: Reachable): OpenSocket {
    let open: Promise<OpenSocket> | undefined;
    return async (url, request) => {
      open ??= this.network().then((network) => network.sockets(server));
      return await (await open)(url, request);
    };
  }

  /** The address rules of an entry, which follow from its URL; loaded when first used. */
  guard(server: Reachable): AddressGuard {
    let guard: AddressGuard | undefined;
    return async (url) => {
      guard ??= (await this.network()).guard(server);
      await guard(url);
    };
  }

  /** The connections of all entries. */
  network(): Promise<Network> {
    return this.#network ??= (async () => {
      const { Network } = await import("./network.ts");
      return this.#own(
        new Network({
          ports: this.ports,
          credential: async (name) => (await this.store.credential(name))?.record,
          log: this.#options.log,
        }),
      );
    })();
  }

  /** What is known of providers, with those that the user has defined. */
  async providers(): Promise<ProviderRegistry> {
    const { ProviderRegistry } = await import("../../services/providers/mod.ts");
    return new ProviderRegistry(this.store);
  }

  /**
   * The provider of an entry, applied to it: the one that it names, else the one whose host its URL has.
   *
   * @throws {McpAuthError} `NOT_FOUND` for a provider that is not there, `CONFIG_MISSING` for a value that it needs.
   */
  async provider(server: ProvidedEntry): Promise<AppliedProvider | undefined> {
    const { applyProvider, providerOf } = await import("../../services/providers/mod.ts");
    const template = await providerOf(await this.providers(), server);
    return template === undefined ? undefined : applyProvider(template, server);
  }

  /** The signals of this process, from the first time that somebody asks. */
  interruption(options: { readonly parent: boolean } = { parent: false }): Promise<Interruption> {
    if (options.parent) this.audit.writeAsTheyCome();
    this.#interruption ??= this.ports.interruption(options).then((interruption) => this.#own(interruption));
    return this.#interruption;
  }

  /** The authorizer of an entry. */
  authorizer(server: ServerRecord, options: AuthorizerOptions = {}): Authorizer {
    return entryAuthorizer({
      name: server.name,
      url: server.url,
      authority: this.authority,
      clock: this.ports.clock,
      credential: options.credential ?? (() => this.#credentialFor(server)),
      anonymous: options.anonymous ?? server.signIn === "none",
      signIn: options.signIn,
      stepUp: server.options.grant === undefined
        ? undefined
        : async (need) => await (await import("./machine_entries.ts")).stepUpByGrant(this, server, need),
      signInCommand: options.signInCommand ??
        (server.signIn === "token" && this.store.inMemory
          ? "export MCP_AUTH_ACCESS_TOKEN=<new token>"
          : `mcp-auth login ${server.name}${server.signIn === "token" ? " --token-stdin" : ""}`),
    });
  }

  /**
   * Signs in to an entry and stores the result.
   *
   * @throws {McpAuthError} whatever the sign-in met; nothing was stored then.
   */
  async signIn(manner: SignInManner, request: StoredSignInRequest): Promise<CredentialRecord> {
    const running = this.#entrySignIn().then((entry) => entry.signIn(manner, request));
    const ended = running.then(() => {}, () => {});
    this.#signIns.add(ended);
    try {
      return await running;
    } finally {
      this.#signIns.delete(ended);
    }
  }

  /**
   * Has one process at a time open a browser for an entry.
   *
   * @param name The entry's name.
   * @param timeoutMs How long to wait for another that does, in ms.
   * @param signal Ends the wait by rejecting with its reason.
   * @throws {McpAuthError} `TIMEOUT`, and whatever the store's locks fail with.
   */
  async browserTurn(name: string, timeoutMs: number, signal: AbortSignal): Promise<Lock> {
    const { sha256Hex } = await import("../../primitives/crypto/digest.ts");
    const locks = await this.#locks();
    return await locks.acquire(`browser-${await sha256Hex(name)}`, timeoutMs, signal);
  }

  /**
   * Stores an entry with a token that was given by hand.
   *
   * @param server The entry.
   * @param token The token.
   * @param expected The version of the entry that it replaces; null for a new one.
   * @throws {McpAuthError} `CONFIG_INVALID` when another command was faster.
   */
  async giveToken(
    server: ServerRecord,
    token: GivenToken,
    expected: string | null,
  ): Promise<CredentialRecord> {
    return await (await this.#entrySignIn()).giveToken(server, token, expected);
  }

  /**
   * Revokes and forgets the tokens of an entry, and its client where that is asked for, while nobody refreshes them.
   *
   * @returns What became of each.
   */
  async signOut(server: ServerRecord, options: SignOutOptions): Promise<SignOutReport> {
    return await (await this.#entrySignIn()).signOut(server, options);
  }

  /** Signing in and out; loaded when first used. */
  #entrySignIn(): Promise<EntrySignIn> {
    return this.#signingIn ??= import("./entry_sign_in.ts").then(({ EntrySignIn }) => new EntrySignIn(this));
  }

  /**
   * Moves the store to another keystore, or renews its key in the one it has.
   *
   * @param wanted The keystore to move to; undefined renews the key.
   * @throws {McpAuthError} whatever the change met; the store is sealed as before then.
   */
  async changeKeystore(wanted: KeystoreKind | undefined): Promise<KeystoreChanged> {
    const { signal } = await this.interruption();
    const event = "keystore_changed";
    try {
      const change = await this.store.changeKeystore(await this.#locks(), wanted, signal);
      const detail = `${change.from} -> ${change.to}`;
      if (change.changed) this.audit.record({ event, outcome: "done", detail });
      return change;
    } catch (error) {
      const { code } = asMcpAuthError(error, "STORE_UNAVAILABLE", "change the keystore");
      const detail = wanted === undefined ? "rekey" : `-> ${wanted}`;
      if (code !== "CONFIG_MISSING") this.audit.record({ event, outcome: "failed", code, detail });
      throw error;
    }
  }

  /** Where the store is, for people. */
  get storePlace(): string {
    const { env } = this.ports;
    return this.store.location === "remote"
      ? safeUrl(this.#options.store ?? env.get("MCP_AUTH_STORE") ?? "")
      : pathIn(this.#options.home ?? dataFolder(env), "store.db");
  }

  /** Where the audit log is; undefined where nothing is kept. A remote store has one on each machine. */
  get auditPlace(): AuditPlace | undefined {
    if (this.store.location === "memory") return undefined;
    const folder = this.#options.home ?? dataFolder(this.ports.env);
    return { folder, locks: () => this.ports.locks(folder) };
  }

  /**
   * Resolves once nothing is under way that has to be stored, and the audit log has had its second; to be awaited before
   * the process ends, after the result is out.
   */
  async settled(): Promise<void> {
    await this.authority.settled();
    if (this.#signIns.size > 0 && (await this.#interruption)?.signal.aborted) {
      // Whoever was waiting for it has been told already.
      const ended = new AbortController();
      const bound = pause(CANCELLED_SIGN_IN_MS, ended.signal).catch(() => {});
      await Promise.race([Promise.all(this.#signIns), bound]);
      ended.abort();
    }
    await this.audit.flush();
  }

  /** Ends the store and the signal handlers, once nothing is under way that has to be stored. */
  [Symbol.dispose](): void {
    const end = () => {
      for (const disposable of this.#disposables.splice(0).reverse()) disposable[Symbol.dispose]();
    };
    void this.audit.flush();
    if (this.authority.idle) end();
    else void this.settled().then(end);
  }

  /** The stored credential, as long as the entry is for this server: its name may be another's by now. */
  async #credentialFor({ name, url }: ServerRecord): Promise<CredentialRecord | undefined> {
    const found = await this.store.serverWithCredential(name);
    if (found === undefined || found.server.record.url === url) return found?.credential?.record;
    const { movedEntry } = await import("./machine_entries.ts");
    throw movedEntry(name);
  }

  get #home(): string {
    return this.#options.home ?? dataFolder(this.ports.env);
  }

  async #locks(): Promise<Locks> {
    switch (this.store.location) {
      case "memory":
        return (await import("../../primitives/system/lock.ts")).memoryLocks();
      case "local":
        return await this.ports.locks(this.#home);
      case "remote":
        return await this.store.leases();
    }
  }

  #own<T extends Disposable>(disposable: T): T {
    this.#disposables.push(disposable);
    return disposable;
  }
}
