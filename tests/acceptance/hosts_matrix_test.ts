import assert from "node:assert/strict";
import { inspect } from "./inspector.ts";
import { checkoutPath, Home } from "./program.ts";
import { until } from "./processes.ts";
import { PROMPTS, RESOURCES, TOOLS } from "./matrix_features.ts";
import { type CallResult, type Connected, HOSTS, type MatrixHost } from "./matrix_hosts.ts";
import { type Ability, type RunningMatrixServer, SERVERS } from "./matrix_servers.ts";

/** A host that has to end the bridge by force does so after 2 s. */
const FORCE_MS = 2_000;

for (const server of SERVERS) {
  Deno.test(`every host gets everything through the bridge: ${server.name} (T1-T20)`, async (test) => {
    for (const isGuarded of server.guarded ? [false, true] : [false]) {
      await using running = await server.start(isGuarded);
      await using home = await Home.make();
      if (isGuarded) {
        const added = await home.run(["add", "demo", ...running.place]);
        assert.equal(added.code, 0, added.stdout + added.stderr);
      }
      const place = isGuarded ? ["demo"] : running.place;
      for (const host of HOSTS) {
        await test.step(`${host.name}${isGuarded ? ", with OAuth" : ""}`, async () => {
          const connected = await connect(host, home, place);
          try {
            assert.equal(connected.revision, host.era === "stateless" ? "2026-07-28" : "2025-11-25");
            const can = server.can(host.era);
            if (server.kind === "features") await useFeatures(connected, can, running);
            else await useEverything(connected);
          } finally {
            const started = performance.now();
            await connected.close();
            assert.ok(performance.now() - started < FORCE_MS - 100, "the bridge ends by itself");
          }
        });
      }
    }
    // The SDK's clients leave the timer behind with which they would have used force.
    await new Promise((resolve) => setTimeout(resolve, FORCE_MS));
  });
}

for (const server of SERVERS) {
  Deno.test(`the inspector gets everything through the bridge: ${server.name} (T1-T20)`, async (test) => {
    for (const isGuarded of server.guarded ? [false, true] : [false]) {
      await using running = await server.start(isGuarded);
      await using home = await Home.make();
      if (isGuarded) assert.equal((await home.run(["add", "demo", ...running.place])).code, 0);
      const place = isGuarded ? ["demo"] : running.place;
      const isEverything = server.kind === "everything";
      await test.step(isGuarded ? "with OAuth" : "open", async () => {
        const { tools } = await inspected(home, place, "tools/list");
        assert.equal(tools[0].name, "echo");
        const word = isEverything ? "message=hi there" : "text=hi there";
        const called = await inspected(home, place, "tools/call", "--tool-name", "echo", "--tool-arg", word);
        assert.match(called.content[0].text, /hi there$/);
        if (isGuarded) return;
        assert.ok((await inspected(home, place, "resources/list")).resources.length > 3);
        assert.ok((await inspected(home, place, "prompts/list")).prompts.length > 3);
        const uri = isEverything ? "demo://resource/dynamic/text/1" : "demo://two";
        const read = await inspected(home, place, "resources/read", "--uri", uri);
        assert.equal(read.contents[0].uri, uri);
        const get = isEverything ? ["args-prompt", "city=Oslo"] : ["greet", "name=Oslo"];
        const [name = "", argument = ""] = get;
        const words = ["--prompt-name", name, "--prompt-args", argument];
        const { messages } = await inspected(home, place, "prompts/get", ...words);
        assert.match(messages[0].content.text, /Oslo/);
      });
    }
  });
}

// deno-lint-ignore no-explicit-any -- what the inspector printed
async function inspected(home: Home, place: readonly string[], ...words: readonly string[]): Promise<any> {
  const { code, result, stderr } = await inspect(home, place, ...words);
  assert.equal(code, 0, stderr);
  return result;
}

function connect(host: MatrixHost, home: Home, place: readonly string[]): Promise<Connected> {
  return host.connect({
    command: Deno.execPath(),
    args: ["run", "-A", checkoutPath("main.ts"), "bridge", ...place],
    env: home.environment(),
  });
}

/** Waits until a host has heard something. */
async function hears(connected: Connected, what: (heard: string) => boolean): Promise<void> {
  assert.ok(await until(() => connected.heard.some(what), 5_000), `heard: ${connected.heard.join("; ")}`);
}

function textOf({ content: [first] }: CallResult): string {
  return first?.text ?? "";
}

