/**
 * What a diagnosis runs on. Nothing of it asks a person, opens a browser, registers a client or writes to the store.
 *
 * @module
 */
import type { McpAuthError } from "../../primitives/errors.ts";
import type { AddressGuard, Lookup } from "../../primitives/http/address.ts";
import type { Http } from "../../primitives/http/http.ts";
import type { OpenSocket } from "../../primitives/http/web_sockets.ts";
import type { CaFileReport, CertificateReport } from "../../primitives/http/trust_report.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Env } from "../../primitives/system/env.ts";
import type { Listen } from "../../primitives/system/listener.ts";
import type { Machine } from "../../primitives/system/machine.ts";
import type { Reach } from "../../primitives/system/reach.ts";
import type { Surroundings } from "../../primitives/system/surroundings.ts";
import type { AuditPlace } from "../audit/mod.ts";
import type {
  ClientRecord,
  CredentialRecord,
  CredentialStore,
  ServerOptions,
  ServerRecord,
} from "../credentials/mod.ts";

/** How requests get to a place. */
export interface RouteFacts {
  /** The proxy that they go through, without its password. */
  readonly proxy: { readonly url: string; readonly variable: string } | undefined;
  /** Why no request can be made. */
  readonly error: McpAuthError | undefined;
  /** The files whose certificates are trusted beside those of the runtime. */
  readonly caFiles: readonly CaFileReport[];
  /** Those certificates, in PEM. */
  readonly caCerts: readonly string[];
  /** The entry's own certificate. */
  readonly clientCertificate: CertificateReport | undefined;
}

/** What the checks of the machine run on. */
export interface MachinePorts {
  readonly clock: Clock;
  readonly env: Env;
  readonly machine: Machine;
  /** Where a person sits. */
  readonly surroundings: Surroundings;
  /** The programs that a browser would be opened with, in order. */
  readonly openers: readonly string[];
  readonly store: CredentialStore;
  /** Where the store is, for people. */
  readonly storePlace: string;
  /** The folder of the store; undefined where it is not on this machine. */
  readonly home: string | undefined;
  readonly audit: AuditPlace | undefined;
}

/** What the checks of a server run on. */
export interface ServerPorts {
  readonly clock: Clock;
  readonly machine: Machine;
  readonly reach: Reach;
  readonly listen: Listen;
  readonly lookup: Lookup;
  /** The one fetch of the entry. */
  readonly http: Http;
  /** Opens its WebSockets, by the same rules. */
  readonly openSocket: OpenSocket;
  /** Its address rule. */
  readonly guard: AddressGuard;
  /** How its requests get to a URL. */
  readonly route: (url: URL) => Promise<RouteFacts>;
  /** Where a person sits. */
  readonly surroundings: Surroundings;
  /** The registrations known for an issuer and a redirect shape. */
  readonly clients: (issuer: string, shape: string) => Promise<
    { readonly own: ClientRecord | undefined; readonly shared: ClientRecord | undefined }
  >;
  /** Why the program's own client document does not serve for a redirect URI; undefined for none at all. */
  readonly ownDocument: OwnDocumentFacts | undefined;
  /** Proves the possession of the key that a credential's token is bound to; undefined for a bearer token. */
  readonly prover: (credential: CredentialRecord) => Promise<DpopProver | undefined>;
}

/** The program's own client document. */
export interface OwnDocumentFacts {
  readonly url: string;
  /** Why a sign-in with this redirect URI cannot use it; undefined where it can. */
  obstacle(redirectUri: string, signal?: AbortSignal): Promise<string | undefined>;
}

/** What is diagnosed. */
export interface Subject {
  /** The entry; undefined for a URL without one. */
  readonly server: ServerRecord | undefined;
  /** The URL of the MCP server. */
  readonly url: string;
  /** What a sign-in goes by: the entry's own options, over what is known of its provider. */
  readonly options: ServerOptions;
  /**
   * The entry's own headers, with variables and files filled in.
   *
   * @throws {McpAuthError} where one is not there.
   */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly credential: CredentialRecord | undefined;
  /** The scopes of its provider, where nobody else names any. */
  readonly fallbackScopes?: readonly string[] | undefined;
  /** Whether a fresh token is tried at the server. */
  readonly tryToken: boolean;
  /** The name that clients are registered under. */
  readonly clientName: string;
}
