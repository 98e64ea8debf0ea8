/**
 * A server of the stateful revisions alone, and a host that only knows the stateless one: what stands between them is
 * under test. The server refuses everything outside of a session, as real ones do.
 *
 * @module
 */
import {
  type Call,
  event,
  hang,
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from "../scripted_server.ts";
import { eventually, Host, type HostOptions, type Line } from "../host.ts";

/** What a host of the stateless revision says with each request. */
export const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "host", version: "3.0.0" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** The capabilities of a host that can be asked everything. */
export const ASKABLE = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** Parameters with the members that say who the host is. */
export function said(params: Record<string, unknown> = {}, capabilities: unknown = {}, meta = {}): unknown {
  const _meta = { ...META, "io.modelcontextprotocol/clientCapabilities": capabilities, ...meta };
  return { ...params, _meta };
}

/** A stateful server that runs. */
export interface StatefulServerScene extends ScriptedServer {
  /** What came in the session, in order. */
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly messages: any[];
  /** The messages of one method. */
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  of(method: string): any[];
  /** The host's answers to the server's requests. */
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly answers: any[];
  /** Sends something on the stream of the server's own. */
  push(message: unknown): Promise<void>;
}

const METHODS = ["server/discover", "subscriptions/listen", "logging/setLevel", "ping"]
  .concat(["tools/list", "tools/call", "prompts/get", "completion/complete"])
  .concat(["resources/list", "resources/read", "resources/subscribe", "resources/unsubscribe"]);

/** Starts one. */
export async function startStateful(
  script: Script = {},
  capabilities: unknown = {},
): Promise<StatefulServerScene> {
  const streams: ((text: string) => void)[] = [];
  const all: Script = {
    initialize: (call) => {
      const serverInfo = { name: "stateful", version: "1.2.3" };
      const result = { protocolVersion: "2025-11-25", capabilities, serverInfo, instructions: "Be kind" };
      const body = JSON.stringify({ jsonrpc: "2.0", id: call.message.id, result });
      call.json(body, 200, { "mcp-session-id": "session-1" });
    },
    GET: async (call) => {
      call.stream(": open\n\n");
      streams.push((text) => void call.response.write(text));
      await hang(call);
    },
    ...Object.fromEntries(METHODS.map((method) => [method, (call: Call) => call.result({ method })])),
    ...script,
  };
  const server = await startScriptedServer(Object.fromEntries(
    Object.entries(all).map(([key, answer]) => [key, (call: Call) => {
      const { recorded } = call.exchange;
      if (recorded.method !== "POST" || key === "initialize" || isInSession(recorded)) return answer(call);
      const error = { code: -32000, message: "Bad Request: Server not initialized" };
      call.json(JSON.stringify({ jsonrpc: "2.0", id: null, error }), 400);
    }]),
  ));
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  const messages = (): any[] =>
    server.log.filter((each) => {
      return each.method === "POST" &&
        (isInSession(each) || (each.json() as { method?: string }).method === "initialize");
    }).map((each) => each.json());
  return Object.defineProperties(
    Object.assign(server, {
      of: (method: string) => messages().filter((each) => each.method === method),
      push: async (message: unknown) => {
        await eventually(() => streams.length > 0, "the server's stream is open");
        streams.at(-1)!(event(message));
      },
    }),
    {
      messages: { get: messages },
      answers: { get: () => messages().filter((each) => each.method === undefined) },
    },
  ) as StatefulServerScene;
}

function isInSession({ headers }: { readonly headers: Headers }): boolean {
  return headers.get("mcp-session-id") !== null;
}

/** A host of the stateless revision. */
export class StatelessHost extends Host {
  readonly #capabilities: unknown;

  constructor(url: string, capabilities: unknown = {}, options: HostOptions = {}) {
    super(url, options);
    this.#capabilities = capabilities;
  }

  /** Makes a request as such a host does. */
  ask(method: string, params: Record<string, unknown> = {}, id?: string | number, meta = {}): Promise<Line> {
    return this.request(method, said(params, this.#capabilities, meta), id);
  }
}
