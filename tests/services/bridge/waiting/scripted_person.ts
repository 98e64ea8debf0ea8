/**
 * A person as a bridge sees one, and the store of their token: a sign-in waits until the test approves or denies it.
 *
 * @module
 */
import { McpAuthError } from "../../../../lib/primitives/errors.ts";
import type { Person, RunningSignIn, SignInEnd, SignInPage } from "../../../../lib/services/bridge/mod.ts";
import type { Authorizer } from "../../../../lib/services/tokens/mod.ts";

/** The page of every scripted sign-in. */
export const PAGE: SignInPage = {
  kind: "url",
  url: "https://as.example/authorize?state=s",
  issuer: "https://as.example",
  redirectUri: "http://127.0.0.1:8456/callback",
  listens: true,
  opened: false,
};

/** A sign-in that the test ends. */
export class ScriptedSignIn implements RunningSignIn {
  readonly isStepUp = false;
  readonly ended: Promise<SignInEnd>;
  page: SignInPage | undefined = PAGE;
  end: SignInEnd | undefined;
  readonly #resolve: (end: SignInEnd) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<SignInEnd>();
    this.ended = promise;
    this.#resolve = resolve;
  }

  /** Ends it. */
  finish(error?: McpAuthError): void {
    this.end ??= { error };
    this.#resolve(this.end);
  }

  async changed(page: SignInPage | undefined): Promise<void> {
    if (this.page === page) await this.ended;
  }

  handIn(): Promise<string | undefined> {
    return Promise.resolve("That is not the address that the browser ends at.");
  }

  cancel(): void {
    this.finish(new McpAuthError("AUTH_CANCELLED", "Cannot sign in: it was cancelled"));
  }

  overtake(): void {
    this.finish();
  }
}

/** The person, and what gives requests their token. */
export class ScriptedPerson implements Person, Authorizer {
  readonly name = "demo";
  readonly url = "https://mcp.example/mcp";
  readonly command = "mcp-auth login demo";
  readonly unable: string | undefined = undefined;
  readonly opensBrowser = false;
  readonly failure = undefined;
  /** What is stored; a test that sets it signs in elsewhere. */
  token: string | undefined;
  /** The sign-ins that were begun. */
  readonly begun: ScriptedSignIn[] = [];
  current: ScriptedSignIn | undefined;
  #refused: string | undefined;
  readonly #listeners: ((signIn: RunningSignIn) => void)[] = [];

  constructor(token?: string) {
    this.token = token;
  }

  headers(): Promise<Record<string, string>> {
    if (this.token !== undefined) return Promise.resolve({ authorization: `Bearer ${this.token}` });
    return Promise.reject(this.#needed());
  }

  noteNonce(): void {}

  refused(): Promise<void> {
    this.#refused = this.token;
    return Promise.reject(this.#needed());
  }

  signIn(): ScriptedSignIn {
    if (this.current !== undefined) return this.current;
    const signIn = this.current = new ScriptedSignIn();
    this.begun.push(signIn);
    void signIn.ended.then(() => this.current = undefined);
    for (const listener of this.#listeners) listener(signIn);
    return signIn;
  }

  onBegin(listener: (signIn: RunningSignIn) => void): void {
    this.#listeners.push(listener);
  }

  helps(): Promise<boolean> {
    return Promise.resolve(true);
  }

  usable(): Promise<boolean> {
    return Promise.resolve(this.token !== undefined && this.token !== this.#refused);
  }

  refuse(): Promise<void> {
    this.#refused = this.token;
    return Promise.resolve();
  }

  #needed(): McpAuthError {
    return new McpAuthError("AUTH_REQUIRED", 'Cannot use "demo": nobody is signed in', {
      hint: "Run: mcp-auth login demo",
    });
  }
}
