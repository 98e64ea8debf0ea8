/**
 * The WebSocket transport, client side: subprotocol `mcp`, one text message for each JSON-RPC message. No revision of the
 * specification describes it; what the official SDKs do and the open proposal says is done (SEP-1288).
 *
 * A refused upgrade is looked into by a plain GET with the same credentials, since the runtime tells no more of it than
 * its status. A connection that is closed because of its token (4401; 3000 of IANA's registry; 1008, which may mean other
 * things too) is opened again with another token, and what the server had not looked at by then is sent again; nothing
 * else ever is.
 *
 * @see https://github.com/modelcontextprotocol/modelcontextprotocol/issues/1288; RFC 6455 sections 4.1 and 7.4
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import type { Http, HttpRequest } from "../../../primitives/http/http.ts";
import { type OpenSocket, SWITCHING_PROTOCOLS } from "../../../primitives/http/web_sockets.ts";
import { HTTP_TIMEOUT_MS } from "../../../primitives/limits.ts";
import { safeUrl } from "../../../primitives/untrusted_text.ts";
import { AuthorizedHttp, type Endpoint } from "./authorized_http.ts";
import type { Channel, Closure } from "./channel.ts";
import type { ChannelEnd, ChannelRemote } from "./channel_remote.ts";
import { drain } from "./failure.ts";
import { keepAlive, PULSE, type Pulse } from "./heartbeat.ts";
import { type ChannelSource, LastingRemote } from "./lasting_remote.ts";
import type { Receiver, Remote } from "./remote.ts";
import { SUBPROTOCOL, WebSocketChannel } from "./websocket_channel.ts";
import { type CarriedToken, carryToken, type WebSocketAuth } from "./websocket_token.ts";

/** What {@linkcode webSocketRemote} takes. */
export interface WebSocketOptions extends Endpoint {
  /** Opens the sockets, under the rules of the entry. */
  readonly openSocket: OpenSocket;
  /** Where the token is put; the header when left out. */
  readonly auth?: WebSocketAuth | undefined;
  /** Gets what the server sends. */
  readonly receiver: Receiver;
  /** Gets one line for what nobody is told otherwise. */
  readonly log: (message: string) => void;
  /** The times of the heartbeat; those that suit load balancers when left out. */
  readonly pulse?: Pulse | undefined;
}

/** Closes because of the token, always: what HTTP's 401 says, as servers write it, and as IANA has it. */
const UNAUTHORIZED: ReadonlySet<number | undefined> = new Set([4401, 3000]);
/** "Policy violation" (RFC 6455): often the token, but not always. */
const POLICY = 1008;
/** Words that make it the token. */
const ABOUT_TOKEN = /\b(?:auth\w*|unauthori[sz]ed|token\w*|expired?|credentials?|sign[- ]?in|log[- ]?in)\b/i;

const HINT = "Check that the URL is the server's WebSocket endpoint, or leave out --transport websocket";
const AGAIN = "Try again; whether the server has carried out the request is not known";

/** Makes the way to a server by WebSockets. */
export function webSocketRemote(options: WebSocketOptions): Remote {
  const { receiver, log } = options;
  return new LastingRemote({ source: new WebSocketSource(options), receiver, log });
}

/** A connection, as it was opened. */
interface Opened {
  readonly channel: Channel;
  /** The headers that the authorizer and the entry gave it. */
  readonly sent: Readonly<Record<string, string>>;
}

/** A connection that was closed because of its token, or may have been. */
interface Refused {
  readonly sent: Opened["sent"];
  readonly isCertain: boolean;
}

/** Opens WebSockets with credentials. */
class WebSocketSource implements ChannelSource {
  readonly what = "the WebSocket";
  readonly stands = true;
  readonly #options: WebSocketOptions;
  readonly #http: AuthorizedHttp;
  /** The last connection. */
  #opened: Opened | undefined;
  /** The last connection was closed because of its token. */
  #refused: Refused | undefined;
  /** A refusal whose status is not known was taken for one of the token since the last connection. */
  #hasGuessed = false;
  /** How many in a row were, with nothing answered in between. */
  #refusals = 0;

  constructor(options: WebSocketOptions) {
    this.#options = options;
    this.#http = new AuthorizedHttp({ ...options, http: this.#upgrade });
  }

