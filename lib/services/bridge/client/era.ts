/**
 * What a server's refusal of `initialize` says of its era. Only errors that the protocol knows count; 401 and 403 never
 * come here, because they are questions of authorization and say nothing of the protocol.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning (T13, T14, T20)
 * @module
 */
import { McpAuthError } from "../../../primitives/errors.ts";
import { isJsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import {
  LATEST_STATELESS,
  newestCommon,
  STATELESS_ERRORS,
  UNSUPPORTED_VERSION,
} from "../../../primitives/mcp/revisions.ts";
import { namesIn, RpcError } from "./rpc_error.ts";

/**
 * The revision to go on with after a refused `initialize`.
 *
 * @returns Undefined where the refusal does not tell.
 * @throws {McpAuthError} `SERVER_ERROR` when the server names what it speaks, and none of it is known here.
 */
export function revisionAfter(refusal: McpAuthError): string | undefined {
  const { cause } = refusal;
  if (!(cause instanceof RpcError) || cause.code === undefined) return undefined;
  if (!STATELESS_ERRORS.has(cause.code)) return undefined;
  const supported = isJsonObject(cause.data) ? cause.data["supported"] : undefined;
  if (cause.code !== UNSUPPORTED_VERSION || namesIn(supported) === "") return LATEST_STATELESS;
  return known(supported, cause);
}

/**
 * The revision to speak, from the result of `server/discover`.
 *
 * @returns Undefined where the result is none of that method's.
 * @throws {McpAuthError} As {@linkcode revisionAfter}.
 */
export function revisionIn(result: unknown): string | undefined {
  const supported = isJsonObject(result) ? result["supportedVersions"] : undefined;
  return namesIn(supported) === "" ? undefined : known(supported);
}

function known(supported: unknown, cause?: RpcError): string {
  const revision = newestCommon(supported);
  if (revision !== undefined) return revision.name;
  throw new McpAuthError(
    "SERVER_ERROR",
    `Cannot connect: the server speaks no revision of the protocol that is known here, but ${
      namesIn(supported)
    }`,
    { hint: "A newer mcp-auth may know it", cause },
  );
}
