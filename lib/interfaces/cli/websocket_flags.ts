/**
 * What command lines say of WebSocket servers: where such a server takes the token, and `ws:` and `wss:` URLs. An entry
 * has the http or https URL of its server, which is what discovery and sign-in go by, and `websocket` as its transport;
 * so that a URL with one of the other schemes stands for both.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { isLoopbackHost } from "../../primitives/web_url.ts";
import type { WebSocketAuth } from "../../services/bridge/mod.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";
import type { TransportFlags } from "./transport_flags.ts";

/** Where a WebSocket server takes the token. */
export type WebSocketFlags = { readonly websocketAuth?: WebSocketAuth | undefined };

/** The grammar of {@linkcode WebSocketFlags}. */
export const webSocketFlags = {
  websocketAuth: {
    kind: "enum",
    values: ["header", "query", "message"],
    brief:
      "How a WebSocket server gets the token, where it takes none in the header (query: its logs may show it)",
    optional: true,
  },
} as const;

/** The options that the flags stand for. */
export function webSocketOptions({ websocketAuth }: WebSocketFlags): ServerOptions {
  return websocketAuth === undefined ? {} : { websocketAuth };
}

/**
 * Reads a command line that may name its server by a `ws:` or `wss:` URL.
 *
 * @param flags The flags.
 * @param words The words that may be that URL.
 * @returns The same with the http or https URL, and with the transport that its scheme stands for.
 * @throws {McpAuthError} `USAGE` where the flags want another transport, `UNSAFE_URL` for `ws:` that leaves this machine.
 */
export function readWebSocketUrl<FLAGS extends TransportFlags, WORDS extends readonly (string | undefined)[]>(
  flags: FLAGS,
  ...words: WORDS
): { readonly flags: FLAGS; readonly words: WORDS } {
  const named = words.find((word) => /^wss?:\/\//i.test(word ?? ""));
  if (named === undefined) return { flags, words };
  const shown = safeUrl(named);
  const { transport = "websocket" } = flags;
  if (transport !== "websocket" && transport !== "auto") {
    throw new McpAuthError(
      "USAGE",
      `Cannot use --transport ${transport} with "${shown}": that is a WebSocket`,
      {
        hint: "Leave out --transport, or use the https URL",
      },
    );
  }
  if (/^ws:/i.test(named) && !isLoopbackHost(URL.parse(named)?.hostname ?? "")) {
    throw new McpAuthError(
      "UNSAFE_URL",
      `Cannot use server URL "${shown}": ws is allowed for loopback only`,
      {
        hint: "Use a wss URL",
      },
    );
  }
  return {
    flags: { ...flags, transport: "websocket" },
    words: words.map((word) =>
      word?.replace(/^ws(s?):/i, (_scheme, s) => s === "" ? "http:" : "https:")
    ) as readonly unknown[] as WORDS,
  };
}
