/**
 * Opens WebSockets as a client, with the headers and the connection that browsers do not let a page choose. How it went
 * is told in words alone: what Deno knows of a refused upgrade is its status, in the text of an error.
 *
 * @see RFC 6455 section 4.1
 * @module
 */

/** What an upgrade is sent with. */
export interface UpgradeOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** The subprotocols offered. */
  readonly protocols: readonly string[];
  /** The connection to use; what Deno does by itself when left out, which is to go past every proxy. */
  readonly client?: Deno.HttpClient | undefined;
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
  /** Gets the socket the moment it is open, before anything else can happen on it; whoever gets it closes it. */
  readonly opened: (socket: WebSocket) => void;
}

/** An upgrade that failed. */
export class UpgradeError extends Error {
  /**
   * The HTTP status that it was refused with; `unknown` where Deno has tried HTTP/2 after that, as it does with servers
   * that speak it, and tells of this attempt alone; undefined where no answer came.
   */
  readonly status: number | "unknown" | undefined;

  /** @param detail What Deno says. */
  constructor(detail: string, cause: unknown) {
    super(detail, { cause });
    this.name = "UpgradeError";
    const [, status] = /Invalid status code: (\d{3})\b/.exec(detail) ?? [];
    const isHidden = /^stream error received|^HTTP\/2 not supported/.test(detail);
    this.status = status !== undefined ? Number(status) : isHidden ? "unknown" : undefined;
  }
}

/**
 * Opens a WebSocket.
 *
 * @param url `ws:` or `wss:`.
 * @throws {UpgradeError} When there is none; the signal's reason when that fires; `NotCapable` where the sandbox does
 * not allow the host.
 */
export async function openWebSocket(url: string, options: UpgradeOptions): Promise<void> {
  const { headers, protocols, client, signal, opened } = options;
  signal.throwIfAborted();
  const socket = new WebSocket(url, {
    headers: { ...headers },
    protocols: [...protocols],
    ...(client === undefined ? {} : { client }),
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let failure: unknown;
  socket.onopen = () => {
    socket.onopen = socket.onerror = socket.onclose = null;
    opened(socket);
    resolve();
  };
  socket.onerror = (event) =>
    failure = event instanceof ErrorEvent ? event.error ?? event.message : undefined;
  socket.onclose = () => reject(new UpgradeError(wordsOf(failure), failure));
  const onAbort = () => {
    reject(signal.reason);
    socket.close();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function wordsOf(failure: unknown): string {
  const words = failure instanceof Error ? failure.message : String(failure ?? "the connection was closed");
  return words.replace(/^failed to connect to WebSocket: /, "");
}
