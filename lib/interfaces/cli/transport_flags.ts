/**
 * The flag that says how a server is reached, and the option of an entry that it stands for. The names that mcp-remote has
 * for it are understood too: its `http-first` and `sse-first` try one after the other, as `auto` does.
 *
 * @see behaviours row 34
 * @module
 */
import { safeText } from "../../primitives/untrusted_text.ts";
import type { TransportKind } from "../../services/bridge/mod.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";

/** How a server is reached. */
export type TransportFlags = { readonly transport?: TransportKind | undefined };

const KINDS: Readonly<Record<string, TransportKind>> = {
  "auto": "auto",
  "http": "http",
  "sse": "sse",
  "websocket": "websocket",
  "http-first": "auto",
  "sse-first": "auto",
  "http-only": "http",
  "sse-only": "sse",
};

/** The grammar of {@linkcode TransportFlags}. */
export const transportFlags = {
  transport: {
    kind: "parsed",
    parse: readTransport,
    proposeCompletions: () => ["auto", "http", "sse", "websocket"],
    brief: "How to reach the server: auto (http, and sse where that is not there), http, sse or websocket",
    optional: true,
    placeholder: "transport",
  },
} as const;

/** The options that the flag stands for; `auto` is what an entry without the option is reached by. */
export function transportOptions({ transport }: TransportFlags): ServerOptions {
  return transport === undefined || transport === "auto" ? {} : { transport };
}

/**
 * An entry's options as far as the flag leaves them: `auto` ends another transport that the entry has.
 *
 * @param before What the entry has.
 */
export function withoutTransport(before: ServerOptions, { transport: given }: TransportFlags): ServerOptions {
  if (given !== "auto") return before;
  const { transport: _, ...others } = before;
  return others;
}

function readTransport(input: string): TransportKind {
  const kind = Object.hasOwn(KINDS, input) ? KINDS[input] : undefined;
  if (kind !== undefined) return kind;
  throw new SyntaxError(`expected auto, http, sse or websocket, and not "${safeText(input, 80)}"`);
}
