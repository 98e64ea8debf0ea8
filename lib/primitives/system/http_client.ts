/**
 * Makes the clients that `fetch` sends requests with. Deno puts the proxies of the environment into every client, those
 * included that are given one of their own or should have none; the variable that says where they do not apply is
 * therefore set while a client is made, and put back at once. Nothing else runs in between.
 *
 * @see behaviours rows 39 and 40
 * @module
 */
import { McpAuthError } from "../errors.ts";

/** The way that a client's connections take. */
export type Route =
  | {
    /** Past every proxy. */
    readonly kind: "direct";
    /** Where they go. */
    readonly to: URL;
  }
  | {
    readonly kind: "proxy";
    /** The URL of the proxy, with user name and password. */
    readonly url: string;
  }
  | {
    /** As Deno does by itself. */
    readonly kind: "default";
  };

/** What a client is like. */
export interface HttpClientOptions {
  readonly route: Route;
  /** Certificates to trust beside those that Deno trusts, in PEM. */
  readonly caCerts?: readonly string[] | undefined;
  /** The certificate to show, with its private key, in PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Whether every request gets a connection of its own. */
  readonly single?: boolean | undefined;
}

/** Everything is an exception: Deno's `*` is about names alone. */
const EVERYTHING = "*,0.0.0.0/0,::/0";

/**
 * Makes a client; the caller closes it.
 *
 * @throws {McpAuthError} `PERMISSION_DENIED` where the sandbox does not let a request go past the proxies.
 * @throws {Error} What Deno says of a certificate, a key or a proxy that it cannot use.
 */
export function openHttpClient({ route, caCerts, certificate, single }: HttpClientOptions): Deno.HttpClient {
  const options: Deno.CreateHttpClientOptions = {
    ...(caCerts === undefined ? {} : { caCerts: [...caCerts] }),
    ...(single ? { poolMaxIdlePerHost: 0 } : {}),
  };
  const make = (more: Deno.CreateHttpClientOptions) =>
    Deno.createHttpClient(
      certificate === undefined ? { ...options, ...more } : { ...options, ...more, ...certificate },
    );
  switch (route.kind) {
    case "default":
      return make({});
    case "proxy":
      return withExceptions("", () => make({ proxy: { url: route.url } })) ??
        make({ proxy: { url: route.url } });
    case "direct": {
      const client = withExceptions(EVERYTHING, () => make({}));
      if (client !== undefined) return client;
      // Plain http is the same with and without such a "proxy"; https would be sent in plain text.
      if (route.to.protocol === "http:") return make({ proxy: { transport: "tcp", ...addressOf(route.to) } });
      throw new McpAuthError(
        "PERMISSION_DENIED",
        "Cannot connect past the proxy: the sandbox does not allow to set NO_PROXY",
        { hint: "Add --allow-env=NO_PROXY" },
      );
    }
  }
}

/**
 * Whether the environment may name proxies that this program is not allowed to see, and that Deno uses nevertheless.
 *
 * @param names The variables.
 */
export function areHidden(names: readonly string[]): boolean {
  return names.some((variable) => Deno.permissions.querySync({ name: "env", variable }).state !== "granted");
}

/** Runs something while `NO_PROXY` has a value; undefined where the sandbox does not allow it to be set. */
function withExceptions<T>(value: string, run: () => T): T | undefined {
  let before: string | undefined;
  try {
    before = Deno.env.get("NO_PROXY");
    Deno.env.set("NO_PROXY", value);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
  try {
    return run();
  } finally {
    if (before === undefined) Deno.env.delete("NO_PROXY");
    else Deno.env.set("NO_PROXY", before);
  }
}

function addressOf({ hostname, port, protocol }: URL): { readonly hostname: string; readonly port: number } {
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
  };
}
