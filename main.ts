/**
 * The program `mcp-auth`: the command line in, the exit code out. Started without Deno KV, it starts itself once more
 * with it.
 *
 * @module
 */
import { run } from "./lib/interfaces/cli/run.ts";
import { systemWorld } from "./lib/interfaces/cli/system_world.ts";
import { restartWithKv } from "./lib/primitives/system/restart.ts";

if (import.meta.main) {
  const restarted = typeof Deno.openKv === "function"
    ? undefined
    : await restartWithKv(import.meta.url, Deno.args);
  Deno.exit(restarted ?? await run(Deno.args, systemWorld()));
}
