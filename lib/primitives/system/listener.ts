/**
 * An HTTP listener for one answer of a browser. It is bound before anything is told to anyone, so that the redirect URI
 * is true from the start, and it ends by abort: a half-sent request cannot keep the port. Where several addresses are to
 * lead to it, as both that `localhost` may mean, it has its port on all of them or takes another one: a browser that
 * tries the other address first must not meet another program there.
 *
 * @see RFC 8252 section 7.3; behaviours rows 10 and 16
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { LISTEN_TRIES_MAX } from "../limits.ts";
import { portHolder } from "./port_holder.ts";

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
  /** The address to bind, such as `127.0.0.1`. */
  readonly hostname: string;
  /** Addresses to bind on the same port, as far as this machine has them. */
  readonly also?: readonly string[] | undefined;
  /** Ports tried in order; 0 is any free one. */
  readonly ports: readonly number[];
  readonly handler: (request: Request) => Response | Promise<Response>;
}

/**
 * Binds the first port of the list that is free on all addresses.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` when none is, or the machine has no such address; `PERMISSION_DENIED` when the
 *   sandbox does not allow them.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { hostname, ports } = options;
  let failure: unknown;
  const reserved = new Set<number>();
  for (const port of ports) {
    for (let tries = port === 0 ? LISTEN_TRIES_MAX : 1; tries > 0; tries--) {
      try {
        return await bindAll(options, port);
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) {
          failure ??= new McpAuthError(
            "PERMISSION_DENIED",
            `Cannot listen on ${hostname}:${port}: the sandbox does not allow it`,
            { hint: `Add --allow-net=${hostname}`, cause: error },
          );
        } else if (isAbsent(error) || isUnknown(error)) {
          throw new McpAuthError(
            "CONFIG_INVALID",
            `Cannot listen on ${hostname}: it is no ${
              isUnknown(error) ? "name that leads to an " : ""
            }address of this machine`,
            { hint: "Give another one with --callback-host or --listen", cause: error },
          );
        } else if (error instanceof Deno.errors.PermissionDenied) {
          reserved.add(port);
        } else if (!(error instanceof Deno.errors.AddrInUse)) {
          throw error;
        }
      }
    }
  }
  if (failure !== undefined) throw failure;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot listen on ${hostname}: ${
      ports.map((port) => reserved.has(port) ? `port ${port} is not for this user` : inUse(port)).join(", ")
    }`,
    { hint: "End the program that uses it, or give another with --callback-port" },
  );
}

/** Binds a port on every address, or on none. */
async function bindAll(options: ListenOptions, port: number): Promise<Listener> {
  const first = bind(options.hostname, port, options.handler);
  const all = [first];
  const close = async () => void await Promise.all(all.map((each) => each.close()));
  try {
    for (const hostname of options.also ?? []) {
      try {
        all.push(bind(hostname, first.port, options.handler));
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { port: first.port, close, [Symbol.asyncDispose]: close };
}

function bind(hostname: string, port: number, handler: ListenOptions["handler"]) {
  const controller = new AbortController();
  const server = Deno.serve({
    hostname,
    port,
    signal: controller.signal,
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, handler);
  return {
    port: server.addr.port,
    close: async () => {
      controller.abort();
      await server.finished;
    },
  };
}

/** Whether an address is none of this machine's, as `::1` is where IPv6 is turned off. */
function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.AddrNotAvailable ||
    (error instanceof Error && /EAFNOSUPPORT|\(os error (97|47|10047)\)/.test(`${error.message}`));
}

/** Whether a name leads to no address at all. */
function isUnknown(error: unknown): boolean {
  return error instanceof Error && /failed to lookup address|no such host/i.test(error.message);
}

function inUse(port: number): string {
  if (port === 0) return "no port is free";
  const holder = portHolder(port);
  return `port ${port} is in use${holder === undefined ? "" : ` by ${holder}`}`;
}
