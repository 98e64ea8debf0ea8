/**
 * A server of the stateless revision alone, on the wire, and a host in front of it that knows nothing of that revision.
 *
 * @module
 */
import { Host, INITIALIZE, type Line } from "../host.ts";
import {
  type Call,
  event,
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from "../scripted_server.ts";

/** The revision of the server. */
export const STATELESS = "2026-07-28";
/** Which subscription a notification is of. */
export const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";
/** What it says of itself. */
export const SAID = {
  resultType: "complete",
  supportedVersions: [STATELESS],
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
  instructions: "Read me",
  _meta: { "io.modelcontextprotocol/serverInfo": { name: "modern", version: "3.0.0", title: "Modern" } },
};
/** What the host can be asked for. */
export const CAPABILITIES = {
  roots: {},
  sampling: {},
  elicitation: { form: {}, url: {} },
  tasks: { list: {} },
};

/** A server that knows no sessions, with a host in front of it. */
export class Scene implements AsyncDisposable {
  readonly server: ScriptedServer;
  readonly host: Host;
  /** Every message that the server got, in order. */
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly #heard: any[];

  private constructor(server: ScriptedServer, heard: unknown[]) {
    this.server = server;
    this.host = new Host(server.url);
    this.#heard = heard;
  }

  static async start(script: Script = {}): Promise<Scene> {
    const heard: unknown[] = [];
    const all: Script = {
      initialize: (call) => {
        const data = { supported: [STATELESS], requested: "2025-11-25" };
        const error = { code: -32022, message: "Unsupported protocol version", data };
        call.json(JSON.stringify({ jsonrpc: "2.0", id: call.message.id, error }), 400);
      },
      "server/discover": (call) => call.result(SAID),
      "subscriptions/listen": (call) =>
        call.stream(event({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged" })),
      ...script,
    };
    for (const [name, answer] of Object.entries(all)) {
      all[name] = (call) => {
        heard.push(call.message);
        return answer(call);
      };
    }
    return new Scene(await startScriptedServer(all), heard);
  }

  /** The messages of a method that the server got. */
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  of(method: string): any[] {
    return this.#heard.filter((message) => message?.method === method);
  }

  async open(capabilities: unknown = CAPABILITIES, protocolVersion = "2025-11-25"): Promise<Line> {
    const answer = await this.host.request(
      "initialize",
      { ...INITIALIZE, capabilities, protocolVersion },
      "init",
    );
    this.host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return answer;
  }

  /** Answers what the server asks of the host, when it does. */
  async reply(method: string, result: unknown): Promise<Line> {
    const asked = await this.host.line((line) => line.method === method, method);
    this.host.send({ jsonrpc: "2.0", id: asked.id, result });
    return asked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.end();
    await this.server[Symbol.asyncDispose]();
  }
}

/** Wants to know more before it answers: as often as there are rounds. */
export function asks(...rounds: unknown[]): (call: Call) => void {
  let round = 0;
  return (call) =>
    call.result(rounds[round++] ?? { resultType: "complete", content: [{ type: "text", text: "done" }] });
}
