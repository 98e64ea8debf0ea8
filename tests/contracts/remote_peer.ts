/**
 * What the server of the contract of remotes does, whatever carries its messages: each method provokes one thing. It is
 * one side of one connection.
 *
 * @module
 */

/** A message, parsed. */
// deno-lint-ignore no-explicit-any -- any shape
export type Json = any;

/** How the server of one connection reaches its client. */
export interface PeerLink {
  /** Sends a message, or a batch. */
  send(message: Json): void;
  /** Cuts the connection, without a word. */
  cut(): void;
}

/** The server's side of one connection. */
export class Peer {
  readonly #cancelled: Json[] = [];
  readonly #noted: Json[] = [];
  readonly #asked = new Map<string, (answer: Json) => void>();

  /**
   * Takes one message or batch.
   *
   * @param message What came.
   * @param link Leads back, to where answers to this message go.
   */
  async take(message: Json, link: PeerLink): Promise<void> {
    if (Array.isArray(message)) {
      const answers: Json[] = [];
      for (const one of message) {
        await this.take(one, { ...link, send: (answer) => void answers.push(answer) });
      }
      if (answers.length > 0) link.send(answers);
      return;
    }
    const { id, method, params } = message;
    if (method === undefined) return this.#asked.get(id)?.(message);
    if (method === "notifications/cancelled") return void this.#cancelled.push(params.requestId);
    if (method === "notifications/note") return void this.#noted.push(params.number);
    if (id === undefined) return;
    const result = await this.#result(method, params, link);
    if (result !== undefined) link.send({ jsonrpc: "2.0", id, result });
  }

  async #result(method: string, params: Json, link: PeerLink): Promise<Json> {
    switch (method) {
      case "initialize":
        return {
          protocolVersion: params.protocolVersion,
          capabilities: {},
          serverInfo: { name: "peer", version: "1" },
        };
      case "echo":
        return params;
      case "count":
        for (let progress = 1; progress <= params.to; progress++) {
          link.send({
            jsonrpc: "2.0",
            method: "notifications/progress",
            params: { progressToken: params.token, progress },
          });
        }
        return { counted: params.to };
      case "ask": {
        const id = `question-${params.number}`;
        const answer = new Promise<Json>((resolve) => this.#asked.set(id, resolve));
        link.send({ jsonrpc: "2.0", id, method: "roots/list" });
        return { answer: (await answer).result };
      }
      case "big":
        return { text: "x".repeat(params.length) };
      case "cancelled":
        return { ids: this.#cancelled };
      case "noted":
        return { numbers: this.#noted };
      case "cut":
        link.cut();
        return undefined;
      default:
        // "hang": it never answers.
        return undefined;
    }
  }
}
