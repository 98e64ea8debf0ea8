/**
 * The loopback of a network of our own, with a knife: packets of one connection, or to one port, are dropped by the
 * kernel, so that neither side learns of it.
 *
 * @module
 */
import { must } from "./namespaces.ts";

const RULES = `
table inet torture {
  set lost { type inet_service . inet_service; }
  set cut { type inet_service; }
  chain wire {
    type filter hook output priority 0;
    tcp sport . tcp dport @lost counter drop
    tcp dport @cut counter drop
  }
}`;

/** The wire. */
export class Wire {
  private constructor() {}

  /** Puts the rules in place; in a network of our own alone. */
  static async lay(): Promise<Wire> {
    await must("nft", [RULES]);
    return new Wire();
  }

  /** Drops what a server sends on one connection, until disposed of. */
  async loseAnswers(serverPort: number, clientPort: number): Promise<AsyncDisposable> {
    return await this.#add("lost", `${serverPort} . ${clientPort}`);
  }

  /** Drops what anybody sends to a port, until disposed of. */
  async cutOff(serverPort: number): Promise<AsyncDisposable> {
    return await this.#add("cut", String(serverPort));
  }

  /** How many packets have been dropped, as the kernel counts them. */
  async dropped(): Promise<number> {
    const listed = await must("nft", ["list", "table", "inet", "torture"]);
    const counters = [...listed.matchAll(/counter packets (\d+)/g)];
    return counters.reduce((sum, [, packets]) => sum + Number(packets), 0);
  }

  async #add(set: string, element: string): Promise<AsyncDisposable> {
    const change = (verb: string) => must("nft", [`${verb} element inet torture ${set} { ${element} }`]);
    await change("add");
    let mended = false;
    return {
      [Symbol.asyncDispose]: async () => {
        if (mended) return;
        mended = true;
        await change("delete");
      },
    };
  }
}
