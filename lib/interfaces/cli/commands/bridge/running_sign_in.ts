/**
 * One sign-in of a bridge's person while it runs: what they have to open, what they hand in, and how it ends.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import type { RunningSignIn, SignInEnd, SignInPage } from "../../../../services/bridge/mod.ts";
import type { PasteRefusal, SignInEvent } from "../../../../services/signin/mod.ts";

const REFUSALS: Readonly<Record<PasteRefusal, string>> = {
  "authorization-url":
    "That is the address to open. What is wanted is the one that the browser ends at, after the approval.",
  "other-state":
    "That is the answer to another sign-in. What is wanted is the address that this one ends at.",
  "cut-off": "The end of that address is missing: it has to be copied whole.",
  "code-alone": "The code alone cannot be checked for this server: the whole address is wanted.",
  "unknown-code": "The server does not know that code: the whole address that the browser ends at is wanted.",
  "not-an-answer": "That is not the address that the browser ends at.",
};

/** An address that was handed in. */
interface HandedIn {
  readonly address: string;
  readonly judged: (why: string | undefined) => void;
}

/** The sign-in. */
export class PersonSignIn implements RunningSignIn {
  readonly isStepUp: boolean;
  readonly ended: Promise<SignInEnd>;
  readonly #controller = new AbortController();
  readonly #hurry = new AbortController();
  readonly #addresses: HandedIn[] = [];
  #judging: HandedIn | undefined;
  #page: SignInPage | undefined;
  #end: SignInEnd | undefined;
  #isOvertaken = false;
  #watchers: (() => void)[] = [];

  /**
   * Starts it.
   *
   * @param isStepUp More scopes are asked for.
   * @param run Signs in, and tells this object what happens.
   */
  constructor(isStepUp: boolean, run: (signIn: PersonSignIn) => Promise<void>) {
    this.isStepUp = isStepUp;
    this.ended = this.#run(run);
  }

  get page(): SignInPage | undefined {
    return this.#page;
  }

  get end(): SignInEnd | undefined {
    return this.#end;
  }

  /** Fires when nobody wants it any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Fires when the person wants the address now. */
  get hurried(): AbortSignal {
    return this.#hurry.signal;
  }

  /** Has it wait for nobody else's sign-in any more. */
  hurry(): void {
    this.#hurry.abort();
  }

  async changed(page: SignInPage | undefined): Promise<void> {
    while (this.#end === undefined && this.#page === page) await this.#moved();
  }

  async handIn(address: string): Promise<string | undefined> {
    if (this.#page?.kind === "code") {
      return "This sign-in goes by a code, which is entered at its page: there is no address to hand in.";
    }
    if (this.#end !== undefined) return undefined;
    return await new Promise((judged) => {
      this.#addresses.push({ address, judged });
      this.#move();
    });
  }

  cancel(): void {
    this.#controller.abort(new McpAuthError("AUTH_CANCELLED", "Cannot sign in: it was cancelled"));
  }

  overtake(): void {
    if (this.#end === undefined) this.#isOvertaken = true;
    this.cancel();
  }

  /** Takes the next address that is handed in, as the sign-in's `paste` port. */
  async paste(signal: AbortSignal): Promise<string> {
    // Whoever asks again has not taken the one before.
    this.#judge(REFUSALS["not-an-answer"]);
    const stop = () => this.#move();
    signal.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        this.#judging = this.#addresses.shift();
        if (this.#judging !== undefined) return this.#judging.address;
        await this.#moved();
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Takes what happens. */
  tell(event: SignInEvent): void {
    if (event.kind === "paste-refused") this.#judge(REFUSALS[event.reason]);
    if (event.kind === "authorize") {
      const { url, issuer, redirectUri, port, opened, expiresInS } = event;
      this.#page = { kind: "url", url, issuer, redirectUri, listens: port !== undefined, opened, expiresInS };
      this.#move();
    }
    if (event.kind === "device-code") {
      this.#page = { ...event, kind: "code" };
      this.#move();
    }
    if (event.kind === "no-browser" && this.#page?.kind === "url") {
      this.#page = { ...this.#page, opened: false };
      this.#move();
    }
  }

  async #run(run: (signIn: PersonSignIn) => Promise<void>): Promise<SignInEnd> {
    let error: McpAuthError | undefined;
    try {
      // Whoever starts it gets hold of it first.
      await Promise.resolve();
      await run(this);
    } catch (thrown) {
      if (!this.#isOvertaken) error = asMcpAuthError(thrown, "AUTH_FAILED", "sign in");
    }
    this.#end = { error };
    this.#judge(undefined);
    for (const { judged } of this.#addresses.splice(0)) judged(undefined);
    this.#move();
    return this.#end;
  }

  #judge(why: string | undefined): void {
    this.#judging?.judged(why);
    this.#judging = undefined;
  }

  #moved(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  #move(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}
