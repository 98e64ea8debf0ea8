/**
 * The server that bridges are measured against, in a process of its own. The authorization server before it is the
 * demo's; the MCP endpoint is as fast as it can be, so that what is measured is the bridge: it wants a session id,
 * checks a token once, and answers `echo` with JSON, `stream` with an event stream.
 *
 * It prints its URL as the one line of its standard output and ends when its standard input does.
 *
 * @module
 */
import { startAuthorizationServer } from "../demo/servers/authorization_server.ts";
import { BearerGuard } from "../demo/servers/bearer_guard.ts";

const INITIALIZED = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "bench", version: "1.0.0" },
};
const TOOLS = { tools: ["echo", "stream"].map((name) => ({ name, inputSchema: { type: "object" } })) };
const EVENT_STREAM = { "content-type": "text/event-stream" };
const CHECK_TIMEOUT_MS = 10_000;
const METADATA_PATH = "/.well-known/oauth-protected-resource/mcp";

const authorizationServer = await startAuthorizationServer();
const session = crypto.randomUUID();
const accepted = new Set<string>();

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
const origin = `http://127.0.0.1:${server.addr.port}`;
const guard = new BearerGuard(authorizationServer, {
  resource: `${origin}/mcp`,
  metadataUrl: `${origin}${METADATA_PATH}`,
});
Deno.stdout.writeSync(new TextEncoder().encode(`${origin}/mcp\n`));
for await (const _chunk of Deno.stdin.readable) continue;
await server.shutdown();
await authorizationServer.close();

async function answer(request: Request): Promise<Response> {
  if (request.method === "GET" && request.url.endsWith(METADATA_PATH)) {
    return Response.json({ resource: `${origin}/mcp`, authorization_servers: [authorizationServer.issuer] });
  }
  const authorization = request.headers.get("authorization");
  if (authorization === null || !accepted.has(authorization)) {
    const bearer = await guard.check(request, undefined, AbortSignal.timeout(CHECK_TIMEOUT_MS));
    if (bearer instanceof Response) return bearer;
    accepted.add(authorization ?? "");
  }
  if (request.method === "DELETE") return new Response(null, { status: 204 });
  if (request.method !== "POST") return new Response(null, { status: 405 });
  const { id, method, params } = await request.json();
  if (method === "initialize") {
    return Response.json({ jsonrpc: "2.0", id, result: INITIALIZED }, {
      headers: { "mcp-session-id": session },
    });
  }
  if (request.headers.get("mcp-session-id") !== session) return new Response(null, { status: 404 });
  if (id === undefined) return new Response(null, { status: 202 });
  const result = method === "tools/list"
    ? TOOLS
    : { content: [{ type: "text", text: params?.arguments?.text }] };
  const answer = { jsonrpc: "2.0", id, result };
  if (params?.name !== "stream") return Response.json(answer);
  return new Response(`event: message\ndata: ${JSON.stringify(answer)}\n\n`, { headers: EVENT_STREAM });
}
