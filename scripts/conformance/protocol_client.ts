/**
 * The client that the suite judges in its scenarios about the protocol itself: the official SDK's client, as a host has
 * it, over the standard streams of `mcp-auth bridge <url> --login`. What it does is what each scenario's description
 * asks of a client; what the SDK does by itself, such as elicitation defaults and the checks of skills, is the host's.
 *
 *     deno run -A --config tests/deno.json scripts/conformance/protocol_client.ts http://localhost:3000/mcp
 *
 * @module
 */
import { Client, type ClientOptions } from "@modelcontextprotocol/client";
import { SkillsClient } from "@modelcontextprotocol/client/ext/skills";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { HOST_ERA } from "./scenarios.ts";
import { makeWorld } from "./world.ts";

const STATELESS = "2026-07-28";
const CLIENT_INFO = { name: "conformance-host", version: "1.0.0" };
/** One request; the suite itself waits for 30 s. */
const TIMEOUT_MS = 10_000;

/** What is asked of a client, by scenario. */
const DEEDS: Readonly<Record<string, (client: Client) => Promise<void>>> = {
  "initialize": list,
  "tools_call": async (client) => {
    await list(client);
    await client.callTool({ name: "add_numbers", arguments: { a: 5, b: 3 } });
  },
  "elicitation-sep1034-client-defaults": callAll,
  "sse-retry": callAll,
  "request-metadata": list,
  "sep-2322-client-request-state": async (client) => {
    await list(client);
    const asking = client.callTool({ name: "test_mrtr_echo_state", arguments: {} });
    await client.callTool({ name: "test_mrtr_unrelated", arguments: {} });
    await asking;
    await client.callTool({ name: "test_mrtr_no_state", arguments: {} });
    // A host may refuse a result that does not say what it is; it must not ask again.
    await client.callTool({ name: "test_mrtr_no_result_type", arguments: {} }).catch(() => {});
  },
  "http-standard-headers": async (client) => {
    await callAll(client);
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
  },
  "http-custom-headers": async (client) => {
    await list(client);
    const { toolCalls } = JSON.parse(Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}") as {
      readonly toolCalls: readonly { readonly name: string; readonly arguments: Record<string, unknown> }[];
    };
    for (const call of toolCalls) await client.callTool(call);
  },
  "http-invalid-tool-headers": callAll,
  "json-schema-ref-no-deref": list,
  "json-schema-2020-12-preservation": async (client) => {
    const { tools } = await client.listTools();
    const echo = tools.find(({ inputSchema }) => "schema" in (inputSchema.properties ?? {}));
    const focal = tools.find((tool) => tool !== echo);
    if (echo === undefined || focal === undefined) throw new Error("The tools of the scenario are not there");
    await client.callTool({ name: echo.name, arguments: { schema: focal.inputSchema } });
  },
  "sep-2640-client-no-prefetch": async (client) => {
    await new SkillsClient(client).list();
  },
  "sep-2640-client-verify-digest": loadSkill,
  "sep-2640-client-verify-size": loadSkill,
  "sep-2640-client-verify-frontmatter": loadSkill,
};

async function list(client: Client): Promise<void> {
  await client.listTools();
}

async function callAll(client: Client): Promise<void> {
  for (const { name } of (await client.listTools()).tools) await client.callTool({ name, arguments: {} });
}

/** Loads a skill with all its files, and stops at the first that is not what the list says. */
async function loadSkill(client: Client): Promise<void> {
  const skills = new SkillsClient(client, { parseFrontmatter: parseYaml });
  const [skill] = (await skills.list()).skills;
  if (skill === undefined) throw new Error("The skill of the scenario is not there");
  for (const { uri } of skill.resources as readonly { readonly uri: string }[]) await skills.read(skill, uri);
}

/** As much YAML as the scenarios' frontmatter has. */
function parseYaml(text: string): Record<string, unknown> {
  const lines = text.split("\n").map((line) => /^([\w-]+): (.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((line) => line === null ? [] : [[line[1]!, line[2]!]]));
}

function optionsOf(stateless: boolean): ClientOptions {
  return {
    capabilities: { roots: {}, sampling: {}, elicitation: { form: { applyDefaults: true } } },
    versionNegotiation: { mode: stateless ? { pin: STATELESS } : "legacy" },
  };
}

async function main(url: string): Promise<number> {
  const scenario = Deno.env.get("MCP_CONFORMANCE_SCENARIO") ?? "";
  const deed = DEEDS[scenario];
  if (deed === undefined) throw new Error(`Unknown scenario "${scenario}"`);
  await using world = await makeWorld();
  const era = Deno.env.get(HOST_ERA) ?? (world.revision === STATELESS ? "stateless" : "stateful");
  const [command = "", ...args] = [
    ...world.program,
    "bridge",
    url,
    "--login",
    "--verbose",
    "--keystore",
    "file",
  ];
  const transport = new StdioClientTransport({ command, args, env: { ...world.env } });
  const client = new Client(CLIENT_INFO, optionsOf(era === "stateless"));
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: {} }));
  client.setRequestHandler("roots/list", () => ({ roots: [] }));
  client.setRequestHandler("sampling/createMessage", () => {
    throw new Error("Nobody to ask");
  });
  try {
    await client.connect(transport, { timeout: TIMEOUT_MS });
    await deed(client);
    return 0;
  } catch (error) {
    Deno.stderr.writeSync(new TextEncoder().encode(`host: ${error}\n`));
    return 1;
  } finally {
    await client.close();
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args.at(-1) ?? ""));
