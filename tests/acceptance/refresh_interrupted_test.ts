/**
 * Processes that end in the middle of a refresh: by a signal, by their host, or by SIGKILL. What can wait for the answer
 * waits and stores it; what cannot leaves a note, and the next command recovers or says what happened.
 *
 * @see behaviours rows 1 and 5
 * @module
 */
import assert from "node:assert/strict";
import { Host } from "./host.ts";
import { assertError } from "./outcome.ts";
import { until } from "./processes.ts";
import {
  apart,
  assertNonePresentedTwice,
  isAccepted,
  presented,
  type Refreshing,
  signIn,
  signInWithTokenThatIsOver,
  wait,
} from "./refreshing.ts";

/** Waits until so many refresh tokens have arrived. */
async function arrived({ as }: Refreshing, count: number): Promise<void> {
  assert.ok(await until(() => presented(as).length >= count, 10_000), "no refresh arrived");
}

Deno.test("row 1: SIGKILL after the server has rotated: the token is served while it works, and then the error says what happened", () =>
  apart(async (servers, home) => {
    await signIn(home, servers);
    const token = (await home.run(["token", "demo"])).stdout;
    servers.as.fail("POST /token", 1, { delayMs: 20_000 });
    await using running = home.start(["refresh", "demo"]);
    await arrived(servers, 1);
    running.kill("SIGKILL");
    await running.outcome;
    for (let use = 0; use < 3; use++) assert.equal((await home.run(["token", "demo"])).stdout, token);
    assert.equal(presented(servers.as).length, 1, "nothing is sent while the token works");

    const started = performance.now();
    const next = await home.run(["refresh", "demo", "--json"]);
    assertError(next, "TOKEN_REFRESH_FAILED", 4, /^Run: mcp-auth login demo$/);
    assert.ok(performance.now() - started < 5_000, "a lock was left behind");
    const said =
      /invalid_grant.*; a refresh begun at \d{4}-\S+Z was interrupted before its answer could be stored$/;
    assert.match(next.json.error.message, said);
    const { json } = await home.run(["status", "demo", "--json"]);
    assert.match(json.last_error.message, said);
    assert.equal((await home.run(["login", "demo"])).code, 0);
    assert.equal((await home.run(["status", "demo", "--json"])).json.last_error, null);
    const fresh = (await home.run(["token", "demo"])).stdout;
    assert.ok(fresh !== token && await isAccepted(servers, fresh));
  }));

Deno.test("row 1: SIGKILL before the server has done anything: the next command recovers, and says nothing of it", () =>
  apart(async (servers, home) => {
    await signInWithTokenThatIsOver(home, servers);
    servers.life = 3600;
    servers.as.fail("POST /token", 1, "hang");
    await using running = home.start(["token", "demo"]);
    await arrived(servers, 2);
    running.kill("SIGKILL");
    await running.outcome;
    const next = await home.run(["token", "demo"]);
    assert.deepEqual([next.code, next.stderr], [0, ""]);
    assert.ok(await isAccepted(servers, next.stdout));
    assert.equal((await home.run(["status", "demo", "--json"])).json.last_error, null);
    assert.equal(presented(servers.as).at(-1), presented(servers.as).at(-2));
  }));

for (
  const [signal, args] of [
    ["SIGINT", ["refresh", "demo"]],
    ["SIGTERM", ["token", "demo"]],
    ["SIGINT", ["call", "demo", "whoami"]],
    ["SIGHUP", ["tools", "demo"]],
  ] as const
) {
  Deno.test(`row 1: ${signal} during the refresh of \`${args[0]}\` waits until the new tokens are stored`, () =>
    apart(async (servers, home) => {
      await signInWithTokenThatIsOver(home, servers);
      servers.life = 3600;
      servers.as.fail("POST /token", 1, { delayMs: 700 });
      await using running = home.start(args);
      await arrived(servers, 2);
      running.kill(signal);
      const { code } = await running.outcome;
      assert.ok([0, 130].includes(code), String(code));
      const next = await home.run(["token", "demo"]);
      assert.equal(next.code, 0, next.stderr);
      assert.equal(presented(servers.as).length, 2, "the tokens of the interrupted refresh are used");
      assertNonePresentedTwice(servers.as);
    }));
}

for (const how of ["its host closes its end", "SIGTERM"] as const) {
  Deno.test(`row 1: a bridge in the middle of a refresh, and ${how}: it ends once the new tokens are stored`, () =>
    apart(async (servers, home) => {
      await signInWithTokenThatIsOver(home, servers);
      servers.life = 3600;
      servers.as.fail("POST /token", 1, { delayMs: 3_500 });
      await using host = new Host(home, ["demo"]);
      const answer = host.initialize().catch(() => undefined);
      await arrived(servers, 2);
      const started = performance.now();
      if (how === "SIGTERM") host.bridge.kill("SIGTERM");
      await host.end();
      await answer;
      assert.ok(performance.now() - started < 8_000);
      assert.equal((await home.run(["token", "demo"])).code, 0);
      assert.equal(presented(servers.as).length, 2);
    }));
}

Deno.test("row 5: a bridge that nobody asks anything keeps its token fresh by itself, and ends at once when told to", () =>
  apart(async (servers, home) => {
    servers.life = 6;
    await signIn(home, servers);
    await using host = new Host(home, ["demo"]);
    assert.equal((await host.initialize()).error, undefined);
    const started = performance.now();
    await arrived(servers, 1);
    assert.ok(performance.now() - started < 7_000);
    servers.life = 3600;
    await wait(300);
    assert.equal((await host.call("whoami")).result.content[0].text, "alice");
    const { code, tookMs } = await host.end();
    assert.equal(code, 0);
    assert.ok(tookMs < 1_500, `${tookMs} ms`);
    assertNonePresentedTwice(servers.as);
  }));

Deno.test("row 1: rename and logout wait for a refresh that is under way, and take its tokens with them", () =>
  apart(async (servers, home) => {
    await signInWithTokenThatIsOver(home, servers);
    servers.life = 3600;
    servers.as.fail("POST /token", 1, { delayMs: 1_000 });
    await using running = home.start(["token", "demo"]);
    await arrived(servers, 2);
    const renamed = await home.run(["rename", "demo", "other"]);
    assert.equal(renamed.code, 0, renamed.stderr);
    assert.equal((await running.outcome).code, 0);
    assert.equal((await home.run(["token", "other"])).stdout, (await running.outcome).stdout);

    servers.as.fail("POST /token", 1, { delayMs: 1_000 });
    await using again = home.start(["refresh", "other"]);
    await arrived(servers, 3);
    const out = await home.run(["logout", "other"]);
    assert.equal(out.code, 0, out.stderr);
    assert.equal((await again.outcome).code, 0);
    const revoked = servers.as.requests("POST /token/revocation").map(({ form }) => form.get("token"));
    assert.ok(
      !revoked.includes(presented(servers.as).at(-1) ?? ""),
      "the pair that is revoked is the new one",
    );
    assertError(await home.run(["token", "other", "--json"]), "AUTH_REQUIRED", 4);
  }));
