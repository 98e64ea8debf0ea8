/**
 * What mcp-auth keeps, the rows of the audit log and of the limits: what happened can be read afterwards without any
 * secret in it, and whatever tries again without end is stopped.
 *
 * @see features, "Keep"; behaviours rows 33 and 41
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { jsonFault } from "../../scripts/demo/servers/faults.ts";
import type { AuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { assertWithout, done, letPass, libraryIn, MINUTE, modeOf, secretsOf, valueOf } from "./keeping.ts";
import { assertError } from "./outcome.ts";
import { checkoutPath, Home } from "./program.ts";
import { apart, presented, signIn } from "./refreshing.ts";
import { startServers } from "./servers.ts";

interface Event {
  readonly at: string;
  readonly event: string;
  readonly name?: string;
  readonly issuer?: string;
  readonly outcome: string;
  readonly code?: string;
  readonly fingerprints?: Readonly<Record<string, string>>;
}

/** What the log shows of a secret. */
function fingerprint(secret: unknown): string {
  return createHash("sha256").update(String(secret)).digest("hex").slice(0, 8);
}

Deno.test("Keep: audit log: sign-in started, done, failed; token refreshed; revoked; with fingerprints, never secrets; audit reads it", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as } = servers;
  const issued = () =>
    as.requests("POST /token").flatMap(({ answer }) => answer?.access_token === undefined ? [] : [answer]);
  const began = Date.now();
  assertError(
    await home.run(["add", "denied", servers.mcp.url, "--json"], { deny: true }),
    "AUTH_CANCELLED",
    130,
  );
  await signIn(home, servers);
  await done(home, ["refresh", "demo"]);
  as.fail("POST /token", 1, jsonFault(503, {}));
  assert.equal((await home.run(["refresh", "demo"])).code, 3);
  {
    await using client = libraryIn(home);
    valueOf(await client.refresh("demo"));
  }
  await done(home, ["logout", "demo"]);

  const log: readonly Event[] = (await done(home, ["audit", "--json"])).json;
  const of = (name: string) => log.filter((each) => each.name === name && each.event !== "client_registered");
  assert.deepEqual(of("denied").map(({ event, outcome, code }) => [event, outcome, code]), [
    ["sign_in_started", "done", undefined],
    ["sign_in_failed", "failed", "AUTH_CANCELLED"],
  ]);
  assert.deepEqual(of("demo").map(({ event, outcome, code }) => [event, outcome, code]), [
    ["sign_in_started", "done", undefined],
    ["entry_added", "done", undefined],
    ["signed_in", "done", undefined],
    ["token_refreshed", "done", undefined],
    ["refresh_failed", "failed", "SERVER_ERROR"],
    ["token_refreshed", "done", undefined],
    ["token_revoked", "done", undefined],
    ["token_revoked", "failed", undefined],
    ["signed_out", "done", undefined],
  ]);
  const pairs = issued();
  assert.equal(pairs.length, 3);
  const shown = (event: string) => of("demo").filter((each) => each.event === event);
  for (const [index, event] of [...shown("signed_in"), ...shown("token_refreshed")].entries()) {
    assert.equal(event.issuer, as.issuer);
    assert.equal(event.fingerprints?.access_token, fingerprint(pairs[index]?.access_token));
    assert.equal(event.fingerprints?.refresh_token, fingerprint(pairs[index]?.refresh_token));
  }
  assert.equal(
    shown("token_revoked")[0]?.fingerprints?.refresh_token,
    fingerprint(pairs.at(-1)?.refresh_token),
  );
  for (const { at } of log) assert.ok(Date.parse(at) >= began - 1 && Date.parse(at) <= Date.now() + 1, at);

  const file = `${home.store}/audit.jsonl`;
  assert.equal(await modeOf(file), 0o600);
  const [text, read] = [await Deno.readTextFile(file), (await done(home, ["audit"])).stdout];
  const secrets = secretsOf(as);
  assert.ok(secrets.size >= 10, `${secrets.size} secrets`);
  for (const place of [text, read, JSON.stringify(log)]) assertWithout(place, secrets, "the audit log");
  assert.equal(text.trimEnd().split("\n").length, log.length);
  assert.match(read, /refresh_failed.*SERVER_ERROR/);

  const failed = await done(home, ["audit", "--json", "--name", "demo", "--event", "refresh_failed"]);
  assert.deepEqual(failed.json, shown("refresh_failed"));
  assert.deepEqual((await done(home, ["audit", "--json", "--since", "1h"])).json, log);
  await done(home, ["audit", "--verify"]);
  await Deno.writeTextFile(file, text.replace('"AUTH_CANCELLED"', '"AUTH_FAILED"'));
  assert.equal((await home.run(["audit", "--verify"])).code, 1);
});

