/**
 * Many processes that need a token at the same moment, while the authorization server fails in every way that it can:
 * it is asked once and not by each of them, everybody gets the same code, and no sign-in is lost.
 *
 * @see behaviours rows 1, 3 and 33
 * @module
 */
import assert from "node:assert/strict";
import type { ErrorCode } from "../../lib/primitives/errors.ts";
import { type Fault, htmlFault, jsonFault } from "../../scripts/demo/servers/faults.ts";
import { assertError, type Outcome } from "./outcome.ts";
import type { Home } from "./program.ts";
import { apart, isAccepted, presented, signInWithTokenThatIsOver } from "./refreshing.ts";

/** What they all get. */
type Expected = readonly [code: ErrorCode, exitCode: number];

const FAULTS: readonly (readonly [name: string, fault: Fault, expected: Expected])[] = [
  ["answers 500", jsonFault(500, { error: "server_error" }), ["SERVER_ERROR", 3]],
  ["answers 429", jsonFault(429, {}), ["RATE_LIMITED", 3]],
  ["answers with a page", htmlFault(200), ["SERVER_ERROR", 3]],
  ["answers 503 with a page", htmlFault(503), ["SERVER_ERROR", 3]],
  ["closes the connection", "reset", ["NETWORK_ERROR", 3]],
  ["never answers", "hang", ["TIMEOUT", 3]],
];

async function eight(
  home: Home,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly tookMs: number }> {
  const started = performance.now();
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => home.run(["token", "demo", "--json"])));
  return { outcomes, tookMs: performance.now() - started };
}

for (const [name, fault, [code, exitCode]] of FAULTS) {
  Deno.test(`rows 1 and 3: 8 processes at expiry, and the server ${name}: one request, one code, nothing lost`, () =>
    apart(async (servers, home) => {
      await signInWithTokenThatIsOver(home, servers);
      const before = presented(servers.as).length;
      const order = servers.as.fail("POST /token", Infinity, fault);
      const { outcomes, tookMs } = await eight(home);
      for (const outcome of outcomes) assertError(outcome, code, exitCode);
      // On a slow machine the pause of at least a second may be over before the last of them has started.
      const asked = presented(servers.as).length - before;
      const patience = fault === "hang" ? 10_000 : 0;
      assert.ok(asked <= 1 + Math.max(0, tookMs - patience) / 1_000, `${asked} requests in ${tookMs} ms`);
      assert.ok(asked < 8);
      order.end();
      const { json } = await home.run(["status", "demo", "--json"]);
      assert.deepEqual([json.state, json.can_refresh, json.last_error.code], ["signed-in", true, code]);
      servers.life = 3600;
      const refreshed = await home.run(["refresh", "demo"]);
      assert.equal(refreshed.code, 0, refreshed.stderr);
      const { outcomes: good } = await eight(home);
      for (const { json } of good) assert.ok(await isAccepted(servers, json.access_token));
    }));
}

Deno.test("rows 1 and 3: 8 processes at expiry, and a 429 that asks for a second: it is waited for, and all 8 are served", () =>
  apart(async (servers, home) => {
    await signInWithTokenThatIsOver(home, servers);
    servers.life = 3600;
    const before = presented(servers.as).length;
    servers.as.fail("POST /token", 1, jsonFault(429, {}, { "retry-after": "1" }));
    const { outcomes } = await eight(home);
    for (const { json } of outcomes) assert.ok(await isAccepted(servers, json.access_token));
    assert.equal(new Set(outcomes.map(({ json }) => json.access_token)).size, 1);
    assert.equal(presented(servers.as).length, before + 2);
  }));

Deno.test("row 1: 8 processes at expiry, and the answer of the server that rotated is lost: the error says what happened", () =>
  apart(async (servers, home) => {
    await signInWithTokenThatIsOver(home, servers);
    const before = presented(servers.as).length;
    servers.as.fail("POST /token", 1, "lose-answer");
    const { outcomes } = await eight(home);
    const codes = new Set(outcomes.map(({ json }) => json.error.code));
    assert.ok(
      [...codes].every((code) => code === "NETWORK_ERROR" || code === "TOKEN_REFRESH_FAILED"),
      [...codes].join(),
    );
    assert.ok(codes.has("NETWORK_ERROR"));
    const next = await home.run(["refresh", "demo", "--json"]);
    assertError(next, "TOKEN_REFRESH_FAILED", 4, /^Run: mcp-auth login demo$/);
    assert.match(
      next.json.error.message,
      /: the server ended the sign-in: invalid_grant.*; a refresh begun at \d{4}-\S+Z got no answer$/,
    );
    assert.equal(presented(servers.as).length, before + 2, "sent once more, and not by each of them");
    const { json } = await home.run(["status", "demo", "--json"]);
    assert.equal(json.state, "refresh-failed");
    assert.match(json.last_error.message, /got no answer$/);
    servers.life = 3600;
    assert.equal((await home.run(["login", "demo"])).code, 0);
    assert.ok(await isAccepted(servers, (await home.run(["token", "demo"])).stdout));
  }));

Deno.test("row 33: a loop that refreshes without end is stopped with RATE_LIMITED, and the token is served as long as it works", () =>
  apart(async (servers, home) => {
    await signInWithTokenThatIsOver(home, servers);
    const codes: number[] = [];
    let stopped: Outcome | undefined;
    const started = performance.now();
    for (let round = 0; round < 30 && stopped === undefined; round++) {
      const outcome = await home.run(["token", "demo", "--json"]);
      codes.push(outcome.code);
      if (outcome.code !== 0) stopped = outcome;
    }
    assert.ok(performance.now() - started < 30_000, "the machine is too slow for this test");
    assertError(stopped!, "RATE_LIMITED", 3, /^Try again in \d+ s/);
    assert.equal(codes.filter((code) => code === 0).length, 19, "20 responses, one of them before");
    const asked = presented(servers.as).length;
    await eight(home);
    assert.equal(presented(servers.as).length, asked);
    assert.equal((await home.run(["status", "demo", "--json"])).json.can_refresh, true);
  }));

Deno.test("row 3: a server that is down: exit 3 without a pause, and it works as soon as the server is back", () =>
  apart(async (servers, home) => {
    const { port } = new URL(servers.as.issuer);
    let door = openDoor(Number(port));
    const doorPort = door.addr.port;
    servers.metadata = (body) => ({ ...body, token_endpoint: `http://127.0.0.1:${doorPort}/token` });
    await signInWithTokenThatIsOver(home, servers);
    const before = presented(servers.as).length;
    door.close();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => home.run(["token", "demo", "--json"])),
    );
    for (const outcome of outcomes) {
      assertError(outcome, "NETWORK_ERROR", 3);
      assert.doesNotMatch(outcome.json.error.message, /due in/);
    }
    assert.equal(presented(servers.as).length, before);
    door = openDoor(Number(port), doorPort);
    const next = await home.run(["token", "demo"]);
    door.close();
    assert.equal(next.code, 0, next.stderr);
  }));

/** A way to a port that can be closed: nothing listens there then. */
function openDoor(to: number, port = 0): Deno.TcpListener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const join = async (from: Deno.TcpConn) => {
    const there = await Deno.connect({ hostname: "127.0.0.1", port: to });
    await Promise.allSettled([from.readable.pipeTo(there.writable), there.readable.pipeTo(from.writable)]);
  };
  (async () => {
    for await (const connection of listener) await join(connection);
  })();
  return listener;
}
