/**
 * The port to the person in front of the host: whether they are signed in, and their sign-in while it runs. Whoever makes
 * the bridge implements it; the bridge itself neither knows how a sign-in goes nor opens anything.
 *
 * @module
 */
import type { McpAuthError } from "../../../primitives/errors.ts";

/** Where the person has to go. */
export type SignInPage =
  | {
    readonly kind: "url";
    /** The authorization server's address, to be shown whole. */
    readonly url: string;
    /** Who asks for the approval. */
    readonly issuer: string;
    /** Where the browser ends. */
    readonly redirectUri: string;
    /** Whether something listens there; otherwise the address that the browser ends at has to be handed in. */
    readonly listens: boolean;
    /** A browser was started here. */
    readonly opened: boolean;
    /** Seconds that the address is good for; undefined where it has no end. */
    readonly expiresInS?: number | undefined;
  }
  | {
    readonly kind: "code";
    /** The page where the code is entered, on any device. */
    readonly verificationUri: string;
    /** The same with the code in it. */
    readonly verificationUriComplete?: string | undefined;
    readonly userCode: string;
    readonly issuer: string;
    /** Seconds that the code is good for. */
    readonly expiresInS: number;
  };

/** How a sign-in has ended: with an error, or well. */
export interface SignInEnd {
  readonly error: McpAuthError | undefined;
}

/** A sign-in under way. */
export interface RunningSignIn {
  /** More scopes are asked for: what is there still serves for the rest. */
  readonly isStepUp: boolean;
  /** Undefined until the authorization server is found and the client is registered. */
  readonly page: SignInPage | undefined;
  /** How it has ended; undefined while it runs. */
  readonly end: SignInEnd | undefined;
  /** Resolves with that; never rejects. */
  readonly ended: Promise<SignInEnd>;
  /** Resolves when the page is another than this one, or the sign-in has ended. */
  changed(page: SignInPage | undefined): Promise<void>;
  /**
   * Hands in the address that the browser ended at.
   *
   * @returns Why it is not taken, as a sentence; undefined where it is, or the sign-in has ended.
   */
  handIn(address: string): Promise<string | undefined>;
  /** Ends it: nobody wants it any more. */
  cancel(): void;
  /** Ends it as if it had brought what somebody else's has brought meanwhile. */
  overtake(): void;
}

/** The person, and what is stored of their sign-in. */
export interface Person {
  /** The entry's name. */
  readonly name: string;
  /** The MCP server's URL. */
  readonly url: string;
  /** The command that does the same in a terminal. */
  readonly command: string;
  /** Why nobody can sign in from here; undefined where somebody can. */
  readonly unable: string | undefined;
  /** Requests that need a sign-in start one by themselves, and wait for it (`--login`). */
  readonly opensBrowser: boolean;
  /** The sign-in under way. */
  readonly current: RunningSignIn | undefined;
  /** What the last sign-in failed with: the very error that the requests got that waited for it. */
  readonly failure: McpAuthError | undefined;
  /** Starts a sign-in without a browser, or joins the one under way, which then waits for no other bridge's. */
  signIn(): RunningSignIn;
  /** Has somebody told of each sign-in that begins. */
  onBegin(listener: (signIn: RunningSignIn) => void): void;
  /** Whether a sign-in can help with an error that says that one is needed. */
  helps(error: McpAuthError): Promise<boolean>;
  /** Whether something is stored that is worth another try. */
  usable(): Promise<boolean>;
  /** What is stored now was tried in vain. */
  refuse(): Promise<void>;
}