/** How many browsers came; the program itself asks whether its client is known still. */
function browsers(as: AuthorizationServer): number {
  return as.requests("GET /auth").filter(({ headers }) => !headers.get("user-agent")?.startsWith("mcp-auth/"))
    .length;
}

const LIMITS = "Keep: rate limit on attempts (5 a minute per server) and a storm breaker";

Deno.test(`${LIMITS}: the sixth attempt opens no browser`, async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { as, mcp } = servers;
  await done(home, ["add", "demo", mcp.url]);
  await done(home, ["logout", "demo"]);
  for (const deny of [true, false, true]) {
    const { code } = await home.run(["login", "demo"], { deny });
    assert.equal(code, deny ? 130 : 0);
  }
  let opened = 0;
  const refuse = () => {
    opened++;
    return Promise.reject(new Error("no browser here"));
  };
  await using client = libraryIn(home, { openBrowser: refuse });
  assert.equal((await client.authenticate("demo")).ok, false);
  assert.equal(opened, 1, "the fifth attempt within the minute");
  const before = browsers(as);
  assert.equal(before, 4);
  for (let time = 0; time < 2; time++) {
    const sixth = await home.run(["login", "demo", "--json"]);
    assertError(
      sixth,
      "RATE_LIMITED",
      3,
      /^Try again in \d+ s, and look for what keeps trying: mcp-auth audit$/,
    );
    assert.match(sixth.json.error.message, /^Cannot sign in to "demo": more than 5 times in 60 s$/);
    const seconds = Number(/in (\d+) s/.exec(sixth.json.error.hint)?.[1]);
    assert.ok(seconds > 0 && seconds <= 60, String(seconds));
  }
  const result = await client.authenticate("demo");
  assert.equal(result.ok ? "ok" : result.error.code, "RATE_LIMITED");
  assert.equal(opened, 1);
  assert.equal(browsers(as), before);
  assert.equal(
    (await done(home, ["call", "demo", "whoami"])).stdout,
    "alice\n",
    "it is signed in all the same",
  );

  await done(home, ["add", "other", mcp.url]);
  assert.equal(browsers(as), before + 1, "another entry has a count of its own");
  const age = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-kv", checkoutPath("tests/acceptance/age_entries.ts"), "demo"],
    clearEnv: true,
    env: home.environment(),
    cwd: checkoutPath("."),
  }).output();
  assert.ok(age.success, new TextDecoder().decode(age.stderr));
  await done(home, ["login", "demo"]);
});

Deno.test(`${LIMITS}: refreshes without end stop at 20 in half a minute, for all processes`, () =>
  apart(async (servers, home) => {
    await signIn(home, servers);
    const started = performance.now();
    for (let time = 0; time < 4; time++) await done(home, ["refresh", "demo"]);
    await using client = libraryIn(home);
    for (let time = 0; time < 16; time++) valueOf(await client.refresh("demo"));
    assert.equal(presented(servers.as).length, 20);
    const stopped = await client.refresh("demo");
    assert.equal(stopped.ok ? "ok" : stopped.error.code, "RATE_LIMITED");
    const outcome = await home.run(["refresh", "demo", "--json"]);
    assertError(
      outcome,
      "RATE_LIMITED",
      3,
      /^Try again in \d+ s, and look for what keeps trying: mcp-auth audit$/,
    );
    assert.match(outcome.json.error.message, /^Cannot refresh "demo": more than 20 times in 30 s$/);
    assert.ok(performance.now() - started < 25_000, "the machine is too slow for this test");

    const token = (await done(home, ["token", "demo"])).stdout;
    assert.equal(token.trim(), valueOf(await client.getTokens("demo")).accessToken);
    await letPass(home, "demo", 56 * MINUTE);
    assert.equal((await done(home, ["token", "demo"])).stdout, token, "served as long as it works");
    await letPass(home, "demo", 5 * MINUTE);
    assertError(await home.run(["token", "demo", "--json"]), "RATE_LIMITED", 3);
    assert.equal(presented(servers.as).length, 20, "the server is spared");
    const { state, can_refresh } = (await done(home, ["status", "demo", "--json"])).json;
    assert.deepEqual([state, can_refresh], ["signed-in", true]);
  }));
