/**
 * The composition root of the command line and the library: the one place where services meet their ports. Everything
 * costly is made when it is first asked for, so that handing out a token pays for the store and for nothing else.
 *
 * @module
 */
import { asMcpAuthError } from "../../primitives/errors.ts";
import type { AddressGuard } from "../../primitives/http/address.ts";
import type { Http, HttpRequest } from "../../primitives/http/http.ts";
import { CANCELLED_SIGN_IN_MS } from "../../primitives/limits.ts";
import { pause } from "../../primitives/system/clock.ts";
import type { Interruption } from "../../primitives/system/process.ts";
import type { Locks } from "../../primitives/system/lock.ts";
import { dataFolder, pathIn } from "../../primitives/system/paths.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { AuditLog, type AuditPlace } from "../../services/audit/mod.ts";
import {
  type AskPassphrase,
  type CredentialRecord,
  type CredentialStore,
  type KeystoreChanged,
  type KeystoreKind,
  openStore,
  type ServerRecord,
} from "../../services/credentials/mod.ts";
import type { AppliedProvider, ProvidedEntry, ProviderRegistry } from "../../services/providers/mod.ts";
import type {
  AskClient,
  AskSite,
  DeviceChoice,
  GivenClient,
  GivenToken,
  OwnDocument,
  Paste,
  SignInEvent,
  SignOutOptions,
  SignOutReport,
  StoredSignInRequest,
} from "../../services/signin/mod.ts";
import {
  type Authorizer,
  entryAuthorizer,
  type SignInNeed,
  TokenAuthority,
} from "../../services/tokens/mod.ts";
import type { Network, Reachable } from "./network.ts";
import type { Ports } from "./ports.ts";

/** What {@linkcode Services} takes beside the ports. */
export interface ServicesOptions {
  /** The keystore that the user asks for. */
  readonly keystore?: KeystoreKind | undefined;
  /** The folder of the store; what the environment says when left out. */
  readonly home?: string | undefined;
  /** The URL of a remote store; what the environment says when left out. */
  readonly store?: string | undefined;
  /** Variables that bring tokens; see `StoreOptions`. */
  readonly passingVariables?: readonly string[] | undefined;
  /** Asks a person for the passphrase that seals the store; without it nobody is asked. */
  readonly askPassphrase?: AskPassphrase | undefined;
  /** Gets what the user should see of the keystore that was chosen for a new store. */
  readonly notice?: ((line: string) => void) | undefined;
  /** Gets one redacted line for each HTTP exchange. */
  readonly log?: ((line: string) => void) | undefined;
}

/** What an authorizer may do beside handing out tokens. */
export interface AuthorizerOptions {
  /** Signs in; undefined where no person may be asked. */
  readonly signIn?: ((need: SignInNeed) => Promise<void>) | undefined;
  /** Whether the server may be asked without a token; whether it needs none when left out. */
  readonly anonymous?: boolean | undefined;
  /** The credential to start from; the stored one when left out. */
  readonly credential?: (() => Promise<CredentialRecord | undefined>) | undefined;
  /** The command that a person has to run; `mcp-auth login <name>` when left out. */
  readonly signInCommand?: string | undefined;
}

/** How a person signs in. */
export interface SignInManner {
  /** Open the browser; otherwise the URL is only told. */
  readonly openBrowser: boolean;
  /** Whether to sign in by a device code; never when left out. */
  readonly device?: DeviceChoice | undefined;
  /** Hands in what the person pastes. */
  readonly paste?: Paste | undefined;
  /** Opens the URL in place of the machine's browser. */
  readonly open?: ((url: string) => Promise<void>) | undefined;
  readonly tell: (event: SignInEvent) => void;
  /** Asks for a client where nothing else works. */
  readonly ask?: AskClient | undefined;
  readonly given?: GivenClient | undefined;
  /** The id, the name or the URL of the site that the entry is for, where its provider has several. */
  readonly site?: string | undefined;
  /** Asks which of several sites it is for. */
  readonly askSite?: AskSite | undefined;
  /** Register a client anew, whatever is stored. */
  readonly reRegister?: boolean | undefined;
  /** Shown to the user by the server, where the entry has no name of its own for that. */
  readonly clientName: string;
  /** The program's own client ID metadata document; it is looked at before it is used. */
  readonly document?: string | undefined;
  /** The command line of this sign-in, for a person to repeat it with a client of their own. */
  readonly command?: string | undefined;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number | undefined;
}

