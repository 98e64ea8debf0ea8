/**
 * A wire that cannot be trusted: a TCP proxy that cuts connections (with FIN and with RST), delays, splits, truncates,
 * duplicates and reorders what passes, in both directions, as a seed has it. It knows nothing of what it carries. A
 * connection whose bytes it has duplicated or reordered is no TCP connection any more: it is marked as tainted, and cut
 * within a bound, since whoever reads there may wait for bytes that were never to come.
 *
 * @module
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { pause } from "../../lib/primitives/system/clock.ts";
import type { Random } from "../torture/random.ts";

/** How often what happens: each is the share of the chunks that meet it. */
export interface Rates {
  /** The connection ends in order, after what came before. */
  readonly fin: number;
  /** The connection is reset. */
  readonly reset: number;
  /** The chunk loses its end, and the connection ends in order. */
  readonly truncate: number;
  /** The chunk comes twice. */
  readonly duplicate: number;
  /** The chunk comes after the one that follows it, or, where none does, with its halves exchanged. */
  readonly reorder: number;
  /** The chunk comes a little later. */
  readonly delay: number;
  /** The chunk comes much later. */
  readonly stall: number;
  /** The chunk comes in pieces. */
  readonly split: number;
}

/** Nothing happens. */
export const CALM: Rates = {
  fin: 0,
  reset: 0,
  truncate: 0,
  duplicate: 0,
  reorder: 0,
  delay: 0,
  stall: 0,
  split: 0,
};

/** What became of one connection. Times are those of `performance.now()`. */
export interface WireConnection {
  /** The port that the server sees it come from. */
  readonly port: number;
  readonly openedAt: number;
  readonly closedAt: number | undefined;
  /** When its bytes stopped being those that were sent. */
  readonly taintedAt: number | undefined;
}

/** How long a small delay is at most, in ms. */
const DELAY_MAX_MS = 150;
/** How long nothing passes at most, in ms. */
export const STALL_MAX_MS = 2_000;
/** How long a tainted connection lives on at most, in ms. */
const TAINTED_MAX_MS = 1_000;
/** How long the other side may take to end, in ms. */
const END_MAX_MS = 50;
/** How long a chunk waits for the one that is to come before it, in ms. */
const REORDER_WAIT_MS = 60;

/** The proxy. */
export class Wire {
  readonly #server: Server;
  readonly #random: Random;
  readonly #upstream: number;
  readonly #open = new Set<Link>();
  readonly #all: Link[] = [];
  /** What happens from now on. */
  rates: Rates = CALM;
  /** How often what has happened. */
  readonly happened: Record<keyof Rates, number> = {
    fin: 0,
    reset: 0,
    truncate: 0,
    duplicate: 0,
    reorder: 0,
    delay: 0,
    stall: 0,
    split: 0,
  };

  private constructor(server: Server, upstream: number, random: Random) {
    this.#server = server;
    this.#upstream = upstream;
    this.#random = random;
  }

  /**
   * Starts one on a free port of 127.0.0.1.
   *
   * @param upstream The port of the server, which may come and go.
   * @param random What decides.
   */
  static async start(upstream: number, random: Random): Promise<Wire> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const wire = new Wire(server, upstream, random);
    server.on("connection", (socket) => wire.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    return wire;
  }

  /** Where clients connect. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** All connections that reached the server so far. */
  get connections(): readonly WireConnection[] {
    return this.#all;
  }

