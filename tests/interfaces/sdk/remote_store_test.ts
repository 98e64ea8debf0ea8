/**
 * The library over a remote store: named by the program that embeds it, or by the environment.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { createClient } from "../../../lib/mod.ts";
import { READ, startKvConnectServer } from "../../fakes/kv_connect/server.ts";

const KEY = "5f".repeat(32);

/** Runs with variables of this process. */
async function withVariables(variables: Record<string, string>, body: () => Promise<void>): Promise<void> {
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    await body();
  } finally {
    for (const name of Object.keys(variables)) Deno.env.delete(name);
  }
}

Deno.test("a client looks into the store that it was given a URL of, and into no folder", async () => {
  await using server = await startKvConnectServer();
  const home = await Deno.makeTempDir();
  try {
    await withVariables({ DENO_KV_ACCESS_TOKEN: server.accessToken, MCP_AUTH_KEY: KEY }, async () => {
      using client = createClient({ store: server.url, home });
      const status = await client.getStatus("demo");
      ok(!status.ok);
      equal(status.error.code, "NOT_FOUND");
      equal(server.requests(READ).length, 1);
      using other = createClient({ store: "http://store.example.com/", home });
      const refused = await other.getStatus("demo");
      ok(!refused.ok);
      equal(refused.error.code, "CONFIG_INVALID");
    });
    deepEqual(await Array.fromAsync(Deno.readDir(home)), []);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("a client of the environment's store leaves it alone when it is asked to keep nothing", async () => {
  await using server = await startKvConnectServer();
  await withVariables({ DENO_KV_ACCESS_TOKEN: server.accessToken, MCP_AUTH_STORE: server.url }, async () => {
    using client = createClient({ keystore: "memory" });
    const status = await client.getStatus("demo");
    ok(!status.ok);
    equal(status.error.code, "NOT_FOUND");
  });
  equal(server.log.length, 0);
});
