/**
 * How a failing authorization server is spared, by all processes together, and how soon everybody is served again.
 *
 * @see behaviours rows 3 and 33
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { REFRESH_BACKOFF_MAX_MS, TOKEN_RESPONSES_MAX } from "../../../lib/primitives/limits.ts";
import { coded } from "../../primitives/coded_error.ts";
import { guard, only } from "./guarded.ts";
import { HOUR, MINUTE, setScene } from "./scene.ts";
import { tokens } from "./token_endpoint.ts";

const failing = (status: number, headers: Record<string, string> = {}) => () =>
  new Response(null, { status, headers });

Deno.test("row 3: 32 processes at expiry in front of a server that fails send one request in all", async () => {
  for (const script of [failing(500), failing(429, { "retry-after": "30" })]) {
    await using scene = await setScene({ script });
    scene.clock.time += 2 * HOUR;
    const siblings = Array.from({ length: 32 }, () => scene.sibling());
    const outcomes = await Promise.allSettled(siblings.map((sibling) => sibling.current("demo")));
    ok(outcomes.every(({ status }) => status === "rejected"));
    const codes = outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code);
    equal(new Set(codes).size, 1, String(codes));
    deepEqual(scene.endpoint.presented, ["rt-0"]);
  }
});

Deno.test("row 3: a server that fails for an hour is asked less and less, and everybody is served half a minute after it is back", async () => {
  await using scene = await setScene({ script: failing(500) });
  scene.clock.time += 2 * HOUR;
  for (let second = 0; second < 3600; second += 5) {
    await rejects(scene.authority.current("demo"), coded("SERVER_ERROR"));
    scene.clock.time += 5_000;
  }
  const asked = scene.endpoint.presented.length;
  ok(asked >= 3600 / 35 && asked <= 3600 / 15 + 6, `${asked} requests`);
  scene.endpoint.script = undefined;
  scene.clock.time += REFRESH_BACKOFF_MAX_MS;
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  equal((await scene.stored())?.lastError, undefined);
});

Deno.test("row 3: Retry-After is kept to, by seconds and by date, and by a person, too", async () => {
  for (
    const after of [() => "40", () => new Date(Math.floor(Date.now() / 1000) * 1000 + 40_000).toUTCString()]
  ) {
    await using scene = await setScene({ script: () => failing(503, { "retry-after": after() })() });
    scene.clock.time += 2 * HOUR;
    await rejects(scene.authority.current("demo"), coded("SERVER_ERROR"));
    scene.clock.time += 38_000;
    await rejects(scene.authority.current("demo"), coded("SERVER_ERROR", /last try failed: .*due in \d s$/));
    await rejects(scene.authority.refresh("demo", "at-0"), (error: McpAuthError) => {
      coded("SERVER_ERROR", /due in \d s$/)(error);
      return /the server asks for this pause$/.test(error.hint ?? "");
    });
    equal(scene.endpoint.presented.length, 1);
    scene.clock.time += 3_000;
    scene.endpoint.script = undefined;
    equal((await scene.authority.current("demo")).accessToken, "at-1");
  }
});

Deno.test("row 3: a short Retry-After is waited for on the spot, twice at most", async () => {
  await using scene = await setScene({
    script: ({ index }) => index < 1 ? failing(429, { "retry-after": "1" })() : undefined,
  });
  const started = performance.now();
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-1");
  ok(performance.now() - started >= 1_000);
  scene.endpoint.script = failing(429, { "retry-after": "0" });
  await rejects(scene.authority.refresh("demo", "at-1"), coded("RATE_LIMITED"));
  deepEqual(scene.endpoint.presented, ["rt-0", "rt-0", "rt-1", "rt-1", "rt-1"]);
});

Deno.test("row 1: after a 503 the token may be spent: it is not sent again while the access token works", async () => {
  await using scene = await setScene({ script: failing(503, { "retry-after": "0" }) });
  scene.clock.time += 57 * MINUTE;
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  deepEqual(scene.endpoint.presented, ["rt-0"]);
  scene.clock.time += 2 * MINUTE;
  equal((await scene.sibling().current("demo")).accessToken, "at-0");
  deepEqual(scene.endpoint.presented, ["rt-0"]);
  equal((await scene.stored())?.refreshToken, "rt-0");
});

Deno.test("row 1: whatever else fails is sent once in one call", async () => {
  for (const status of [200, 302, 400, 401, 403, 404, 500, 502, 503, 504]) {
    await using scene = await setScene({ script: failing(status) });
    await rejects(scene.authority.refresh("demo", "at-0"), coded("SERVER_ERROR"));
    deepEqual(scene.endpoint.presented, ["rt-0"], String(status));
  }
});

Deno.test("row 3: requests that are refused with 401 during the pause do not ask the authorization server again", async () => {
  await using scene = await setScene({ script: failing(500) });
  await using server = guard(scene, { judge: only() });
  for (let count = 0; count < 10; count++) await rejects(server.request(), coded("SERVER_ERROR"));
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("row 33: a loop of refreshes is stopped with RATE_LIMITED for all processes, until half a minute has passed", async () => {
  await using scene = await setScene();
  let token = "at-0";
  const outcomes: string[] = [];
  for (let round = 0; round < 2 * TOKEN_RESPONSES_MAX; round++) {
    const sibling = scene.sibling();
    try {
      token = (await sibling.refresh("demo", token, { because: "refused" })).accessToken;
      outcomes.push("refreshed");
    } catch (error) {
      coded("RATE_LIMITED", /^Cannot refresh "demo": more than 20 times in 30 s$/)(error);
      outcomes.push("stopped");
    }
    scene.clock.time += 100;
  }
  equal(outcomes.filter((outcome) => outcome === "refreshed").length, TOKEN_RESPONSES_MAX);
  equal(scene.endpoint.presented.length, TOKEN_RESPONSES_MAX);
  equal((await scene.sibling().current("demo")).accessToken, token, "it works: only a newer one is refused");
  scene.clock.time += 30_000;
  ok(await scene.authority.refresh("demo", token));
});

Deno.test("row 33: tokens that are over at once end in RATE_LIMITED and not in a loop", async () => {
  await using scene = await setScene({
    script: ({ index }) => tokens({ access_token: `t-${index}`, expires_in: 0.001 }),
  });
  let stopped = 0;
  for (let use = 0; use < 50; use++) {
    scene.clock.time += 100;
    await scene.authority.current("demo").catch((error) => {
      coded("RATE_LIMITED")(error);
      stopped++;
    });
    if (use === 0) scene.clock.time += 2 * HOUR;
  }
  equal(scene.endpoint.presented.length, TOKEN_RESPONSES_MAX);
  equal(stopped, 50 - 1 - TOKEN_RESPONSES_MAX);
});

for (const [jump, ms] of [["forward", 24 * HOUR], ["back", -24 * HOUR]] as const) {
  Deno.test(`row 5: a clock that is set ${jump} by a day costs one refresh, there and back again`, async () => {
    await using scene = await setScene();
    scene.clock.time += ms;
    for (let use = 0; use < 5; use++) equal((await scene.authority.current("demo")).accessToken, "at-1");
    scene.clock.time -= ms;
    for (let use = 0; use < 5; use++) equal((await scene.authority.current("demo")).accessToken, "at-2");
    deepEqual(scene.endpoint.presented, ["rt-0", "rt-1"]);
  });

  Deno.test(`row 5: a clock that is set ${jump} by a day in front of a server that fails asks it once`, async () => {
    await using scene = await setScene({ script: failing(500) });
    scene.clock.time += ms;
    for (let use = 0; use < 5; use++) await scene.sibling().current("demo").catch(coded("SERVER_ERROR"));
    equal(scene.endpoint.presented.length, 1);
    scene.clock.time -= ms;
    scene.endpoint.script = undefined;
    equal((await scene.authority.current("demo")).accessToken, "at-0", "it is still good");
    scene.clock.time += 61 * MINUTE;
    equal((await scene.authority.current("demo")).accessToken, "at-1");
  });
}
