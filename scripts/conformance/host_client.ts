/**
 * The client that the suite judges with `--bridge`: a host as users have one, which speaks MCP over the standard streams
 * of `mcp-auth bridge <url> --login` and has no OAuth code of its own. The suite appends the server's URL.
 *
 *     deno run -A scripts/conformance/host_client.ts http://localhost:3000/mcp
 *
 * @module
 */
import { type Message, StdioHost } from "./stdio_host.ts";
import { makeWorld } from "./world.ts";

const STATELESS = "2026-07-28";
/** All requests together; the suite itself waits for 30 s. */
const TIMEOUT_MS = 25_000;
const CLIENT_INFO = { name: "conformance-host", version: "1.0.0" };

/** Does what the scenarios want to see: lists the tools and calls the one that is there to be called. */
async function talk(host: StdioHost, revision: string): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const stateless = revision === STATELESS;
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientInfo": CLIENT_INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const request = async (method: string, params: Message = {}): Promise<Message> =>
    await host.request(method, stateless ? { ...params, _meta: meta } : params, signal) as Message;
  if (!stateless) {
    await request("initialize", { protocolVersion: revision, capabilities: {}, clientInfo: CLIENT_INFO });
    host.notify("notifications/initialized");
  }
  const { tools } = await request("tools/list") as { readonly tools?: readonly { readonly name: string }[] };
  for (const { name } of tools ?? []) {
    if (name === "test-tool") await request("tools/call", { name, arguments: {} });
  }
}

async function main(url: string): Promise<number> {
  await using world = await makeWorld();
  const say = (line: string) => Deno.stderr.writeSync(new TextEncoder().encode(`host: ${line}\n`));
  const args = ["bridge", url, "--login", "--verbose", "--keystore", "file", ...world.flags];
  const host = new StdioHost([...world.program, ...args], { env: world.env });
  try {
    await talk(host, world.revision);
    return 0;
  } catch (error) {
    say((error as Error).message);
    return 1;
  } finally {
    const code = await host.close();
    if (code !== 0) say(`the bridge ended with ${code}`);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args.at(-1) ?? ""));
