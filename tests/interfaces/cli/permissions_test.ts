/** `permissions`: the table behind it, and the forms that it prints. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { COMMAND_NEEDS, VARIABLES } from "../../../lib/interfaces/cli/commands/permissions/needs.ts";
import { flagsOf, permissionSetOf } from "../../../lib/interfaces/cli/commands/permissions/form.ts";
import {
  grantsFor,
  type Situation,
  type Subject,
} from "../../../lib/interfaces/cli/commands/permissions/grants.ts";
import { fullClient, fullCredential, OPTIONS, plainEntry } from "../../services/transfer/scene.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { allCommands } from "./reading.ts";
import { testWorld, withHome } from "./world.ts";

Deno.test("every command has its needs in the table, and every row is of a command", async () => {
  const commands = new Set([...await allCommands()].map(([words]) => words));
  for (const words of commands) ok(Object.hasOwn(COMMAND_NEEDS, words), words);
  const groups = new Set([...commands].map((words) => words.split(" ")[0]));
  for (const row of Object.keys(COMMAND_NEEDS)) ok(groups.has(row.split(" ")[0]), row);
});

/** The texts of all modules of the product. */
function* sources(folder = new URL("../../../lib/", import.meta.url)): Generator<readonly [string, string]> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield [name, Deno.readTextFileSync(new URL(name, folder))];
  }
}

Deno.test("every variable that the source reads is in the table", () => {
  const read = new Set<string>();
  for (const [, text] of sources()) {
    const code = text.replaceAll(/^\s*(?:\*|\/\/|\/\*).*$/gm, "");
    for (const [, name = ""] of code.matchAll(/\.get\(\s*"([A-Z][A-Za-z0-9_]*)"\s*,?\s*\)/g)) read.add(name);
    for (const [, name = ""] of code.matchAll(/required\(env, "([A-Z_]+)"\)/g)) read.add(name);
    for (const [, name = ""] of code.matchAll(/"((?:MCP_AUTH|MCP_REMOTE|DENO_KV)_[A-Z_]+)"/g)) read.add(name);
  }
  ok(read.size >= 15, [...read].join());
  deepEqual([...read].filter((name) => !Object.hasOwn(VARIABLES, name)), []);
  const never = Object.keys(VARIABLES).filter((name) =>
    ![...sources()].some(([file, text]) => file !== "needs.ts" && text.includes(name))
  );
  deepEqual(never, []);
});

Deno.test("help lists every variable of the table that a user sets for this program", async () => {
  const { out } = await testWorld().run("help", "environment");
  for (const [name, use] of Object.entries(VARIABLES)) {
    if (use === "internal" || !/^(MCP|DENO)_/.test(name)) continue;
    match(out, new RegExp(`\\b${name}\\b`), name);
  }
});

function situation(changes: Partial<Situation> = {}): Situation {
  return {
    env: fakeEnv(),
    place: { kind: "package" },
    home: "/home/u/store",
    homeVariables: ["MCP_AUTH_HOME"],
    keystore: "file",
    keychain: { program: "secret-tool", variables: ["DBUS_SESSION_BUS_ADDRESS", "HOME"] },
    browser: { programs: ["xdg-open"], variables: ["BROWSER", "DISPLAY"], isDeno: false },
    mcpRemote: undefined,
    file: undefined,
    ...changes,
  };
}

const ENV = fakeEnv({
  MCP_AUTH_HOME: "/home/u/store",
  MCP_AUTH_KEYSTORE: "file",
  TEAM: "blue",
  DISPLAY: ":0",
});

function subject(changes: Partial<Subject> = {}): Subject {
  const { server } = plainEntry("demo");
  return { server, credential: fullCredential("demo"), clients: [], ...changes };
}

/** The flags of a command, without those that are always the same. */
function flags(
  command: string,
  subjects: readonly Subject[],
  changes: Partial<Situation> = {},
): readonly string[] {
  const grants = grantsFor(COMMAND_NEEDS[command]!, subjects, situation({ env: ENV, ...changes }));
  return flagsOf(grants).filter((flag) => flag.startsWith("--allow"));
}

const STORE = ["--allow-read=/home/u/store", "--allow-write=/home/u/store"];
const HOME_FLAG = "--allow-env=MCP_AUTH_HOME";

