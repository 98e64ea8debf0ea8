/**
 * The library and servers of HTTP+SSE: they are signed in to, though nothing at their URL takes a POST, and an entry
 * keeps the transport that it was given.
 *
 * @see behaviours row 34
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { startSseServer } from "../../../scripts/demo/servers/sse_server.ts";
import { valueOf, withScene } from "./scene.ts";

Deno.test("row 34: a server of HTTP+SSE says at its stream where to sign in, and the entry keeps its transport", () =>
  withScene(async ({ client, as }) => {
    await using sse = await startSseServer({ authorizationServer: as });
    const tokens = valueOf(
      await client.authenticate("demo", { url: sse.url, options: { transport: "sse" } }),
    );
    equal(tokens.resource, sse.resource);
    deepEqual(
      sse.log.filter(({ path }) => path === "/sse").map(({ method, status }) => [method, status]),
      [["POST", 404], ["GET", 401]],
    );
    equal(valueOf(await client.getStatus("demo")).transport, "sse");
    const stream = await client.authorizedFetch("demo")(sse.url, {
      headers: { accept: "text/event-stream" },
    });
    equal(stream.status, 200);
    const reader = stream.body!.getReader();
    match(new TextDecoder().decode((await reader.read()).value), /^event: endpoint/);
    await reader.cancel();
  }));
