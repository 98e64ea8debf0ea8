/**
 * `--transport` as an option of an entry: what is understood, kept, shown and forgotten.
 *
 * @see behaviours row 34
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import {
  transportFlags,
  transportOptions,
  withoutTransport,
} from "../../../lib/interfaces/cli/transport_flags.ts";
import { withHome } from "./world.ts";

for (
  const [word, kind] of [
    ["auto", "auto"],
    ["http", "http"],
    ["sse", "sse"],
    ["websocket", "websocket"],
    ["http-first", "auto"],
    ["sse-first", "auto"],
    ["http-only", "http"],
    ["sse-only", "sse"],
  ] as const
) {
  Deno.test(`--transport ${word} is understood as ${kind}`, () => {
    equal(transportFlags.transport.parse(word), kind);
  });
}

Deno.test("auto is no option of an entry, and ends the one that it has", () => {
  deepEqual(transportOptions({}), {});
  deepEqual(transportOptions({ transport: "auto" }), {});
  deepEqual(transportOptions({ transport: "sse" }), { transport: "sse" });
  const before = { transport: "sse", caFile: "/ca.pem" } as const;
  deepEqual(withoutTransport(before, { transport: "auto" }), { caFile: "/ca.pem" });
  deepEqual(withoutTransport(before, { transport: "http" }), before);
  deepEqual(withoutTransport(before, {}), before);
});

Deno.test("an entry keeps its transport, shows it, and is back to auto when it is unset", () =>
  withHome(async ({ world, store }) => {
    const server = {
      name: "demo",
      url: "https://mcp.example/sse",
      createdAt: 1,
      signIn: "oauth",
      options: {},
    } as const;
    await store((each) => each.putServer(server, null));
    const shown = async () => {
      const list = JSON.parse((await world.run("list", "--json")).out)[0].transport;
      const status = JSON.parse((await world.run("status", "demo", "--json")).out).transport;
      equal(list, status);
      return status;
    };
    const options = () => store(async (each) => (await each.server("demo"))?.record.options);
    equal(await shown(), "auto");
    for (
      const [given, kept] of [["sse", "sse"], ["http-only", "http"], ["websocket", "websocket"]] as const
    ) {
      const set = await world.run("set", "demo", "--transport", given, "--json");
      equal(set.code, 0, set.err);
      deepEqual(await options(), { transport: kept });
      equal(await shown(), kept);
      match((await world.run("status", "demo")).out, new RegExp(`^Transport: +${kept}$`, "m"));
    }
    equal((await world.run("set", "demo", "--unset", "transport")).code, 0);
    deepEqual(await options(), {});
    await world.run("set", "demo", "--transport", "sse");
    equal((await world.run("set", "demo", "--transport", "auto")).code, 0);
    deepEqual(await options(), {});
    equal(await shown(), "auto");
    const wrong = await world.run("set", "demo", "--transport", "pigeon\u001b[31m");
    equal(wrong.code, 2);
    match(wrong.err, /auto, http, sse or websocket/);
    equal(wrong.err.includes("\u001b"), false);
  }));
