/**
 * The machine as a library may use it.
 *
 * @module
 */
import type { Ports } from "../composition/ports.ts";
import { systemPorts } from "../composition/system_ports.ts";

/** Makes the ports: those of the machine without its signals, which belong to the program that embeds the library. */
export function embeddedPorts(): Ports {
  return {
    ...systemPorts(),
    interruption: () =>
      Promise.resolve({
        signal: new AbortController().signal,
        shield: (operation) => operation(),
        [Symbol.dispose]: () => {},
      }),
  };
}
