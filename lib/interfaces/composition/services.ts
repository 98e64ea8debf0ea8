/**
 * The composition root of the command line and the library: the one place where services meet their ports. Everything
 * costly is made when it is first asked for, so that handing out a token pays for the store and for nothing else.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http, HttpRequest } from "../../primitives/http/http.ts";
import type { Interruption } from "../../primitives/system/process.ts";
import { dataFolder } from "../../primitives/system/paths.ts";
import {
  type CredentialRecord,
  type CredentialStore,
  type KeystoreKind,
  openStore,
  type ServerRecord,
} from "../../services/credentials/mod.ts";
import type {
  AskClient,
  GivenClient,
  Revocation,
  SignInEvent,
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
  /** Shown to the user by the server. */
  readonly clientName: string;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number | undefined;
}

/** All services over one store. */
export class Services implements Disposable {
  readonly ports: Ports;
  readonly store: CredentialStore;
  readonly authority: TokenAuthority;
  readonly #options: ServicesOptions;
  readonly #disposables: Disposable[] = [];
  #interruption: Promise<Interruption> | undefined;

  constructor(ports: Ports, options: ServicesOptions = {}) {
    this.ports = ports;
    this.#options = options;
    const { env, clock } = ports;
    this.store = this.#own(openStore({ env, keystore: options.keystore, home: options.home }));
    this.authority = new TokenAuthority({
      store: this.store,
      clock,
      http: (server) => this.http(server),
      locks: async () =>
        this.store.inMemory
          ? (await import("../../primitives/system/lock.ts")).memoryLocks()
          : await ports.locks(options.home ?? dataFolder(env)),
      shield: async (operation) => {
        const { signal, shield } = await this.interruption();
        const result = await shield(operation);
        signal.throwIfAborted();
        return result;
      },
    });
  }

  /** The one fetch of an entry, with the address rules that follow from its URL; loaded when first used. */
  http(server: Pick<ServerRecord, "url" | "options">): Http {
    let loaded: Promise<Http> | undefined;
    const load = async () => {
      const { createHttp } = await import("../../primitives/http/client.ts");
      const { createAddressGuard } = await import("../../primitives/http/address.ts");
      const guard = createAddressGuard({
        serverUrl: server.url,
        allowPrivateHosts: server.options.allowPrivateHosts,
        lookup: async (hostname) => await (await this.ports.lookup())(hostname),
      });
      return createHttp({ guard, log: this.#options.log });
    };
    let http: Http | undefined;
    return async (url: string, request?: HttpRequest) => {
      http ??= await (loaded ??= load());
      return await http(url, request);
    };
  }

  /** The signals of this process, from the first time that somebody asks. */
  interruption(options: { readonly parent: boolean } = { parent: false }): Promise<Interruption> {
    this.#interruption ??= this.ports.interruption(options).then((interruption) => this.#own(interruption));
    return this.#interruption;
  }

  /** The authorizer of an entry. */
  authorizer(server: ServerRecord, options: AuthorizerOptions = {}): Authorizer {
    return entryAuthorizer({
      name: server.name,
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
    const { signInAndStore } = await import("../../services/signin/mod.ts");
    const { open } = manner;
    return await signInAndStore({
      store: this.store,
      clientName: manner.clientName,
      given: manner.given,
      timeoutS: manner.timeoutS,
      ports: {
        http: this.http(request.server),
        clock: this.ports.clock,
        listen: await this.ports.listen(),
        browser: open !== undefined ? { open } : manner.openBrowser ? await this.ports.browser() : undefined,
        ask: manner.ask,
        tell: manner.tell,
      },
    }, request);
  }

  /**
   * Revokes and forgets the tokens of an entry, while nobody refreshes them.
   *
   * @param localOnly Forget them without telling the server.
   * @returns What became of each token; undefined where the entry had none.
   */
  async signOut(server: ServerRecord, localOnly: boolean): Promise<readonly Revocation[] | undefined> {
    return await this.authority.exclusive(server.name, async () => {
      const credential = await this.store.credential(server.name);
      if (credential === undefined) return undefined;
      const { revokeCredential } = await import("../../services/signin/mod.ts");
      const revocations = localOnly ? [] : await revokeCredential(this.http(server), credential.record);
      await this.store.changeCredential(server.name, credential.version, undefined);
      return revocations;
    });
  }

  /** Ends the store and the signal handlers. */
  [Symbol.dispose](): void {
    for (const disposable of this.#disposables.splice(0).reverse()) disposable[Symbol.dispose]();
  }

  /** The stored credential, as long as the entry is for this server: its name may be another's by now. */
  async #credentialFor({ name, url }: ServerRecord): Promise<CredentialRecord | undefined> {
    const found = await this.store.serverWithCredential(name);
    if (found === undefined || found.server.record.url === url) return found?.credential?.record;
    throw new McpAuthError("CONFIG_INVALID", `Cannot use "${name}": it is an entry for another URL by now`, {
      hint: "Start the command again",
    });
  }

  #own<T extends Disposable>(disposable: T): T {
    this.#disposables.push(disposable);
    return disposable;
  }
}
