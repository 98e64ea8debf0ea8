/**
 * A store that a passphrase seals: from the environment, and typed at a terminal without being shown.
 *
 * @see behaviours rows 41, 42, 44
 * @module
 */
import assert from "node:assert/strict";
import { startMcpServer } from "../../scripts/demo/servers/mcp_server.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, Home, type Running } from "./program.ts";

const PASSPHRASE = "correct horse battery staple";
const CHOSEN = { MCP_AUTH_KEYSTORE: undefined, MCP_AUTH_PASSPHRASE: PASSPHRASE };

/** util-linux: the program has a terminal of its own, and what is written here is typed there. */
function atTerminal(home: Home, args: readonly string[]): Running {
  const line = [...FROM_CHECKOUT, ...args].map((word) => `'${word}'`).join(" ");
  return home.start([], {
    command: ["script", "-qefc", `stty cols 120 rows 40; exec ${line}`, "/dev/null"],
    env: { MCP_AUTH_KEYSTORE: "passphrase" },
  });
}

/** Waits for a text, after the last place of another one where that is given. */
async function shows(running: Running, text: string, after = ""): Promise<void> {
  const shown = () => {
    const start = after === "" ? 0 : running.stdout.lastIndexOf(after);
    return start >= 0 && running.stdout.includes(text, start);
  };
  assert.ok(await until(shown, 10_000), running.stdout);
}

Deno.test("MCP_AUTH_PASSPHRASE seals a new store, and nothing else opens it (row 44)", async () => {
  await using server = await startMcpServer({ open: true });
  await using home = await Home.make();
  const added = await home.run(["add", "demo", server.url], { env: CHOSEN });
  assert.equal(added.code, 0, added.stderr);
  const names = (await Array.fromAsync(Deno.readDir(home.store))).map(({ name }) => name);
  assert.ok(!names.some((name) => name.startsWith("key")), names.join());
  const listed = await home.run(["list", "--json"], { env: CHOSEN });
  assert.equal(listed.json[0].name, "demo");

  const without = await home.run(["list", "--json"], { env: { MCP_AUTH_KEYSTORE: undefined } });
  assertError(without, "KEYSTORE_UNAVAILABLE", 1, /MCP_AUTH_PASSPHRASE/);
  const wrong = await home.run(["list", "--json"], {
    env: { ...CHOSEN, MCP_AUTH_PASSPHRASE: "not the passphrase" },
  });
  assertError(wrong, "KEYSTORE_UNAVAILABLE", 1);
  assert.match(wrong.json.error.message, /passphrase is another/);
});

Deno.test("a passphrase that is too short seals nothing", async () => {
  await using server = await startMcpServer({ open: true });
  await using home = await Home.make();
  const env = { ...CHOSEN, MCP_AUTH_PASSPHRASE: "too short" };
  const outcome = await home.run(["add", "demo", server.url, "--json"], { env });
  assertError(outcome, "KEYSTORE_UNAVAILABLE", 1, /longer/);
  assert.deepEqual((await home.run(["list", "--json"], { env: CHOSEN })).json, []);
});

Deno.test("at a terminal a new passphrase is asked for twice, an old one once, and none is shown (row 41)", async () => {
  await using server = await startMcpServer({ open: true });
  await using home = await Home.make();
  await using adding = atTerminal(home, ["add", "demo", server.url]);
  await shows(adding, "New passphrase");
  await adding.write("short\r");
  await shows(adding, "needs at least 12");
  await adding.write(`${"\x7f".repeat(5)}${PASSPHRASE}\r`);
  await shows(adding, "The same again");
  await adding.write("something else\r");
  await shows(adding, "New passphrase", "are not the same");
  await adding.write(`${PASSPHRASE}\r`);
  await shows(adding, "The same again", "are not the same");
  await adding.write(`${PASSPHRASE}\r`);
  assert.equal((await adding.outcome).code, 0, adding.stdout);
  assert.ok(!adding.stdout.includes(PASSPHRASE));

  await using listing = atTerminal(home, ["list"]);
  await shows(listing, "Passphrase of the store");
  await listing.write(`${PASSPHRASE}\r`);
  assert.equal((await listing.outcome).code, 0, listing.stdout);
  assert.match(listing.stdout, /demo/);
  assert.ok(!listing.stdout.includes(PASSPHRASE));

  await using cancelled = atTerminal(home, ["list"]);
  await shows(cancelled, "Passphrase of the store");
  await cancelled.write("\x03");
  assert.equal((await cancelled.outcome).code, 130, cancelled.stdout);
});