async function useFeatures(
  connected: Connected,
  can: ReadonlySet<Ability>,
  { features }: RunningMatrixServer,
): Promise<void> {
  assert.equal(connected.server?.name, "features");
  assert.equal(connected.instructions, "A server with one of everything.");
  assert.deepEqual(await connected.tools(), TOOLS.map(({ name }) => name));
  assert.deepEqual(await connected.resources(), RESOURCES.map(({ uri }) => uri));
  assert.deepEqual(await connected.prompts(), PROMPTS.map(({ name }) => name));
  assert.equal(await connected.read("demo://two"), "The text of demo://two");
  assert.equal(await connected.prompt("greet", { name: "Ann" }), "Greet Ann");
  assert.deepEqual(await connected.complete("greet", "name", "An"), ["Ann", "Anton"]);

  assert.equal(textOf(await connected.call("echo", { text: 'héllo\u2028 "' })), 'héllo\u2028 "');
  assert.deepEqual((await connected.call("add", { a: 2, b: 3 })).structuredContent, { sum: 5 });
  const failed = await connected.call("fail", { text: "no" });
  assert.deepEqual([failed.isError, textOf(failed)], [true, "Failed: no"]);
  const before = connected.progress.length;
  let told = 0;
  assert.equal(textOf(await connected.call("steps", {}, { onprogress: () => told++ })), "Done");
  assert.deepEqual(connected.progress.slice(before), can.has("notices") ? [1, 2, 3, 4] : []);
  assert.equal(told > 0, can.has("notices"));

  if (can.has("ask")) {
    assert.equal(textOf(await connected.call("ask", {})), "accept: Ann");
    assert.match(textOf(await connected.call("sample", {})), /Something/);
    assert.match(textOf(await connected.call("roots", {})), /file:\/\/\/matrix/);
  }
  if (can.has("changes")) {
    const { uri } = RESOURCES[0]!;
    const end = await connected.subscribe(uri);
    await connected.call("touch", { text: uri });
    await hears(connected, (heard) => heard === `updated ${uri}`);
    await connected.call("grow", {});
    await hears(connected, (heard) => heard === "tools changed");
    await end();
    const heard = connected.heard.length;
    await connected.call("touch", { text: uri });
    await connected.call("echo", { text: "after" });
    assert.equal(connected.heard.length, heard);
  }
  await connected.wantLogs();
  assert.equal(textOf(await connected.call("log", { text: "a line" })), "Logged");
  if (can.has("notices")) await hears(connected, (heard) => heard === "log a line");
  if (features !== undefined && can.has("cancel")) await cancels(connected, features);
}

/** A host's cancellation ends the work at the server, and nothing else. */
async function cancels(
  connected: Connected,
  features: NonNullable<RunningMatrixServer["features"]>,
): Promise<void> {
  const { begun, aborted } = features;
  const controller = new AbortController();
  const call = connected.call("hang", {}, { signal: controller.signal });
  const kept = connected.call("steps", {});
  assert.ok(await until(() => features.begun === begun + 1, 5_000), "the call arrives");
  controller.abort();
  await assert.rejects(call);
  assert.ok(await until(() => features.aborted === aborted + 1, 5_000), "the handler's signal fires");
  assert.equal(textOf(await kept), "Done");
}

async function useEverything(connected: Connected): Promise<void> {
  assert.equal(connected.server?.name, "mcp-servers/everything");
  const tools = await connected.tools();
  for (const name of ["echo", "get-structured-content", "trigger-sampling-request", "get-roots-list"]) {
    assert.ok(tools.includes(name), name);
  }
  assert.equal((await connected.resources()).length, 7);
  assert.equal((await connected.prompts()).length, 4);
  assert.match(await connected.read("demo://resource/dynamic/text/1"), /Resource 1/);
  assert.match(await connected.prompt("args-prompt", { city: "Oslo" }), /Oslo/);
  assert.deepEqual(await connected.complete("completable-prompt", "department", "E"), ["Engineering"]);

  assert.equal(textOf(await connected.call("echo", { message: "hi" })), "Echo: hi");
  const { structuredContent } = await connected.call("get-structured-content", { location: "New York" });
  assert.equal(typeof (structuredContent as { temperature: unknown }).temperature, "number");
  assert.equal((await connected.call("get-resource-reference", { resourceId: -1 })).isError, true);
  const before = connected.progress.length;
  await connected.call("trigger-long-running-operation", { duration: 0.2, steps: 4 }, {
    onprogress: () => {},
  });
  const progress = connected.progress.slice(before);
  // This server asks for the roots when it likes, and a host of the stateless era is not there to hear in between.
  assert.deepEqual(progress, [1, 2, 3, 4].filter((step) => progress.includes(step)));
  assert.equal(progress.at(-1), 4);

  assert.match(JSON.stringify(await connected.call("trigger-elicitation-request", {})), /Ann/);
  const sampled = await connected.call("trigger-sampling-request", { prompt: "x", maxTokens: 8 });
  assert.match(textOf(sampled), /Something/);
  assert.match(textOf(await connected.call("get-roots-list", {})), /file:\/\/\/matrix/);

  const uri = "demo://resource/dynamic/text/1";
  const end = await connected.subscribe(uri);
  await connected.call("toggle-subscriber-updates", {});
  await hears(connected, (heard) => heard === `updated ${uri}`);
  await connected.call("toggle-subscriber-updates", {});
  await end();
  await connected.wantLogs();
  await connected.call("toggle-simulated-logging", {});
  await hears(connected, (heard) => /^log \w+[- ]level/.test(heard));

  const controller = new AbortController();
  const call = connected.call("trigger-long-running-operation", { duration: 1 }, {
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 100);
  await assert.rejects(call);
  assert.equal(textOf(await connected.call("echo", { message: "on" })), "Echo: on");
}
