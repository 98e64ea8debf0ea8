/**
 * A server that is a program: how it starts, dies, is started again, and ends with us.
 *
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { type PipedChild, startPiped } from "../../../lib/primitives/system/piped_child.ts";
import { localServerWay } from "../../../lib/services/bridge/transports/stdio.ts";
import { RemoteHost } from "../../contracts/remote.ts";
import { peerCommand } from "../../contracts/remote_servers.ts";
import { processesOf, until } from "../../acceptance/processes.ts";
import { eventually } from "./host.ts";

/** A host with a server that is a program, and what is seen of it. */
class Scene implements AsyncDisposable {
  readonly children: PipedChild[] = [];
  readonly log: string[] = [];
  complaints = "";
  readonly host: RemoteHost;

  constructor(command: readonly [string, ...string[]]) {
    this.host = new RemoteHost({
      open: (receiver) =>
        localServerWay({
          command,
          start: (what) => {
            const child = startPiped(what);
            this.children.push(child);
            return child;
          },
          errors: (text) => this.complaints += text,
        }, (line) => void this.log.push(line))(receiver),
      hasEnded: () => true,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.remote.close(800);
  }
}

/** A program of a test's own, as a file in a folder that goes with it. */
async function program(text: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/server.ts`, text);
  return {
    path: `${folder}/server.ts`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const run = (
  path: string,
): readonly [string, ...string[]] => [Deno.execPath(), "run", "-A", "--no-config", path];

Deno.test("it is started by the first message, and what it writes to standard error is passed on", async () => {
  await using scene = new Scene(peerCommand());
  equal(scene.children.length, 0);
  await scene.host.initialize();
  equal(scene.children.length, 1);
  ok(await until(() => scene.complaints === "Ready\n", 5_000), scene.complaints);
});

Deno.test("its death is told with its exit code and its last words, without secrets in them", async () => {
  await using scene = new Scene(peerCommand("--crash"));
  await rejects(scene.host.initialize(), (error: Error & { code: string; hint: string }) => {
    equal(error.code, "SERVER_ERROR");
    match(error.message, /has ended \(exit code 3\); the last it said: Cannot start: no key/);
    ok(!error.message.includes("abcdefghijklmnop"), error.message);
    match(error.hint, /not known/);
    return true;
  });
  match(scene.complaints, /first line/);
});

Deno.test("a signal that killed it is named", async () => {
  await using scene = new Scene(peerCommand());
  await scene.host.initialize();
  const hanging = rejects(scene.host.request("hang"), { code: "SERVER_ERROR", message: /killed by SIGKILL/ });
  await scene.host.request("echo");
  scene.children[0]!.kill("SIGKILL");
  await hanging;
});

Deno.test("the next message starts it again with the session open, and nothing before that does", async () => {
  await using scene = new Scene(peerCommand());
  await scene.host.initialize();
  await rejects(scene.host.request("cut"), {
    message: /exit code 7\); the last it said: It was told to stop/,
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  equal(scene.children.length, 1);
  equal((await scene.host.request("echo", { again: true })).again, true);
  equal(scene.children.length, 2);
  equal(scene.host.answers(0).length, 1);
  match(scene.log[0] ?? "", /^Lost "[^"]*deno": has ended \(exit code 7\)/);
});

Deno.test("a session that the server has refused to open is not opened again", async () => {
  await using file = await program(`
    for await (const chunk of Deno.stdin.readable) {
      const { id, method } = JSON.parse(new TextDecoder().decode(chunk));
      if (method === "die") Deno.exit(1);
      const answer = method === "initialize" ? { error: { code: -32601, message: "no" } } : { result: { method } };
      console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
    }
  `);
  await using scene = new Scene(run(file.path));
  await scene.host.request("initialize", {}, 0);
  await rejects(scene.host.request("die"), { code: "SERVER_ERROR" });
  equal((await scene.host.request("server/discover")).method, "server/discover");
  equal(scene.children.length, 2);
});

Deno.test("one that always dies is started once for each request", async () => {
  await using scene = new Scene(peerCommand("--crash"));
  for (let number = 1; number <= 4; number++) {
    await rejects(scene.host.request("echo"), { code: "SERVER_ERROR" });
    equal(scene.children.length, number);
  }
});

Deno.test("a program that is not there, or may not be run, is told as such", async () => {
  await using missing = new Scene(["mcp-auth-no-such-program"]);
  await rejects(missing.host.initialize(), { code: "NOT_FOUND", hint: "Check its name and PATH" });
  const path = await Deno.makeTempFile();
  await using denied = new Scene([path]);
  await rejects(denied.host.initialize(), { code: "PERMISSION_DENIED" });
  await Deno.remove(path);
});

Deno.test("what is no message on its standard output does no harm", async () => {
  await using file = await program(`
    console.log("Server listening, token=abcdefghijkl12345678");
    for await (const chunk of Deno.stdin.readable) {
      const { id } = JSON.parse(new TextDecoder().decode(chunk));
      console.log(JSON.stringify({ jsonrpc: "2.0", id, result: { ok: true } }));
    }
  `);
  await using scene = new Scene(run(file.path));
  equal((await scene.host.request("echo")).ok, true);
  match(scene.log[0] ?? "", /not JSON: Server listening/);
  ok(!scene.log[0]?.includes("abcdefghijkl"));
});

Deno.test("one that reads nothing holds up neither the host nor its own end", async () => {
  await using file = await program("setInterval(() => {}, 1000);");
  const scene = new Scene(run(file.path));
  const text = "x".repeat(8 * 1024 * 1024);
  const sent = rejects(scene.host.request("echo", { text }), { code: "SERVER_ERROR" });
  await eventually(() => scene.children.length === 1, "started");
  const started = performance.now();
  await scene.host.remote.close(600);
  await sent;
  ok(performance.now() - started < 2_000, `${performance.now() - started} ms`);
  equal((await scene.children[0]!.ended).signal, "SIGTERM");
});

Deno.test("it ends by the end of its input, by SIGTERM, or by SIGKILL, in the time that there is (T19)", async () => {
  for (const [args, signal] of [[[], undefined], [["--stubborn"], "SIGKILL"]] as const) {
    const scene = new Scene(peerCommand(...args));
    await scene.host.initialize();
    ok(await until(() => scene.complaints.includes("Ready"), 5_000));
    const started = performance.now();
    await scene.host.remote.close(800);
    ok(performance.now() - started < 2_000, `${performance.now() - started} ms`);
    equal((await scene.children[0]!.ended).signal, signal);
  }
});

Deno.test("what it has started ends with it, whether it was told to or killed", async () => {
  for (const kill of [false, true]) {
    const home = await Deno.makeTempDir({ prefix: "mcp-auth-tree-" });
    await using file = await program(`
      new Deno.Command("sleep", { args: ["300"], stdout: "inherit", stderr: "inherit" }).spawn();
      for await (const chunk of Deno.stdin.readable) {
        const { id } = JSON.parse(new TextDecoder().decode(chunk));
        console.log(JSON.stringify({ jsonrpc: "2.0", id, result: {} }));
      }
      Deno.exit(0);
    `);
    const scene = new Scene([
      "env",
      `HOME=${home}`,
      `DENO_DIR=${Deno.env.get("DENO_DIR") ?? ""}`,
      ...run(file.path),
    ]);
    await scene.host.request("echo");
    equal((await processesOf(home)).length, 2);
    if (kill) {
      const hanging = rejects(scene.host.request("hang"), { message: /SIGKILL/ }).catch(() => {});
      const [leader] = (await processesOf(home)).filter(({ args }) => args.includes(file.path));
      Deno.kill(leader!.pid, "SIGKILL");
      await eventually(() => scene.log.length > 0, "its death is noticed");
      await hanging;
    }
    await scene.host.remote.close(800);
    ok(await until(async () => (await processesOf(home)).length === 0, 3_000));
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("none of our secrets is in its environment", async () => {
  await using file = await program(`
    const names = Object.keys(Deno.env.toObject()).filter((name) => name.startsWith("MCP_AUTH_"));
    for await (const chunk of Deno.stdin.readable) {
      const { id } = JSON.parse(new TextDecoder().decode(chunk));
      console.log(JSON.stringify({ jsonrpc: "2.0", id, result: { names } }));
    }
  `);
  const variables = [
    "MCP_AUTH_KEY",
    "MCP_AUTH_PASSPHRASE",
    "MCP_AUTH_ACCESS_TOKEN",
    "MCP_AUTH_CLIENT_SECRET",
  ];
  for (const name of variables) Deno.env.set(name, "secret");
  try {
    await using scene = new Scene(run(file.path));
    deepEqual((await scene.host.request("names")).names, []);
  } finally {
    for (const name of variables) Deno.env.delete(name);
  }
});