Deno.test("hosts come with their ports, each command those that it talks to", () => {
  const hosts = (command: string, subjects = [subject()]) =>
    flags(command, subjects).find((flag) => flag.startsWith("--allow-net="))?.slice(12).split(",") ?? [];
  deepEqual(hosts("list"), []);
  deepEqual(hosts("token"), ["issuer.example:443"]);
  deepEqual(hosts("tools"), ["issuer.example:443", "mcp.example:443"]);
  const elsewhere = fullCredential("demo");
  const credential = {
    ...elsewhere,
    authorizationServer: {
      ...elsewhere.authorizationServer,
      token_endpoint: "https://token.example:8443/t",
      revocation_endpoint: "https://[::1]:9/r",
      userinfo_endpoint: "https://users.example/u",
    },
  };
  deepEqual(hosts("refresh", [subject({ credential })]), ["token.example:8443"]);
  deepEqual(hosts("logout", [subject({ credential })]), ["[::1]:9"]);
  deepEqual(hosts("logout --client", [subject({ credential })]), ["[::1]:9", "issuer.example:443"]);
  deepEqual(hosts("login", [subject({ credential })]), [
    "127.0.0.1:0",
    "127.0.0.1:8456",
    "[::1]:9",
    "issuer.example:443",
    "mcp.example:443",
    "token.example:8443",
    "users.example:443",
  ]);
});

Deno.test("the log of a bridge is read and written, with what is kept of it", () => {
  const paths = "/home/u/store,/var/b.log,/var/b.log.1";
  const found = flags("bridge --log-file", [subject()], { file: "/var/b.log" });
  ok(found.includes(`--allow-read=${paths}`) && found.includes(`--allow-write=${paths}`), found.join(" "));
  const { open, notes } = grantsFor(
    COMMAND_NEEDS["bridge --login --log-file"]!,
    [subject()],
    situation({ env: ENV }),
  );
  ok(open.includes("write") && notes.some((note) => note.includes("--file")));
});

Deno.test("the callback has the ports of the entry, else those of its registrations and the usual ones", () => {
  const callbacks = (each: Subject) =>
    flags("login", [each]).find((flag) => flag.startsWith("--allow-net="))?.match(/127\.0\.0\.1:\d+/g);
  const { server } = subject();
  deepEqual(callbacks(subject({ server: { ...server, options: { callbackPorts: [7, 8] } } })), [
    "127.0.0.1:7",
    "127.0.0.1:8",
  ]);
  const redirectUris = [
    "http://127.0.0.1:5555/callback",
    "http://localhost:4/callback",
    "http://127.0.0.1:6/other",
  ];
  deepEqual(callbacks(subject({ clients: [{ ...fullClient("demo"), redirectUris }] })), [
    "127.0.0.1:0",
    "127.0.0.1:5555",
    "127.0.0.1:8456",
  ]);
});

Deno.test("rows 15 and 16: the callback is where the entry says: both addresses, its own place, or none", () => {
  const { server } = subject();
  const local = (options: typeof server.options) =>
    flags("login", [subject({ server: { ...server, options } })])
      .find((flag) => flag.startsWith("--allow-net="))?.match(/(?:127\.0\.0\.1|\[::1\]|0\.0\.0\.0):\d+/g);
  deepEqual(local({ callbackHost: "localhost", callbackPorts: [7] }), ["127.0.0.1:7", "[::1]:7"]);
  deepEqual(local({ callbackHost: "[::1]", callbackPorts: [7] }), ["[::1]:7"]);
  deepEqual(local({ redirectUri: "https://t.example/cb", listen: "0.0.0.0:7" }), ["0.0.0.0:7"]);
  deepEqual(local({ redirectUri: "https://t.example/cb" }), null);
});

Deno.test("a variable is granted when it is set and read: a header's own always", () => {
  deepEqual(flags("token", [subject()]), [HOME_FLAG, "--allow-net=issuer.example:443", ...STORE]);
  const server = { ...plainEntry("demo").server, options: { headers: OPTIONS.headers } };
  equal(flags("call", [subject({ server })])[0], "--allow-env=MCP_AUTH_HOME,TEAM");
  equal(flags("call", [subject({ server })], { env: fakeEnv() })[0], "--allow-env=TEAM");
  equal(flags("token", [], { env: fakeEnv(), homeVariables: ["HOME"] })[0], STORE[0]);
});

