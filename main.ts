/**
 * The program `mcp-auth`: the command line in, the exit code out. Started without Deno KV, it starts itself once more
 * with it.
 *
 * @module
 */
import { run } from "./lib/interfaces/cli/run.ts";
import { systemWorld } from "./lib/interfaces/cli/system_world.ts";

if (import.meta.main) {
  let code: number | undefined;
  if (typeof Deno.openKv !== "function") {
    const { restartWithKv } = await import("./lib/primitives/system/restart.ts");
    code = await restartWithKv(import.meta.url, Deno.args);
  }
  Deno.exit(code ?? await run(Deno.args, systemWorld()));
}
