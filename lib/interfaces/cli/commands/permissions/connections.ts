/**
 * What requests need beside the hosts that they go to: the proxy, the files of certificates, the variables that name
 * both. Deno itself reads those variables whatever is granted; the program has to see them, to go past a proxy where it
 * should, and to say what is wrong with it.
 *
 * @module
 */
import {
  PROXY_VARIABLES,
  type ProxyVariable,
  readProxy,
  readProxySettings,
} from "../../../../primitives/http/proxy.ts";
import { CA_VARIABLES, caFilesOf } from "../../../../primitives/http/trust.ts";
import type { Env } from "../../../../primitives/system/env.ts";
import { isLoopbackHost } from "../../../../primitives/web_url.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";

/** What requests need beside their hosts. */
export interface ConnectionNeeds {
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly env: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Works out what requests need.
 *
 * @param env The environment.
 * @param servers The entries that are connected to.
 * @param hosts The hosts that are granted, each with its port.
 */
export function connectionNeeds(
  env: Env,
  servers: readonly ServerRecord[],
  hosts: readonly string[],
): ConnectionNeeds {
  const isSet = (name: string) => env.get(name) !== undefined;
  const named = PROXY_VARIABLES.filter(isSet);
  const settings = readProxySettings(env);
  const leaves = hosts.some((host) => !isLoopbackHost(host.replace(/:\d+$/, "")));
  const proxy = leaves ? readable(settings?.["https:"]) : undefined;
  return {
    net: proxy === undefined || proxy === "unreadable" ? [] : [`${proxy.hostname}:${proxy.port}`],
    read: [
      ...caFilesOf(env, undefined).map(({ path }) => path),
      ...servers.flatMap(({ options: { caFile, clientCertificate: pair } }) => [
        ...(caFile === undefined ? [] : [caFile]),
        ...(pair === undefined ? [] : [pair.certFile, pair.keyFile]),
      ]),
    ],
    env: [
      ...named,
      // It is set for a moment, for a request that goes past the proxy.
      ...(settings === undefined ? [] : ["NO_PROXY", ...["REQUEST_METHOD"].filter(isSet)]),
      ...CA_VARIABLES.filter(isSet),
    ],
    notes: proxy === "unreadable"
      ? [`The proxy in ${settings?.["https:"]?.variable} cannot be used: it is no URL of a proxy`]
      : [],
  };
}

function readable(
  variable: ProxyVariable | undefined,
): ReturnType<typeof readProxy> | "unreadable" | undefined {
  if (variable === undefined) return undefined;
  try {
    return readProxy(variable);
  } catch {
    return "unreadable";
  }
}
