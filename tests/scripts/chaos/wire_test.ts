/**
 * The wire of the chaos run: it passes on what it gets, and each fault is what it is called.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { CALM, type Rates, Wire } from "../../../scripts/chaos/wire.ts";
import { Random } from "../../../scripts/torture/random.ts";

/** What came back through a wire to a server that sends back what it gets. */
async function echoed(
  rates: Partial<Rates>,
  parts: readonly string[],
): Promise<{ readonly text: string; readonly error: unknown; readonly wire: Wire }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const connection = await listener.accept();
    await connection.readable.pipeTo(connection.writable).catch(() => {});
  })();
  const wire = await Wire.start(listener.addr.port, new Random("wire"));
  wire.rates = { ...CALM, ...rates };
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: wire.port });
  let text = "";
  let error: unknown;
  try {
    const reading = (async () => {
      const bytes = new Uint8Array(1_024);
      for (let read; (read = await connection.read(bytes)) !== null;) {
        text += new TextDecoder().decode(bytes.subarray(0, read));
      }
    })();
    reading.catch(() => {});
    for (const part of parts) {
      await connection.write(new TextEncoder().encode(part)).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await connection.closeWrite().catch(() => {});
    await reading;
  } catch (thrown) {
    error = thrown;
  } finally {
    connection.close();
    await wire.close();
    await serving;
  }
  return { text, error, wire };
}

Deno.test("a calm wire passes on every byte, and the end", async () => {
  const { text, error, wire } = await echoed({}, ["one ", "two ", "three"]);
  deepEqual([text, error], ["one two three", undefined]);
  equal(wire.connections[0]?.taintedAt, undefined);
  ok(wire.connections[0]!.closedAt !== undefined);
});

Deno.test("delays and splits change no byte", async () => {
  const { text, wire } = await echoed({ delay: 1, split: 1 }, ["one ", "two ", "three"]);
  equal(text, "one two three");
  ok(wire.happened.delay > 0 && wire.happened.split > 0);
});

Deno.test("a connection that ends in order ends early", async () => {
  const { text, error } = await echoed({ fin: 1 }, ["one"]);
  deepEqual([text, error], ["", undefined]);
});

Deno.test("a reset is a reset", async () => {
  const { error } = await echoed({ reset: 1 }, ["one"]);
  ok(error instanceof Deno.errors.ConnectionReset, String(error));
});

Deno.test("what is truncated is a beginning", async () => {
  const { text, error } = await echoed({ truncate: 1 }, ["one two three"]);
  equal(error, undefined);
  ok(text.length < "one two three".length && "one two three".startsWith(text), text);
});

Deno.test("what is duplicated comes twice, and taints the connection", async () => {
  const { text, wire } = await echoed({ duplicate: 1 }, ["ab"]);
  ok(/^(ab){2,}$/.test(text), text);
  ok(wire.connections[0]!.taintedAt !== undefined);
});

Deno.test("what is reordered is all there in another order, and taints the connection", async () => {
  const { text, wire } = await echoed({ reorder: 1 }, ["abcd"]);
  equal([...text].sort().join(""), "abcd");
  ok(wire.happened.reorder > 0);
  ok(wire.connections[0]!.taintedAt !== undefined);
});

Deno.test("a server that is not there resets the connection", async () => {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const wire = await Wire.start(port, new Random("wire"));
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: wire.port });
  const outcome = await connection.read(new Uint8Array(1)).catch((error) => error);
  connection.close();
  await wire.close();
  ok(outcome === null || outcome instanceof Deno.errors.ConnectionReset, String(outcome));
  deepEqual(wire.connections, []);
});
