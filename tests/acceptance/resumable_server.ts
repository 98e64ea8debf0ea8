/**
 * A server of the official SDK that keeps what it has said, so that a stream that broke off can be resumed.
 *
 * @see MCP 2025-11-25, Transports, Resumability and Redelivery (T5)
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { makeToolServer } from "../../scripts/demo/servers/mcp_tools.ts";

/** A running server. */
export interface ResumableServer extends AsyncDisposable {
  /** Its port on 127.0.0.1; the endpoint is `/mcp`. */
  readonly port: number;
}

/** Starts one, for one session. */
export async function startResumableServer(): Promise<ResumableServer> {
  const events: { readonly stream: string; readonly message: unknown }[] = [];
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    eventStore: {
      storeEvent: (stream, message) => Promise.resolve(String(events.push({ stream, message }))),
      replayEventsAfter: async (last, { send }) => {
        const { stream } = events[Number(last) - 1]!;
        for (const [at, event] of events.entries()) {
          if (at < Number(last) || event.stream !== stream) continue;
          await send(String(at + 1), event.message as Parameters<typeof send>[1]);
        }
        return stream;
      },
    },
  });
  const server = makeToolServer([]);
  await server.connect(transport);
  const front = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => transport.handleRequest(request),
  );
  return {
    port: front.addr.port,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await front.shutdown();
    },
  };
}
