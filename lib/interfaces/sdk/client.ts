/**
 * The library: the same store, tokens and sign-in as the command line, for programs that embed them. Methods return a
 * {@linkcode Result} with the codes of the command line; `authorizedFetch` behaves as `fetch`.
 *
 * @module
 */
import { McpAuthError, type Result, toResult } from "../../primitives/errors.ts";
import { summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import { checkEntryName, expandHeaders } from "../../services/config/mod.ts";
import type { CredentialRecord, ServerRecord } from "../../services/credentials/mod.ts";
import { probeChallenge, type Revocation } from "../../services/signin/mod.ts";
import { bearer, noSuchEntry, signInNeeded } from "../../services/tokens/mod.ts";
import { Services } from "../composition/services.ts";
import { embeddedPorts } from "./embedded_ports.ts";
import { Opener } from "./opener.ts";
import type { AuthenticateOptions, ClientOptions } from "./options.ts";
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
   * Signs in with the browser, and adds the entry where there is none of that name.
   *
   * @param name The entry.
   * @param options The URL of a new entry, and how to sign in.
   */
  authenticate(name: string, options: AuthenticateOptions = {}): Promise<Result<Tokens>> {
    return toResult("AUTH_FAILED", `sign in to "${name}"`, async () => {
      const stored = await this.#services.store.server(checkEntryName(name));
      if (stored !== undefined) checkSameUrl(stored.record, options.url);
      const server = stored?.record ?? newEntry(name, options, this.#services.ports.clock.now());
      const { clientId } = server.options;
      const given = clientId === undefined || (stored !== undefined && options.clientSecret === undefined)
        ? undefined
        : { clientId, clientSecret: options.clientSecret };
      const challenge = await probeChallenge(this.#services.http(server), server.url, {
        headers: this.#headersOf(server),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const opener = new Opener(this.#options.openBrowser, this.#options.onEvent);
      return toTokens(
        await this.#services.signIn({
          openBrowser: true,
          open: opener.open,
          tell: (event) => opener.tell(event),
          given,
          reRegister: options.reRegister,
          clientName: this.#options.clientName ?? "mcp-auth",
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

  /** The value of an `Authorization` header, refreshed first where that is due. */
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
   * A `fetch` that adds the entry's token, refreshed where due, and tries once more after a 401. It throws `McpAuthError`
   * where `fetch` would throw, where there is no usable token, and for a URL of another origin: a token goes nowhere else, not by a redirect either.
   *
   * @param name The entry.
   */
  authorizedFetch(name: string): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
    return async (input, init) => {
      const { server, credential: known } = await this.#read(name);
      const request = new Request(input, init);
      const { signal } = request;
      if (new URL(request.url).origin !== new URL(server.url).origin) {
        throw new McpAuthError(
          "UNSAFE_URL",
          `Cannot send the token of "${name}" to "${safeUrl(request.url)}": it is for "${
            safeUrl(server.url)
          }"`,
        );
      }
      const http = this.#services.http(server);
      const body = request.body === null ? null : await request.arrayBuffer();
      const send = (credential: CredentialRecord | undefined) =>
        http(request.url, {
          method: request.method,
          headers: {
            ...Object.fromEntries(request.headers),
            ...this.#headersOf(server),
            ...(credential === undefined ? {} : bearer(credential)),
          },
          body,
          signal,
          timeoutMs: Infinity,
          stream: true,
        });
      if (known === undefined && server.signIn === "none") return await send(undefined);
      const credential = await this.#services.authority.current(name, { signal, url: server.url });
      const response = await send(credential);
      if (response.status !== 401 || credential.refreshToken === undefined) return response;
      await response.body?.cancel();
      return await send(
        await this.#services.authority.refresh(name, credential.accessToken, {
          signal,
          url: server.url,
          because: "refused",
        }),
      );
    };
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

function checkSameUrl(server: ServerRecord, url: string | undefined): void {
  if (url === undefined || url === server.url) return;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot sign in to "${server.name}" at "${safeUrl(url)}": it is an entry for "${safeUrl(server.url)}"`,
    { hint: "Take another name, or leave out the URL" },
  );
}

function newEntry(name: string, { url, options }: AuthenticateOptions, now: number): ServerRecord {
  if (url === undefined) throw noSuchEntry(name);
  parseWebUrl(url, "server URL");
  if (url.includes("#")) throw new McpAuthError("USAGE", "Cannot use the server URL: it has a fragment");
  return { name, url, createdAt: now, signIn: "oauth", options: options ?? {} };
}
