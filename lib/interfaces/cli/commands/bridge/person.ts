/**
 * The person of a bridge: whether they are signed in, by what is stored and what the server has refused, and their one
 * sign-in at a time, whoever wants it: requests with `--login`, the login tool, or both. What signing in itself takes is
 * loaded when it happens.
 *
 * @see behaviours rows 11 and 12
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import type { Http } from "../../../../primitives/http/http.ts";
import { CANCELLED_SIGN_IN_MS } from "../../../../primitives/limits.ts";
import { pause } from "../../../../primitives/system/clock.ts";
import type { Person } from "../../../../services/bridge/mod.ts";
import type { CredentialRecord, ServerRecord } from "../../../../services/credentials/mod.ts";
import {
  type Authorizer,
  freshnessOf,
  isRenewable,
  type Refusal,
  type SignInNeed,
} from "../../../../services/tokens/mod.ts";
import type { CliContext } from "../../context.ts";
import type { BridgeFlags } from "./action.ts";
import { PersonSignIn } from "./running_sign_in.ts";

/** What {@linkcode BridgePerson} takes. */
export interface BridgePersonOptions {
  readonly context: CliContext;
  readonly flags: BridgeFlags;
  readonly server: ServerRecord;
  /** Whether the store has it. */
  readonly stored: boolean;
  /** The command that a person has to run when a sign-in is needed. */
  readonly command: string;
  /** Why nobody can sign in from here; undefined where somebody can. */
  readonly unable: string | undefined;
  /** Whether requests start sign-ins by themselves. */
  readonly opensBrowser: boolean;
}

/** How the entry is reached. */
export interface Reach {
  readonly http: Http;
  readonly authorizer: Authorizer;
  /** Its own headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Stands for the token of a request that had none. */
const NO_TOKEN = "";

/** The person. */
export class BridgePerson implements Person {
  readonly command: string;
  readonly unable: string | undefined;
  readonly opensBrowser: boolean;
  readonly #options: BridgePersonOptions;
  #server: ServerRecord;
  #stored: boolean;
  #current: PersonSignIn | undefined;
  #failure: McpAuthError | undefined;
  #reach: Reach | undefined;
  #reachOf: ((server: ServerRecord) => Reach) | undefined;
  readonly #listeners: ((signIn: PersonSignIn) => void)[] = [];
  /** The last token that was refused, `NO_TOKEN` where there was none; undefined before a refusal. */
  #refused: string | undefined;
  /** The stored token that has expired, and could not be renewed. */
  #spent: string | undefined;
  /** The challenge of the last refusal; undefined before one. */
  #challenge: string | null | undefined;
  /** The scopes that the server asked for, where it was about that. */
  #asked: readonly string[] | undefined;

  /** @param options Whose bridge. */
  constructor(options: BridgePersonOptions) {
    this.#options = options;
    this.#server = options.server;
    this.#stored = options.stored;
    this.command = options.command;
    this.unable = options.unable;
    this.opensBrowser = options.opensBrowser;
  }

  get name(): string {
    return this.#server.name;
  }

  get url(): string {
    return this.#server.url;
  }

  get current(): PersonSignIn | undefined {
    return this.#current;
  }

  get failure(): McpAuthError | undefined {
    return this.#failure;
  }

