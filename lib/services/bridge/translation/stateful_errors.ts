/**
 * Errors of a stateful server in the words of the stateless era, which has given up two of its codes.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/index#error-codes (T13, T15)
 * @module
 */
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { type InputRequest, inputRequestOf } from "./input_requests.ts";
import { INVALID_PARAMS, MISSING_CAPABILITY, type RpcErrorObject } from "./stateless_meta.ts";

const RESOURCE_NOT_FOUND = -32002;
const URL_ELICITATION_REQUIRED = -32042;

/** An error as the host knows it. */
export function hostError(method: string, error: JsonObject): JsonObject {
  const { code } = error;
  return code === RESOURCE_NOT_FOUND && method === "resources/read"
    ? { ...error, code: INVALID_PARAMS }
    : error;
}

/**
 * What a server wants a person to open before it carries out the request: it refuses the request for that.
 *
 * @returns By keys of ours; undefined for any other error.
 */
export function urlRequests(error: JsonObject): Readonly<Record<string, InputRequest>> | undefined {
  if (error["code"] !== URL_ELICITATION_REQUIRED) return undefined;
  const { elicitations } = isJsonObject(error["data"]) ? error["data"] : {};
  if (!Array.isArray(elicitations)) return undefined;
  const wanted = elicitations.filter((each) => isJsonObject(each) && typeof each["url"] === "string");
  if (wanted.length === 0) return undefined;
  return Object.fromEntries(
    wanted.map((params: JsonObject, i) => [
      `url-${i + 1}`,
      inputRequestOf("elicitation/create", { mode: "url", ...params }),
    ]),
  );
}

/** The refusal of a request that takes a person to open a URL, for a host that cannot ask one. */
export function missingUrl(): RpcErrorObject {
  return {
    code: MISSING_CAPABILITY,
    message: "Missing required client capabilities: elicitation",
    data: { requiredCapabilities: { elicitation: { url: {} } } },
  };
}
