/**
 * The real machine.
 *
 * @module
 */
import { systemClock } from "../../primitives/system/clock.ts";
import { systemEnv } from "../../primitives/system/env.ts";
import { notedLookup, startAhead } from "../../primitives/system/keychain/ahead.ts";
import type { RunProgram } from "../../primitives/system/program.ts";
import type { Ports } from "./ports.ts";

/** The ports of the real machine. */
export interface SystemPorts extends Ports {
  /**
   * Starts what opening the store will have to wait for; done as soon as it runs.
   *
   * @param keystore The keystore that the user asks for; what the environment says when left out.
   */
  anticipate(keystore?: string): Promise<void>;
}

/** Makes the ports; nothing is opened or loaded yet. */
export function systemPorts(): SystemPorts {
  let run: RunProgram = async (...call) =>
    await (await import("../../primitives/system/program.ts")).runProgram(...call);
  return {
    env: systemEnv,
    clock: systemClock,
    browser: async () => {
      const { systemBrowser } = await import("../../primitives/system/browser.ts");
      const { isThisWsl } = await import("../../primitives/system/surroundings.ts");
      return systemBrowser(systemEnv, isThisWsl(systemEnv));
    },
    listen: async () => (await import("../../primitives/system/listener.ts")).listen,
    surroundings: async () =>
      (await import("../../primitives/system/surroundings.ts")).systemSurroundings(systemEnv),
    lookup: async () => (await import("../../primitives/system/network.ts")).lookupAddresses,
    locks: async (home) => {
      const { fileLocks } = await import("../../primitives/system/lock.ts");
      const { pathIn } = await import("../../primitives/system/paths.ts");
      const { ensurePrivateFolder } = await import("../../primitives/system/files.ts");
      const folder = pathIn(home, "locks");
      await ensurePrivateFolder(folder);
      return fileLocks(folder);
    },
    room: async (home, lockName) => {
      const { holdDiskRoom } = await import("../../primitives/system/disk_room.ts");
      const { pathIn } = await import("../../primitives/system/paths.ts");
      const { TOKEN_ROOM_BYTES } = await import("../../primitives/limits.ts");
      return holdDiskRoom(pathIn(pathIn(home, "locks"), `${lockName}.room`), TOKEN_ROOM_BYTES);
    },
    run: (...call) => run(...call),
    anticipate: async (keystore = systemEnv.get("MCP_AUTH_KEYSTORE")) => {
      if (keystore !== undefined && keystore !== "keychain") return;
      const command = notedLookup(systemEnv);
      if (command === undefined) return;
      const { runProgram } = await import("../../primitives/system/program.ts");
      run = startAhead(command, runProgram);
    },
    interruption: async ({ parent }) => {
      const { interruptible } = await import("../../primitives/system/process.ts");
      const { isRestarted } = await import("../../primitives/system/restart.ts");
      return interruptible({ parent: parent || isRestarted() });
    },
  };
}
