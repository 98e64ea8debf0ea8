/**
 * The composition root of the command line and the library: the one place where services meet their ports. Everything
 * costly is made when it is first asked for, so that handing out a token pays for the store and for nothing else.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import type { AddressGuard } from "../../primitives/http/address.ts";
import type { Http, HttpRequest } from "../../primitives/http/http.ts";
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
import type {
  AskClient,
  GivenClient,
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
import type { Ports } from "./ports.ts";

/** What {@linkcode Services} takes beside the ports. */
export interface ServicesOptions {
  /** The keystore that the user asks for. */
  readonly keystore?: KeystoreKind | undefined;
  /** The folder of the store; what the environment says when left out. */
  readonly home?: string | undefined;
  /** The URL of a remote store; what the environment says when left out. */
  readonly store?: string | undefined;
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
  /** Opens the URL in place of the machine's browser. */
  readonly open?: ((url: string) => Promise<void>) | undefined;
  readonly tell: (event: SignInEvent) => void;
  /** Asks for a client where nothing else works. */
  readonly ask?: AskClient | undefined;
  readonly given?: GivenClient | undefined;
  /** Register a client anew, whatever is stored. */
  readonly reRegister?: boolean | undefined;
  /** Shown to the user by the server, where the entry has no name of its own for that. */
  readonly clientName: string;
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
  #interruption: Promise<Interruption> | undefined;

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
    server: Pick<ServerRecord, "url" | "options">,
    narrowed: (guard: AddressGuard) => AddressGuard = (guard) => guard,
  ): Http {
    let loaded: Promise<Http> | undefined;
    const load = async () => {
      const { createHttp } = await import("../../primitives/http/client.ts");
      const { createAddressGuard } = await import("../../primitives/http/address.ts");
      const guard = createAddressGuard({
        serverUrl: server.url,
        allowPrivateHosts: server.options.allowPrivateHosts,
        lookup: async (hostname) => await (await this.ports.lookup())(hostname),
      });
      return createHttp({ guard: narrowed(guard), log: this.#options.log });
    };
    let http: Http | undefined;
    return async (url: string, request?: HttpRequest) => {
      http ??= await (loaded ??= load());
      return await http(url, request);
    };
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
      signInCommand: options.signInCommand ?? `mcp-auth login ${server.name}`,
    });
  }

  /**
   * Signs in to an entry and stores the result.
   *
   * @throws {McpAuthError} whatever the sign-in met; nothing was stored then.
   */
  async signIn(manner: SignInManner, request: StoredSignInRequest): Promise<CredentialRecord> {
    const { firstHopOnly, signInAndStore } = await import("../../services/signin/mod.ts");
    const { open } = manner;
    return await signInAndStore({
      store: this.store,
      exclusive: async (name, operation) => {
        const { shield } = await this.interruption();
        return await this.authority.exclusive(name, () => shield(operation));
      },
      clientName: manner.clientName,
      given: manner.given,
      reRegister: manner.reRegister,
      timeoutS: manner.timeoutS,
      ports: {
        http: this.http(request.server),
        preflight: this.http(request.server, firstHopOnly),
        audit: this.audit,
        clock: this.ports.clock,
        listen: await this.ports.listen(),
        browser: open !== undefined ? { open } : manner.openBrowser ? await this.ports.browser() : undefined,
        ask: manner.ask,
        tell: manner.tell,
      },
    }, request);
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
    throw new McpAuthError("CONFIG_INVALID", `Cannot use "${name}": it is an entry for another URL by now`, {
      hint: "Start the command again",
    });
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
