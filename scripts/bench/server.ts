/**
 * The server that bridges are measured against, in a process of its own. The authorization server before it is the
 * demo's; the MCP endpoints are as fast as they can be, so that what is measured is the bridge: they want a session id,
 * check a token once, and answer `echo` with JSON, `stream` with an event stream, with the text that came or with as many
 * bytes as were asked for. `/mcp` takes bearer tokens; `/bound/mcp` takes tokens that are bound to a key, with a proof on
 * each request, of which it checks the first.
 *
 * It prints the URL of `/mcp` as the one line of its standard output and ends when its standard input does.
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
const JSON_TYPE = { "content-type": "application/json" };
const EVENT_STREAM = { "content-type": "text/event-stream" };
const CHECK_TIMEOUT_MS = 10_000;
const METADATA = "/.well-known/oauth-protected-resource";

const authorizationServer = await startAuthorizationServer();
const session = crypto.randomUUID();
const accepted = new Set<string>();

const texts = new Map<number, string>();

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
const origin = `http://127.0.0.1:${server.addr.port}`;
const guards = new Map([
  ["/mcp", guardOf("/mcp", undefined)],
  ["/bound/mcp", guardOf("/bound/mcp", "require")],
]);
Deno.stdout.writeSync(new TextEncoder().encode(`${origin}/mcp\n`));
for await (const _chunk of Deno.stdin.readable) continue;
await server.shutdown();
await authorizationServer.close();

function guardOf(path: string, dpop: "require" | undefined): BearerGuard {
  return new BearerGuard(authorizationServer, {
    resource: `${origin}${path}`,
    metadataUrl: `${origin}${METADATA}${path}`,
    dpop,
  });
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname.startsWith(METADATA)) {
    const resource = `${origin}${pathname.slice(METADATA.length)}`;
    return Response.json({
      resource,
      authorization_servers: [authorizationServer.issuer],
      ...(pathname.includes("/bound/") ? { dpop_bound_access_tokens_required: true } : {}),
    });
  }
  const guard = guards.get(pathname);
  if (guard === undefined) return new Response(null, { status: 404 });
  const authorization = request.headers.get("authorization");
  const proven = !authorization?.startsWith("DPoP") || request.headers.has("dpop");
  if (authorization === null || !proven || !accepted.has(`${pathname} ${authorization}`)) {
    const bearer = await guard.check(request, undefined, AbortSignal.timeout(CHECK_TIMEOUT_MS));
    if (bearer instanceof Response) return bearer;
    accepted.add(`${pathname} ${authorization}`);
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
  const { text, bytes } = params?.arguments ?? {};
  const result = method === "tools/list"
    ? JSON.stringify(TOOLS)
    : `{"content":[{"type":"text","text":${bytes === undefined ? JSON.stringify(text) : textOf(bytes)}}]}`;
  const body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
  if (params?.name !== "stream") return new Response(body, { headers: JSON_TYPE });
  return new Response(`event: message\ndata: ${body}\n\n`, { headers: EVENT_STREAM });
}

/** A JSON string of as many bytes, with what real answers have in them: line breaks, quotes and other alphabets. */
function textOf(bytes: number): string {
  let text = texts.get(bytes);
  if (text === undefined) {
    const line = JSON.stringify(`The quick brown fox says "Grüße" to the lazy dog, line by line.\n`).slice(
      1,
      -1,
    );
    text = `"${line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes).replace(/\\$/, "")}"`;
    texts.set(bytes, text);
  }
  return text;
}