  /**
   * How the server is reached: the same for as long as the bridge runs, though its entry may be made meanwhile.
   *
   * @param reachOf Makes it for an entry.
   */
  reach(reachOf: (server: ServerRecord) => Reach): Reach {
    this.#reachOf = reachOf;
    const first = this.#reach = reachOf(this.#server);
    return {
      headers: first.headers,
      http: (url, request) => {
        const { http, headers } = this.#reach!;
        if (headers === first.headers) return http(url, request);
        return http(url, { ...request, headers: { ...headers, ...request?.headers } });
      },
      authorizer: {
        headers: async (target, signal) => {
          try {
            return await this.#reach!.authorizer.headers(target, signal);
          } catch (error) {
            await this.#noteSpent();
            throw error;
          }
        },
        noteNonce: (nonce, target) => this.#reach!.authorizer.noteNonce(nonce, target),
        refused: async (refusal, signal) => {
          // A sign-in that this starts has to know what was tried in vain; one under way knows that already.
          if (this.#current === undefined) await this.#noteRefusal(refusal);
          try {
            return await this.#reach!.authorizer.refused(refusal, signal);
          } catch (error) {
            await this.#note(refusal, error);
            throw error;
          }
        },
      },
    };
  }

  onBegin(listener: (signIn: PersonSignIn) => void): void {
    this.#listeners.push(listener);
  }

  signIn(): PersonSignIn {
    // Somebody wants the address here and now, whoever else is about to sign in.
    this.#current?.hurry();
    return this.#current ?? this.#begin(undefined, false);
  }

  /**
   * Signs in for requests that wait, and may open a browser for it; joins what is under way.
   *
   * @throws {McpAuthError} What the sign-in failed with.
   */
  async signInFor(need: SignInNeed): Promise<void> {
    const { error } = await (this.#current ?? this.#begin(need, true)).ended;
    if (error !== undefined) throw error;
  }

  async helps({ code }: McpAuthError): Promise<boolean> {
    if (code !== "INSUFFICIENT_SCOPE" || this.#asked === undefined) return true;
    const credential = await this.#credential();
    if (credential === undefined) return true;
    // What a sign-in has asked for already, the next one would ask for in vain.
    const earlier = new Set([...credential.requestedScopes, ...credential.grantedScopes]);
    return this.#asked.some((scope) => !earlier.has(scope));
  }

  async usable(): Promise<boolean> {
    if (!this.#stored) await this.#findEntry();
    const { context, flags } = this.#options;
    const found = await context.store(flags).serverWithCredential(this.name);
    if (found === undefined || found.server.record.url !== this.url) return false;
    const credential = found.credential?.record;
    if (credential === undefined) {
      return found.server.record.signIn === "none" && this.#refused !== NO_TOKEN;
    }
    if (credential.accessToken === this.#refused || credential.accessToken === this.#spent) return false;
    if (this.#asked !== undefined) {
      const there = new Set([...credential.requestedScopes, ...credential.grantedScopes]);
      return this.#asked.every((scope) => there.has(scope));
    }
    return freshnessOf(credential, context.clock.now()) !== "expired" || isRenewable(credential);
  }

  async refuse(): Promise<void> {
    this.#refused = (await this.#credential())?.accessToken ?? NO_TOKEN;
  }

  /** Ends the sign-in under way, and waits for its end, but not for long: what it stores is stored all the same. */
  async close(): Promise<void> {
    this.#listeners.length = 0;
    const current = this.#current;
    if (current === undefined) return;
    current.cancel();
    const ended = new AbortController();
    await Promise.race([current.ended, pause(CANCELLED_SIGN_IN_MS, ended.signal).catch(() => {})]);
    ended.abort();
  }

  #begin(given: SignInNeed | undefined, opens: boolean): PersonSignIn {
    const { context, flags, command } = this.#options;
    const isStepUp = given === undefined ? this.#asked !== undefined : given.earlierScopes !== undefined;
    const signIn = this.#current = new PersonSignIn(isStepUp, async (running) => {
      const { runSignIn } = await import("./person_sign_in.ts");
      const request = {
        server: this.#server,
        // A new entry must not take the place of another that got its name meanwhile.
        expected: this.#stored ? undefined : null,
        need: given ?? await this.#need(),
      };
      await runSignIn(context, flags, {
        ...request,
        command,
        opens,
        running,
        isDone: () => this.usable(),
      });
    });
    this.#failure = undefined;
    void signIn.ended.then(({ error }) => {
      this.#failure = error;
      this.#current = undefined;
      if (error !== undefined) return;
      this.#stored = true;
      this.#asked = undefined;
    });
    for (const listener of this.#listeners) listener(signIn);
    return signIn;
  }

  /** What the server wants, by its last refusal; it is asked where there was none. */
  async #need(): Promise<SignInNeed> {
    const { summarizeChallenges } = await import("../../../../primitives/oauth/challenge.ts");
    const { context, flags } = this.#options;
    if (this.#challenge === undefined) {
      const { probeChallenge } = await import("../../../../services/signin/mod.ts");
      const { signal } = await context.services(flags).interruption();
      const { http, headers } = this.#reach!;
      return { challenge: summarizeChallenges(await probeChallenge(http, this.url, { headers, signal })) };
    }
    const challenge = summarizeChallenges(this.#challenge);
    if (this.#asked === undefined) return { challenge };
    const credential = await this.#credential();
    const earlier = [...credential?.requestedScopes ?? [], ...credential?.grantedScopes ?? []];
    return { challenge, earlierScopes: [...new Set(earlier)] };
  }

  /** Remembers what a refusal was about that nothing could be done about. */
  async #note(refusal: Refusal, error: unknown): Promise<void> {
    if (!(error instanceof McpAuthError)) return;
    this.#challenge = refusal.wwwAuthenticate;
    await this.#noteRefusal(refusal);
  }

  /** Remembers what was refused: a token, or the scopes that it stands for. */
  async #noteRefusal(refusal: Refusal): Promise<void> {
    const token = refusal.sent.authorization?.replace(/^\S+ /, "");
    this.#refused = token ?? NO_TOKEN;
    if (token === undefined) await this.#noteSpent();
    this.#asked = undefined;
    if (refusal.status !== 403) return;
    const { summarizeChallenges } = await import("../../../../primitives/oauth/challenge.ts");
    const { error, scopes } = summarizeChallenges(refusal.wwwAuthenticate);
    if (error === "insufficient_scope") this.#asked = scopes ?? [];
  }

  /** Remembers the stored token where it has expired: whoever got none to send could not have it renewed. */
  async #noteSpent(): Promise<void> {
    const credential = await this.#credential().catch(() => undefined);
    if (credential === undefined) return;
    if (freshnessOf(credential, this.#options.context.clock.now()) !== "expired") return;
    this.#spent = credential.accessToken;
  }

  async #credential(): Promise<CredentialRecord | undefined> {
    const { context, flags } = this.#options;
    return (await context.store(flags).serverWithCredential(this.name))?.credential?.record;
  }

  /** An entry that was made for the URL meanwhile, under whatever name, is what the bridge is for from then on. */
  async #findEntry(): Promise<void> {
    const { context, flags } = this.#options;
    const entries = await context.store(flags).servers();
    const found = entries.find(({ record }) => record.url === this.url && record.kind === undefined)?.record;
    if (found === undefined || this.#reachOf === undefined) return;
    this.#server = found;
    this.#stored = true;
    this.#reach = this.#reachOf(found);
  }
}
