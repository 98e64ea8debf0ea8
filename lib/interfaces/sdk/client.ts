/**
 * The library: the same store, tokens and sign-in as the command line, for programs that embed them. Methods return a
 * {@linkcode Result} with the codes of the command line; `authorizedFetch` behaves as `fetch`.
 *
 * @module
 */
import { McpAuthError, type Result, toResult } from "../../primitives/errors.ts";
import { summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import { CLIENT_METADATA_URL } from "../../primitives/oauth/client_metadata.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { checkEntryName, expandHeaders } from "../../services/config/mod.ts";
import type { CredentialRecord, ServerOptions, ServerRecord } from "../../services/credentials/mod.ts";
import type { Diagnosis } from "../../services/diagnosis/mod.ts";
import {
  type ClientDeletion,
  isUrl,
  probeChallenge,
  readToken,
  type Revocation,
} from "../../services/signin/mod.ts";
import { bearer, noSuchEntry, signInNeeded } from "../../services/tokens/mod.ts";
import { Clients } from "../composition/clients.ts";
import { Services } from "../composition/services.ts";
import { mannerOf } from "../composition/sign_in_way.ts";
import {
  justRegistered,
  type RegisterClientOptions,
  type RegisteredClient,
  toRegisteredClient,
} from "./clients.ts";
import { checkSameEntry, newEntry } from "./entry.ts";
import { embeddedPorts } from "./embedded_ports.ts";
import { Opener } from "./opener.ts";
import type { AuthenticateOptions, ClientOptions } from "./options.ts";
import { Providers } from "./providers.ts";
import { type Status, type Tokens, toStatus, toTokens } from "./views.ts";

/**
 * The client; dispose of it to close the store. With `await using` that also waits, for a second at most, until its last
 * events are in the audit log.
 */
export class McpAuthClient implements Disposable, AsyncDisposable {
  readonly #services: Services;
  readonly #options: ClientOptions;

  /**
   * Makes a client.
   *
   * @param options See {@linkcode createClient}.
   */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.#services = new Services(embeddedPorts(), {
      home: options.home,
      store: options.store,
      keystore: options.keystore,
      askPassphrase: options.askPassphrase,
      notice: options.onNotice,
    });
    this.#services.audit.writeAsTheyCome();
  }

  /**
   * Has a person sign in, and adds the entry where there is none of that name. An entry with a `grant` among its options
   * is signed in to without a person: nothing is opened, and the same grant renews its tokens.
   *
   * @param name The entry.
   * @param options The URL of a new entry, and how to sign in.
   *
   * @example A machine with a private key
   * ```ts ignore
   * await client.authenticate("ci", {
   *   url: "https://mcp.example.com/mcp",
   *   options: { clientId: "ci", grant: { kind: "client-credentials" } },
   *   privateKey: await Deno.readTextFile("key.pem"),
   * });
   * ```
   */
  authenticate(name: string, options: AuthenticateOptions = {}): Promise<Result<Tokens>> {
    return toResult("AUTH_FAILED", `sign in to "${name}"`, async () => {
      const stored = await this.#services.store.server(checkEntryName(name));
      if (stored !== undefined) checkSameEntry(stored.record, options);
      const server = stored?.record ?? await newEntry(this.#services, name, options);
      if (options.accessToken !== undefined) {
        return await this.#giveToken(
          server,
          stored?.version ?? null,
          options.accessToken,
          options.expiresInS,
        );
      }
      const { clientId } = server.options;
      const { clientSecret, privateKey, signingAlgorithm, keyId } = options;
      const isKnown = stored !== undefined && clientSecret === undefined && privateKey === undefined;
      const given = clientId === undefined || isKnown
        ? undefined
        : { clientId, clientSecret, privateKey, signingAlgorithm, keyId };
      const challenge = server.kind === "api"
        ? null
        : await probeChallenge(this.#services.http(server), server.url, {
          headers: this.#headersOf(server),
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        });
      const { openBrowser, onEvent } = this.#options;
      const opener = new Opener(openBrowser, onEvent);
      const way = options.way === "auto" && openBrowser !== undefined ? "browser" : options.way ?? "browser";
      return toTokens(
        await this.#services.signIn({
          ...await mannerOf(way, this.#services.ports.surroundings),
          open: opener.open,
          paste: options.redirectedUrl,
          tell: (event) => opener.tell(event),
          given,
          site: options.site,
          askSite: options.chooseSite,
          reRegister: options.reRegister,
          clientName: this.#options.clientName ?? "mcp-auth",
          document: this.#document,
          timeoutS: options.timeoutS,
        }, {
          server,
          expected: stored?.version ?? null,
          challenge: summarizeChallenges(challenge),
          signal: AbortSignal.any([opener.failed, ...(options.signal === undefined ? [] : [options.signal])]),
        }),
      );
    });
  }

  /**
   * Finds out why a server cannot be connected to, or what signing in to it would do: as `mcp-auth doctor`. Nothing is
   * registered, stored or refreshed; a fresh token is tried at the entry's own server and nowhere else.
   *
   * @param nameOrUrl An entry, or the URL of an MCP server.
   * @param options.options What a sign-in would be told beside what the entry says.
   * @param options.tryToken Whether that token is tried; it is when left out.
   * @param options.signal Ends it.
   */
  diagnose(
    nameOrUrl: string,
    options: {
      readonly options?: ServerOptions;
      readonly tryToken?: boolean;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<Result<Diagnosis>> {
    return toResult("SERVER_ERROR", `diagnose "${safeUrl(nameOrUrl)}"`, async () => {
      const { Diagnoses } = await import("../composition/diagnosis.ts");
      const diagnoses = new Diagnoses(this.#services);
      const manner = { ...options, document: this.#document, clientName: this.#options.clientName };
      return isUrl(nameOrUrl)
        ? await diagnoses.ofUrl(nameOrUrl, manner)
        : await diagnoses.ofEntry((await this.#read(nameOrUrl)).server, manner);
    });
  }

  /** The state of an entry, from the store alone. */
  getStatus(name: string): Promise<Result<Status>> {
    return toResult("STORE_UNAVAILABLE", `read "${name}"`, async () => {
      const { server, credential } = await this.#read(name);
      return toStatus(server, credential, this.#services.ports.clock);
    });
  }

  /** The tokens of an entry as they are stored, fresh or not. */
  getTokens(name: string): Promise<Result<Tokens>> {
    return toResult("STORE_UNAVAILABLE", `read "${name}"`, async () => {
      const { server, credential } = await this.#read(name);
      if (credential === undefined) throw signInNeeded(server, "nobody is signed in");
      return toTokens(credential);
    });
  }

  /** The tokens of an entry, refreshed first where that is due; never asks a person. */
  ensureValid(name: string): Promise<Result<Tokens>> {
    return toResult(
      "TOKEN_REFRESH_FAILED",
      `use "${name}"`,
      async () => toTokens(await this.#services.authority.current(name)),
    );
  }

  /**
   * The value of an `Authorization` header, refreshed first where that is due; `CONFIG_INVALID` for a token that is bound
   * to a key, for which there is {@linkcode authorizedFetch}.
   */
  getBearerToken(name: string): Promise<Result<string>> {
    return toResult(
      "TOKEN_REFRESH_FAILED",
      `use "${name}"`,
      async () => bearer(await this.#services.authority.current(name)).authorization,
    );
  }

  /** Gets a new access token now. */
  refresh(name: string): Promise<Result<Tokens>> {
    return toResult("TOKEN_REFRESH_FAILED", `refresh "${name}"`, async () => {
      const { server, credential } = await this.#read(name);
      if (credential === undefined) throw signInNeeded(server, "nobody is signed in");
      return toTokens(await this.#services.authority.refresh(name, credential.accessToken));
    });
  }

  /**
   * Revokes the tokens at the server and forgets them.
   *
   * @returns What became of each token; empty where nobody was signed in.
   */
  logout(name: string): Promise<Result<readonly Revocation[]>> {
    return toResult("SERVER_ERROR", `sign out of "${name}"`, async () => {
      const { server } = await this.#read(name);
      return (await this.#services.signOut(server, { localOnly: false })).revocations;
    });
  }

  /** All client registrations that the store knows. */
  listClients(): Promise<Result<readonly RegisteredClient[]>> {
    return toResult("STORE_UNAVAILABLE", "list clients", async () => {
      return (await this.#clients.list()).map(toRegisteredClient);
    });
  }

  /**
   * Registers a client where a sign-in cannot: at a server that wants an initial access token, or a session of the
   * user's. The next sign-in uses it.
   *
   * @param target The name of an entry; or the URL of an issuer or an MCP server, for all entries there.
   * @param options With which rights, and as what.
   */
  registerClient(target: string, options: RegisterClientOptions = {}): Promise<Result<RegisteredClient>> {
    return toResult("REGISTRATION_FAILED", "register a client", async () => {
      const { onIssuer, clientName, ...wish } = options;
      const entry = isUrl(target) ? undefined : (await this.#read(target)).server;
      const registered = await this.#clients.register({
        ...wish,
        target: entry ?? target,
        entryHeaders: entry === undefined ? {} : this.#headersOf(entry),
        clientName: clientName ?? entry?.options.clientName ?? this.#options.clientName ?? "mcp-auth",
      }, onIssuer ?? (() => {}));
      return justRegistered(registered, entry?.name);
    });
  }

  /**
   * Deletes a client at its server, where that is supported, and forgets it here.
   *
   * @param target The name of an entry, or an issuer.
   * @param options.force Also where entries are signed in with it, or its server fails.
   * @returns What became of it, and which entries have to sign in again.
   */
  deleteClient(
    target: string,
    options: { readonly force?: boolean } = {},
  ): Promise<Result<ClientDeletion>> {
    return toResult("SERVER_ERROR", "delete the client", async () => {
      const known = await this.#clients.find(target);
      return await this.#clients.delete(known, { force: options.force === true });
    });
  }

  /**
   * Entries with their tokens, sealed by a passphrase, as `mcp-auth export` writes them. The tokens stay here, too: where
   * the server rotates refresh tokens, the first refresh of one holder ends the sign-in of the other.
   *
   * @param names Which entries.
   * @param passphrase At least 12 characters.
   * @param options.withoutTokens Leave the tokens out.
   * @returns The text of the file.
   */
  exportEntries(
    names: readonly string[],
    passphrase: string,
    options: { readonly withoutTokens?: boolean } = {},
  ): Promise<Result<string>> {
    return toResult("STORE_UNAVAILABLE", "export entries", async () => {
      const { exportEntries } = await import("../../services/transfer/mod.ts");
      let document = "";
      await exportEntries(this.#transfer(), {
        names,
        passphrase,
        tokens: options.withoutTokens ? "none" : "copy",
        write: (text) => Promise.resolve(void (document = text)),
      });
      return document;
    });
  }

  /**
   * Stores what {@linkcode exportEntries} or `mcp-auth export` has sealed: all of it, or nothing where a name is taken.
   *
   * @param document The text of the file.
   * @param passphrase What it was sealed with.
   * @param options.replace Replace entries that exist.
   * @param options.rename New names by the old ones.
   * @returns The names of the entries.
   */
  importEntries(
    document: string,
    passphrase: string,
    options: { readonly replace?: boolean; readonly rename?: Readonly<Record<string, string>> } = {},
  ): Promise<Result<readonly string[]>> {
    return toResult("STORE_UNAVAILABLE", "import entries", async () => {
      const { importEntries, readExport, renameEntries } = await import("../../services/transfer/mod.ts");
      const names = new Map(Object.entries(options.rename ?? {}));
      const entries = renameEntries(await readExport(document, passphrase), names);
      await importEntries(this.#transfer(), {
        entries,
        replace: options.replace === true,
        source: "an export",
      });
      return entries.map(({ server }) => server.name);
    });
  }

  /**
   * A `fetch` that adds the entry's token, refreshed where due, and tries once more after a 401. To a token that is bound
   * to a key it adds the proof, and another where the server wants one with a nonce (RFC 9449). It throws `McpAuthError`
   * where `fetch` would throw, where there is no usable token, and for a URL of another origin: a token goes nowhere else, not by a redirect either.
   *
   * @param name The entry.
   */
  authorizedFetch(name: string): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
    return async (input, init) => {
      const { authorizedFetch } = await import("./authorized_fetch.ts");
      return await authorizedFetch(
        {
          services: this.#services,
          read: () => this.#read(name),
          headersOf: (server) => this.#headersOf(server),
        },
        input,
        init,
      );
    };
  }

  /** What is known of providers, to list and to define. */
  get providers(): Providers {
    return new Providers(this.#services);
  }

  /** Closes the store. */
  [Symbol.dispose](): void {
    this.#services[Symbol.dispose]();
  }

  /** Closes the store, and waits for what is still to be written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#services.settled();
    this.#services[Symbol.dispose]();
  }

  /** The document to sign in by: the program's own serves nobody who names the client otherwise. */
  get #document(): string | undefined {
    const { clientMetadataUrl, clientName } = this.#options;
    return clientMetadataUrl ?? (clientName === undefined ? CLIENT_METADATA_URL : undefined);
  }

  get #clients(): Clients {
    return new Clients(this.#services);
  }

  async #giveToken(
    server: ServerRecord,
    expected: string | null,
    text: string,
    expiresInS: number | undefined,
  ): Promise<Tokens> {
    const isOther = server.signIn !== "token" &&
      await this.#services.store.credential(server.name) !== undefined;
    if (isOther) {
      throw new McpAuthError("CONFIG_INVALID", `Cannot give "${server.name}" a token: it is signed in`, {
        hint: "Sign out first",
      });
    }
    const expiresAt = expiresInS === undefined
      ? undefined
      : this.#services.ports.clock.now() + expiresInS * 1000;
    const token = { accessToken: readToken(text, "the options"), expiresAt };
    return toTokens(await this.#services.giveToken(server, token, expected));
  }

  #transfer() {
    const { store, authority, audit, ports } = this.#services;
    return { store, authority, audit, clock: ports.clock };
  }

  async #read(name: string): Promise<{ server: ServerRecord; credential: CredentialRecord | undefined }> {
    const found = await this.#services.store.serverWithCredential(name);
    if (found === undefined) throw noSuchEntry(name);
    return { server: found.server.record, credential: found.credential?.record };
  }

  #headersOf(server: ServerRecord): Readonly<Record<string, string>> {
    return expandHeaders(server.options.headers, (variable) => this.#services.ports.env.get(variable));
  }
}

/**
 * Makes a client over the store of the command line, or one of its own.
 *
 * @example Call an MCP server with the token of an entry
 * ```ts
 * import { createClient } from "@x/mcp-auth/sdk";
 *
 * using client = createClient({ keystore: "memory" });
 * const token = await client.getBearerToken("heptabase");
 * if (token.ok) console.log(token.value); // Bearer ...
 * else console.log(token.error.code, token.error.hint); // NOT_FOUND See all entries with: mcp-auth list
 * ```
 */
export function createClient(options: ClientOptions = {}): McpAuthClient {
  return new McpAuthClient(options);
}
