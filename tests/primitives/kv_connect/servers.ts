/**
 * A remote store for one test: a KV Connect server and stores opened at it.
 *
 * @module
 */
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { openRemoteKv, type RemoteKvOptions } from "../../../lib/primitives/kv_connect/remote_kv.ts";
import type { Kv } from "../../../lib/primitives/system/kv.ts";
import {
  type KvConnectServer,
  type KvConnectServerOptions,
  startKvConnectServer,
} from "../../fakes/kv_connect/server.ts";

/** Opens a store at a server, as another process does. */
export function openAt(
  server: Pick<KvConnectServer, "url" | "accessToken">,
  options: Partial<RemoteKvOptions> = {},
): Kv {
  return openRemoteKv({ url: server.url, token: server.accessToken, http: createHttp(), ...options });
}

/** Runs a test against a server of its own. */
export function testRemote(
  name: string,
  body: (server: KvConnectServer) => Promise<void>,
  options: KvConnectServerOptions = {},
): void {
  Deno.test(`remote: ${name}`, async () => {
    await using server = await startKvConnectServer(options);
    await body(server);
  });
}

/** Deno's own client at a server. It reads the token from the environment, whose owner is this process. */
export async function openByDeno(
  { url, accessToken }: Pick<KvConnectServer, "url" | "accessToken">,
): Promise<Deno.Kv> {
  Deno.env.set("DENO_KV_ACCESS_TOKEN", accessToken);
  try {
    return await Deno.openKv(url);
  } finally {
    Deno.env.delete("DENO_KV_ACCESS_TOKEN");
  }
}
