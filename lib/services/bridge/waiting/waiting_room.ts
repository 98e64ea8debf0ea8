/**
 * Where a host is kept while a person has to sign in. Before the server has ever answered, the bridge answers by itself:
 * at once, with one tool that signs in. In the middle of a session everything goes on as it was, with that tool added to
 * the others. Whoever signs in, through the tool, through `--login` or in another terminal: the lists are said to have
 * changed, and from then on every message passes as it is. No request of the host is ever sent twice.
 *
 * @see behaviours rows 11, 12 and 48; MCP 2025-11-25, Tools (listChanged)
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../primitives/errors.ts";
import { HELD_UP_LIST_MS, SIGN_IN_GRACE_MS } from "../../../primitives/bridge_limits.ts";
import {
  isJsonObject,
  type JsonObject,
  type Message,
  type MessageId,
  type RequestMessage,
} from "../../../primitives/mcp/jsonrpc.ts";
import { isOfStatelessRevision } from "../../../primitives/mcp/request_headers.ts";
import { pause, waitFor } from "../../../primitives/system/clock.ts";
import { OwnRequests } from "../translation/own_requests.ts";
import {
  type Inbound,
  operationOf,
  type Outbound,
  type Receiver,
  type Remote,
} from "../transports/remote.ts";
import { Announcements, isSubscription, type ListKind } from "./announcements.ts";
import { again, openForHost } from "./host_opening.ts";
import { answer, emptyList, isList, localResult } from "./local_answers.ts";
import { loginTool, withLoginTool } from "./tool_listing.ts";
import { LoginTool } from "./login_tool.ts";
import { Lookout } from "./lookout.ts";
import { obstacleOf, underWay, withMention } from "./obstacle.ts";
import type { RunningSignIn } from "./person.ts";
import { callsLogin, LOGIN_TOOL, type PersonOptions, saysSignIn, type Seen } from "./person_layer.ts";

/** What {@linkcode WaitingRoom} takes. */
export interface WaitingRoomOptions extends PersonOptions {
  readonly host: Receiver;
  readonly server: Remote;
  readonly seen: Seen;
  /** Passes a message of the host on, as if nothing were the matter. */
  readonly pass: (outbound: Outbound) => Promise<void>;
}

const ALL: readonly ListKind[] = ["tools", "resources", "prompts"];

