/**
 * A loopback HTTP listener. It is bound before anything is told to anyone, so that the redirect URI is true from the
 * start, and it ends by abort: a half-sent request cannot keep the port.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";

/** A bound listener. */
export interface Listener extends AsyncDisposable {
  /** The port that was bound. */
  readonly port: number;
  /** Ends it: open connections are cut and the port is free again. */
  close(): Promise<void>;
}

/** Binds a listener; tests and the real one are the same, on another port. */
export type Listen = (options: ListenOptions) => Promise<Listener>;

/** What {@linkcode listen} takes. */
export interface ListenOptions {
  /** Loopback address, such as `127.0.0.1`. */
  readonly hostname: string;
  /** Ports tried in order; 0 is any free one. */
  readonly ports: readonly number[];
  readonly handler: (request: Request) => Response | Promise<Response>;
}

/**
 * Binds the first free port of the list.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` when all are taken, `PERMISSION_DENIED` when the sandbox does not allow them.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { hostname, ports, handler } = options;
  let failure: unknown;
  for (const port of ports) {
    const controller = new AbortController();
    try {
      const server = Deno.serve({
        hostname,
        port,
        signal: controller.signal,
        onListen: () => {},
        onError: () => new Response(null, { status: 500 }),
      }, handler);
      const close = async () => {
        controller.abort();
        await server.finished;
      };
      return await Promise.resolve({ port: server.addr.port, close, [Symbol.asyncDispose]: close });
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        failure ??= new McpAuthError(
          "PERMISSION_DENIED",
          `Cannot listen on ${hostname}:${port}: the sandbox does not allow it`,
          { hint: `Add --allow-net=${hostname}`, cause: error },
        );
      } else if (
        !(error instanceof Deno.errors.AddrInUse) && !(error instanceof Deno.errors.PermissionDenied)
      ) {
        throw error;
      }
    }
  }
  if (failure !== undefined) throw failure;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot listen on ${hostname}: port ${ports.join(", ")} is in use`,
    {
      hint: "End the program that uses it, or give another with --callback-port",
    },
  );
}
