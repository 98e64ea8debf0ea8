/**
 * What a 401 means: a token that somebody has replaced already, one to refresh, or a sign-in that is needed.
 *
 * @see behaviours rows 2, 11 and 33
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { REFUSED_TOKEN_PAUSE_MS } from "../../../lib/primitives/limits.ts";
import { coded } from "../../primitives/coded_error.ts";
import { guard, only } from "./guarded.ts";
import { HOUR, MINUTE, setScene } from "./scene.ts";
import { refusal, tokens } from "./token_endpoint.ts";

/** Checks the code and the command to run. */
function codedWithHint(code: Parameters<typeof coded>[0], hint: RegExp, message?: RegExp) {
  return (error: unknown) => {
    coded(code, message)(error);
    ok(hint.test((error as McpAuthError).hint ?? ""), String((error as McpAuthError).hint));
    return true;
  };
}

Deno.test("a fresh token is sent from memory: the store is read once", async () => {
  await using scene = await setScene();
  await using server = guard(scene, { judge: only("at-0") });
  for (let count = 0; count < 20; count++) equal(await server.request(), 200);
  equal(server.reads.count, 1);
});

Deno.test("a token that gets due in memory is looked up and refreshed", async () => {
  await using scene = await setScene();
  await using server = guard(scene, { judge: () => "accept" });
  await server.request();
  scene.clock.time += 56 * MINUTE;
  await server.request();
  await server.request();
  deepEqual(server.tokens, ["at-0", "at-1", "at-1"]);
  equal(server.reads.count, 2);
});

