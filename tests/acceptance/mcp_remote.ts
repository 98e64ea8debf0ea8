/**
 * The real mcp-remote, which signs in to a test's servers as it does for its users.
 *
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { until } from "./processes.ts";
import type { Home } from "./program.ts";

/** Why versions of mcp-remote cannot be had; undefined where they can. */
export async function whyMissing(versions: readonly string[]): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "cache",
      "--quiet",
      "--no-config",
      "--no-lock",
      ...versions.map((each) => `npm:mcp-remote@${each}`),
    ],
    env: { NO_COLOR: "1" },
  }).output();
  return success ? undefined : new TextDecoder().decode(stderr).split("\n")[0];
}

/** Lets mcp-remote sign in, as a host would that starts it. */
export async function signInWith(home: Home, version: string, url: string): Promise<void> {
  const command = [Deno.execPath(), "run", "-A", "--no-config", "--no-lock", "--cached-only"];
  // The port that it derives from the URL may be another's, or one that no browser goes to.
  await using remote = home.start([url, String(freePort()), "--transport", "http-only"], {
    command: [...command, `npm:mcp-remote@${version}`],
    // Where there is no opener, the URL is only printed.
    env: { PATH: "/nonexistent" },
  });
  const request = {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  };
  await remote.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: request })}\n`);
  const authorize = await remote.said(/visiting:\s*\n(?:\[\d+\] )?(http\S+)/);
  assert.equal((await browse(authorize)).status, 200);
  assert.ok(await until(() => remote.stdout.includes('"serverInfo"'), 15_000), remote.stderr);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
