/**
 * Progress that comes after its request was answered: the bridge's own error ends it, an answer of the server's does not.
 *
 * @see MCP 2025-11-25, Progress
 * @module
 */
import { deepEqual, equal } from "node:assert/strict";
import { parseEnvelope } from "../../../lib/primitives/mcp/jsonrpc.ts";
import { BRIDGE_WAITING_MAX } from "../../../lib/primitives/bridge_limits.ts";
import { LateProgress } from "../../../lib/services/bridge/late_progress.ts";
import { toOutbound } from "../../../lib/services/bridge/transports/remote.ts";
import { eventually, Host } from "./host.ts";
import { type Call, event, hang, startScriptedServer } from "./scripted_server.ts";

const PROGRESS = "notifications/progress";

function progress(progressToken: unknown, number = 1): string {
  return event({ jsonrpc: "2.0", method: PROGRESS, params: { progressToken, progress: number } });
}

Deno.test("row 36: progress of a request that the bridge has given up does not reach the host, all other does", async () => {
  const { promise: opened, resolve: open } = Promise.withResolvers<Call>();
  await using server = await startScriptedServer({
    GET: (call) => {
      call.stream(": open\n\n");
      open(call);
      return hang(call);
    },
    "tools/call": (call) => {
      if (call.message.params.name === "lost") call.response.destroy();
      else call.result({});
    },
  });
  await using host = new Host(server.url);
  await host.initialize();
  const stream = await opened;
  const ask = (name: string, progressToken: unknown) =>
    host.request("tools/call", { name, _meta: { progressToken } });
  equal((await ask("lost", "a")).error?.data.code, "NETWORK_ERROR");
  deepEqual((await ask("done", 7)).result, {});
  for (const token of ["a", 7, "unknown"]) stream.response.write(progress(token));
  const tokens = () =>
    host.lines.filter(({ method }) => method === PROGRESS).map(({ params }) => params.progressToken);
  await eventually(() => tokens().length === 2, "the progress of others");
  deepEqual(tokens(), [7, "unknown"]);
  // A token that has a new meaning is the new request's.
  deepEqual((await ask("done", "a")).result, {});
  stream.response.write(progress("a", 2));
  await eventually(() => tokens().length === 3, "the progress of the new one");
});

function request(progressToken: unknown) {
  const text = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "x", params: { _meta: { progressToken } } });
  return toOutbound(new TextEncoder().encode(text), parseEnvelope(text));
}

Deno.test("tokens that were given up are not remembered without end", () => {
  const late = new LateProgress();
  const isLate = (token: unknown) => {
    const params = { progressToken: token };
    return late.isLate({ kind: "notification", method: PROGRESS, value: { params } });
  };
  late.forsake(request(undefined));
  equal(isLate(undefined), false);
  for (let token = 0; token <= BRIDGE_WAITING_MAX; token++) late.forsake(request(token));
  deepEqual([isLate(0), isLate(1), isLate(BRIDGE_WAITING_MAX), isLate("1")], [false, true, true, false]);
  late.expect(request(1));
  equal(isLate(1), false);
});
