/**
 * Opens the server's side for a host that was answered before there was one: its own first words are said to the server
 * in its place, through the rest of the way, so that a translator between eras is found as for any other host. Its
 * `notifications/initialized` follows where it has come already.
 *
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { isJsonObject, type JsonObject, type Message } from "../../../primitives/mcp/jsonrpc.ts";
import { safeText } from "../../../primitives/untrusted_text.ts";
import { type OwnRequests, RefusedError } from "../translation/own_requests.ts";
import { type Inbound, type Outbound, type Remote, toOutbound } from "../transports/remote.ts";
import { missingLists, toldVersion } from "./local_answers.ts";
import type { Seen } from "./person_layer.ts";

/** What {@linkcode openForHost} takes. */
export interface OpeningOptions {
  readonly own: OwnRequests;
  readonly server: Remote;
  readonly seen: Seen;
  /** A request of a stateless host, whose `_meta` says what is to be said of it. */
  readonly example: Message | undefined;
  readonly log: (message: string) => void;
  readonly signal: AbortSignal;
  /** Gets what the server sends meanwhile. */
  readonly onMessage: (inbound: Inbound) => Promise<void> | void;
}

/**
 * Opens it.
 *
 * @returns The lists that the server does not have, though the host was told so: their methods.
 * @throws {McpAuthError} When the server cannot be reached, refuses, or wants a sign-in still.
 */
export async function openForHost(options: OpeningOptions): Promise<ReadonlySet<string>> {
  const { seen, server } = options;
  const { opening } = seen;
  if (opening === undefined) return await discover(options);
  const [message] = opening.messages;
  if (message?.kind !== "request") {
    throw new McpAuthError("SERVER_ERROR", "Cannot open: nothing to open with");
  }
  const result = await options.own.request("initialize", paramsOf(message), options);
  const told = toldVersion(message);
  const version = result["protocolVersion"];
  if (version !== told) {
    options.log(
      `The server speaks revision "${
        safeText(version, 40)
      }"; the host was told "${told}" before it could be asked`,
    );
  }
  // It may come while the one before is being sent.
  let sent: Outbound | undefined;
  while (seen.initialized !== undefined && seen.initialized !== sent) {
    sent = seen.initialized;
    await again(server, sent);
  }
  return missingLists(result["capabilities"]);
}

/** Sends a notification of the host that has been sent, or was kept, before. */
export function again(server: Remote, outbound: Outbound): Promise<void> {
  return server.send(toOutbound(outbound.body, outbound));
}

async function discover({ own, example, ...options }: OpeningOptions): Promise<ReadonlySet<string>> {
  const { _meta } = paramsOf(example);
  try {
    const result = await own.request("server/discover", { _meta }, options);
    return missingLists(result["capabilities"]);
  } catch (error) {
    // It answers, and that is all there is to find out: the host's own requests get its words for the rest.
    if (error instanceof RefusedError) return new Set();
    throw error;
  }
}

function paramsOf(message: Message | undefined): JsonObject {
  const params = message?.kind === "request" ? message.value["params"] : undefined;
  return isJsonObject(params) ? params : {};
}
