/**
 * The way from a host to its server, put together: from the host on, waiting for a person to sign in, the choice of
 * tools, the translation between eras, and the transport. A part that a bridge has no use for is not loaded.
 *
 * @module
 */
import type { Endpoint } from "./transports/authorized_http.ts";
import { type TransportKind, transportTo } from "./transports/choice.ts";
import type { WayToServer } from "./transports/remote.ts";
import { EraLayer } from "./translation/era_layer.ts";

/** What {@linkcode wayTo} takes. */
export interface WayOptions extends Endpoint {
  /** How the server is reached; `auto` when left out. */
  readonly transport?: TransportKind | undefined;
  /** Gets one line for what the host is not told. */
  readonly log: (message: string) => void;
}

/** Makes the way to a server. */
export async function wayTo(options: WayOptions): Promise<WayToServer> {
  const transport = await transportTo(options);
  return (host) => new EraLayer(host, transport, options);
}
