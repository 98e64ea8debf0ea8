/**
 * Entries from one machine to another, as two homes with two keystores: sealed on the way, whole after a kill at any
 * moment, and with the refresh token on one machine only after a move.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, Home, type ProgramOptions, type Running } from "./program.ts";
import { startServers } from "./servers.ts";

const WORDS = "correct horse battery";
const SEALED: ProgramOptions = { env: { MCP_AUTH_EXPORT_PASSPHRASE: WORDS } };
/** Another machine: another keystore. */
const ELSEWHERE: ProgramOptions = {
  env: { MCP_AUTH_EXPORT_PASSPHRASE: WORDS, MCP_AUTH_KEYSTORE: "env", MCP_AUTH_KEY: "0f".repeat(32) },
};

Deno.test("an entry moves to another machine and another keystore, and refreshes there, not here (row 1)", async () => {
  await using servers = await startServers();
  await using here = await Home.make();
  await using there = await Home.make();
  assert.equal((await here.run(["add", "demo", servers.mcp.url])).code, 0);
  const token = (await here.run(["token", "demo"])).stdout.trim();
  const file = `${here.path}/demo.json`;
  const exported = await here.run(["export", "demo", "--move", "--out", file], SEALED);
  assert.equal(exported.code, 0, exported.stderr);
  assert.equal(exported.stderr, "");
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  const text = await Deno.readTextFile(file);
  for (const secret of [token, WORDS, servers.as.issuer, "demo"]) assert.ok(!text.includes(secret), secret);
  assertError(await here.run(["token", "demo", "--json"]), "AUTH_REQUIRED", 4);

  assert.equal((await there.run(["import", file], ELSEWHERE)).code, 0);
  assert.equal((await there.run(["token", "demo"], ELSEWHERE)).stdout.trim(), token);
  const refreshed = await there.run(["refresh", "demo"], ELSEWHERE);
  assert.equal(refreshed.code, 0, refreshed.stderr);
  assert.equal((await there.run(["call", "demo", "whoami"], ELSEWHERE)).stdout, "alice\n");
  assert.equal((await there.run(["status", "demo", "--json"], ELSEWHERE)).json.keystore, "env");
  const log = await there.run(["audit", "--json"], ELSEWHERE);
  assert.ok(log.stdout.includes('"imported"'), log.stdout);
  assert.ok((await here.run(["audit", "--json"])).stdout.includes('"tokens moved"'));
});

Deno.test("a client that was registered by hand goes along with its secret", async () => {
  const clients = [{
    client_id: "by-hand",
    client_secret: "s3cret-of-the-client",
    application_type: "native",
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: ["http://127.0.0.1/callback"],
  }];
  await using servers = await startServers({
    as: { registration: false, tokenEndpointAuthMethods: ["client_secret_basic"], clients },
  });
  await using here = await Home.make();
  await using there = await Home.make();
  const env = { MCP_AUTH_CLIENT_ID: "by-hand", MCP_AUTH_CLIENT_SECRET: "s3cret-of-the-client" };
  assert.equal((await here.run(["add", "demo", servers.mcp.url], { env })).code, 0);
  const { code, stdout } = await here.run(["export", "demo", "--without-tokens"], SEALED);
  assert.equal(code, 0);
  assert.equal((await there.run(["import", "-"], { ...ELSEWHERE, stdin: stdout })).code, 0);
  assertError(await there.run(["token", "demo", "--json"], ELSEWHERE), "AUTH_REQUIRED", 4);
  const login = await there.run(["login", "demo"], ELSEWHERE);
  assert.equal(login.code, 0, login.stderr);
  assert.equal((await there.run(["status", "demo", "--json"], ELSEWHERE)).json.client_id, "by-hand");
});

Deno.test("a move that is killed at any moment loses no token: they are here, or in the file, or in both", async () => {
  await using servers = await startServers();
  await using here = await Home.make();
  await using there = await Home.make();
  assert.equal((await here.run(["add", "demo", servers.mcp.url])).code, 0);
  const kept = `${here.path}/kept.json`;
  assert.equal((await here.run(["export", "demo", "--out", kept], SEALED)).code, 0);
  let moved = 0;
  for (let round = 0; round < 16; round++) {
    const file = `${here.path}/round-${round}.json`;
    await using moving = here.start(["export", "demo", "--move", "--out", file], SEALED);
    await new Promise((resolve) => setTimeout(resolve, 60 + round * 12));
    moving.kill("SIGKILL");
    await moving.outcome;
    const isHere = (await here.run(["token", "demo"])).code === 0;
    const isThere = await Deno.stat(file).then(() => true, () => false);
    if (isThere) {
      assert.equal((await there.run(["import", file, "--dry-run"], ELSEWHERE)).code, 0, "it is whole");
    }
    assert.ok(isHere || isThere, `round ${round}`);
    if (isHere) continue;
    moved++;
    assert.equal((await here.run(["import", file, "--force"], SEALED)).code, 0);
  }
  assert.ok(moved < 16, "the kills came too late");
});

/** util-linux: the program has a terminal of its own, and what is written here is typed there. */
function atTerminal(home: Home, args: readonly string[]): Running {
  const line = [...FROM_CHECKOUT, ...args].map((word) => `'${word}'`).join(" ");
  return home.start([], { command: ["script", "-qefc", `stty cols 120 rows 40; exec ${line}`, "/dev/null"] });
}

async function shows(running: Running, text: string): Promise<void> {
  assert.ok(await until(() => running.stdout.includes(text), 10_000), running.stdout);
}

Deno.test("a person is asked for the passphrase, twice for a new one, and it is not shown", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  const file = `${home.path}/demo.json`;
  {
    await using exporting = atTerminal(home, ["export", "demo", "--out", file]);
    await shows(exporting, "Passphrase to seal the export with");
    await exporting.write("short\r");
    await shows(exporting, "fewer than 12 characters");
    await exporting.write(`\x15${WORDS}\r`);
    await shows(exporting, "The same once more");
    await exporting.write(`${WORDS}\r`);
    assert.equal((await exporting.outcome).code, 0, exporting.stdout);
    assert.match(exporting.stdout, /✓ Exported 1 entry/);
    assert.ok(!exporting.stdout.includes(WORDS));
  }
  {
    await using importing = atTerminal(home, ["import", file, "--name", "demo=other"]);
    await shows(importing, "Passphrase of the export");
    await importing.write(`${WORDS}\r`);
    assert.equal((await importing.outcome).code, 0, importing.stdout);
    assert.ok(!importing.stdout.includes(WORDS));
  }
  {
    await using differing = atTerminal(home, ["export", "demo", "--out", `${file}.2`]);
    await shows(differing, "Passphrase to seal the export with");
    await differing.write(`${WORDS}\r`);
    await shows(differing, "The same once more");
    await differing.write("another passphrase\r");
    assert.equal((await differing.outcome).code, 1, differing.stdout);
    assert.match(differing.stdout, /the two passphrases differ/);
  }
  {
    await using cancelled = atTerminal(home, ["import", file]);
    await shows(cancelled, "Passphrase of the export");
    await cancelled.write("\x03");
    assert.equal((await cancelled.outcome).code, 130, cancelled.stdout);
  }
  await assert.rejects(Deno.stat(`${file}.2`));
});

Deno.test("an export goes to a terminal only when that is asked for", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  assert.equal((await home.run(["add", "demo", servers.mcp.url])).code, 0);
  await using exporting = atTerminal(home, ["export", "demo"]);
  assert.equal((await exporting.outcome).code, 2, exporting.stdout);
  assert.match(exporting.stdout, /Add --out <file>/);
});
