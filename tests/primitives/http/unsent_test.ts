/**
 * Which failures say for certain that nothing was sent: whoever sends what must not arrive twice may send it again then.
 * The words of the runtime that tell it are held here for every version that this runs on.
 *
 * @see behaviours rows 1 and 3
 */
import { equal, ok, rejects } from "node:assert/strict";
import { type ErrorCode, McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { type Http, type HttpRequest, UnsentError } from "../../../lib/primitives/http/http.ts";
import { coded } from "../coded_error.ts";
import { endless, freePort, serve, serveRaw } from "./local_server.ts";

const POST: HttpRequest = { method: "POST", body: "refresh_token=x", once: true, timeoutMs: 2_000 };

async function fails(
  code: ErrorCode,
  unsent: boolean,
  url: string,
  changes: HttpRequest = {},
  http: Http = createHttp(),
) {
  await rejects(http(url, { ...POST, ...changes }), (error: unknown) => {
    coded(code)(error);
    equal(error instanceof UnsentError, unsent, String(error));
    return true;
  });
}

Deno.test("a connection that is refused, a name that is not known, a port that is blocked, and TLS that fails: nothing was sent", async () => {
  await using raw = serveRaw("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
  const { port } = new URL(raw.origin);
  for (const once of [true, false]) {
    await fails("NETWORK_ERROR", true, `http://127.0.0.1:${freePort()}/token`, { once });
    await fails("NETWORK_ERROR", true, "https://nowhere.invalid/token", { once });
    await fails("NETWORK_ERROR", true, "http://127.0.0.1:1/token", { once });
    await fails("NETWORK_ERROR", true, `https://127.0.0.1:${port}/token`, { once });
  }
});

Deno.test("what is refused before the connection was not sent: scheme, address, header, and a name that is looked up for too long", async () => {
  await fails("UNSAFE_URL", true, "http://example.com/token");
  await fails("UNSAFE_URL", true, "javascript:alert(1)");
  await fails("CONFIG_INVALID", true, `http://127.0.0.1:${freePort()}/`, { headers: { "x y": "z" } });
  const unsafe = () => Promise.reject(new McpAuthError("UNSAFE_URL", "Cannot connect: not there"));
  await fails("UNSAFE_URL", true, "https://example.com/", {}, createHttp({ guard: unsafe }));
  const slow = () => new Promise<never>(() => {});
  await fails("TIMEOUT", true, "https://example.com/", { timeoutMs: 30 }, createHttp({ guard: slow }));
});

Deno.test("a request that a server may have received is never called unsent", async () => {
  await using closing = serveRaw("");
  await using garbage = serveRaw("hello\r\n\r\n");
  await using cut = serveRaw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{");
  await using hanging = serve(() => endless());
  await using long = serve(() => new Response("x".repeat(100)));
  for (const { origin } of [closing, garbage, cut]) await fails("NETWORK_ERROR", false, origin);
  await fails("TIMEOUT", false, hanging.origin, { timeoutMs: 50 });
  await fails("SERVER_ERROR", false, long.origin, { maxBytes: 10 });
});

Deno.test("a request that was redirected to where nobody is has been sent to the first place", async () => {
  const gone = `http://127.0.0.1:${freePort()}/`;
  await using server = serve(() => new Response(null, { status: 307, headers: { location: gone } }));
  await fails("UNSAFE_URL", false, server.origin);
  await fails("NETWORK_ERROR", false, server.origin, { method: "GET", body: undefined });
  equal(server.received.length, 2);
});

Deno.test("a request whose caller has given up says so, whether or not it was sent", async () => {
  const cancelled = new McpAuthError("AUTH_CANCELLED", "Cancelled by signal");
  await rejects(
    createHttp()(`http://127.0.0.1:${freePort()}/`, { ...POST, signal: AbortSignal.abort(cancelled) }),
    (error) => error === cancelled,
  );
});

Deno.test("what the sandbox refuses was not sent", async () => {
  const client = import.meta.resolve("../../../lib/primitives/http/client.ts");
  const program = `
    const { createHttp } = await import(${JSON.stringify(client)});
    const error = await createHttp()("http://127.0.0.1:8999/", { method: "POST", body: "x", once: true }).catch((e) => e);
    console.log(error.constructor.name, error.code);
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-prompt", "--allow-read", "--allow-import", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(stdout).trim();
  ok(said === "UnsentError PERMISSION_DENIED", `${said} ${new TextDecoder().decode(stderr)}`);
});
