/**
 * The way from a host to its server, put together: from the host on, waiting for a person to sign in, the choice of
 * tools, the translation between eras, and the transport. A part that a bridge has no use for is not loaded.
 *
 * @module
 */
import { type TransportOptions, transportTo } from "./transports/choice.ts";
import type { WayToServer } from "./transports/remote.ts";
import type { LocalServer } from "./transports/stdio.ts";
import { EraLayer } from "./translation/era_layer.ts";
import { type Lines, PulseLayer } from "./life/pulse_layer.ts";
import type { WatchTimes } from "./life/watch.ts";
import type { ToolChoice } from "./tools/tool_choice.ts";
import type { Person } from "./waiting/person.ts";
import { PersonLayer } from "./waiting/person_layer.ts";

/** What stands between a host and its server, however that is reached. */
export interface WayParts {
  /** Who may sign in when that is needed; undefined where nobody is to be waited for. */
  readonly person?: Person | undefined;
  /** Which tools the host gets to see; all when left out. */
  readonly tools?: ToolChoice | undefined;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** What {@linkcode wayTo} takes for a server at a URL. */
export interface WayOptions extends TransportOptions, WayParts {
  /** The connections under the transport, to be looked after while the bridge lives. */
  readonly lines?: Lines | undefined;
  /** Ask the server for a sign of life after this long a silence, in milliseconds; never when left out. */
  readonly keepAliveMs?: number | undefined;
  /** Other times for looking after the server than the usual ones. */
  readonly watchTimes?: Partial<WatchTimes> | undefined;
}

/** What it takes for a server that is a program of this machine. */
export interface LocalWayOptions extends WayParts {
  /** The program. */
  readonly program: LocalServer;
}

/** Makes the way to a server. */
export async function wayTo(options: WayOptions | LocalWayOptions): Promise<WayToServer> {
  const transport = "url" in options ? await remoteTransport(options) : await localTransport(options);
  const { person, log } = options;
  const rest = await chosenTools(
    (host) => new EraLayer(host, transport, { log, isLocal: !("url" in options) }),
    options,
  );
  return person === undefined ? rest : (host) => new PersonLayer(host, rest, { person, log });
}

/** Loaded only where there is a choice: most bridges show all tools. */
async function chosenTools(rest: WayToServer, { tools, log }: WayParts): Promise<WayToServer> {
  if (tools?.allow === undefined && tools?.ignore === undefined) return rest;
  const { ToolLayer } = await import("./tools/tool_layer.ts");
  return (host) => new ToolLayer(host, rest, { choice: tools, log });
}

async function remoteTransport(options: WayOptions): Promise<WayToServer> {
  const transport = await transportTo(options);
  const { lines, keepAliveMs, watchTimes: times, log } = options;
  if (lines === undefined && keepAliveMs === undefined) return transport;
  return (host) => new PulseLayer(host, transport, { lines, keepAliveMs, times, log });
}

async function localTransport({ program, log }: LocalWayOptions): Promise<WayToServer> {
  const { localServerWay } = await import("./transports/stdio.ts");
  return localServerWay(program, log);
}