/** All services over one store. */
export class Services implements Disposable {
  readonly ports: Ports;
  readonly store: CredentialStore;
  readonly authority: TokenAuthority;
  /** Where everything that happens to credentials is noted. */
  readonly audit: AuditLog;
  readonly #options: ServicesOptions;
  readonly #disposables: Disposable[] = [];
  #document: OwnDocument | undefined;
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
    const running = this.#signIn(manner, request);
    const ended = running.then(() => {}, () => {});
    this.#signIns.add(ended);
    try {
      return await running;
    } finally {
      this.#signIns.delete(ended);
    }
  }

  async #signIn(manner: SignInManner, request: StoredSignInRequest): Promise<CredentialRecord> {
    const { firstHopOnly, OwnDocument, signInAndStore } = await import("../../services/signin/mod.ts");
    const { grantPorts } = await import("./machine_entries.ts");
    const { open, document } = manner;
    const network = await this.network();
    const { caFile } = request.server.options;
    const place = { url: document ?? "", options: caFile === undefined ? {} : { caFile } };
    if (this.#document?.url !== document) {
      this.#document = document === undefined
        ? undefined
        : new OwnDocument({ url: document, http: () => this.http(place, firstHopOnly) });
    }
    const provider = await this.provider(request.server);
    if (provider !== undefined) manner.tell(toldOf(provider));
    return await signInAndStore({
      store: this.store,
      exclusive: async (name, operation) => {
        const { shield } = await this.interruption();
        return await this.authority.exclusive(name, () => shield(operation));
      },
      clientName: manner.clientName,
      given: manner.given ?? (provider && await this.#clientOf(provider)),
      reRegister: manner.reRegister,
      command: manner.command,
      timeoutS: manner.timeoutS,
      ports: {
        http: this.http(request.server),
        preflight: this.http(request.server, firstHopOnly),
        guard: this.guard(request.server),
        found: (server) => network.found(request.server, server),
        audit: this.audit,
        grants: grantPorts(this, request.server),
        clock: this.ports.clock,
        listen: await this.ports.listen(),
        browser: !manner.openBrowser ? undefined : open === undefined ? await this.ports.browser() : { open },
        device: manner.device,
        paste: manner.paste,
        ask: manner.ask,
        askSite: manner.askSite,
        setUpPage: async ({ issuer }) =>
          provider?.setUpPage ?? (await (await this.providers()).ofIssuer(issuer))?.setUpPage,
        ownDocument: this.#document,
        tell: manner.tell,
      },
    }, { ...request, provider, site: manner.site });
  }

  /** The client of a provider that the environment names. */
  async #clientOf(provider: AppliedProvider): Promise<GivenClient | undefined> {
    const { clientFromEnvironment } = await import("../../services/providers/mod.ts");
    return clientFromEnvironment(this.ports.env, provider);
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
    const { givenCredential, storeGivenToken } = await import("../../services/signin/mod.ts");
    const { store, audit } = this;
    const credential = givenCredential(server, token, this.ports.clock.now());
    const exclusive = async <T>(name: string, operation: () => Promise<T>) => {
      const { shield } = await this.interruption();
      return await this.authority.exclusive(name, () => shield(operation));
    };
    await storeGivenToken({ store, audit, exclusive }, server, credential, expected);
    return credential;
  }

  /**
   * Revokes and forgets the tokens of an entry, and its client where that is asked for, while nobody refreshes them.
   *
   * @returns What became of each.
   */
  async signOut(server: ServerRecord, options: SignOutOptions): Promise<SignOutReport> {
    const { signOut } = await import("../../services/signin/mod.ts");
    const ports = { store: this.store, http: this.http(server), audit: this.audit };
    const { signal, shield } = await this.interruption();
    // What a server has ended must not stay here as if it were good.
    const end = () => shield(() => signOut(ports, server, { signal, ...options }));
    return await this.authority.exclusive(server.name, end, signal);
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

/** What is said of a provider before a sign-in follows it. */
function toldOf({ template, recognized, adds }: AppliedProvider): SignInEvent {
  const { name, title, source } = template;
  return { kind: "provider", name, title, checked: source?.checked, recognized, adds };
}
