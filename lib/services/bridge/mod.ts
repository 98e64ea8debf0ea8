/**
 * The way to a remote MCP server: {@linkcode runBridge} puts one behind stdio for a host, {@linkcode openConnection}
 * is a client of it.
 *
 * @module
 */
export { type BridgeOptions, runBridge } from "./bridge.ts";
export type { Connection, ConnectionOptions, OnRequest, RequestOptions } from "./client/connection.ts";
export { openConnection } from "./client/open_connection.ts";
export { RpcError } from "./client/rpc_error.ts";
export type { Endpoint } from "./transports/authorized_http.ts";
export type { ByteSink } from "./line_writer.ts";
export { RPC_BAD_ANSWER, RPC_LOCAL, RPC_SIGN_IN, RPC_UNREACHABLE } from "./transports/failure.ts";
export type { JsonObject } from "../../primitives/mcp/jsonrpc.ts";
export type { TransportKind } from "./transports/choice.ts";
export type { LocalServer } from "./transports/stdio.ts";
export type { WebSocketAuth } from "./transports/websocket_token.ts";
export type { Person, RunningSignIn, SignInEnd, SignInPage } from "./waiting/person.ts";
export type { Lines } from "./life/pulse_layer.ts";
export type { ToolChoice } from "./tools/tool_choice.ts";
