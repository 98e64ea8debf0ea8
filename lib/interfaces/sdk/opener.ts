/**
 * How a program that embeds the library opens the sign-in page.
 *
 * @module
 */
import { asMcpAuthError } from "../../primitives/errors.ts";
import type { SignInEvent } from "../../services/signin/mod.ts";

/**
 * The caller's way to open the sign-in page. It is not waited for, since it may well last until the sign-in is over;
 * its failure ends the sign-in as long as no answer has come.
 */
export class Opener {
  /** Starts to open the page; undefined where the machine's browser does. */
  readonly open: ((url: string) => Promise<void>) | undefined;
  readonly #onEvent: ((event: SignInEvent) => void) | undefined;
  readonly #failed = new AbortController();
  /** The page that is waited for; a sign-in may open a second one. */
  #awaited: symbol | undefined;

  /**
   * @param openBrowser Opens the page; undefined where the machine's browser does.
   * @param onEvent Told what happens.
   */
  constructor(
    openBrowser: ((url: string) => Promise<void>) | undefined,
    onEvent: ((event: SignInEvent) => void) | undefined,
  ) {
    this.#onEvent = onEvent;
    if (openBrowser === undefined) return;
    this.open = (url) => {
      const page = this.#awaited = Symbol();
      (async () => await openBrowser(url))().catch((error) => {
        if (this.#awaited === page) {
          this.#failed.abort(asMcpAuthError(error, "AUTH_FAILED", "open the sign-in page"));
        }
      });
      return Promise.resolve();
    };
  }

  /** Fires when the page could not be opened. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Passes an event on, and learns from it when the page has done its part. */
  tell(event: SignInEvent): void {
    if (event.kind === "received") this.#awaited = undefined;
    this.#onEvent?.(event);
  }
}
