/**
 * What a stateful host has said of itself, once, and a stateless server wants to hear with every request: who asks, what
 * can be asked of it in return, and which log messages it wants. And the other way round: what a server says of itself
 * with every answer, and the host wants to hear once.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/index#meta (T10)
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle (T2)
 * @module
 */
import { isJsonObject, type JsonObject } from "../../../primitives/mcp/jsonrpc.ts";
import { statelessParams } from "../../../primitives/mcp/request_headers.ts";
import { LATEST_STATEFUL, LATEST_STATELESS, REVISIONS } from "../../../primitives/mcp/revisions.ts";

const LOG_LEVEL = "io.modelcontextprotocol/logLevel";
const SERVER_INFO = "io.modelcontextprotocol/serverInfo";

/** Gone with the revision that brought the stateless era: a server could only misunderstand them. */
const STATEFUL_CAPABILITIES = ["tasks"];

/** One host, from its `initialize` on. */
export class StatefulHost {
  /** The revision that is spoken to the host. */
  readonly revision: string;
  /** The revision that is spoken to the server. */
  readonly serverRevision: string;
  /** What the host can be asked for in return. */
  readonly capabilities: JsonObject;
  readonly #clientInfo: { readonly name: string; readonly version: string };
  /** What the host has set by `logging/setLevel`. */
  logLevel: unknown;

  /**
   * Takes what the host has offered.
   *
   * @param params The parameters of its `initialize`, unchecked.
   * @param serverRevision The revision to speak to the server.
   */
  constructor(params: unknown, serverRevision: string) {
    const { protocolVersion, clientInfo, capabilities } = isJsonObject(params) ? params : {};
    const known = REVISIONS.find(({ name, stateful }) => stateful && name === protocolVersion);
    this.revision = known?.name ?? LATEST_STATEFUL;
    this.serverRevision = serverRevision;
    const info = isJsonObject(clientInfo) ? clientInfo : {};
    this.#clientInfo = { ...info, name: nameOf(info["name"]), version: nameOf(info["version"]) };
    this.capabilities = isJsonObject(capabilities) ? without(capabilities, STATEFUL_CAPABILITIES) : {};
  }

  /**
   * The parameters of a request as the server wants them.
   *
   * @param params Those of the host, unchecked.
   */
  paramsFor(params: unknown): JsonObject {
    const given = isJsonObject(params) ? params : undefined;
    const said = statelessParams(given, this.serverRevision, this.#clientInfo, this.capabilities);
    if (this.logLevel === undefined) return said;
    return { ...said, _meta: { ...said["_meta"] as JsonObject, [LOG_LEVEL]: this.logLevel } };
  }

  /** Whether the host can be asked this in return. */
  offers(method: string, params: unknown): boolean {
    const { roots, sampling, elicitation } = this.capabilities;
    if (method === "roots/list") return isJsonObject(roots);
    if (method === "sampling/createMessage") return isJsonObject(sampling);
    if (method !== "elicitation/create" || !isJsonObject(elicitation)) return false;
    const byUrl = isJsonObject(params) && params["mode"] === "url";
    // A host of before 2025-11-25 names no mode, and means forms.
    return byUrl
      ? isJsonObject(elicitation["url"])
      : isJsonObject(elicitation["form"]) || !("url" in elicitation);
  }

  /**
   * The result of `initialize`.
   *
   * @param said The result of `server/discover`, unchecked.
   */
  welcome(said: JsonObject): JsonObject {
    const { capabilities, instructions, _meta } = said;
    const info = isJsonObject(_meta) && isJsonObject(_meta[SERVER_INFO])
      ? _meta[SERVER_INFO]
      : said["serverInfo"];
    const server = isJsonObject(info) ? info : {};
    return {
      protocolVersion: this.revision,
      capabilities: isJsonObject(capabilities) ? capabilities : {},
      serverInfo: { ...server, name: nameOf(server["name"]), version: nameOf(server["version"]) },
      ...(typeof instructions === "string" ? { instructions } : {}),
    };
  }
}

/**
 * The stateless revision to speak, from the result of `server/discover`.
 *
 * @returns Undefined where the server speaks none that is known here.
 */
export function statelessRevisionIn(said: JsonObject): string | undefined {
  const supported = said["supportedVersions"];
  if (!Array.isArray(supported)) return undefined;
  return REVISIONS.findLast(({ name, stateful }) => !stateful && supported.includes(name))?.name;
}

/** The parameters of the `server/discover` that finds out whether a server is stateless. */
export function discoverParams(params: unknown): JsonObject {
  return new StatefulHost(params, LATEST_STATELESS).paramsFor(undefined);
}

/** An object without some of its members. */
export function without(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

/** Names and versions are wanted as text, by both sides. */
function nameOf(value: unknown): string {
  return typeof value === "string" ? value : "unknown";
}
