/** What a change shows, and what it refuses. */
import { equal, match, ok, rejects } from "node:assert/strict";
import {
  bridgedName,
  hostOf,
  shownChange,
  withBridge,
  withoutBridge,
} from "../../../lib/services/hosts/mod.ts";

const BRIDGE = { command: "/opt/mcp-auth", args: ["bridge", "demo"], env: {} };

Deno.test("a shown change has no secret in it, neither of the server nor of those around it", async () => {
  const text = JSON.stringify(
    {
      mcpServers: {
        a: {
          command: "npx",
          args: ["--header", "X-Key: s3cret-1", "--api-key=s3cret-2", "--token", "s3cret-3"],
        },
        b: { url: "https://x.example/mcp?key=s3cret-4", headers: { Authorization: "Bearer s3cret-5" } },
        demo: {
          command: "npx",
          args: ["mcp-remote", "https://u:s3cret-6@x.example"],
          env: { K: 's3c"ret-7' },
        },
        z: { apiKey: "s3cret-8", env: { PORT: "80", NAME: "${env:NAME}" }, command: "node" },
      },
    },
    null,
    2,
  );
  const config = { host: hostOf("cursor"), file: "f.json", text };
  for (const name of ["a", "b", "demo", "z"]) {
    const after = await withBridge(config, name, BRIDGE, true);
    const { text: shown } = await shownChange(config, after);
    ok(!/s3c/.test(shown!), shown);
    match(shown!, /^--- f\.json\n\+\+\+ f\.json\n@@ /);
    match(shown!, /^\+ +"command": "\/opt\/mcp-auth",?$/m);
    if (name !== "z") match(shown!, /^- .*\*\*\*/m, "but where one was is seen");
    else match(shown!, /^-.*"PORT": "80"/m);
  }
});

Deno.test("nor one in an unusual place or way of writing (row 41)", async () => {
  const hidden: readonly (readonly [host: "cursor" | "codex", line: string])[] = [
    ["cursor", '"a": { "command": "docker", "args": ["run", "-e", "GITHUB_TOKEN=s3cret-1", "img"] },'],
    ["cursor", '"a": { "args": ["mcp-remote", "--header X-Key: s3cret-1"] },'],
    ["cursor", '"a": { "args": ["postgres://u:s3cret%2D1@db/x", "--dsn=postgres://u:s3cret-1@db"] },'],
    ["cursor", '"a": { "args": ["postgres://u:s3cret-100%@db/x"] },'],
    ["cursor", '"a": { "args": ["--url=https://x.example/mcp?key=s3cret-1"] },'],
    ["cursor", '"a": { "url": "https://s3cret-1@x.example/" },'],
    ["cursor", '"a": { "env": { "K": "Bearer s3\\u0063ret\\/1" } },'],
    ["cursor", '"a": { "env": { "K": "s3c+\\u002Fret" } },'],
    ["cursor", '"a": { "env": { "PIN": 73370011 } }, // s3c'],
    ["cursor", '"a": { "apiKeys": ["s3cret-1"] },'],
    ["cursor", '// "b": { "headers": { "Authorization": "Bearer s3cret-1" } },'],
    ["cursor", '// "b": { "command": "x", "args": ["ghp_s3c000000000000000"] },'],
    ["cursor", '"a": { "args": ["sk-proj-s3c0000000000"] },'],
    ["codex", 'env = { K = """\ns3cret-1\ns3cret-2""" }'],
    ["codex", "args = ['--token', 's3cret-1']"],
    ["codex", '# bearer_token = "s3cret-1"'],
    ["codex", 'env = { "K" = "s\\U00000033cret" }'],
  ];
  for (const [id, line] of hidden) {
    const text = id === "codex"
      ? `[mcp_servers.a]\ncommand = "x"\n${line}\n`
      : `{\n  "mcpServers": {\n    ${line}\n    "z": {}\n  }\n}\n`;
    const config = { host: hostOf(id), file: "f", text };
    const { text: shown } = await shownChange(config, await withBridge(config, "demo", BRIDGE, false));
    const rest = shown!.replace(" // s3c", "");
    ok(!/s3c|s3\\u|s\\U|73370011/.test(rest), shown);
    match(rest, /\/opt\/mcp-auth/);
  }
});

Deno.test("what a person agrees to be started is shown whole, whatever its length and whatever a host says (C77)", async () => {
  const command = `/opt/${"deep/".repeat(150)}mcp-auth`;
  const args = ["run", "bridge", "linear", "--login"];
  for (
    const text of [
      '{"mcpServers":{"a":{"command":"x","env":{"NAME":"linear","DIR":"/opt","WORD":"bridge","SECRET":"s3cret-1"}}}}',
      "",
    ]
  ) {
    const config = { host: hostOf("windsurf"), file: "f", text };
    const after = await withBridge(config, "demo", { command, args, env: {} }, false);
    const { text: shown } = await shownChange(config, after);
    ok(shown!.includes(`"${command}"`), shown);
    for (const word of args) ok(shown!.includes(`"${word}"`), shown);
    ok(!shown!.includes("s3cret"));
  }
});

Deno.test("a bridge of ours is brought up to date wherever the program is", async () => {
  const start = ["run", "-A", "--config", "/src/deno.json", "/src/main.ts", "bridge", "demo"];
  const bridge = { command: "/usr/bin/deno", args: start, env: {} };
  const config = { host: hostOf("cursor"), file: "f" };
  const text = await withBridge({ ...config, text: "" }, "demo", bridge, false);
  const again = { ...bridge, args: [...start, "--login"] };
  match(await withBridge({ ...config, text }, "demo", again, false), /--login/);
});

Deno.test("a shown change cannot move the cursor", async () => {
  const text = '{\n  "a": "\\u001b[31m",\n  "b": "\u009b31m\u202e",\n  "mcpServers": {}\n}';
  const config = { host: hostOf("gemini"), file: "f\u001b[31m", text };
  const { text: shown } = await shownChange(config, await withBridge(config, "demo", BRIDGE, false));
  // deno-lint-ignore no-control-regex -- what a terminal understands
  ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/.test(shown!), JSON.stringify(shown));
});

Deno.test("a bridge is known by its program and its name, also one of another version", () => {
  const name = (command: string, ...args: string[]) => bridgedName({ value: { command, args } }, BRIDGE);
  equal(name("/opt/mcp-auth", "bridge", "demo"), "demo");
  equal(name("C:\\x\\mcp-auth.exe", "bridge", "--login", "demo"), "demo");
  equal(name("deno", "run", "-A", "jsr:@x/mcp-auth@1.0.0", "bridge", "demo"), "demo");
  equal(name("/opt/other", "bridge", "demo"), undefined);
  equal(name("npx", "mcp-auth-something", "bridge", "demo"), undefined);
  equal(
    bridgedName({ value: { command: "deno", args: ["a", "main.ts", "bridge", "x"] } }, {
      command: "deno",
      args: ["a", "main.ts"],
    }),
    "x",
  );
});

Deno.test("what is no bridge is taken out only by force", async () => {
  const text = '[mcp_servers.demo]\ncommand = "npx"\n';
  const config = { host: hostOf("codex"), file: "f", text };
  await rejects(withoutBridge(config, "demo", BRIDGE, false), { code: "CONFIG_INVALID" });
  await rejects(withoutBridge(config, "other", BRIDGE, true), { code: "NOT_FOUND", hint: "It has: demo" });
  equal(await withoutBridge(config, "demo", BRIDGE, true), "");
});
