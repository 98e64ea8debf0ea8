/**
 * The tool that signs a person in through the host. Its first call answers at once with the address, or has the host show
 * it; the next ones wait for the approval, for as long as hosts wait for a tool. All calls share one sign-in, which goes
 * on when a call is given up: people take longer than machines.
 *
 * @see behaviours rows 11 and 12; MCP 2025-11-25, Progress
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { LOGIN_PROGRESS_MS, LOGIN_WAIT_MS } from "../../../primitives/bridge_limits.ts";
import {
  isJsonObject,
  type JsonObject,
  type RequestMessage,
  type ResponseMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { pause } from "../../../primitives/system/clock.ts";
import type { Outbound, Receiver } from "../transports/remote.ts";
import { askingResult, canShowPages, type Consent, consentIn, Elicitations } from "./elicitation.ts";
import { answer } from "./local_answers.ts";
import {
  declinedText,
  doneText,
  elicitationText,
  failedText,
  nothingToDoText,
  pageText,
  unableText,
  unreachedText,
  whoAsksWhom,
} from "./login_text.ts";
import type { RunningSignIn, SignInPage } from "./person.ts";
import { LOGIN_TOOL, type PersonOptions, type Seen } from "./person_layer.ts";

/** What {@linkcode LoginTool} takes. */
export interface LoginToolOptions extends PersonOptions {
  readonly host: Receiver;
  readonly seen: Seen;
}

/** Who knows whether a sign-in is needed, and goes on after one. */
export interface AfterSignIn {
  /** Whether a sign-in, or what comes after it, is still to be done. */
  readonly isWaiting: boolean;
  /** The person has signed in, and the server could not be opened since. */
  readonly isUnreached: boolean;
  /** Goes on; resolves with why the server cannot be used all the same. */
  signedIn(): Promise<McpAuthError | undefined>;
  /** Tries without a sign-in; resolves with why that does not help. */
  retry(): Promise<McpAuthError | undefined>;
}

/** One call. */
interface Call {
  readonly outbound: Outbound;
  readonly message: RequestMessage;
  readonly params: JsonObject;
  /** Fires when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/** The tool of one host. */
export class LoginTool {
  readonly #room: AfterSignIn;
  readonly #options: LoginToolOptions;
  readonly #elicitations: Elicitations;
  /** The pages that the person has been given, and the names of the questions about them. */
  readonly #given = new WeakMap<SignInPage, string>();

  /**
   * @param room What comes after a sign-in.
   * @param options The host and the person.
   */
  constructor(room: AfterSignIn, options: LoginToolOptions) {
    this.#room = room;
    this.#options = options;
    this.#elicitations = new Elicitations(options.host);
  }

  /** Takes the host's answer to a question of the tool; false for any other. */
  take(response: ResponseMessage): boolean {
    return this.#elicitations.take(response);
  }

  /** Answers one call. */
  async call(outbound: Outbound, message: RequestMessage): Promise<void> {
    const { params } = message.value;
    const { signal } = outbound.controller;
    const call = { outbound, message, params: isJsonObject(params) ? params : {}, signal };
    try {
      await answer(this.#options.host, outbound, message, await this.#run(call));
    } catch (error) {
      // Whoever has given it up wants no answer.
      if (!signal.aborted) throw error;
    }
  }

  async #run(call: Call): Promise<JsonObject> {
    const { person } = this.#options;
    if (person.unable !== undefined) return await this.#tryAgain();
    if (this.#room.isUnreached) return await this.#goOn(call);
    const running = person.current;
    if (running === undefined && !this.#room.isWaiting) return said(nothingToDoText(person));
    const signIn = person.signIn();
    const isNew = signIn.page === undefined || !this.#given.has(signIn.page);
    const address = argumentOf(call.params, "redirect_url");
    let first: string | undefined;
    if (address !== undefined) {
      if (running === undefined) first = "That sign-in is over, and its address is of no use any more.";
      else {
        first = await signIn.handIn(address);
        if (first === undefined) return await this.#wait(call, signIn, signIn.page);
      }
    }
    if (signIn.page === undefined) await this.#until(call, LOGIN_WAIT_MS, [signIn.changed(undefined)]);
    const { page } = signIn;
    if (page === undefined) return await this.#wait(call, signIn, page);
    return await this.#show(call, signIn, page, isNew, first);
  }

  /**
   * Gives the person a page that they have not seen; waits for them where they have.
   *
   * @param isNew Nobody had been given it when the call came.
   */
  async #show(
    call: Call,
    signIn: RunningSignIn,
    page: SignInPage,
    isNew: boolean,
    first?: string,
  ): Promise<JsonObject> {
    const { person, seen } = this.#options;
    const known = this.#given.get(page);
    const consent = known === undefined ? undefined : consentIn(call.message, known);
    if (consent !== undefined) return await this.#heard(call, signIn, page, consent);
    const isOpened = page.kind === "url" && page.opened;
    const byHost = first === undefined && canShowPages(call.message, seen);
    // Of calls that come together one has the host show it; without that, each has it in its answer.
    const isSeen = isOpened || (known !== undefined && (byHost || !isNew));
    if (first === undefined && isSeen) return await this.#wait(call, signIn, page);
    const id = known ?? crypto.randomUUID();
    this.#given.set(page, id);
    if (!byHost) return said(pageText(person, page, first));
    const url = page.kind === "url" ? page.url : page.verificationUriComplete ?? page.verificationUri;
    const text = elicitationText(person, page);
    if (isOfStatelessRevision(call.message)) return askingResult(url, text, id);
    const over = new AbortController();
    signIn.ended.then(() => over.abort(new McpAuthError("AUTH_CANCELLED", "The sign-in has ended")));
    const either = AbortSignal.any([call.signal, over.signal]);
    const answered = await this.#elicitations.ask(id, call.outbound, url, text, either).catch((error) => {
      if (call.signal.aborted) throw error;
      return "accept" as const;
    });
    if (answered !== "unknown") void signIn.ended.then(() => this.#elicitations.complete(id));
    return await this.#heard(call, signIn, page, answered);
  }