Deno.test("each keystore adds what it needs", () => {
  equal(flags("list", [], { keystore: "env" })[0], "--allow-env=MCP_AUTH_HOME,MCP_AUTH_KEY");
  equal(flags("list", [], { keystore: "passphrase" })[0], "--allow-env=MCP_AUTH_HOME,MCP_AUTH_PASSPHRASE");
  const env = fakeEnv({ MCP_AUTH_HOME: "/home/u/store", DBUS_SESSION_BUS_ADDRESS: "unix:" });
  deepEqual(flags("list", [], { keystore: "keychain", env }), [
    "--allow-env=DBUS_SESSION_BUS_ADDRESS,MCP_AUTH_HOME",
    "--allow-read=/home/u/store",
    "--allow-run=secret-tool",
    "--allow-write=/home/u/store",
  ]);
  ok(flags("keystore use keychain", []).includes("--allow-run=secret-tool"));
  deepEqual(flags("list", [], { keystore: undefined, home: undefined }), ["--allow-env=MCP_AUTH_KEYSTORE"]);
});

Deno.test("a remote store is reached over the network, with its token", () => {
  const env = fakeEnv({ MCP_AUTH_STORE: "https://kv.example/", DENO_KV_ACCESS_TOKEN: "s3cret" });
  const grants = grantsFor(COMMAND_NEEDS.list!, [], situation({ env }));
  deepEqual(grants.net, ["kv.example:443"]);
  deepEqual(grants.env, ["DENO_KV_ACCESS_TOKEN", "MCP_AUTH_STORE"]);
  equal(grants.kv, false);
  match(grants.notes.join(), /may name other hosts/);
  ok(!flagsOf(grants).includes("--deny-net"));
});

Deno.test("a sign-in may start the browser, but never Deno", () => {
  ok(flags("add", [subject()]).includes("--allow-run=xdg-open"));
  ok(flags("add", [subject()])[0]?.includes("DISPLAY"));
  const browser = { programs: ["/usr/bin/deno"], variables: ["BROWSER"], isDeno: true };
  const grants = grantsFor(COMMAND_NEEDS.add!, [subject()], situation({ browser }));
  deepEqual(grants.run, []);
  match(grants.notes.join(), /may start deno may do everything/);
  for (const command of Object.keys(COMMAND_NEEDS)) {
    ok(flags(command, [subject()], { browser }).every((flag) => !/--allow-run.*deno/.test(flag)), command);
  }
});

Deno.test("what is never needed is denied, and what is not known is not", () => {
  const denied = (command: string) =>
    flagsOf(grantsFor(COMMAND_NEEDS[command]!, [subject()], situation({ env: ENV }))).filter((flag) =>
      flag.startsWith("--deny")
    );
  deepEqual(denied("token"), ["--deny-run", "--deny-ffi", "--deny-sys"]);
  deepEqual(denied("list"), ["--deny-net", "--deny-run", "--deny-ffi", "--deny-sys"]);
  deepEqual(denied("add"), ["--deny-run=deno", "--deny-ffi", "--deny-sys"]);
  deepEqual(denied("help"), [
    "--deny-env",
    "--deny-net",
    "--deny-read",
    "--deny-run",
    "--deny-write",
    "--deny-ffi",
    "--deny-sys",
  ]);
  ok(!denied("exec").includes("--deny-run"), "exec starts a program that is not known here");
  ok(!denied("import mcp-remote").includes("--deny-net"));
});

Deno.test("an entry that nobody is signed in to is said: its authorization server is not known", () => {
  const { notes } = grantsFor(COMMAND_NEEDS.token!, [subject({ credential: undefined })], situation());
  match(notes.join(), /"demo" is not signed in/);
  const server = { ...plainEntry("demo").server, signIn: "none" as const };
  deepEqual(
    grantsFor(COMMAND_NEEDS.token!, [subject({ server, credential: undefined })], situation()).notes,
    [],
  );
});

Deno.test("where there is no entry, its hosts are not known, and the network is not denied", () => {
  for (const command of ["token", "add", "bridge", "logout"]) {
    const grants = grantsFor(COMMAND_NEEDS[command]!, [], situation());
    match(grants.notes.join(), /There is no entry/);
    ok(!flagsOf(grants).includes("--deny-net"), command);
  }
  deepEqual(grantsFor(COMMAND_NEEDS.list!, [], situation()).notes, []);
});

Deno.test("files that export writes and import reads are granted where they are named", () => {
  const named = (command: string, file?: string) => flags(command, [], { file });
  deepEqual(named("export", "/mnt/stick/x.json"), [
    HOME_FLAG,
    "--allow-read=/home/u/store,/mnt/stick/",
    "--allow-write=/home/u/store,/mnt/stick/",
  ]);
  deepEqual(named("import", "/mnt/stick/x.json"), [
    HOME_FLAG,
    "--allow-read=/home/u/store,/mnt/stick/x.json",
    "--allow-write=/home/u/store",
  ]);
  match(grantsFor(COMMAND_NEEDS.export!, [], situation()).notes.join(), /--file/);
});

