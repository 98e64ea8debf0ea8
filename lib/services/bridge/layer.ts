/**
 * A stretch of the way between a host and its server. What goes to the server passes through `send`, what comes back
 * through `receive`; a layer overrides what it is there for and leaves all else as it came. Layers are put together by
 * `way.ts`; what one does only seldom it loads when it is needed.
 *
 * @module
 */
import type { Inbound, Outbound, Receiver, Remote, WayToServer } from "./transports/remote.ts";

/** Passes on everything as it is. */
export class Layer implements Remote, Receiver {
  /** Who hears from this layer. */
  protected readonly host: Receiver;
  /** The rest of the way, which this layer hears from. */
  protected readonly server: Remote;

  /**
   * Puts the layer in front of the rest of the way.
   *
   * @param host Who hears from it.
   * @param rest Makes the rest of the way.
   */
  constructor(host: Receiver, rest: WayToServer) {
    this.host = host;
    this.server = rest(this);
  }

  /** @inheritdoc */
  send(outbound: Outbound): Promise<void> {
    return this.server.send(outbound);
  }

  /** @inheritdoc */
  cancel(target: Outbound, notice: Outbound): Promise<void> {
    return this.server.cancel(target, notice);
  }

  /** @inheritdoc */
  listen(): void {
    this.server.listen();
  }

  /** @inheritdoc */
  reopen(isLost: boolean): void {
    this.server.reopen?.(isLost);
  }

  /** @inheritdoc */
  close(timeoutMs: number): Promise<void> {
    return this.server.close(timeoutMs);
  }

  /** @inheritdoc */
  receive(inbound: Inbound): Promise<void> | void {
    return this.host.receive(inbound);
  }

  /** @inheritdoc */
  owes(outbound: Outbound): boolean {
    return this.host.owes(outbound);
  }

  /** @inheritdoc */
  renewed(): void {
    this.host.renewed?.();
  }
}
