/**
 * The real machine.
 *
 * @module
 */
import { systemClock } from "../../primitives/system/clock.ts";
import { systemEnv } from "../../primitives/system/env.ts";
import type { Ports } from "./ports.ts";

/** Makes the ports; nothing is opened or loaded yet. */
export function systemPorts(): Ports {
  return {
    env: systemEnv,
    clock: systemClock,
    browser: async () => (await import("../../primitives/system/browser.ts")).systemBrowser(systemEnv),
    listen: async () => (await import("../../primitives/system/listener.ts")).listen,
    lookup: async () => (await import("../../primitives/system/network.ts")).lookupAddresses,
    locks: async (home) => {
      const { fileLocks } = await import("../../primitives/system/lock.ts");
      const { pathIn } = await import("../../primitives/system/paths.ts");
      const { ensurePrivateFolder } = await import("../../primitives/system/files.ts");
      const folder = pathIn(home, "locks");
      await ensurePrivateFolder(folder);
      return fileLocks(folder);
    },
    interruption: async ({ parent }) => {
      const { interruptible } = await import("../../primitives/system/process.ts");
      const { isRestarted } = await import("../../primitives/system/restart.ts");
      return interruptible({ parent: parent || isRestarted() });
    },
  };
}