Deno.test("a comma in a path is doubled in a flag and stays as it is in a permission set", () => {
  const grants = grantsFor(COMMAND_NEEDS.list!, [], situation({ home: "/a,b" }));
  ok(flagsOf(grants).includes("--allow-read=/a,,b"));
  deepEqual(permissionSetOf(grants).read, ["/a,b"]);
});

Deno.test("the words are quoted for a shell, which reads them as they are", {
  ignore: Deno.build.os === "windows",
}, () =>
  withHome(async ({ world }) => {
    const home = `${await Deno.makeTempDir()}/it's a "home", $HOME`;
    try {
      const odd = testWorld({ home });
      await odd.run("list");
      const { out, code } = await odd.run("permissions", "--command", "list");
      equal(code, 0);
      const shell = await new Deno.Command("sh", { args: ["-c", `printf '%s\\n' ${out.trim()}`] }).output();
      const words = new TextDecoder().decode(shell.stdout).trim().split("\n");
      deepEqual(words, JSON.parse((await odd.run("permissions", "--command", "list", "--json")).out).flags);
      ok(words.includes(`--allow-write=${home.replaceAll(",", ",,")}`), words.join("\n"));
      equal((await world.run("permissions", "--command", "help")).code, 0);
    } finally {
      await Deno.remove(home.slice(0, home.indexOf("/it's")), { recursive: true });
    }
  }));

Deno.test("an unknown command and an unknown entry are mistakes", async () => {
  const { run } = testWorld();
  for (const command of ["nope", "__proto__", "constructor", ""]) {
    const { code, err, out } = await run("permissions", "--command", command);
    deepEqual([code, out], [2, ""]);
    match(err, /there is no such command \[USAGE\]\nHint: Use one of: add, login/);
  }
  equal((await run("permissions", "nobody")).code, 5);
});

Deno.test("row 40: behind a proxy, the proxy and the variables are granted, NO_PROXY too, which is set for a moment", () => {
  const env = fakeEnv({
    MCP_AUTH_HOME: "/home/u/store",
    HTTPS_PROXY: "http://u:hunter2@10.0.0.1:3128",
    no_proxy: "direct.test",
    SSL_CERT_FILE: "/etc/ca.pem",
  });
  const granted = flags("token", [subject()], { env });
  deepEqual(granted, [
    "--allow-env=HTTPS_PROXY,MCP_AUTH_HOME,NO_PROXY,SSL_CERT_FILE,no_proxy",
    "--allow-net=10.0.0.1:3128,issuer.example:443",
    "--allow-read=/etc/ca.pem,/home/u/store",
    "--allow-write=/home/u/store",
  ]);
  deepEqual(flags("list", [subject()], { env }), [HOME_FLAG, ...STORE]);
});

Deno.test("row 40: a proxy that cannot be used is a note, without its password", () => {
  const env = fakeEnv({ HTTPS_PROXY: "http://u:hunter2@" });
  const { notes, net } = grantsFor(COMMAND_NEEDS.token!, [subject()], situation({ env }));
  match(notes.join(), /^The proxy in HTTPS_PROXY cannot be used/);
  ok(!notes.join().includes("hunter2"));
  deepEqual(net, ["issuer.example:443"]);
});

Deno.test("row 40: what is on loopback alone needs no proxy", () => {
  const env = fakeEnv({ HTTPS_PROXY: "http://10.0.0.1:3128" });
  const server = { ...subject().server, url: "http://localhost:3000/mcp", signIn: "none" as const };
  const { net } = grantsFor(
    COMMAND_NEEDS.tools!,
    [{ server, credential: undefined, clients: [] }],
    situation({ env }),
  );
  deepEqual(net, ["localhost:3000"]);
});

Deno.test("rows 39 and 47: an entry's files of certificates, keys and header values can be read", () => {
  const options = {
    caFile: "/pki/ca.pem",
    clientCertificate: { certFile: "/pki/me.pem", keyFile: "/pki/me.key" },
    headers: { "X-Key": "${file:/run/key}", "X-Team": "${TEAM}" },
  };
  const entry = subject();
  const { read, env } = grantsFor(
    COMMAND_NEEDS.tools!,
    [{ ...entry, server: { ...entry.server, options } }],
    situation(),
  );
  for (const path of ["/pki/ca.pem", "/pki/me.pem", "/pki/me.key", "/run/key"]) {
    ok(read.includes(path), read.join());
  }
  ok(env.includes("TEAM"));
});