/** Keeps one host. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #own: OwnRequests;
  readonly #tool: LoginTool;
  readonly #announcements: Announcements;
  readonly #lookout: Lookout;
  readonly #closing = new AbortController();
  /** The host was answered by us, and the server has not been opened for it. */
  #apart = false;
  /** Why a sign-in is needed; undefined where none is. */
  #need: McpAuthError | undefined;
  /** What could not be done the last time that the server was to be opened. */
  #unreached: McpAuthError | undefined;
  #opening: Promise<McpAuthError | undefined> | undefined;
  /** A request of a stateless host. */
  #example: Message | undefined;
  /** The host's `notifications/initialized`, where the server has not got it yet. */
  #owedInitialized: Outbound | undefined;
  #wantsListen = false;
  /** The host has the server, and is to be told so when it is ready. */
  #announceLater = false;
  /** The host was told that our tool is among the others. */
  #announced = false;
  /** What a sign-in is needed for, in the middle of a session. */
  #operation: string | undefined;
  /** Lists that the server does not have, though the host believes it. */
  #missing: ReadonlySet<string> = new Set();
  /** The lists of tools under way that our tool is added to. */
  readonly #amended = new Set<MessageId>();

  /** @param options Host, server and person. */
  constructor(options: WaitingRoomOptions) {
    this.#options = options;
    this.#own = new OwnRequests(options.server);
    this.#tool = new LoginTool(this, options);
    this.#announcements = new Announcements(options.host, options.seen);
    this.#lookout = new Lookout(this, this.#closing.signal);
  }

  /** Whether a sign-in, or what comes after it, is still to be done. */
  get isWaiting(): boolean {
    return this.#apart || this.#need !== undefined;
  }

  /** The person has signed in, and the server could not be opened since. */
  get isUnreached(): boolean {
    return this.#apart && this.#need === undefined;
  }

  /** Takes one message of the host. */
  async send(outbound: Outbound): Promise<void> {
    this.#lookout.hear();
    const [message] = outbound.messages;
    if (!outbound.batch && message?.kind === "response" && this.#tool.take(message)) return;
    if (!outbound.batch && message?.kind === "request") {
      if (callsLogin(message)) return await this.#call(outbound, message);
      if (this.#missing.has(message.method)) {
        return await answer(this.#options.host, outbound, message, emptyList(message));
      }
      if (this.#need !== undefined && isFirstPageOfTools(message)) this.#amended.add(message.id);
      if (this.#isHeldUp && (isList(message) || message.method === "ping")) {
        this.#limitWait(outbound, message);
      }
    }
    if (this.#apart) return await this.#sendApart(outbound);
    try {
      await this.#options.pass(outbound);
    } finally {
      if (message?.kind === "request") this.#amended.delete(message.id);
    }
    // Who can do by now what a sign-in was needed for needs none any more.
    if (this.#operation !== undefined && this.#operation === operationOf(outbound)) await this.signedIn();
    if (outbound.opens === "initialized" && this.#announceLater) {
      this.#announceLater = false;
      this.#announcements.announce(ALL);
    }
  }

  /** Has the login tool called. Whether a sign-in is needed is found out first, where no request has told yet. */
  async #call(outbound: Outbound, message: RequestMessage): Promise<void> {
    const { seen, person, pass } = this.#options;
    if (!this.isWaiting && !seen.opened && person.current === undefined) {
      if (!isOfStatelessRevision(message)) return await pass(outbound);
      this.#noteHost(outbound, message);
      const error = await (this.#opening ??= this.#open().finally(() => this.#opening = undefined));
      if (error !== undefined && !this.isWaiting) throw error;
    }
    await this.#tool.call(outbound, message);
  }

  /** Gives up a request that was not passed on. */
  cancel(target: Outbound): Promise<void> {
    target.controller.abort();
    return Promise.resolve();
  }

  /** As the host's side of `Remote`: what the server sends of its own accord has to wait for the server. */
  listen(): void {
    if (this.#apart || this.#owedInitialized !== undefined) this.#wantsListen = true;
    else this.#options.server.listen();
  }

  /** Stops waiting for anybody. */
  close(): void {
    this.#closing.abort(
      new McpAuthError("AUTH_CANCELLED", "Cannot wait for a sign-in: the bridge is ending"),
    );
    this.#announcements.release();
  }

  /** Takes one message of the server. */
  receive(inbound: Inbound): Promise<void> | void {
    if (this.#own.receive(inbound) || this.#announcements.isSecond(inbound)) return;
    return this.#options.host.receive(
      this.#amended.size === 0 ? inbound : withLoginTool(inbound, this.#amended, this.#options.person),
    );
  }

  /** As `Receiver` has it. */
  owes(outbound: Outbound): boolean {
    return this.#own.owes(outbound) ?? this.#options.host.owes(outbound);
  }

  /**
   * Takes a request that was passed on and met the need of a sign-in.
   *
   * @throws {McpAuthError} The error that the host gets.
   */
  async failed(outbound: Outbound, error: McpAuthError): Promise<void> {
    const { seen, person, host } = this.#options;
    const [message] = outbound.messages;
    const opens = outbound.opens === "initialize" ||
      (!seen.opened && isOfStatelessRevision(message) && !outbound.batch);
    if (!opens && !seen.opened && !this.#apart) throw error;
    if (!await person.helps(error).catch(() => true)) throw error;
    if (outbound.opens === "initialized") this.#owedInitialized = outbound;
    this.#wants(error, opens || this.#apart);
    if (outbound.opens === "initialized") return;
    if (this.#apart) return await this.send(outbound);
    if (message?.kind === "request" && isFirstPageOfTools(message) && !outbound.batch) {
      return await answer(host, outbound, message, { tools: [loginTool(person)] });
    }
    if (message?.kind !== "request" || !isList(message)) this.#operation = operationOf(outbound);
    throw withMention(error, person);
  }

  /** Sees to a sign-in that has begun: nobody is held up by it for long, and its end is everybody's. */
  async attend(signIn: RunningSignIn): Promise<void> {
    if (this.#options.person.opensBrowser) {
      const grace = new AbortController();
      const over = pause(SIGN_IN_GRACE_MS, AbortSignal.any([grace.signal, this.#closing.signal]));
      const isOver = await Promise.race([signIn.ended.then(() => false), over.then(() => true, () => false)]);
      grace.abort();
      if (isOver) this.#letGo(signIn);
    }
    if ((await signIn.ended).error === undefined) await this.signedIn();
  }

  /**
   * Goes on after a sign-in, by whomever: opens the server where it is not open, and tells the host.
   *
   * @returns Why the server cannot be used all the same; undefined where it can.
   */
  async signedIn(): Promise<McpAuthError | undefined> {
    if (this.#closing.signal.aborted) return this.#closing.signal.reason;
    this.#need = this.#operation = undefined;
    if (this.#apart) return await (this.#opening ??= this.#open().finally(() => this.#opening = undefined));
    await this.#deliverInitialized();
    if (this.#announced) {
      this.#announced = false;
      this.#announcements.announce(["tools"]);
    }
    return undefined;
  }

  /**
   * Looks whether something has changed without a sign-in from here.
   *
   * @returns Why the server cannot be used still; undefined where it can.
   */
  async retry(): Promise<McpAuthError | undefined> {
    const { person } = this.#options;
    return this.#apart || await person.usable() ? await this.signedIn() : this.#need;
  }

  /** Looks whether somebody has signed in elsewhere; false where the server could not be reached. */
  async look(): Promise<boolean> {
    const { person } = this.#options;
    if (this.isUnreached) return await this.signedIn() === undefined;
    if (this.#need === undefined || !await person.usable().catch(() => false)) return true;
    // Requests may wait for a sign-in that is not needed any more; the tool's goes on until all is well.
    if (person.opensBrowser) person.current?.overtake();
    if (await this.signedIn() === undefined) person.current?.overtake();
    return true;
  }

  /** Requests that are passed on would wait for a person who has been given their time already. */
  get #isHeldUp(): boolean {
    const { current, opensBrowser } = this.#options.person;
    return !this.#apart && this.#need !== undefined && opensBrowser && current?.isStepUp === false;
  }

  /** Why requests cannot be sent. */
  #obstacle(): McpAuthError {
    const { person } = this.#options;
    if (this.#need !== undefined) return obstacleOf(this.#need, person);
    return this.#unreached ?? underWay(person);
  }

  #wants(error: McpAuthError, apart: boolean): void {
    const { person, log } = this.#options;
    const isNew = this.#need === undefined;
    this.#need = error;
    if (apart) this.#apart = true;
    if (isNew && person.unable === undefined) {
      log(
        `Sign-in is needed: the host has the tool ${LOGIN_TOOL} for it, and "${person.command}" does the same`,
      );
    }
    if (!this.#apart && !this.#announced) {
      this.#announced = true;
      this.#announcements.announce(["tools"]);
    }
    this.#lookout.start();
  }

  /** Opens the server for a host that was answered before. */
  async #open(): Promise<McpAuthError | undefined> {
    const { seen, server, log, person, host } = this.#options;
    try {
      this.#missing = await openForHost({
        own: this.#own,
        server,
        seen,
        example: this.#example,
        log,
        signal: this.#closing.signal,
        onMessage: (inbound) => host.receive(inbound),
      });
    } catch (error) {
      const coded = asMcpAuthError(error, "SERVER_ERROR", "open the server");
      this.#unreached = coded;
      if (!saysSignIn(coded, person.failure)) log(`Signed in, but: ${coded.message}`);
      else {
        await person.refuse().catch(() => {});
        this.#wants(coded, true);
      }
      return coded;
    }
    this.#unreached = undefined;
    this.#apart = false;
    seen.opened = true;
    if (this.#wantsListen) server.listen();
    this.#wantsListen = false;
    if (seen.opening === undefined || seen.initialized !== undefined) this.#announcements.announce(ALL);
    else this.#announceLater = true;
    this.#announcements.release();
    return undefined;
  }

  /** Brings the server what it has refused before. */
  async #deliverInitialized(): Promise<void> {
    const { server, log } = this.#options;
    const owed = this.#owedInitialized;
    if (owed === undefined) return;
    this.#owedInitialized = undefined;
    try {
      await again(server, owed);
      if (this.#wantsListen) server.listen();
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  }

  /** Answers what can be answered although a sign-in in the browser takes its time. */
  #letGo(signIn: RunningSignIn): void {
    const { seen, host, person } = this.#options;
    const opens = [...seen.flying].some((outbound) => outbound.opens === "initialize");
    this.#wants(this.#need ?? underWay(person), opens || !seen.opened);
    // Where it is about more scopes, the server answers the rest.
    if (seen.opened && signIn.isStepUp) return;
    for (const outbound of seen.flying) {
      const [message] = outbound.messages;
      if (outbound.batch || message?.kind !== "request" || !host.owes(outbound)) continue;
      const result = localResult(message, person);
      if (result === undefined) continue;
      this.#noteHost(outbound, message);
      this.#answerAlone(outbound, message, result);
    }
  }

  /**
   * Answers a request after a moment, where it waits for a sign-in too: a server may give its lists to everybody.
   */
  #limitWait(outbound: Outbound, message: RequestMessage): void {
    const { host, person } = this.#options;
    const { controller } = outbound;
    void pause(HELD_UP_LIST_MS, AbortSignal.any([controller.signal, this.#closing.signal])).then(() => {
      const result = localResult(message, person);
      if (result !== undefined && host.owes(outbound)) this.#answerAlone(outbound, message, result);
    }, () => {});
  }

  /** Answers a request that was passed on, and gives it up there. */
  #answerAlone(outbound: Outbound, message: RequestMessage, result: JsonObject): void {
    void answer(this.#options.host, outbound, message, result);
    outbound.controller.abort(
      new McpAuthError("AUTH_CANCELLED", "The host was answered without the server"),
    );
  }

  /** Deals with a message of a host that has no server yet. */
  async #sendApart(outbound: Outbound): Promise<void> {
    const [message] = outbound.messages;
    if (outbound.batch && outbound.requests.length > 0) throw this.#obstacle();
    if (message?.kind !== "request") {
      if (outbound.opens === "initialized") this.#options.seen.initialized = outbound;
      return;
    }
    const { host, person, pass } = this.#options;
    this.#noteHost(outbound, message);
    if (isSubscription(message)) {
      await this.#announcements.hold(outbound, message);
      return this.#apart || !host.owes(outbound) ? undefined : await pass(outbound);
    }
    const local = localResult(message, person);
    if (this.isUnreached && (local === undefined || isList(message))) await this.#tryAgain(outbound);
    else if (local === undefined) await this.#waitForBrowser(outbound);
    // Somebody may have signed in since the last look.
    if (this.#apart && local === undefined) await this.look();
    if (!this.#apart) return await this.send(outbound);
    if (local === undefined) throw this.#obstacle();
    await answer(host, outbound, message, local);
  }

  #noteHost(outbound: Outbound, message: RequestMessage): void {
    if (outbound.opens === "initialize") this.#options.seen.opening = outbound;
    else if (isOfStatelessRevision(message)) this.#example = message;
  }

  /** The server could not be reached: lists wait for another try as long as for a sign-in. */
  async #tryAgain({ controller: { signal } }: Outbound): Promise<void> {
    const done = new AbortController();
    const grace = pause(SIGN_IN_GRACE_MS, AbortSignal.any([signal, done.signal])).catch(() => {});
    await Promise.race([this.signedIn(), grace]);
    done.abort();
  }

  /** A request that only the server can answer waits for a sign-in that requests have started. */
  async #waitForBrowser({ controller: { signal } }: Outbound): Promise<void> {
    const { current, opensBrowser } = this.#options.person;
    if (!opensBrowser || current === undefined) return;
    if ((await waitFor(current.ended, signal)).error === undefined) await waitFor(this.signedIn(), signal);
  }
}

function isFirstPageOfTools({ method, value: { params } }: RequestMessage): boolean {
  return method === "tools/list" && (!isJsonObject(params) || params["cursor"] === undefined);
}