Deno.test("row 1: a token that a sibling has replaced is not refreshed again", async () => {
  await using scene = await setScene();
  await using server = guard(scene, { judge: only("at-sibling") });
  await server.authorizer.headers({ method: "POST", url: "https://mcp.example.com/mcp" });
  await scene.signInElsewhere({ accessToken: "at-sibling", refreshToken: "rt-sibling" });
  equal(await server.request(), 200);
  deepEqual(server.tokens, ["at-0", "at-sibling"]);
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("row 2: a refused token is refreshed once, however many requests were refused with it", async () => {
  await using scene = await setScene();
  await using server = guard(scene, { judge: only("at-1") });
  const statuses = await Promise.all(Array.from({ length: 30 }, () => server.request()));
  ok(statuses.every((status) => status === 200));
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("row 2: a late refusal of an old token reuses the new one", async () => {
  await using scene = await setScene();
  await using server = guard(scene, { judge: only("at-1") });
  await server.request();
  await server.authorizer.refused({
    status: 401,
    wwwAuthenticate: null,
    dpopNonce: null,
    sent: { authorization: "Bearer at-0" },
    operation: "tools/list",
    attempt: 0,
  });
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("where a refresh does not help and nobody may be asked, the command to run is the answer", async () => {
  await using scene = await setScene();
  await using server = guard(scene, { judge: only() });
  const expected = codedWithHint(
    "AUTH_REQUIRED",
    /^Run: mcp-auth login demo$/,
    /no longer accepts its token/,
  );
  await rejects(server.request(), expected);
  deepEqual(server.tokens, ["at-0", "at-1"]);
});

Deno.test("row 33: a server that refuses fresh tokens does not cost a refresh for each request", async () => {
  await using scene = await setScene();
  await using server = guard(scene, { judge: only() });
  for (let count = 0; count < 10; count++) await rejects(server.request(), coded("AUTH_REQUIRED"));
  deepEqual(scene.endpoint.presented, ["rt-0"]);
  scene.clock.time += REFUSED_TOKEN_PAUSE_MS;
  await rejects(server.request(), coded("AUTH_REQUIRED"));
  deepEqual(scene.endpoint.presented, ["rt-0", "rt-1"]);
});

Deno.test("a server that gives the same token again is not asked for ever", async () => {
  await using scene = await setScene({ script: () => tokens({ access_token: "at-0" }) });
  await using server = guard(scene, { judge: only() });
  await rejects(server.request(), coded("AUTH_REQUIRED"));
  equal(server.tokens.length, 2);
  equal(scene.endpoint.presented.length, 1);
});

Deno.test("a server that takes tokens again is used again, without anybody's help", async () => {
  let down = true;
  await using scene = await setScene();
  await using server = guard(scene, { judge: (token) => down ? [401] : only("at-1")(token, "") });
  await rejects(server.request(), coded("AUTH_REQUIRED"));
  down = false;
  equal(await server.request(), 200);
});

Deno.test("nobody is signed in: the command to run, before anything is sent", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, { judge: only() });
  await rejects(server.request(), codedWithHint("AUTH_REQUIRED", /^Run: mcp-auth login demo$/));
  deepEqual(server.tokens, []);
});

Deno.test("an entry that needs no sign-in is used without one, and asked for it when the server has changed its mind", async () => {
  let open = true;
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, { anonymous: true, judge: () => open ? "accept" : [401] });
  equal(await server.request(), 200);
  open = false;
  await rejects(server.request(), codedWithHint("AUTH_REQUIRED", /login demo/, /asks for a sign-in/));
  deepEqual(server.tokens, ["", ""]);
});

Deno.test("a refresh that fails for now is that error, and nobody is asked to sign in", async () => {
  await using scene = await setScene({ script: () => new Response(null, { status: 503 }) });
  await using server = guard(scene, { judge: only(), signIn: () => ({}) });
  await rejects(server.request(), coded("SERVER_ERROR"));
  equal(server.needs.length, 0);
});

Deno.test("a refresh that the server refuses for good leads to one sign-in, with the server's challenge", async () => {
  await using scene = await setScene({ script: () => refusal("invalid_grant") });
  await using server = guard(scene, {
    judge: (token) =>
      token === "signed-in-1" ? "accept" : [401, 'Bearer scope="read", resource_metadata="https://x/y"'],
    signIn: () => ({}),
  });
  equal(await server.request(), 200);
  deepEqual(server.needs, [{ challenge: { resourceMetadata: "https://x/y", scopes: ["read"] } }]);
});

for (
  const [situation, credential, script] of [
    ["nobody is signed in", null, undefined],
    ["an expired token without a refresh token", { refreshToken: undefined }, undefined],
    ["an expired token whose refresh is refused", {}, () => refusal("invalid_grant")],
  ] as const
) {
  Deno.test(`where a person may be asked, ${situation} leads to one sign-in`, async () => {
    await using scene = await setScene({ credential, ...(script === undefined ? {} : { script }) });
    await using server = guard(scene, { judge: only("signed-in-1"), signIn: () => ({}) });
    scene.clock.time += 2 * HOUR;
    equal(await server.request(), 200);
    equal(server.needs.length, 1);
    deepEqual(server.tokens, ["", "signed-in-1"]);
    ok(scene.endpoint.presented.length <= 1);
  });
}

Deno.test("a refresh that brings no token may be a proxy's answer: an error for now, and no browser", async () => {
  await using scene = await setScene({ script: () => Response.json({}) });
  await using server = guard(scene, { judge: only("signed-in-1"), signIn: () => ({}) });
  scene.clock.time += 2 * HOUR;
  await rejects(server.request(), coded("SERVER_ERROR"));
  equal(server.needs.length, 0);
});

Deno.test("row 11: concurrent refusals share one sign-in", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, { judge: only("signed-in-1"), signIn: () => ({}) });
  const statuses = await Promise.all(Array.from({ length: 30 }, () => server.request()));
  ok(statuses.every((status) => status === 200));
  equal(server.needs.length, 1);
});

Deno.test("row 12: a request that is given up ends its own wait, and neither the sign-in nor the others", async () => {
  await using scene = await setScene({ credential: null });
  const asked = Promise.withResolvers<void>();
  const approve = Promise.withResolvers<void>();
  await using server = guard(scene, {
    judge: only("signed-in-1"),
    signIn: async () => {
      asked.resolve();
      await approve.promise;
      return {};
    },
  });
  const controller = new AbortController();
  const first = rejects(server.request("initialize", controller.signal));
  await asked.promise;
  const second = server.request();
  controller.abort();
  await first;
  approve.resolve();
  equal(await second, 200);
  equal(server.needs.length, 1);
});

Deno.test("a token fresh from a sign-in that is refused is an error that says so, not another sign-in", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, { judge: only(), signIn: () => ({}) });
  await rejects(server.request(), codedWithHint("AUTH_FAILED", /status demo/, /refuses even a fresh token/));
  await rejects(server.request(), coded("AUTH_FAILED"));
  equal(server.needs.length, 1);
});

