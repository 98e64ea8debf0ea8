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
import type {
  CredentialRecord,
  KeystoreKind,
  ServerOptions,
  ServerRecord,
} from "../../services/credentials/mod.ts";
import { probeChallenge, type Revocation, type SignInEvent } from "../../services/signin/mod.ts";
import { bearer, freshnessOf, noSuchEntry, signInNeeded } from "../../services/tokens/mod.ts";
import { Services } from "../composition/services.ts";
import { embeddedPorts } from "./embedded_ports.ts";
import { Opener } from "./opener.ts";

/** What {@linkcode createClient} takes; all of it is optional. */
export interface ClientOptions {
  /** Folder of the store; `MCP_AUTH_HOME` or the system's data folder when left out. */
  readonly home?: string;
  /** Keystore of the store; chosen as on the command line when left out. */
  readonly keystore?: KeystoreKind;
  /** Name of this program, shown to users by servers that register it. */
  readonly clientName?: string;
  /** Opens the sign-in page; the machine's browser when left out. Where it fails, the sign-in does. */
  readonly openBrowser?: (url: string) => Promise<void>;
  /** Told what happens during a sign-in. */
  readonly onEvent?: (event: SignInEvent) => void;
}

/** An access token and what is known of it. */
export interface Tokens {
  /** The token itself: a secret. */
  readonly accessToken: string;
  /** Milliseconds since the epoch; undefined where the server did not say. */
  readonly expiresAt: number | undefined;
  /** The scopes that were granted. */
  readonly scopes: readonly string[];
  /** The issuer that issued it. */
  readonly issuer: string;
  /** The resource it is for, verbatim; undefined for servers without resource indicators. */
  readonly resource: string | undefined;
  /** Whether there is a refresh token; without one the sign-in ends with the access token. */
  readonly canRefresh: boolean;
}

/** The state of an entry. */
export interface Status {
  /** The entry. */
  readonly name: string;
  /** URL of the MCP server, as given. */
  readonly url: string;
  /** An expired token that can be refreshed counts as signed in. */
  readonly state: "no-sign-in-needed" | "not-signed-in" | "signed-in" | "expired";
  /** Undefined where nobody is signed in. */
  readonly tokens: Tokens | undefined;
}

/** What {@linkcode McpAuthClient.authenticate} takes. */
export interface AuthenticateOptions {
  /** URL of the MCP server; needed for a name that has no entry yet, and the entry's own where it has. */
  readonly url?: string;
  /** Options of a new entry. */
  readonly options?: ServerOptions;
  /** Secret of the client in `options.clientId`. */
  readonly clientSecret?: string;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** The client; dispose of it to close the store. */
export class McpAuthClient implements Disposable {
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
      keystore: options.keystore,
    });
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
      return {
        name,
        url: server.url,
        state: stateOf(server, credential, this.#services.ports.clock.now()),
        tokens: credential === undefined ? undefined : toTokens(credential),
      };
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
      return await this.#services.signOut(server, false) ?? [];
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
          signal: request.signal,
          timeoutMs: Infinity,
          stream: true,
        });
      if (known === undefined && server.signIn === "none") return await send(undefined);
      const credential = await this.#services.authority.current(name, request.signal);
      const response = await send(credential);
      if (response.status !== 401 || credential.refreshToken === undefined) return response;
      await response.body?.cancel();
      return await send(
        await this.#services.authority.refresh(name, credential.accessToken, request.signal),
      );
    };
  }

  /** Closes the store. */
  [Symbol.dispose](): void {
    this.#services[Symbol.dispose]();
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

function toTokens(credential: CredentialRecord): Tokens {
  const { accessToken, expiresAt, grantedScopes, issuer, resource, refreshToken } = credential;
  return {
    accessToken,
    expiresAt,
    scopes: grantedScopes,
    issuer,
    resource,
    canRefresh: refreshToken !== undefined,
  };
}

function stateOf(
  server: ServerRecord,
  credential: CredentialRecord | undefined,
  now: number,
): Status["state"] {
  if (credential === undefined) return server.signIn === "none" ? "no-sign-in-needed" : "not-signed-in";
  const usable = freshnessOf(credential, now) !== "expired" || credential.refreshToken !== undefined;
  return usable ? "signed-in" : "expired";
}
