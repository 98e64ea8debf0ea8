/**
 * The client that the conformance suite judges: a host as users have one, which speaks MCP over the standard streams of
 * `mcp-auth bridge <url> --login` and has no OAuth code of its own. The suite appends the server's URL to its command
 * line and tells the rest in `MCP_CONFORMANCE_*` variables; what a user of the product would be told is passed on as
 * flags and environment. The store is a new one each time: a scenario is a new world.
 *
 *     deno run -A scripts/conformance/client.ts http://localhost:3000/mcp
 *
 * @module
 */
import { type Message, StdioHost } from "./stdio_host.ts";

const MAIN = "main.ts";
const BROWSER = "scripts/demo/browser/scripted_browser.ts";
const STATELESS = "2026-07-28";
/** The client ID metadata document that the suite knows; it is never fetched. */
const CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json";
/** All requests together; the suite itself waits for 30 s. */
const TIMEOUT_MS = 25_000;
const CLIENT_INFO = { name: "conformance-host", version: "1.0.0" };

/** What is added to the plain command line for one scenario. */
interface Extras {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What a user would have been told by the operator of the server. */
function extrasFor(scenario: string, context: Message): Extras {
  switch (scenario) {
    case "auth/pre-registration":
      return {
        flags: ["--client-id", String(context["client_id"])],
        env: { MCP_AUTH_CLIENT_SECRET: String(context["client_secret"]) },
      };
    case "auth/basic-cimd":
      return { flags: ["--client-metadata-url", CLIENT_METADATA_URL], env: {} };
    default:
      return { flags: [], env: {} };
  }
}

/** The environment of the program: this one's without settings for another mcp-auth. */
function environment(home: string, extras: Extras): Record<string, string> {
  const own = Object.entries(Deno.env.toObject()).filter(([name]) => !name.startsWith("MCP_AUTH_"));
  return {
    ...Object.fromEntries(own),
    MCP_AUTH_HOME: home,
    BROWSER: `${Deno.execPath()} run -A --quiet --no-config ${BROWSER}`,
    ...extras.env,
  };
}

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
  const home = await Deno.makeTempDir({ prefix: "mcp-auth-conformance-" });
  try {
    const env = Deno.env.get("MCP_CONFORMANCE_CONTEXT");
    const context = env === undefined ? {} : JSON.parse(env);
    const extras = extrasFor(Deno.env.get("MCP_CONFORMANCE_SCENARIO") ?? "", context);
    const command = [
      ...[Deno.execPath(), "run", "-A", "--quiet", MAIN],
      ...["bridge", url, "--login", "--verbose", "--keystore", "file", ...extras.flags],
    ];
    const host = new StdioHost(command, { env: environment(home, extras) });
    try {
      await talk(host, Deno.env.get("MCP_CONFORMANCE_PROTOCOL_VERSION") ?? "2025-11-25");
      return 0;
    } catch (error) {
      Deno.stderr.writeSync(new TextEncoder().encode(`host: ${(error as Error).message}\n`));
      return 1;
    } finally {
      const code = await host.close();
      if (code !== 0) {
        Deno.stderr.writeSync(new TextEncoder().encode(`host: the bridge ended with ${code}\n`));
      }
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args.at(-1) ?? ""));
