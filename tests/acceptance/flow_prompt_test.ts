/**
 * What a person at a terminal is asked where a server registers no clients: the client, its secret without echo; and
 * that the answer is remembered.
 *
 * @see MCP 2025-11-25, Client Registration Approaches; behaviours row 18
 * @module
 */
import assert from "node:assert/strict";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, Home, type Running } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

const SECRET = "s3cret-s3cret-s3cret";

function startClosedServers(): Promise<Servers> {
  return startServers({
    as: {
      registration: false,
      tokenEndpointAuthMethods: ["client_secret_basic"],
      clients: [{
        client_id: "by-hand",
        client_secret: SECRET,
        application_type: "native",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["http://127.0.0.1/callback"],
      }],
    },
  });
}

/** util-linux: the program has a terminal of its own, and what is written here is typed there. */
function atTerminal(home: Home, args: readonly string[]): Running {
  const line = [...FROM_CHECKOUT, ...args].map((word) => `'${word}'`).join(" ");
  return home.start([], { command: ["script", "-qefc", `stty cols 120 rows 40; exec ${line}`, "/dev/null"] });
}

async function shows(running: Running, text: string): Promise<void> {
  assert.ok(await until(() => running.stdout.includes(text), 10_000), running.stdout);
}

Deno.test("add asks for the client where none can be registered, hides its secret, and login remembers it", async () => {
  await using servers = await startClosedServers();
  await using home = await Home.make();
  await using adding = atTerminal(home, ["add", "demo", servers.mcp.url]);
  await shows(adding, "/callback");
  await shows(adding, "Client ID");
  await adding.write("by-hand\r");
  await shows(adding, "Client secret");
  await adding.write(`${SECRET}\r`);
  assert.equal((await adding.outcome).code, 0, adding.stdout);
  assert.match(adding.stdout, /✓ Connected to demo/);
  assert.ok(!adding.stdout.includes(SECRET));

  const { json } = await home.run(["status", "demo", "--json"]);
  assert.deepEqual([json.client_id, json.client_source], ["by-hand", "pre-registered"]);
  const again = await home.run(["login", "demo"]);
  assert.equal(again.code, 0, again.stderr);
});

Deno.test("Ctrl-C at the question ends add with 130, and nothing is stored", async () => {
  await using servers = await startClosedServers();
  await using home = await Home.make();
  await using adding = atTerminal(home, ["add", "demo", servers.mcp.url]);
  await shows(adding, "Client ID");
  await adding.write("\x03");
  assert.equal((await adding.outcome).code, 130, adding.stdout);
  assert.deepEqual((await home.run(["list", "--json"])).json, []);
});
