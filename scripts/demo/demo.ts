/**
 * `deno task demo`: the main job with nothing else running. It starts a real authorization server and a real MCP server
 * on free loopback ports, then runs the program as a user would, each command in its own process, and echoes it.
 *
 * Flags: `--browser` opens your own browser in place of the scripted one.
 *
 * @module
 */
import { startAuthorizationServer } from "./servers/authorization_server.ts";
import { startMcpServer } from "./servers/mcp_server.ts";

const ROOT = new URL("../../", import.meta.url);
const BROWSER = new URL("./browser/scripted_browser.ts", import.meta.url);

/** What the host says to the bridge. */
const HOST_MESSAGES = [
  {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "demo-host", version: "1.0.0" },
    },
  },
  { jsonrpc: "2.0", method: "notifications/initialized" },
  { jsonrpc: "2.0", id: 2, method: "tools/list" },
  { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "add", arguments: { a: 2, b: 3 } } },
];

interface Command {
  readonly args: readonly string[];
  /** Lines for its standard input. */
  readonly input?: readonly string[];
}

async function demo(home: string, useOwnBrowser: boolean): Promise<number> {
  const resources: string[] = [];
  const authorizationServer = await startAuthorizationServer({
    allowsResource: (resource) => resources.includes(resource),
  });
  const mcpServer = await startMcpServer({ authorizationServer });
  resources.push(mcpServer.resource);
  try {
    say(`# authorization server: ${authorizationServer.issuer} (oidc-provider)`);
    say(`# MCP server:           ${mcpServer.url} (@modelcontextprotocol/sdk)`);
    const commands: readonly Command[] = [
      { args: ["add", "demo", mcpServer.url] },
      { args: ["list"] },
      { args: ["status", "demo"] },
      { args: ["token", "demo", "--header"] },
      { args: ["tools", "demo"] },
      { args: ["call", "demo", "echo", '{"text":"hello from mcp-auth"}'] },
      { args: ["bridge", "demo"], input: HOST_MESSAGES.map((message) => JSON.stringify(message)) },
      { args: ["logout", "demo"] },
    ];
    for (const command of commands) {
      const code = await runProgram(command, home, useOwnBrowser);
      if (code !== 0) {
        say(`# exit code ${code}: the demo failed`);
        return 1;
      }
    }
    say("\n# done: every command ran as its own process; the store was a throw-away folder");
    return 0;
  } finally {
    await mcpServer.close();
    await authorizationServer.close();
  }
}

async function runProgram({ args, input }: Command, home: string, useOwnBrowser: boolean): Promise<number> {
  say(`\n$ mcp-auth ${args.map((arg) => /[{"' ]/.test(arg) ? `'${arg}'` : arg).join(" ")}`);
  for (const line of input ?? []) say(`> ${line}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL("main.ts", ROOT).href, ...args, "--keystore", "file"],
    cwd: home,
    env: {
      MCP_AUTH_HOME: `${home}/data`,
      ...(useOwnBrowser
        ? {}
        : { BROWSER: `${Deno.execPath()} run -A --quiet --no-config ${BROWSER.pathname}` }),
    },
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = printWhole(child.stdout, input === undefined ? "" : "< ");
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    for (const line of input) await writer.write(new TextEncoder().encode(`${line}\n`));
    await writer.close();
  }
  await output;
  return (await child.status).code;
}

async function printWhole(stream: ReadableStream<Uint8Array>, prefix: string): Promise<void> {
  const text = await new Response(stream).text();
  for (const line of text.split("\n").filter((each) => each !== "")) say(`${prefix}${line}`);
}

function say(line: string): void {
  // deno-lint-ignore no-console -- this is what the script is for
  console.log(line);
}

if (import.meta.main) {
  const home = await Deno.makeTempDir({ prefix: "mcp-auth-demo-" });
  let code = 1;
  try {
    code = await demo(home, Deno.args.includes("--browser"));
  } finally {
    await Deno.remove(home, { recursive: true });
  }
  Deno.exit(code);
}
