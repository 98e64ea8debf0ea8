/**
 * A connection between a program and a server that a test can cut, as a network does: bytes pass as they are, until all
 * that is open is reset in the middle of whatever goes on.
 *
 * @module
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A running wire. */
export interface Wire extends AsyncDisposable {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** What clients sent, in the pieces in which it came. */
  readonly sent: readonly string[];
  /** Resets every connection; new ones pass. */
  cut(): void;
}

/**
 * Lays one.
 *
 * @param to The server's port on 127.0.0.1.
 */
export async function startWire(to: number): Promise<Wire> {
  const open = new Set<Socket>();
  const sent: string[] = [];
  const listener = createServer((client) => {
    const server = connect(to, "127.0.0.1");
    client.on("data", (bytes) => void sent.push(bytes.toString()));
    for (const [one, other] of [[client, server], [server, client]] as const) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const cut = () => open.forEach((socket) => socket.resetAndDestroy());
  return {
    port: (listener.address() as AddressInfo).port,
    sent,
    cut,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => listener.close(resolve));
      cut();
      await closed;
    },
  };
}
