/**
 * The contract of remotes, for each transport.
 *
 * @module
 */
import { testRemoteContract } from "../../contracts/remote.ts";
import {
  httpSsePlace,
  programPlace,
  streamableHttpPlace,
  webSocketPlace,
} from "../../contracts/remote_servers.ts";

testRemoteContract("Streamable HTTP", streamableHttpPlace);
testRemoteContract("HTTP+SSE", httpSsePlace);
testRemoteContract("WebSocket", webSocketPlace);
testRemoteContract("a program's standard streams", programPlace);