Deno.test("row 11: a server that refuses every token never opens more than two sign-ins, whatever comes", async () => {
  for (const refreshable of [true, false]) {
    await using scene = await setScene({
      script: ({ index }) => tokens({ access_token: `r-${index}`, expires_in: 60 }),
    });
    await using server = guard(scene, {
      judge: only(),
      signIn: () => refreshable ? {} : { refreshToken: undefined },
    });
    let refused = 0;
    for (let round = 0; round < 12; round++) {
      await Promise.all(
        Array.from({ length: 8 }, () =>
          server.request().catch((error) => {
            coded(error.code)(error);
            refused++;
          })),
      );
      scene.clock.time += 20 * MINUTE;
    }
    equal(refused, 12 * 8);
    ok(server.needs.length <= 2, `${server.needs.length} sign-ins`);
  }
});

Deno.test("a person who declines is not asked more than twice", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, {
    judge: only(),
    signIn: () => Promise.reject(new McpAuthError("AUTH_FAILED", "Cannot sign in: access_denied")),
  });
  for (let round = 0; round < 3; round++) {
    const failures = await Promise.allSettled(Array.from({ length: 10 }, () => server.request()));
    ok(failures.every((each) => each.status === "rejected"));
  }
  equal(server.needs.length, 2);
  await rejects(server.request(), codedWithHint("AUTH_REQUIRED", /login demo/));
  await scene.signInElsewhere({ accessToken: "by-hand" });
  await rejects(server.request());
  equal(server.needs.length, 2);
});

Deno.test("a sign-in that the person makes by hand after the last try is taken", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, {
    judge: only("by-hand"),
    signIn: () => Promise.reject(new McpAuthError("TIMEOUT", "Cannot sign in: no answer")),
  });
  for (let round = 0; round < 3; round++) await rejects(server.request());
  await scene.signInElsewhere({ accessToken: "by-hand" });
  equal(await server.request(), 200);
});

Deno.test("a sign-in that failed on the way to the person may be tried again", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, {
    judge: only("signed-in-5"),
    signIn: (number) =>
      number < 5 ? Promise.reject(new McpAuthError("SERVER_ERROR", "Cannot discover: 503")) : {},
  });
  for (let round = 0; round < 4; round++) await rejects(server.request(), coded("SERVER_ERROR"));
  equal(await server.request(), 200);
});

Deno.test("signing in again each time that a token without a refresh token ends is no storm", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, {
    judge: (token) => token === `signed-in-${server.needs.length}` ? "accept" : [401],
    signIn: () => ({ refreshToken: undefined }),
  });
  for (let hour = 1; hour <= 5; hour++) {
    equal(await server.request(), 200);
    equal(await server.request(), 200);
    equal(server.needs.length, hour);
    scene.clock.time += HOUR;
  }
});

Deno.test("a 403 that names no scope problem is an error with the server's words, made safe", async () => {
  await using scene = await setScene();
  await using server = guard(scene, {
    judge: () => [403, 'Bearer error="access_denied", error_description="not \\\\ for you"'],
    signIn: () => ({}),
  });
  await rejects(server.request(), coded("AUTH_FAILED", /forbids it \(403\): not \\ for you$/));
  equal(server.needs.length, 0);
  deepEqual(scene.endpoint.presented, []);
});
