/**
 * Ports for diagnoses in this process: the real fetch and the real listener, on loopback, with what a test puts in.
 *
 * @module
 */
import { createAddressGuard } from "../../../lib/primitives/http/address.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { createWebSockets } from "../../../lib/primitives/http/web_sockets.ts";
import { systemClock } from "../../../lib/primitives/system/clock.ts";
import { listen } from "../../../lib/primitives/system/listener.ts";
import { systemMachine } from "../../../lib/primitives/system/machine.ts";
import { systemReach } from "../../../lib/primitives/system/reach.ts";
import type { Check, ServerPorts, Subject } from "../../../lib/services/diagnosis/mod.ts";

/** The ports of a server at a URL. */
export function portsFor(url: string, changes: Partial<ServerPorts> = {}): ServerPorts {
  const lookup = () => Promise.reject(new Error("no names here"));
  const guard = createAddressGuard({ serverUrl: url, lookup });
  return {
    clock: systemClock,
    machine: systemMachine,
    reach: systemReach,
    // Any free port in place of the preferred one, which others that test on this machine may have.
    listen: (options) => listen({ ...options, ports: options.ports.map((port) => port === 8456 ? 0 : port) }),
    lookup,
    http: createHttp({ guard }),
    openSocket: createWebSockets({ guard }),
    guard,
    route: () =>
      Promise.resolve({
        proxy: undefined,
        error: undefined,
        caFiles: [],
        caCerts: [],
        clientCertificate: undefined,
      }),
    surroundings: { place: "desktop", opensBrowser: true },
    clients: () => Promise.resolve({ own: undefined, shared: undefined }),
    ownDocument: undefined,
    prover: () => Promise.resolve(undefined),
    ...changes,
  };
}

/** A URL that is no entry. */
export function subjectFor(url: string, changes: Partial<Subject> = {}): Subject {
  return {
    server: undefined,
    url,
    options: {},
    headers: () => ({}),
    credential: undefined,
    tryToken: false,
    clientName: "mcp-auth",
    ...changes,
  };
}

/** The check of an id. */
export function checkOf(checks: readonly Check[], id: string): Check {
  const found = checks.find((each) => each.id === id);
  if (found === undefined) throw new Error(`There is no check "${id}"`);
  return found;
}
