/**
 * Hosts, as a person has them on one machine: what they are connected to is taken over, and what is signed in to once
 * is used by all.
 *
 * @see features, "Connect"; behaviours rows 5, 47 and 48
 * @module
 */
import assert from "node:assert/strict";
import { HOST_NAMES, type HostName, hostServers, OTHERS, startEntry, writeHostFile } from "./host_files.ts";
import { done } from "./keeping.ts";
import { signInWith, whyMissing } from "./mcp_remote.ts";
import { Home } from "./program.ts";
import { startServers } from "./servers.ts";

const VERSION = "0.15.1";
const missing = await whyMissing([VERSION]);

const ROW =
  "Connect: import servers from Claude Desktop, Claude Code, Cursor, VS Code, Codex, and signed-in state from mcp-remote; write the bridge into those hosts' configs (row 47)";

/** What a call says in a host that starts what stands in its configuration. */
async function whoamiIn(home: Home, host: HostName, name: string): Promise<unknown> {
  await using bridge = startEntry(home, (await hostServers(home, host))[name]!);
  await bridge.initialize();
  const { result, error } = await bridge.call("whoami");
  assert.equal((await bridge.end()).code, 0);
  return result?.content[0].text ?? error?.data.code;
}

Deno.test({
  name: `${ROW}${missing === undefined ? "" : ` (ignored: ${missing})`}`,
  ignore: missing !== undefined,
  fn: async (t) => {
    await using servers = await startServers();
    await using home = await Home.make();
    const { url } = servers.mcp;
    const config = {
      mcpServers: {
        notes: { command: "npx", args: ["-y", "mcp-remote", url, "--transport", "http-only"] },
        files: { command: "npx", args: ["-y", "files"] },
      },
    };
    await writeHostFile(home, "claude-desktop", JSON.stringify(config, null, 2));
    await signInWith(home, VERSION, url);

    await t.step(
      "Claude Desktop had it by mcp-remote: taken over with its sign-in, nobody is asked",
      async () => {
        const browser = await home.recordingBrowser();
        await done(home, ["import", "claude-desktop", "--move", "--yes"], { browser });
        assert.deepEqual(await home.opened(), []);
        assert.equal(await whoamiIn(home, "claude-desktop", "notes"), "alice");
        assert.deepEqual((await hostServers(home, "claude-desktop")).files, config.mcpServers.files);
      },
    );

    for (const host of HOST_NAMES.filter((name) => name !== "claude-desktop")) {
      await t.step(`${host} gets it too, and is signed in`, async () => {
        await writeHostFile(home, host, OTHERS[host]);
        await done(home, ["install", host, "notes", "--yes"]);
        assert.equal(await whoamiIn(home, host, "notes"), "alice");
      });
    }

    await t.step("signed out once, signed out everywhere, and told the command", async () => {
      await done(home, ["logout", "notes"]);
      for (const host of ["claude-desktop", "codex"] as const) {
        assert.equal(await whoamiIn(home, host, "notes"), "AUTH_REQUIRED");
      }
      await done(home, ["login", "notes"]);
      assert.equal(await whoamiIn(home, "vscode", "notes"), "alice");
    });
  },
});
