/**
 * Signals and the parent, as real processes see them, and what children inherit.
 *
 * @see behaviours row 38; design, rules 1 and 10
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { childEnvironment } from "../../../lib/primitives/system/process.ts";

const PROGRAM = new URL("./programs/interrupted.ts", import.meta.url).pathname;
const unix = { ignore: Deno.build.os === "windows" };

/** A process, what it said, and the ways to reach it. */
class Child implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #said = "";
  #ended = false;

  constructor(command: string, args: readonly string[]) {
    this.process = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#input = this.process.stdin.getWriter();
  }

  static async run(task: string): Promise<Child> {
    const child = new Child(Deno.execPath(), ["run", "-A", "--no-config", PROGRAM, task]);
    await child.says("ready");
    return child;
  }

  /** Waits until the process has said all of this, and returns everything it said. */
  async says(text: string): Promise<string> {
    while (!this.#said.includes(text)) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error(`It ended without "${text}": ${this.#said}`);
      this.#said += value;
    }
    return this.#said;
  }

  async line(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("\n"));
  }

  async end(): Promise<{ readonly code: number; readonly said: string }> {
    await this.#input.close().catch(() => {});
    for (let read = await this.#lines.read(); !read.done; read = await this.#lines.read()) {
      this.#said += read.value;
    }
    const { code } = await this.process.status;
    this.#ended = true;
    return { code, said: this.#said };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.end();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`${signal} fires the abort and ends nothing by itself`, unix, async () => {
    await using child = await Child.run("wait");
    child.process.kill(signal);
    await child.says("aborted: AUTH_CANCELLED");
    await child.line();
    await child.says("alive");
    deepEqual(await child.end(), {
      code: 0,
      said: "ready\naborted: AUTH_CANCELLED\nalive\nended by itself\n",
    });
  });
}

Deno.test("a signal that a parent forwards is the one that the terminal sent already", unix, async () => {
  await using child = await Child.run("wait");
  child.process.kill("SIGINT");
  child.process.kill("SIGINT");
  await child.says("aborted");
  child.process.kill("SIGINT");
  await child.line();
  await child.says("alive");
  equal((await child.end()).code, 0);
});

Deno.test("a second signal, later, ends the process with 130", unix, async () => {
  await using child = await Child.run("wait");
  child.process.kill("SIGINT");
  await child.says("aborted");
  await pause(150);
  child.process.kill("SIGTERM");
  deepEqual(await child.process.status.then(({ code, signal }) => [code, signal]), [130, null]);
});

Deno.test("what is shielded is finished first, and then the second signal takes effect", unix, async () => {
  await using child = await Child.run("shield");
  child.process.kill("SIGINT");
  await child.says("aborted");
  await pause(150);
  child.process.kill("SIGINT");
  await pause(50);
  await child.line();
  deepEqual(await child.end(), { code: 130, said: "ready\naborted: AUTH_CANCELLED\nwritten\n" });
});

Deno.test("one signal leaves a shielded operation and what follows it alone", unix, async () => {
  await using child = await Child.run("shield");
  child.process.kill("SIGINT");
  await child.says("aborted");
  await child.line();
  await child.says("after the shield");
  equal((await child.end()).code, 0);
});

for (const task of ["gone", "parent"]) {
  Deno.test(`a process sees that its parent is gone (${task})`, unix, async () => {
    // The shell is the parent; it keeps its child's standard input and output open for us.
    const script = `exec 3<&0; "$0" run -A --no-config "$1" ${task} <&3 & wait`;
    await using child = new Child("sh", ["-c", script, Deno.execPath(), PROGRAM]);
    await child.says("ready");
    child.process.kill("SIGKILL");
    await child.says(task === "gone" ? "gone" : "aborted: AUTH_CANCELLED");
    await child.end();
  });
}

Deno.test("children inherit the environment without what opens the store or is a credential", async () => {
  const secrets = [
    "MCP_AUTH_KEY",
    "MCP_AUTH_PASSPHRASE",
    "MCP_AUTH_CLIENT_SECRET",
    "MCP_AUTH_ACCESS_TOKEN",
    "MCP_AUTH_PRIVATE_KEY",
    "MCP_AUTH_ASSERTION",
    "MCP_AUTH_ID_TOKEN",
    "MCP_AUTH_IDP_CLIENT_SECRET",
    "MCP_AUTH_SOME_PASSWORD",
    "MCP_AUTH_RESTARTED_BY",
    "DENO_KV_ACCESS_TOKEN",
    "mcp_auth_key",
  ];
  const kept = ["MCP_AUTH_HOME", "MCP_AUTH_KEYSTORE", "MCP_AUTH_CLIENT_ID", "OTHER_TOKEN", "BROWSER"];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", PROGRAM, "environment"],
    env: Object.fromEntries([...secrets, ...kept].map((name) => [name, `value of ${name}`])),
  }).output();
  const { clearEnv, env } = JSON.parse(new TextDecoder().decode(stdout));
  equal(clearEnv, true);
  for (const name of secrets) ok(!(name in env), name);
  for (const name of kept) equal(env[name], `value of ${name}`);
  equal(env.PATH, Deno.env.get("PATH"));
});

Deno.test("a sandbox that grants single variables passes those on that openers need", {
  permissions: { env: ["PATH", "DISPLAY"] },
}, () => {
  const { env } = childEnvironment();
  equal(env.PATH, Deno.env.get("PATH"));
  ok(Object.keys(env).every((name) => ["PATH", "DISPLAY"].includes(name)));
});
