/**
 * Flags that say where the answer of a sign-in comes to, and by which way a person signs in.
 *
 * @see behaviours rows 14 to 16
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { checkRedirectUri, parseListen } from "../../primitives/oauth/redirect_uri.ts";
import type { Env } from "../../primitives/system/env.ts";
import type { CallbackHost, ServerOptions } from "../../services/credentials/mod.ts";
import type { SignInWay } from "../composition/sign_in_way.ts";
import { portsFlag, switchFlag, valueFlag } from "./flags.ts";

/** Where the answer comes to. */
export type CallbackFlags = {
  readonly callbackPort?: readonly number[] | undefined;
  readonly callbackHost?: CallbackHost | undefined;
  readonly redirectUri?: string | undefined;
  readonly listen?: string | undefined;
};

/** The grammar of {@linkcode CallbackFlags}. */
export const callbackFlags = {
  callbackPort: portsFlag("Port of the redirect URI; the first free one is taken"),
  callbackHost: {
    kind: "enum",
    values: ["127.0.0.1", "localhost", "[::1]"],
    brief: "Host in the redirect URI (127.0.0.1); localhost listens at both addresses",
    optional: true,
  },
  redirectUri: valueFlag("Redirect URI as you registered it, in place of one on this machine", "uri"),
  listen: valueFlag("Where the answer arrives, if the redirect URI leads here by another way", "host:port"),
} as const;

/** The options that `--unset` forgets. */
export const UNSETTABLE_CALLBACK = ["callback-port", "callback-host", "redirect-uri", "listen"] as const;

/** By which way a person signs in. */
export type WayFlags = {
  readonly browser?: boolean | undefined;
  readonly device?: boolean | undefined;
};

/** The grammar of {@linkcode WayFlags}. */
export const wayFlags = {
  browser: {
    kind: "boolean",
    brief:
      "Open the browser wherever this is (--no-browser: print the URL, and wait for its answer to be pasted)",
    optional: true,
  },
  device: switchFlag("Sign in by a code that you enter on any device"),
} as const;

/**
 * The flags, with what the environment says where no flag does.
 *
 * @param flags The flags.
 * @param env Where `MCP_AUTH_REDIRECT_URI` is read.
 */
export function withCallbackEnvironment<FLAGS extends CallbackFlags>(flags: FLAGS, env: Env): FLAGS {
  const isSaid = (flags.redirectUri ?? flags.callbackHost ?? flags.callbackPort) !== undefined;
  const redirectUri = isSaid ? flags.redirectUri : env.get("MCP_AUTH_REDIRECT_URI");
  return { ...flags, redirectUri };
}

/**
 * The options that the flags stand for.
 *
 * @throws {McpAuthError} `USAGE`, `CONFIG_INVALID` or `UNSAFE_URL` for a value that cannot be used.
 */
export function callbackOptions(
  { callbackPort, callbackHost, redirectUri, listen }: CallbackFlags,
): Pick<ServerOptions, "callbackPorts" | "callbackHost" | "redirectUri" | "listen"> {
  if (redirectUri !== undefined && (callbackHost ?? callbackPort) !== undefined) {
    throw new McpAuthError(
      "USAGE",
      `Cannot use --redirect-uri with ${
        callbackHost === undefined ? "--callback-port" : "--callback-host"
      }: it names its own`,
      { hint: "Leave out one of them; --listen says where the answer arrives" },
    );
  }
  if (listen !== undefined) parseListen(listen);
  return {
    ...(callbackPort === undefined ? {} : { callbackPorts: callbackPort }),
    ...(callbackHost === undefined ? {} : { callbackHost }),
    ...(redirectUri === undefined ? {} : { redirectUri: checkRedirectUri(redirectUri) }),
    ...(listen === undefined ? {} : { listen }),
  };
}

/**
 * An entry's options with others over them. Whoever gives a redirect URI has done with the host and the ports of the one
 * before; whoever gives these has done with the redirect URI, and with the place that it led to. What was remembered would
 * otherwise win in silence.
 *
 * @param before What the entry has.
 * @param given What the flags and the environment say.
 */
export function withOptions(before: ServerOptions, given: ServerOptions): ServerOptions {
  const toOwn = before.redirectUri !== undefined && (given.callbackHost ?? given.callbackPorts) !== undefined;
  const ended: readonly string[] = given.redirectUri !== undefined
    ? ["callbackHost", "callbackPorts"]
    : toOwn
    ? ["redirectUri", "listen"]
    : [];
  const kept = Object.entries(before).filter(([option]) => !ended.includes(option));
  return { ...Object.fromEntries(kept), ...given };
}

/**
 * The way that the flags ask for.
 *
 * @throws {McpAuthError} `USAGE` for two at once.
 */
export function wayOf({ browser, device }: WayFlags): SignInWay {
  if (!device) return browser === undefined ? "auto" : browser ? "browser" : "url";
  if (browser !== true) return "device";
  throw new McpAuthError("USAGE", "Cannot use --device with --browser: they are two ways to sign in", {
    hint: "Leave out one of them",
  });
}
