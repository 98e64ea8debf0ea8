/**
 * Servers that are programs, and end when the first message is not the one that they wait for.
 *
 * @module
 */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { startPiped } from "../../../../lib/primitives/system/piped_child.ts";
import { wayTo } from "../../../../lib/services/bridge/way.ts";
import { RemoteHost } from "../../../contracts/remote.ts";
import { said } from "./stateful_scene.ts";

/** Ends at what is not `initialize`, as servers of some libraries do. */
const STRICT = `
let begun = false;
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  for (const line of chunk.split("\\n").filter((line) => line !== "")) {
    const { id, method } = JSON.parse(line);
    if (!begun && method !== "initialize") {
      console.error("expected initialize");
      Deno.exit(1);
    }
    begun = true;
    const opened = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "strict", version: "1" } };
    const result = method === "initialize" ? opened : { tools: [] };
    if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }
}`;

async function startHost(text: string): Promise<RemoteHost & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/server.ts`, text);
  const command = [Deno.execPath(), "run", "-A", "--no-config", `${folder}/server.ts`] as const;
  const way = await wayTo({ program: { command, start: startPiped, errors: () => {} }, log: () => {} });
  const host = new RemoteHost({
    open: way,
    hasEnded: () => true,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  return Object.assign(host, {
    [Symbol.asyncDispose]: async () => {
      await host.remote.close(800);
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test("a program that ends at a first message that is not initialize is translated to (T20)", async () => {
  await using host = await startHost(STRICT);
  // deno-lint-ignore no-explicit-any -- the results are looked into
  const params = said() as any;
  deepEqual((await host.request("server/discover", params)).supportedVersions, ["2026-07-28"]);
  deepEqual((await host.request("tools/list", params)).tools, []);
});

Deno.test("a program that ends at every message fails the request with its own last words", async () => {
  await using host = await startHost('console.error("no key"); Deno.exit(3);');
  // deno-lint-ignore no-explicit-any -- the parameters are those of any message
  const params = said() as any;
  await rejects(host.request("tools/list", params, "once"), (error: Error & { code: string }) => {
    equal(error.code, "SERVER_ERROR");
    match(error.message, /has ended \(exit code 3\); the last it said: no key/);
    return true;
  });
  equal(host.answers("once").length, 0);
});
