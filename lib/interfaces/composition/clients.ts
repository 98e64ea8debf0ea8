/**
 * What the command line and the library do with client registrations, over the services of one store.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import type { RegistrationReading } from "../../primitives/oauth/registration_management.ts";
import type { Verdict } from "../../primitives/oauth/client_metadata.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type {
  ClientDeletion,
  KnownClient,
  RegisteredClient,
  RegistrationWish,
} from "../../services/signin/mod.ts";
import type { Services } from "./services.ts";

/** Client registrations. */
export class Clients {
  readonly #services: Services;

  /** @param services The services of the store that they are in. */
  constructor(services: Services) {
    this.#services = services;
  }

  /** All that are known. */
  async list(): Promise<readonly KnownClient[]> {
    const { listClients } = await import("../../services/signin/mod.ts");
    return await listClients(this.#services.store);
  }

  /**
   * The client of an entry, or at an issuer.
   *
   * @throws {McpAuthError} `NOT_FOUND` where none is known, `USAGE` where several are.
   */
  async find(target: string): Promise<KnownClient> {
    const { findClient } = await import("../../services/signin/mod.ts");
    return findClient(await this.list(), target);
  }

  /**
   * What the server of a client says of it; what that changes is stored.
   *
   * @throws {McpAuthError} what the server or the store answered.
   */
  async read(known: KnownClient): Promise<RegistrationReading> {
    const { readClient } = await import("../../services/signin/mod.ts");
    const ports = await this.#ports(known);
    return await this.#shielded(() => readClient(ports, known.client));
  }

  /**
   * Ends a client, at its server and here.
   *
   * @throws {McpAuthError} `CONFIG_INVALID` where entries use it and it is not forced; what the server answered.
   */
  async delete(known: KnownClient, options: { readonly force: boolean }): Promise<ClientDeletion> {
    const { deleteClient } = await import("../../services/signin/mod.ts");
    const ports = await this.#ports(known);
    return await this.#shielded(() => deleteClient(ports, known, options));
  }

  /**
   * Registers a client, and stores it for the sign-ins to come.
   *
   * @param wish What, where and with which rights.
   * @param tell Told where, before anything secret is sent there.
   * @throws {McpAuthError} what the discovery, the server or the store answered.
   */
  async register(wish: RegistrationWish, tell: (issuer: string) => void): Promise<RegisteredClient> {
    const { registerByHand } = await import("../../services/signin/mod.ts");
    const { store, ports: { clock }, audit } = this.#services;
    const target = typeof wish.target === "string" ? wish.target : await this.#provided(wish.target);
    const http = this.#services.http(typeof target === "string" ? { url: target, options: {} } : target);
    const ports = { store, http, clock, audit, tell };
    return await this.#shielded(() => registerByHand(ports, { ...wish, target }));
  }

  /**
   * Judges a hosted client ID metadata document, as a server would.
   *
   * @throws {McpAuthError} what the fetch throws.
   */
  async judgeDocument(url: string, caFile?: string, signal?: AbortSignal): Promise<readonly Verdict[]> {
    const { fetchDocument, firstHopOnly } = await import("../../services/signin/mod.ts");
    const options = caFile === undefined ? {} : { caFile };
    const http = this.#services.http({ url, options }, firstHopOnly);
    return (await fetchDocument(http, url, { signal })).verdicts;
  }

  /** An entry as its sign-ins see it: its provider may say where that is. */
  async #provided(entry: ServerRecord): Promise<ServerRecord> {
    const provider = await this.#services.provider(entry);
    return provider === undefined ? entry : { ...entry, options: provider.options };
  }

  async #ports(known: KnownClient) {
    const { store, audit } = this.#services;
    return { store, audit, http: await this.#httpFor(known) };
  }

  /** By the rules of an entry that the client is of, where there is one: its server may be on a private network. */
  async #httpFor({ client, entry, usedBy }: KnownClient): Promise<Http> {
    const name = entry ?? usedBy[0];
    const found: ServerRecord | undefined = name === undefined
      ? undefined
      : (await this.#services.store.server(name))?.record;
    return this.#services.http(found ?? { url: client.issuer, options: {} });
  }

  /** What a server has done must be stored here: no signal comes between. The questions have bounds of their own. */
  async #shielded<T>(operation: () => Promise<T>): Promise<T> {
    const { signal, shield } = await this.#services.interruption();
    if (signal.aborted) throw new McpAuthError("AUTH_CANCELLED", "Cancelled");
    return await shield(operation);
  }
}
