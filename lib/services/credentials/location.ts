/**
 * Where a store is, and the way to one that is remote: `MCP_AUTH_STORE` names a KV Connect server, whose token is in
 * `DENO_KV_ACCESS_TOKEN`, as in all programs that use Deno KV. Nothing of this is loaded for a store on this machine.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { createAddressGuard } from "../../primitives/http/address.ts";
import { createHttp } from "../../primitives/http/client.ts";
import type { Http } from "../../primitives/http/http.ts";
import { openRemoteKv } from "../../primitives/kv_connect/remote_kv.ts";
import type { Env } from "../../primitives/system/env.ts";
import type { Kv } from "../../primitives/system/kv.ts";
import { lookupAddresses } from "../../primitives/system/network.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";

/** Where the records of a store are: in this process, in a file of this machine, or at a server for many machines. */
export type StoreLocation = "memory" | "local" | "remote";

/** What {@linkcode openRemoteStore} takes. */
export interface RemoteStoreOptions {
  /** The URL, as the user gave it. */
  readonly url: string;
  /** Where `DENO_KV_ACCESS_TOKEN` is read. */
  readonly env: Env;
  /** Makes the fetch for a URL; one that goes only to addresses such as the URL's own when left out. */
  readonly http?: ((url: string) => Http) | undefined;
}

/**
 * Opens a remote store; nothing is sent yet.
 *
 * @param options The URL, and where the token is.
 * @throws {McpAuthError} `CONFIG_INVALID` when the URL is neither https nor loopback; `CONFIG_MISSING` without a token.
 */
export function openRemoteStore({ url, env, http = guarded }: RemoteStoreOptions): Kv {
  try {
    parseWebUrl(url, "MCP_AUTH_STORE");
  } catch (error) {
    const { message } = asMcpAuthError(error, "CONFIG_INVALID", "use MCP_AUTH_STORE");
    throw new McpAuthError("CONFIG_INVALID", message, {
      hint: "Set it to the https URL of a KV Connect server, or unset it for a store on this machine",
    });
  }
  const token = env.get("DENO_KV_ACCESS_TOKEN");
  if (token === undefined) {
    throw new McpAuthError(
      "CONFIG_MISSING",
      "Cannot open the store in MCP_AUTH_STORE: DENO_KV_ACCESS_TOKEN is not set or not granted",
      { hint: "Set it to the access token of the store's server, or grant --allow-env=DENO_KV_ACCESS_TOKEN" },
    );
  }
  return openRemoteKv({ url, token, http: http(url) });
}

function guarded(url: string): Http {
  return createHttp({ guard: createAddressGuard({ serverUrl: url, lookup: lookupAddresses }) });
}