  async #heard(
    call: Call,
    signIn: RunningSignIn,
    page: SignInPage,
    consent: Consent,
  ): Promise<JsonObject> {
    const { person } = this.#options;
    if (consent === "unknown") return said(pageText(person, page));
    if (consent === "accept") return await this.#wait(call, signIn, page, tokenOf(call) !== undefined);
    signIn.cancel();
    await signIn.ended;
    return said(declinedText(person), true);
  }

  /**
   * Waits for the end of the sign-in, or for another page.
   *
   * @param patiently Until then, however long that takes; the host is told that it goes on.
   */
  async #wait(
    call: Call,
    signIn: RunningSignIn,
    page: SignInPage | undefined,
    patiently = false,
  ): Promise<JsonObject> {
    const { person } = this.#options;
    const changed = signIn.changed(page);
    await this.#until(call, patiently ? Infinity : LOGIN_WAIT_MS, [changed], page);
    const { end } = signIn;
    if (end !== undefined) {
      if (end.error === undefined) return await this.#goOn(call);
      if (!this.#room.isWaiting) return said(doneText(person));
      return said(failedText(person, end.error), true);
    }
    const now = signIn.page;
    if (now === undefined) {
      return said(`The sign-in to "${person.name}" is being prepared: call ${LOGIN_TOOL} again.`);
    }
    if (now !== page) return await this.#show(call, signIn, now, true, "One more approval is needed.");
    return said(pageText(person, now, "Nobody has approved yet."));
  }

  /** Waits for the first of some events, but not for longer than hosts do, and tells the host that it goes on. */
  async #until(
    call: Call,
    ms: number,
    events: readonly Promise<unknown>[],
    page?: SignInPage,
  ): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([call.signal, over.signal]);
    const limit = ms === Infinity ? [] : [pause(ms, signal)];
    const telling = this.#tell(call, signal, page);
    try {
      const gone = new Promise<never>((_, reject) => {
        if (call.signal.aborted) reject(call.signal.reason);
        call.signal.addEventListener("abort", () => reject(call.signal.reason), { once: true });
      });
      gone.catch(() => {});
      for (const each of limit) each.catch(() => {});
      await Promise.race([...events, ...limit, gone]);
    } finally {
      over.abort();
      await telling;
    }
  }

  async #tell(call: Call, signal: AbortSignal, page: SignInPage | undefined): Promise<void> {
    const token = tokenOf(call);
    if (token === undefined) return;
    const { host, person } = this.#options;
    const message = page === undefined
      ? `Preparing the sign-in to "${person.name}"`
      : `Waiting for the approval: ${whoAsksWhom(person, page)}`;
    const method = "notifications/progress";
    try {
      for (let progress = 1;; progress++) {
        await pause(LOGIN_PROGRESS_MS, signal);
        const value = { jsonrpc: "2.0", method, params: { progressToken: token, progress, message } };
        await host.receive({
          messages: [{ kind: "notification", method, value }],
          batch: false,
          payload: JSON.stringify(value),
          origin: call.outbound,
        });
      }
    } catch {
      // The wait is over.
    }
  }

  /** The person has signed in. */
  async #goOn(call: Call): Promise<JsonObject> {
    const { person } = this.#options;
    let error: McpAuthError | undefined = new McpAuthError("TIMEOUT", "The server has not answered yet");
    const opened = this.#room.signedIn().then((why) => error = why);
    await this.#until(call, LOGIN_WAIT_MS, [opened]);
    return said(error === undefined ? doneText(person) : unreachedText(person, error));
  }

  /** Where nobody can sign in from here, something may have changed all the same. */
  async #tryAgain(): Promise<JsonObject> {
    const { person } = this.#options;
    if (!this.#room.isWaiting) return said(nothingToDoText(person));
    const error = await this.#room.retry();
    return error === undefined ? said(doneText(person)) : said(unableText(person, error), true);
  }
}

function said(text: string, isError = false): JsonObject {
  return { content: [{ type: "text", text }], ...(isError ? { isError } : {}) };
}

function argumentOf(params: JsonObject, name: string): string | undefined {
  const given = isJsonObject(params["arguments"]) ? params["arguments"][name] : undefined;
  return typeof given === "string" && given.trim() !== "" ? given : undefined;
}

function tokenOf({ params }: Call): string | number | undefined {
  const token = isJsonObject(params["_meta"]) ? params["_meta"]["progressToken"] : undefined;
  return typeof token === "string" || typeof token === "number" ? token : undefined;
}
