/**
 * What a bridge holds in its memory when one side is slower than the other, and when it has carried very much. The
 * bounds are generous, several times what a message takes; without back-pressure each of these would pass them by far.
 *
 * @see behaviours row 38
 * @module
 */
import assert from "node:assert/strict";
import { answerTo, type Call, event, hang, startScriptedServer } from "../services/bridge/scripted_server.ts";
import { until } from "./processes.ts";
import { Home } from "./program.ts";
import { peakMiB, RawBridge, residentMiB } from "./raw_bridge.ts";

const MIB = 2 ** 20;

const call = (id: number, args: Record<string, unknown> = {}) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "x", arguments: args },
});

/** Writes for as long as the reader takes it. */
async function writeAll(
  { response }: Call,
  text: string,
  count: number,
  onWritten: () => void,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (!response.write(text)) {
      await new Promise<void>((resolve) => {
        const go = () => {
          response.off("drain", go).off("close", go);
          resolve();
        };
        response.once("drain", go).once("close", go);
      });
    }
    if (response.destroyed) return;
    onWritten();
  }
}

Deno.test("row 38: 10,000 notifications of 64 KiB wait at the server while the host does not read", async () => {
  const notification = event({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { data: "x".repeat(64 * 1024) },
  });
  const count = 10_000;
  let written = 0;
  await using server = await startScriptedServer({
    GET: async (call) => {
      call.stream(": here\n\n");
      await writeAll(call, notification, count, () => written++);
      await hang(call);
    },
  });
  await using home = await Home.make();
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  const { pid } = bridge.child;
  let before = -1;
  await until(() => written === before || (before = written, false), 1_000);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.ok(written < 2_000, `${written} were taken from the server, and nobody has read them`);
  for (let got = 0; got < count;) if ((await bridge.line())?.includes("notifications/message")) got++;
  assert.ok(peakMiB(pid) < 300, `${peakMiB(pid)} MiB`);
});

Deno.test("row 38: 300 answers of 1 MiB wait at the server while the host does not read", async () => {
  const text = "x".repeat(MIB);
  await using server = await startScriptedServer({ "tools/call": (call) => call.result({ text }) });
  await using home = await Home.make();
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  const count = 300;
  const asking = (async () => {
    for (let id = 0; id < count; id++) await bridge.send(call(id));
  })();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const ids = new Set<number>();
  while (ids.size < count) ids.add(JSON.parse(await bridge.line() ?? "").id);
  await asking;
  assert.ok(peakMiB(bridge.child.pid) < 500, `${peakMiB(bridge.child.pid)} MiB`);
});

Deno.test("row 38: 300 calls of 1 MiB wait at the host while the server is slow", async () => {
  const text = "x".repeat(MIB);
  await using server = await startScriptedServer({
    "tools/call": async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      call.result({ size: call.message.params.arguments.text.length });
    },
  });
  await using home = await Home.make();
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  const count = 300;
  let sent = 0;
  const asking = (async () => {
    for (let id = 0; id < count; id++, sent++) await bridge.send(call(id, { text }));
  })();
  for (let got = 0; got < count; got++) {
    assert.equal(JSON.parse(await bridge.line() ?? "").result?.size, MIB);
    assert.ok(sent - got < 150, `${sent - got} were taken from the host before they could go on`);
  }
  await asking;
  assert.ok(peakMiB(bridge.child.pid) < 700, `${peakMiB(bridge.child.pid)} MiB`);
});

Deno.test("row 38: a host that floods a server that answers nothing is told so, and takes no memory", async () => {
  await using server = await startScriptedServer({ "tools/call": hang });
  await using home = await Home.make();
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  let sent = 0;
  let over = false;
  const flooding = (async () => {
    const filler = "x".repeat(1024);
    for (let id = 0; !over && id < 100_000; id++, sent++) await bridge.send(call(id, { filler }));
  })();
  await until(() => sent > 1_100, 10_000);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.ok(sent < 3_000, `${sent} requests were taken at once`);
  assert.ok(peakMiB(bridge.child.pid) < 250, `${peakMiB(bridge.child.pid)} MiB`);
  over = true;
  bridge.kill("SIGKILL");
  await flooding;
});

Deno.test("an event of 10 MiB passes, again and again", async () => {
  const text = "ü".repeat(5 * MIB);
  await using server = await startScriptedServer({
    "tools/call": (call) => {
      call.stream(event(answerTo(call, { text })));
      call.response.end();
    },
  });
  await using home = await Home.make();
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  for (let id = 0; id < 6; id++) {
    await bridge.send(call(id));
    assert.equal((await bridge.answer(id)).result.text, text);
  }
  assert.ok(peakMiB(bridge.child.pid) < 450, `${peakMiB(bridge.child.pid)} MiB`);
});

Deno.test("row 38: 60,000 messages leave nothing behind", async () => {
  await using server = await startScriptedServer({
    GET: async (call) => {
      call.stream(": here\n\n");
      await hang(call);
    },
    "tools/call": (call) => {
      if (call.message.id % 2 === 0) return call.result({});
      call.stream(
        event({ jsonrpc: "2.0", method: "notifications/progress", params: {} }) + event(answerTo(call)),
      );
      call.response.end();
    },
  });
  await using home = await Home.make();
  await using bridge = new RawBridge(home, [server.url]);
  await bridge.initialize();
  const { pid } = bridge.child;
  const count = 24_000;
  const readings: number[] = [];
  let asked = 0;
  const ask = () => bridge.send(call(asked++));
  for (let i = 0; i < 50; i++) await ask();
  for (let got = 0; got < count;) {
    if (!(await bridge.line())?.includes('"id"')) continue;
    got++;
    if (asked < count) await ask();
    if (got % 1_000 === 0) {
      readings.push(residentMiB(pid));
      // The server of the test remembers everything.
      (server.log as unknown[]).length = server.methods.length = 0;
    }
  }
  const median = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const [middle, last] = [median(readings.slice(8, 16)), median(readings.slice(16))];
  assert.ok(
    last < middle * 1.15,
    `${middle.toFixed(0)} MiB in the middle, ${last.toFixed(0)} MiB at the end`,
  );
});
