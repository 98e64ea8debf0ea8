/**
 * A server that is a program, used through `bridge -- <command>`, where it does not go by the end of its input.
 *
 * @see features, "Use"; MCP 2026-07-28, Transports, stdio, Shutdown (T19)
 * @module
 */
import assert from "node:assert/strict";
import { Host } from "./host.ts";
import { processesOf } from "./processes.ts";
import { Home } from "./program.ts";

Deno.test("row 38: a program that goes on after the end of its input is told by SIGTERM, before anything harder (T19)", async () => {
  await using home = await Home.make();
  const server = await home.file(
    "server.sh",
    `trap 'echo in order >"$HOME/ended"; exit 0' TERM
read -r line
echo '{"jsonrpc":"2.0","id":1,"result":{}}'
while :; do sleep 0.05; done
`,
  );
  await using host = new Host(home, ["--", "sh", server]);
  assert.deepEqual((await host.request("ping")).result, {});
  const { code, tookMs } = await host.end();
  assert.equal(code, 0);
  assert.ok(tookMs < 2_500, `${tookMs} ms`);
  assert.equal(await Deno.readTextFile(`${home.path}/ended`), "in order\n");
  assert.ok(await home.isQuiet(500), JSON.stringify(await processesOf(home.path)));
});
