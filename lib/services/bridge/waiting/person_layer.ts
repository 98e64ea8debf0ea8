/**
 * Notices that a person has to sign in: by an error that says so, or by a sign-in that begins while requests wait for it.
 * Up to then every message passes as it is, and nothing else of this folder is loaded.
 *
 * @see behaviours rows 11, 12 and 48
 * @module
 */
import { type ErrorCode, McpAuthError } from "../../../primitives/errors.ts";
import { isJsonObject, type RequestMessage } from "../../../primitives/mcp/jsonrpc.ts";
import { Layer } from "../layer.ts";
import type { Inbound, Outbound, Receiver, WayToServer } from "../transports/remote.ts";
import type { Person } from "./person.ts";
import type { WaitingRoom } from "./waiting_room.ts";

/** What {@linkcode PersonLayer} takes. */
export interface PersonOptions {
  /** Who may sign in. */
  readonly person: Person;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** What was seen of the host so far. */
export interface Seen {
  /** Its last `initialize`; undefined for a stateless host. */
  opening: Outbound | undefined;
  /** Its `notifications/initialized`. */
  initialized: Outbound | undefined;
  /** The server has answered a request. */
  opened: boolean;
  /** What was passed on and is not over. */
  readonly flying: Set<Outbound>;
}

/** The name of the tool that signs in. */
export const LOGIN_TOOL = "mcp_auth_login";

/** The codes that say that a sign-in is needed. */
const SIGN_IN: ReadonlySet<ErrorCode> = new Set([
  "AUTH_REQUIRED",
  "TOKEN_EXPIRED",
  "TOKEN_REFRESH_FAILED",
  "INSUFFICIENT_SCOPE",
]);

/**
 * Whether an error says that a person has to sign in. A sign-in that has failed, for whatever reason, leaves that as it was.
 *
 * @param error What a request failed with.
 * @param failure What the last sign-in has failed with: whoever waited for it got that very error.
 */
export function saysSignIn(error: unknown, failure?: McpAuthError): boolean {
  if (!(error instanceof McpAuthError)) return false;
  return SIGN_IN.has(error.code) || error === failure;
}

/** Whether a request calls the tool that signs in. */
export function callsLogin({ method, value }: RequestMessage): boolean {
  if (method !== "tools/call") return false;
  const { params } = value;
  return isJsonObject(params) && params["name"] === LOGIN_TOOL;
}

/** The layer. */
export class PersonLayer extends Layer {
  readonly #options: PersonOptions;
  readonly #seen: Seen = { opening: undefined, initialized: undefined, opened: false, flying: new Set() };
  #room: WaitingRoom | undefined;
  #loading: Promise<WaitingRoom> | undefined;
  #closed = false;

  /** @inheritdoc */
  constructor(host: Receiver, rest: WayToServer, options: PersonOptions) {
    super(host, rest);
    this.#options = options;
    options.person.onBegin((signIn) => {
      if (this.#closed) return;
      this.#load().then((room) => room.attend(signIn)).catch((error) => options.log(String(error)));
    });
  }

  /** @inheritdoc */
  override send(outbound: Outbound): Promise<void> {
    if (this.#room !== undefined) return this.#room.send(outbound);
    const [message] = outbound.messages;
    // Hosts keep lists of tools for longer than a bridge runs: the tool is ours, also where it is not needed.
    if (message?.kind === "request" && callsLogin(message) && !outbound.batch) {
      return this.#answerCall(outbound);
    }
    return this.#pass(outbound);
  }

  /** @inheritdoc */
  override cancel(target: Outbound, notice: Outbound): Promise<void> {
    return this.#room === undefined || this.#seen.flying.has(target)
      ? this.server.cancel(target, notice)
      : this.#room.cancel(target);
  }

  /** @inheritdoc */
  override listen(): void {
    (this.#room ?? this.server).listen();
  }

  /** @inheritdoc */
  override close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    this.#room?.close();
    return this.server.close(timeoutMs);
  }

  /** @inheritdoc */
  override receive(inbound: Inbound): Promise<void> | void {
    return (this.#room ?? this.host).receive(inbound);
  }

  /** @inheritdoc */
  override owes(outbound: Outbound): boolean {
    return (this.#room ?? this.host).owes(outbound);
  }

  async #answerCall(outbound: Outbound): Promise<void> {
    const room = await this.#load();
    await room.send(outbound);
  }

  #pass(outbound: Outbound): Promise<void> {
    const { flying } = this.#seen;
    if (outbound.opens === "initialize") this.#seen.opening = outbound;
    else if (outbound.opens === "initialized") this.#seen.initialized = outbound;
    flying.add(outbound);
    return this.server.send(outbound).then(() => {
      flying.delete(outbound);
      if (outbound.requests.length > 0) this.#seen.opened = true;
    }, (error) => {
      flying.delete(outbound);
      return this.#failed(outbound, error);
    });
  }

  async #failed(outbound: Outbound, error: unknown): Promise<void> {
    const wants = outbound.opens === "initialized" || this.host.owes(outbound);
    if (!wants && outbound.requests.length > 0) return;
    const { person } = this.#options;
    if (this.#closed || !wants || !saysSignIn(error, person.failure)) throw error;
    const room = await this.#load();
    await room.failed(outbound, error as McpAuthError);
  }

  #load(): Promise<WaitingRoom> {
    return this.#loading ??= import("./waiting_room.ts").then(({ WaitingRoom }) => {
      const room = new WaitingRoom({
        ...this.#options,
        host: this.host,
        server: this.server,
        seen: this.#seen,
        pass: (outbound) => this.#pass(outbound),
      });
      if (this.#closed) room.close();
      return this.#room = room;
    });
  }
}
