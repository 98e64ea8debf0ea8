/**
 * `exec`: real commands that get a token. What reaches them and what does not, and that nobody can tell them from
 * commands that were started without mcp-auth.
 *
 * @see features, "Use"; design, rules 8 and 10
 * @module
 */
import assert from "node:assert/strict";
import { processesOf, until } from "./processes.ts";
import { asPackage, FROM_CHECKOUT, Home, type Running } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** A home with the entry `demo`, signed in. */
async function signedIn(): Promise<{ readonly home: Home; readonly servers: Servers } & AsyncDisposable> {
  const servers = await startServers();
  const home = await Home.make();
  const added = await home.run(["add", "demo", servers.mcp.url]);
  assert.equal(added.code, 0, added.stderr);
  return {
    home,
    servers,
    [Symbol.asyncDispose]: async () => {
      await home[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

/** A shell script in a home. */
async function script(home: Home, text: string): Promise<string> {
  const path = await home.file(`script-${crypto.randomUUID()}`, `#!/bin/sh\n${text}\n`);
  await Deno.chmod(path, 0o700);
  return path;
}

Deno.test("exec gives the command the token in a variable, as it is or as a header, under the name that was asked for", async () => {
  await using made = await signedIn();
  const { home } = made;
  const token = (await home.run(["token", "demo"])).stdout.trim();
  for (
    const [flags, line] of [
      [[], `MCP_ACCESS_TOKEN=${token}`],
      [["--env", "API_TOKEN"], `API_TOKEN=${token}`],
      [["--header"], `MCP_ACCESS_TOKEN=Authorization: Bearer ${token}`],
      [["--env", "MCP_AUTH_ACCESS_TOKEN"], `MCP_AUTH_ACCESS_TOKEN=${token}`],
    ] as const
  ) {
    const { code, stdout, stderr } = await home.run(["exec", "demo", ...flags, "--", "env"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.split("\n").filter((each) => each.includes(token)), [line]);
  }
});

Deno.test("exec passes each word after -- to the command as it is", async () => {
  await using made = await signedIn();
  const { home } = made;
  const print = await script(home, `for word; do printf '%s\\0' "$word"; done`);
  const words = [
    "-H",
    "a  b",
    "--",
    "--help",
    "--env",
    "X",
    "",
    "$HOME *",
    "-",
    "ü\n'\"\\",
    "--keystore=none",
  ];
  for (const flags of [[], ["--fd", "3"]]) {
    const { code, stdout, stderr } = await home.run(["exec", ...flags, "demo", "--", print, ...words]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.split("\0").slice(0, -1), words);
  }
});

const SECRETS = {
  MCP_AUTH_KEY: "0f".repeat(32),
  MCP_AUTH_NEW_KEY: "1f".repeat(32),
  MCP_AUTH_PASSPHRASE: "a long enough passphrase",
  MCP_AUTH_NEW_PASSPHRASE: "another long passphrase",
  MCP_AUTH_CLIENT_SECRET: "s3cret",
  MCP_AUTH_ACCESS_TOKEN: "s3cret",
  DENO_KV_ACCESS_TOKEN: "s3cret",
};

Deno.test("exec gives the command the whole environment but our secrets", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const env = { ...SECRETS, MCP_AUTH_KEYSTORE: "env", OTHER: "kept", MCP_AUTH_HOME: `${home.path}/store` };
  const added = await home.run(["add", "demo", servers.mcp.url], {
    env: { ...env, MCP_AUTH_ACCESS_TOKEN: undefined },
  });
  assert.equal(added.code, 0, added.stderr);
  for (const command of [FROM_CHECKOUT, await asPackage(home, ["-A"])]) {
    for (const flags of [[], ["--fd", "3"]]) {
      const { code, stdout, stderr } = await home.run(["exec", "demo", ...flags, "--", "env"], {
        env,
        command,
      });
      assert.equal(code, 0, stderr);
      const names = stdout.split("\n").map((line) => line.split("=")[0] ?? "");
      for (const name of [...Object.keys(SECRETS), "MCP_AUTH_RESTARTED_BY"]) {
        assert.ok(!names.includes(name), name);
      }
      assert.ok(!stdout.includes("s3cret"));
      assert.equal(names.includes("MCP_ACCESS_TOKEN"), flags.length === 0);
      assert.ok(stdout.includes(`HOME=${home.path}\n`) && stdout.includes("OTHER=kept\n"));
    }
  }
});

Deno.test("exec --fd gives the token by a descriptor that can be read once, and nowhere else", async () => {
  await using made = await signedIn();
  const { home } = made;
  const token = (await home.run(["token", "demo"])).stdout.trim();
  for (const fd of [3, 7]) {
    const read = await script(home, `cat <&${fd}; echo "again: $(cat <&${fd})"; env | grep -c '${token}'`);
    const { stdout, stderr } = await home.run(["exec", "demo", "--header", "--fd", `${fd}`, "--", read]);
    assert.equal(stdout, `Authorization: Bearer ${token}\nagain: \n0\n`, stderr);
  }
});

Deno.test("while the command runs its token is in no command line and, by a descriptor, in no environment", async () => {
  await using made = await signedIn();
  const { home } = made;
  const token = (await home.run(["token", "demo"])).stdout.trim();
  const waits = await script(home, "echo waits >&2; read line");
  for (const flags of [[], ["--fd", "3"]]) {
    await using running = home.start(["exec", "demo", ...flags, "--", waits]);
    await running.said(/waits/);
    const all = await processesOf(home.path);
    assert.ok(all.length >= 2);
    let inEnvironments = 0;
    for (const { pid, args } of all) {
      assert.ok(!args.join(" ").includes(token));
      if ((await Deno.readTextFile(`/proc/${pid}/environ`)).includes(token)) inEnvironments++;
    }
    assert.equal(inEnvironments, flags.length === 0 ? 1 : 0);
    await running.write("\n");
    assert.equal((await running.outcome).code, 0);
  }
});

Deno.test("exec ends with the exit code of its command, or 128 and the signal that killed it", async () => {
  await using made = await signedIn();
  const { home } = made;
  const restarted = await asPackage(home, ["-A"]);
  for (
    const [end, code] of [["exit 0", 0], ["exit 7", 7], ["exit 255", 255], ["kill -9 $$", 137], [
      "kill $$",
      143,
    ]] as const
  ) {
    for (const flags of [[], ["--fd", "3"]]) {
      for (const command of [FROM_CHECKOUT, restarted]) {
        const outcome = await home.run(["exec", "demo", ...flags, "--", "sh", "-c", end], { command });
        assert.deepEqual([outcome.code, outcome.stdout, outcome.stderr], [code, "", ""], `${end} ${flags}`);
      }
    }
  }
});

Deno.test("exec ends with 125 for every failure of its own, and says what failed", async () => {
  await using made = await signedIn();
  const { home } = made;
  const plain = await home.file("plain", "text");
  for (
    const [args, message] of [
      [["nobody", "--", "true"], /there is no such entry \[NOT_FOUND\]/],
      [["demo"], /none is given \[USAGE\]/],
      [[], /none is given \[USAGE\]/],
      [["demo", "--", "no-such-program"], /"no-such-program": there is no such program \[NOT_FOUND\]/],
      [["demo", "--fd", "3", "--", "no-such-program"], /there is no such program \[NOT_FOUND\]/],
      [["demo", "--", plain], /it may not be executed \[PERMISSION_DENIED\]/],
      [["demo", "--fd", "3", "--", plain], /it may not be executed \[PERMISSION_DENIED\]/],
      [["demo", "--", ""], /Cannot run ""/],
      [["demo", "--env", "A-B", "--", "true"], /"A-B": it is no name of a variable \[USAGE\]/],
      [["demo", "--env", "A", "--fd", "3", "--", "true"], /\[USAGE\]/],
      [["demo", "--fd", "2", "--", "true"], /from 3 to 255.*\[USAGE\]/],
      [["demo", "--frobnicate", "--", "true"], /\[USAGE\]/],
    ] as const
  ) {
    const { code, stdout, stderr } = await home.run(["exec", ...args]);
    assert.deepEqual([code, stdout], [125, ""], stderr);
    assert.match(stderr, message);
  }
  const given = (await home.run(["audit", "--json", "--event", "token_given"])).json;
  assert.deepEqual(given, [], "a token was noted as given that no command has got");
});

Deno.test("the command has our standard input, output and error, byte for byte", async () => {
  await using made = await signedIn();
  const { home } = made;
  const text = `${"x".repeat(99)}\n`.repeat(3_000);
  for (const flags of [[], ["--fd", "3"]]) {
    for (const command of [FROM_CHECKOUT, await asPackage(home, ["-A"])]) {
      const outcome = await home.run(["exec", "demo", ...flags, "--", "sh", "-c", "tee /dev/stderr"], {
        command,
        stdin: text,
      });
      assert.equal(outcome.code, 0);
      assert.ok(outcome.stdout === text && outcome.stderr === text);
    }
  }
});

const HANDLES = `trap 'echo got $1 >&2; exit 42' "$1"; echo ready >&2; while :; do sleep 0.05; done`;

for (const fd of [[], ["--fd", "3"]]) {
  Deno.test(`signals are for the command, which decides what becomes of it ${fd.join(" ")}`, async () => {
    await using made = await signedIn();
    const { home } = made;
    const handles = await script(home, HANDLES);
    const restarted = await asPackage(home, ["-A"]);
    for (
      const [signal, command] of [
        ["TERM", FROM_CHECKOUT],
        ["INT", FROM_CHECKOUT],
        ["HUP", FROM_CHECKOUT],
        ["USR1", FROM_CHECKOUT],
        ["TERM", restarted],
        ["INT", restarted],
      ] as const
    ) {
      await using running = home.start(["exec", "demo", ...fd, "--", handles, signal], { command });
      await running.said(/ready/);
      running.kill(`SIG${signal}`);
      const { code, stderr } = await running.outcome;
      assert.deepEqual([code, stderr], [42, `ready\ngot ${signal}\n`], `${signal} ${command.length}`);
    }
  });
}

Deno.test("a command that goes on after a signal, and another, is waited for", async () => {
  await using made = await signedIn();
  const { home } = made;
  const goesOn = await script(
    home,
    `trap 'echo got >&2' TERM; echo ready >&2; while :; do sleep 0.05; [ -e "$HOME/end" ] && exit 3; done`,
  );
  await using running = home.start(["exec", "demo", "--", goesOn]);
  await running.said(/ready/);
  for (const count of [1, 2, 3]) {
    running.kill("SIGTERM");
    await running.said(new RegExp(`ready\n(?:got\n){${count}}`));
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await home.file("end", "");
  assert.equal((await running.outcome).code, 3);
});

Deno.test("what is ignored where exec is started (nohup) is ignored by its command", async () => {
  await using made = await signedIn();
  const { home } = made;
  const shows = await script(home, `grep SigIgn /proc/$$/status`);
  for (const flags of [[], ["--fd", "3"]]) {
    const mask = async (start: string) => {
      const command = ["sh", "-c", `${start} exec "$@"`, "sh", ...FROM_CHECKOUT];
      const { stdout, stderr } = await home.run(["exec", "demo", ...flags, "--", shows], { command });
      assert.match(stdout, /^SigIgn:\s+[0-9a-f]{16}$/m, stderr);
      return BigInt(`0x${stdout.trim().split(/\s+/)[1]}`);
    };
    assert.equal(await mask("trap '' HUP;"), await mask("") | 1n);
  }
});

/** util-linux: the program has a terminal of its own, and what is written here is typed there. */
function atTerminal(home: Home, command: readonly string[], args: readonly string[]): Running {
  const line = [...command, ...args].map((word) => `'${word}'`).join(" ");
  return home.start([], { command: ["script", "-qefc", `exec ${line}`, "/dev/null"] });
}

Deno.test("Ctrl-C at a terminal reaches the command once, and it decides", async () => {
  await using made = await signedIn();
  const { home } = made;
  const counts = await script(
    home,
    `trap 'echo got' INT; echo ready; while :; do sleep 0.05; [ -e "$HOME/end" ] && exit 5; done`,
  );
  for (const command of [FROM_CHECKOUT, await asPackage(home, ["-A"])]) {
    await using running = atTerminal(home, command, ["exec", "demo", "--", counts]);
    assert.ok(await until(() => running.stdout.includes("ready"), 10_000), running.stdout);
    await running.write("\x03");
    assert.ok(await until(() => running.stdout.includes("got"), 10_000), running.stdout);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await home.file("end", "");
    const { code, stdout } = await running.outcome;
    assert.equal(code, 5, stdout);
    assert.equal(stdout.split("got").length - 1, 1, stdout);
    await Deno.remove(`${home.path}/end`);
  }
});

Deno.test("when the program that was restarted is killed, its command is asked to end, and nobody waits", async () => {
  await using made = await signedIn();
  const { home } = made;
  const handles = await script(home, HANDLES);
  await using running = home.start(["exec", "demo", "--", handles, "TERM"], {
    command: await asPackage(home, ["-A"]),
  });
  await running.said(/ready/);
  running.kill("SIGKILL");
  assert.ok(await home.isQuiet(5_000), "processes are left");
});

Deno.test("while the command runs nothing is locked: others refresh, rename and use mcp-auth in it", async () => {
  await using made = await signedIn();
  const { home } = made;
  const waits = await script(home, "echo ready >&2; read line");
  await using running = home.start(["exec", "demo", "--", waits]);
  await running.said(/ready/);
  for (const args of [["refresh", "demo"], ["rename", "demo", "other"], ["token", "other"]]) {
    const { code, stderr } = await home.run(args);
    assert.equal(code, 0, stderr);
  }
  await running.write("\n");
  assert.equal((await running.outcome).code, 0);
  const inside = [...FROM_CHECKOUT, "token", "other"];
  for (const flags of [[], ["--fd", "3"]]) {
    const nested = await home.run(["exec", "other", ...flags, "--", ...inside]);
    assert.equal(nested.stdout, (await home.run(["token", "other"])).stdout, nested.stderr);
  }
});

Deno.test("a token that is due is refreshed first, and the audit log says who got it", async () => {
  await using made = await signedIn();
  const { home, servers } = made;
  const before = (await home.run(["token", "demo"])).stdout.trim();
  const get = ["-f", "+59m", ...FROM_CHECKOUT, "exec", "demo", "--", "printenv", "MCP_ACCESS_TOKEN"];
  const { stdout, stderr } = await home.run([], { command: ["faketime", ...get] });
  assert.ok(stdout.trim() !== "" && stdout.trim() !== before, stderr);
  assert.equal(servers.as.requests("POST /token").length, 2);
  const events: { event: string; name: string; detail?: string; fingerprints: { access_token: string } }[] =
    (await home.run(["audit", "--json"])).json;
  const [refreshed, given] = events.slice(-2);
  assert.deepEqual([refreshed?.event, given?.event, given?.name], ["token_refreshed", "token_given", "demo"]);
  assert.equal(given?.detail, 'variable MCP_ACCESS_TOKEN of "printenv"');
  assert.equal(given?.fingerprints.access_token, refreshed?.fingerprints.access_token);
});
