/**
 * Diagnoses over the services of one store: of this machine, of an entry, of a URL. Nobody is asked, and nothing is
 * written.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { caFilesOf, readCaFile } from "../../primitives/http/trust.ts";
import { systemMachine } from "../../primitives/system/machine.ts";
import { readNamedFile } from "../../primitives/system/named_file.ts";
import { systemReach } from "../../primitives/system/reach.ts";
import { browserNeeds } from "../../primitives/system/sandbox.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import { expandHeaders } from "../../services/config/mod.ts";
import {
  type CredentialRecord,
  entryShape,
  type ServerOptions,
  type ServerRecord,
} from "../../services/credentials/mod.ts";
import {
  diagnose,
  diagnoseMachine,
  type Diagnosis,
  type MachinePorts,
  type ServerPorts,
  type Subject,
} from "../../services/diagnosis/mod.ts";
import { firstHopOnly, OwnDocument } from "../../services/signin/mod.ts";
import { isBound } from "../../services/tokens/mod.ts";
import type { Reachable } from "./network.ts";
import type { Services } from "./services.ts";

/** How a diagnosis is to be. */
export interface DiagnosisOptions {
  /** Leave the machine out. */
  readonly serverOnly?: boolean | undefined;
  /** Whether a fresh token is tried at its own server; it is when left out. */
  readonly tryToken?: boolean | undefined;
  /** The program's own client document. */
  readonly document?: string | undefined;
  /** What a sign-in would be told beside what the entry says. */
  readonly options?: ServerOptions | undefined;
  /** The name that clients are registered under; `mcp-auth` when left out. */
  readonly clientName?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Makes diagnoses. */
export class Diagnoses {
  readonly #services: Services;

  /** @param services The services of the store; they should ask nobody for a passphrase. */
  constructor(services: Services) {
    this.#services = services;
  }

  /** Diagnoses this machine alone. */
  async ofMachine(options: DiagnosisOptions = {}): Promise<Diagnosis> {
    return await diagnoseMachine(await this.#machine(), options.signal);
  }

  /**
   * Diagnoses an entry.
   *
   * @param server The entry.
   * @throws {McpAuthError} what the store throws, and the signal's reason.
   */
  async ofEntry(entry: ServerRecord, options: DiagnosisOptions = {}): Promise<Diagnosis> {
    const found = await this.#services.store.serverWithCredential(entry.name);
    const server = { ...entry, options: { ...entry.options, ...options.options } };
    // The name may be another's by now: its token would be for another server.
    const credential = found?.server.record.url === entry.url ? found.credential?.record : undefined;
    return await this.#of(server, server, credential, options);
  }

  /**
   * Diagnoses a URL that is no entry.
   *
   * @throws {McpAuthError} `UNSAFE_URL` for one that can be no server's, and the signal's reason.
   */
  async ofUrl(url: string, options: DiagnosisOptions = {}): Promise<Diagnosis> {
    parseWebUrl(url, "server URL");
    if (url.includes("#")) throw new McpAuthError("USAGE", "Cannot use the server URL: it has a fragment");
    return await this.#of({ url, options: options.options ?? {} }, undefined, undefined, options);
  }

  async #of(
    place: Reachable,
    server: ServerRecord | undefined,
    credential: CredentialRecord | undefined,
    options: DiagnosisOptions,
  ): Promise<Diagnosis> {
    const { ports: { env } } = this.#services;
    const provider = await this.#services.provider({ name: "", ...place }).catch((error) => {
      if (place.options.provider !== undefined) throw error;
      return undefined; // A store that cannot be read has a check of its own.
    });
    const subject: Subject = {
      server,
      url: place.url,
      options: provider?.options ?? place.options,
      headers: () => expandHeaders(place.options.headers, (name) => env.get(name)),
      credential,
      fallbackScopes: provider?.scopes,
      tryToken: credential !== undefined && options.tryToken !== false,
      clientName: options.clientName ?? "mcp-auth",
    };
    const ports = { server: await this.#server(place, options.document) };
    const { serverOnly, signal } = options;
    return await diagnose(
      serverOnly ? ports : { ...ports, machine: await this.#machine() },
      subject,
      signal,
    );
  }

  async #machine(): Promise<MachinePorts> {
    const { ports: { env, clock, surroundings }, store, storePlace, auditPlace } = this.#services;
    return {
      clock,
      env,
      machine: systemMachine,
      surroundings: await surroundings(),
      openers: browserNeeds(env).programs,
      store,
      storePlace,
      home: store.location === "local" ? auditPlace?.folder : undefined,
      audit: auditPlace,
    };
  }

  async #server(
    server: Reachable,
    document: string | undefined,
  ): Promise<ServerPorts> {
    const services = this.#services;
    const { ports, store } = services;
    const network = await services.network();
    const { caFile } = server.options;
    const place = { url: document ?? "", options: caFile === undefined ? {} : { caFile } };
    return {
      clock: ports.clock,
      machine: systemMachine,
      reach: systemReach,
      listen: await ports.listen(),
      lookup: await ports.lookup(),
      http: services.http(server),
      openSocket: services.openSocket(server),
      guard: services.guard(server),
      route: async (url) => ({ ...await network.describeRoute(server, url), caCerts: this.#caCerts(caFile) }),
      surroundings: await ports.surroundings(),
      clients: async (issuer, shape) => ({
        own: server.name === undefined ? undefined : await store.client(issuer, entryShape(server.name)),
        shared: await store.client(issuer, shape),
      }),
      ownDocument: document === undefined
        ? undefined
        : new OwnDocument({ url: document, http: () => services.http(place, firstHopOnly) }),
      prover: async (credential) =>
        isBound(credential) ? await services.authority.prover(credential) : undefined,
    };
  }

  /** What of the files cannot be read is told by the route. */
  #caCerts(caFile: string | undefined): readonly string[] {
    return caFilesOf(this.#services.ports.env, caFile).flatMap((file) => {
      try {
        return [readCaFile(file, readNamedFile)];
      } catch {
        return [];
      }
    });
  }
}
