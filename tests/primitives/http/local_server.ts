/**
 * A real HTTP server on loopback for one test, with a record of what it was asked.
 *
 * @module
 */

/** A request as it came. */
export interface Received {
  readonly method: string;
  readonly url: URL;
  /** The path with its query. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A running server. */
export interface LocalServer extends AsyncDisposable {
  readonly origin: string;
  readonly host: string;
  /** Everything that it was asked, in order. */
  readonly received: readonly Received[];
  /** The method and target of each, such as `GET /mcp`. */
  readonly asked: readonly string[];
}

/**
 * Starts a server on a free port.
 *
 * @param answer Makes each response.
 */
export function serve(answer: (request: Received) => Response | Promise<Response>): LocalServer {
  const received: Received[] = [];
  const controller = new AbortController();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: controller.signal,
    onListen: () => {},
    onError: () => new Response("failed", { status: 500 }),
  }, async (request) => {
    const url = new URL(request.url);
    const { method, headers } = request;
    const one = { method, url, target: url.pathname + url.search, headers, body: await request.text() };
    received.push(one);
    return await answer(one);
  });
  const host = `127.0.0.1:${server.addr.port}`;
  return {
    host,
    origin: `http://${host}`,
    received,
    get asked() {
      return received.map(({ method, target }) => `${method} ${target}`);
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await server.finished;
    },
  };
}

/** A response whose body never ends. */
export function endless(headers: Record<string, string> = {}): Response {
  return new Response(
    new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) }),
    { headers },
  );
}

/**
 * Starts a server that speaks raw bytes: for what no well-behaved server would send.
 *
 * @param answer The bytes for each connection, sent after its first bytes arrived; the connection is closed then.
 */
export function serveRaw(answer: string): { readonly origin: string } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const work = (async () => {
    for await (const connection of listener) {
      try {
        await connection.read(new Uint8Array(65_536));
        await connection.write(new TextEncoder().encode(answer));
      } finally {
        connection.close();
      }
    }
  })();
  return {
    origin: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await work;
    },
  };
}

/** A port that nobody listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
