/**
 * The real machine and its terminal as the world that the program runs on.
 *
 * @module
 */
import { systemTerminal } from "../../primitives/system/terminal.ts";
import { systemPorts } from "../composition/system_ports.ts";
import type { World } from "./context.ts";

/** Makes the world; nothing is opened or loaded yet. */
export function systemWorld(): World {
  const ports = systemPorts();
  return {
    ports,
    anticipate: ports.anticipate,
    terminal: systemTerminal,
    readTextFile: async (path) => (await import("../../primitives/system/files.ts")).readTextFile(path),
  };
}