  /** @inheritdoc */
  async open(signal: AbortSignal): Promise<Channel> {
    if (this.#refused !== undefined) await this.#authorizeAgain(this.#refused, signal);
    this.#refused = undefined;
    this.#opened = undefined;
    const { status } = await this.#http.request({
      method: "GET",
      headers: {},
      signal,
      timeoutMs: HTTP_TIMEOUT_MS,
      operation: () => "connect",
    });
    const { channel } = this.#opened as Opened | undefined ?? {};
    if (channel !== undefined) return channel;
    throw new McpAuthError(
      status === 429 ? "RATE_LIMITED" : "SERVER_ERROR",
      `Cannot open a WebSocket at "${safeUrl(this.#options.url)}": the server answered HTTP ${status}`,
      { hint: status === 429 || status >= 500 ? "Try again later" : HINT },
    );
  }

  /** @inheritdoc */
  explain({ detail }: Closure): McpAuthError {
    return new McpAuthError(
      "NETWORK_ERROR",
      `Cannot wait for the answer: the connection to the server was lost: ${detail}`,
      { hint: AGAIN },
    );
  }

  /** @inheritdoc */
  watch(remote: ChannelRemote): void {
    keepAlive(remote, this.#options.pulse ?? PULSE);
  }

  /** @inheritdoc */
  ended({ closure: { byUs, code, detail } }: ChannelEnd, { answered }: ChannelRemote): boolean {
    if (answered > 0) this.#refusals = 0;
    if (byUs || this.#opened === undefined) return false;
    const isCertain = UNAUTHORIZED.has(code) || (code === POLICY && ABOUT_TOKEN.test(detail));
    if (!isCertain && code !== POLICY) return false;
    this.#refused = { sent: this.#opened.sent, isCertain };
    return isCertain;
  }

  /**
   * The fetch of the upgrade: a response of 200 is an open socket.
   *
   * @throws {McpAuthError} What the connection fails with.
   */
  readonly #upgrade: Http = async (url, { headers: sent = {}, signal } = {}) => {
    const { auth = "header" } = this.#options;
    const carried = carryToken(auth, url, sent);
    try {
      return await this.#upgradeWith(carried, sent, signal);
    } catch (error) {
      // What has caused a failure names the URL, which holds the token here; and errors are logged with their causes.
      if (carried.url === url || !(error instanceof McpAuthError)) throw error;
      throw new McpAuthError(error.code, error.message, { hint: error.hint });
    }
  };

  async #upgradeWith(
    carried: CarriedToken,
    sent: Opened["sent"],
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const plain: HttpRequest = { headers: carried.headers, signal, stream: true };
    const status = await this.#options.openSocket(carried.url, {
      headers: carried.headers,
      protocols: [SUBPROTOCOL],
      signal: signal ?? new AbortController().signal,
      opened: (socket) => {
        const channel = new WebSocketChannel(socket);
        if (carried.greeting !== undefined) void channel.send(carried.greeting);
        this.#opened = { channel, sent };
        this.#hasGuessed = false;
      },
    }).catch(async (error) => {
      // What is wrong with a connection, fetch says better.
      if (error instanceof McpAuthError && error.code === "NETWORK_ERROR" && !signal?.aborted) {
        await (await this.#options.http(carried.url, plain)).body?.cancel();
      }
      throw error;
    });
    if (status === SWITCHING_PROTOCOLS) return new Response(null, { status: 200 });
    if (status === "unknown") return await this.#guess(carried.url, plain, sent);
    const challenge = status === 401 || status === 403
      ? await this.#challenge(carried.url, plain)
      : undefined;
    return challenge ?? new Response(null, { status });
  }

  /** What a refusal of the upgrade may have been, by what the server says to a plain request. */
  async #guess(url: string, plain: HttpRequest, sent: Opened["sent"]): Promise<Response> {
    const response = await this.#options.http(url, plain);
    const { status } = response;
    if (status === 401 || status === 403 || status === 429 || status >= 500) return response;
    await response.body?.cancel();
    if (sent["authorization"] !== undefined && !this.#hasGuessed) {
      // Some servers look at the token of an upgrade alone. Once: it may be anything else as well.
      this.#hasGuessed = true;
      return new Response(null, { status: 401 });
    }
    throw new McpAuthError(
      "SERVER_ERROR",
      `Cannot open a WebSocket at "${
        safeUrl(this.#options.url)
      }": the server refuses it (a plain request it answers with HTTP ${status})`,
      { hint: HINT },
    );
  }

  /** What the server says of the credentials to a plain request; undefined where it says nothing of them. */
  async #challenge(url: string, plain: HttpRequest): Promise<Response | undefined> {
    try {
      const response = await this.#options.http(url, plain);
      if (response.status === 401 || response.status === 403) return response;
      await response.body?.cancel();
    } catch {
      plain.signal?.throwIfAborted();
    }
    return undefined;
  }

  /** Has the token replaced with which a connection was closed. */
  async #authorizeAgain({ sent, isCertain }: Refused, signal: AbortSignal): Promise<void> {
    const { auth = "header", url, authorizer } = this.#options;
    const carried = carryToken(auth, url, sent);
    const response = await this.#challenge(carried.url, { headers: carried.headers, signal, stream: true });
    if (response === undefined && !isCertain) return;
    if (response !== undefined) await drain(response);
    await authorizer.refused({
      status: response?.status ?? 401,
      wwwAuthenticate: response?.headers.get("www-authenticate") ?? null,
      dpopNonce: response?.headers.get("dpop-nonce") ?? null,
      sent,
      operation: "connect",
      attempt: this.#refusals++,
    }, signal);
  }
}