  /** Ends every connection in order; what comes next finds the rates as they are. */
  cutAll(): void {
    for (const link of this.#open) link.end();
  }

  /** Ends the proxy with all its connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const links = [...this.#open];
    for (const link of links) link.reset();
    await Promise.all([closed, ...links.map((link) => link.closed)]);
  }

  #accept(client: Socket): void {
    client.on("error", () => {});
    const server = connect({ port: this.#upstream, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const random = this.#random.branch(this.#all.length);
    server.on("error", () => client.resetAndDestroy());
    server.once("connect", () => {
      const link = new Link(this, client, server, random);
      this.#open.add(link);
      this.#all.push(link);
      void link.run();
      void link.closed.then(() => this.#open.delete(link));
    });
  }
}

type Fate = "fin" | "reset" | "truncate" | undefined;

/** One connection through the proxy. */
class Link implements WireConnection {
  readonly port: number;
  readonly openedAt = performance.now();
  closedAt: number | undefined;
  taintedAt: number | undefined;
  readonly #wire: Wire;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #random: Random;
  readonly #ended = new AbortController();
  /** Resolves when neither side has a socket any more. */
  readonly closed: Promise<unknown>;

  constructor(wire: Wire, client: Socket, server: Socket, random: Random) {
    this.#wire = wire;
    this.#client = client;
    this.#server = server;
    this.#random = random;
    this.port = server.localPort ?? 0;
    this.closed = Promise.all(
      [client, server].map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))),
    );
  }

  async run(): Promise<void> {
    await Promise.all([
      this.#pump(this.#client, this.#server, this.#random.branch("up")),
      this.#pump(this.#server, this.#client, this.#random.branch("down")),
    ]);
    if (!this.#ended.signal.aborted) this.end();
  }

  /** Ends it in order: what is under way is lost. */
  end(): void {
    this.#over();
    for (const socket of [this.#client, this.#server]) {
      if (socket.closed) continue;
      socket.end();
      // The other side may never end.
      const timer = setTimeout(() => socket.destroy(), END_MAX_MS);
      socket.once("close", () => clearTimeout(timer));
    }
  }

  reset(): void {
    this.#over();
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  #over(): void {
    this.closedAt ??= performance.now();
    this.#ended.abort();
  }

  async #pump(from: Socket, to: Socket, random: Random): Promise<void> {
    // One direction may end before the other.
    const chunks = from.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    let next = chunks.next();
    try {
      while (!this.#ended.signal.aborted) {
        const { done, value } = await next;
        if (done || value === undefined) break;
        next = chunks.next();
        next.catch(() => {});
        ({ next } = await this.#forward(value, next, chunks, to, random));
      }
      to.end();
    } catch {
      // A side that breaks off takes the other with it.
      if (!this.#ended.signal.aborted) this.reset();
    }
  }

  /** Passes on one chunk, or more where they change places; returns the chunk that comes then. */
  async #forward(
    chunk: Uint8Array,
    next: Promise<IteratorResult<Uint8Array>>,
    chunks: AsyncIterator<Uint8Array>,
    to: Socket,
    random: Random,
  ): Promise<{ readonly next: Promise<IteratorResult<Uint8Array>> }> {
    const { rates } = this.#wire;
    const hits = (kind: keyof Rates): boolean => {
      if (!random.chance(rates[kind])) return false;
      this.#wire.happened[kind]++;
      return true;
    };
    if (hits("delay")) await this.#pause(random.between(1, DELAY_MAX_MS));
    if (hits("stall")) await this.#pause(random.between(DELAY_MAX_MS, STALL_MAX_MS));
    const fate: Fate = hits("fin")
      ? "fin"
      : hits("reset")
      ? "reset"
      : hits("truncate")
      ? "truncate"
      : undefined;
    if (fate === "reset") {
      this.reset();
      return { next };
    }
    if (fate !== undefined) {
      if (fate === "truncate") await write(to, chunk.subarray(0, random.whole(0, chunk.length - 1)));
      this.end();
      return { next };
    }
    if (hits("duplicate")) {
      await write(to, chunk);
      await write(to, chunk);
      this.#taint(random);
      return { next };
    }
    if (hits("reorder")) {
      const following = await Promise.race([next, this.#pause(REORDER_WAIT_MS).then(() => undefined)]);
      this.#taint(random);
      if (following !== undefined && !following.done) {
        await write(to, following.value);
        await write(to, chunk);
        return { next: chunks.next() };
      }
      const half = chunk.length >> 1;
      await write(to, chunk.subarray(half));
      await write(to, chunk.subarray(0, half));
      return { next };
    }
    if (chunk.length > 1 && hits("split")) {
      for (let at = 0; at < chunk.length;) {
        const end = Math.min(chunk.length, at + random.whole(1, Math.max(1, chunk.length >> 1)));
        await write(to, chunk.subarray(at, end));
        await this.#pause(1);
        at = end;
      }
      return { next };
    }
    await write(to, chunk);
    return { next };
  }

  #taint(random: Random): void {
    this.taintedAt ??= performance.now();
    const timer = setTimeout(() => {
      if (random.chance(0.5)) this.reset();
      else this.end();
    }, random.between(0, TAINTED_MAX_MS));
    this.#ended.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, this.#ended.signal).catch(() => {});
  }
}

function write(to: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (to.destroyed || to.writableEnded) return reject(new Error("The other side is gone"));
    to.write(bytes, (error) => error == null ? resolve() : reject(error));
  });
}
