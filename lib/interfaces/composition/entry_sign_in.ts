/**
 * Signing in to an entry and out of it, with everything that takes: loaded when it happens.
 *
 * @module
 */
import type { CredentialRecord, ServerRecord } from "../../services/credentials/mod.ts";
import { type AppliedProvider, clientFromEnvironment } from "../../services/providers/mod.ts";
import {
  firstHopOnly,
  givenCredential,
  type GivenToken,
  OwnDocument,
  signInAndStore,
  type SignInEvent,
  signOut,
  type SignOutOptions,
  type SignOutReport,
  type StoredSignInRequest,
  storeGivenToken,
} from "../../services/signin/mod.ts";
import { grantPorts } from "./machine_entries.ts";
import type { Services } from "./services.ts";
import type { SignInManner } from "./services_options.ts";

/** The sign-ins of some services; see the methods of the same names there. */
export class EntrySignIn {
  readonly #services: Services;
  #document: OwnDocument | undefined;

  /** @param services The services that it belongs to. */
  constructor(services: Services) {
    this.#services = services;
  }

  /**
   * Signs in to an entry and stores the result.
   *
   * @throws {McpAuthError} whatever the sign-in met; nothing was stored then.
   */
  async signIn(manner: SignInManner, request: StoredSignInRequest): Promise<CredentialRecord> {
    const services = this.#services;
    const { ports, store, audit } = services;
    const { open, document } = manner;
    const network = await services.network();
    const { caFile } = request.server.options;
    const place = { url: document ?? "", options: caFile === undefined ? {} : { caFile } };
    if (this.#document?.url !== document) {
      this.#document = document === undefined
        ? undefined
        : new OwnDocument({ url: document, http: () => services.http(place, firstHopOnly) });
    }
    const provider = await services.provider(request.server);
    if (provider !== undefined) manner.tell(toldOf(provider));
    return await signInAndStore({
      store,
      exclusive: (name, operation) => this.#exclusive(name, operation),
      clientName: manner.clientName,
      given: manner.given ?? (provider && clientFromEnvironment(ports.env, provider)),
      reRegister: manner.reRegister,
      command: manner.command,
      timeoutS: manner.timeoutS,
      ports: {
        http: services.http(request.server),
        preflight: services.http(request.server, firstHopOnly),
        guard: services.guard(request.server),
        found: (server) => network.found(request.server, server),
        audit,
        grants: grantPorts(services, request.server),
        clock: ports.clock,
        listen: await ports.listen(),
        browser: !manner.openBrowser ? undefined : open === undefined ? await ports.browser() : { open },
        device: manner.device,
        paste: manner.paste,
        ask: manner.ask,
        askSite: manner.askSite,
        setUpPage: async ({ issuer }) =>
          provider?.setUpPage ?? (await (await services.providers()).ofIssuer(issuer))?.setUpPage,
        ownDocument: this.#document,
        tell: manner.tell,
      },
    }, { ...request, provider, site: manner.site });
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
    const { ports, store, audit } = this.#services;
    const credential = givenCredential(server, token, ports.clock.now());
    const exclusive = <T>(name: string, operation: () => Promise<T>) => this.#exclusive(name, operation);
    await storeGivenToken({ store, audit, exclusive }, server, credential, expected);
    return credential;
  }

  /**
   * Revokes and forgets the tokens of an entry, and its client where that is asked for, while nobody refreshes them.
   *
   * @returns What became of each.
   */
  async signOut(server: ServerRecord, options: SignOutOptions): Promise<SignOutReport> {
    const services = this.#services;
    const ports = { store: services.store, http: services.http(server), audit: services.audit };
    const { signal, shield } = await services.interruption();
    // What a server has ended must not stay here as if it were good.
    const end = () => shield(() => signOut(ports, server, { signal, ...options }));
    return await services.authority.exclusive(server.name, end, signal);
  }

  /** Runs what changes an entry while nobody else does, and no signal can cut it short. */
  async #exclusive<T>(name: string, operation: () => Promise<T>): Promise<T> {
    const { shield } = await this.#services.interruption();
    return await this.#services.authority.exclusive(name, () => shield(operation));
  }
}

/** What is said of a provider before a sign-in follows it. */
function toldOf({ template, recognized, adds }: AppliedProvider): SignInEvent {
  const { name, title, source } = template;
  return { kind: "provider", name, title, checked: source?.checked, recognized, adds };
}
