/**
 * What the authority hands out: the stored token while it is fresh, a refreshed one when that is due, and an old one
 * that still works where its refresh fails for now.
 *
 * @see behaviours rows 3 and 5
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { REFRESH_AHEAD_WAIT_MS, REFRESH_PAUSE_MS } from "../../../lib/primitives/limits.ts";
import { coded } from "../../primitives/coded_error.ts";
import { HOUR, MINUTE, setScene } from "./scene.ts";
import { refusal, startTokenEndpoint, tokens } from "./token_endpoint.ts";

Deno.test("a fresh token is handed out as it is stored, and nobody is asked", async () => {
  await using scene = await setScene();
  deepEqual(await scene.authority.current("demo"), scene.credential);
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("row 5: a token that is due is refreshed first, and the new pair is stored with its times", async () => {
  await using scene = await setScene();
  scene.clock.time += 56 * MINUTE;
  const current = await scene.authority.current("demo");
  equal(current.accessToken, "at-1");
  deepEqual(await scene.stored(), {
    ...scene.credential,
    accessToken: "at-1",
    refreshToken: "rt-1",
    obtainedAt: scene.clock.now(),
    expiresAt: scene.clock.now() + HOUR,
    tokenResponses: [scene.clock.now()],
  });
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("row 1: a token that is about to expire is not handed out while a sibling brings the next: that one is waited for", async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<undefined>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  await using scene = await setScene({
    script: () => {
      ask();
      return answered;
    },
  });
  scene.clock.time += HOUR - 1_500;
  const first = scene.authority.current("demo");
  await asked;
  equal((await scene.stored())?.pendingRefresh?.state, "sent");
  const second = scene.sibling().current("demo");
  answer(undefined);
  deepEqual([(await first).accessToken, (await second).accessToken], ["at-1", "at-1"]);
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("row 5: an expired token is refreshed", async () => {
  await using scene = await setScene();
  scene.clock.time += 9 * HOUR;
  equal((await scene.authority.current("demo")).accessToken, "at-1");
});

Deno.test("a token whose clock was set back is refreshed once and then taken for what it is", async () => {
  await using scene = await setScene();
  scene.clock.time -= 3 * HOUR;
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("row 7: a token of unknown expiry is handed out without end", async () => {
  await using scene = await setScene({ credential: { expiresAt: undefined } });
  scene.clock.time += 999 * HOUR;
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  deepEqual(scene.endpoint.presented, []);
});

for (
  const [failure, code, spent, script] of [
    ["a server that is down (503)", "SERVER_ERROR", "perhaps", () => new Response("down", { status: 503 })],
    ["a rate limit (429)", "RATE_LIMITED", "no", () => new Response(null, { status: 429 })],
    [
      "an HTML page",
      "SERVER_ERROR",
      "perhaps",
      () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    ],
    ["an answer that is no token", "SERVER_ERROR", "perhaps", () => Response.json({ token_type: "bearer" })],
    ["a refusal that ends nothing", "SERVER_ERROR", "no", () => refusal("invalid_scope")],
    ["invalid_grant with a status of 500", "SERVER_ERROR", "perhaps", () => refusal("invalid_grant", 500)],
  ] as const
) {
  Deno.test(`row 3: where a refresh fails for now, the old token is served while it works, and no credential is lost: ${failure}`, async () => {
    await using scene = await setScene({ script });
    scene.clock.time += 56 * MINUTE;
    equal((await scene.authority.current("demo")).accessToken, "at-0");
    const failedAt = scene.clock.now();
    const { pendingRefresh, lastError, ...kept } = (await scene.stored())!;
    deepEqual(kept, scene.credential);
    deepEqual(pendingRefresh, spent === "no" ? undefined : { at: failedAt, state: "unanswered" });
    deepEqual([lastError?.code, lastError?.at, lastError?.failures], [code, failedAt, 1]);
    scene.clock.time += 4 * MINUTE;
    await rejects(scene.authority.current("demo"), coded(code));
    equal((await scene.stored())?.refreshToken, "rt-0");
    deepEqual(scene.endpoint.presented, ["rt-0", "rt-0"]);
  });
}

Deno.test("row 3: a server that cannot be reached keeps the credential, and works as soon as it can be reached again", async () => {
  await using scene = await setScene();
  const { issuer } = scene.endpoint;
  const { port } = new URL(issuer);
  await scene.endpoint[Symbol.asyncDispose]();
  scene.clock.time += 56 * MINUTE;
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  scene.clock.time += HOUR;
  await rejects(scene.authority.current("demo"), coded("NETWORK_ERROR", new RegExp(issuer)));
  const { lastError, ...kept } = (await scene.stored())!;
  deepEqual(kept, scene.credential);
  deepEqual([lastError?.failures, lastError?.retryAt], [2, undefined]);
  await using again = startTokenEndpoint(undefined, Number(port));
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  deepEqual(again.presented, ["rt-0"]);
});

Deno.test("a failed refresh ahead of time is not tried again at each use, but after a pause", async () => {
  await using scene = await setScene({ script: () => new Response(null, { status: 429 }) });
  scene.clock.time += 56 * MINUTE;
  for (let use = 0; use < 10; use++) await scene.authority.current("demo");
  equal(scene.endpoint.presented.length, 1);
  scene.clock.time += REFRESH_PAUSE_MS;
  scene.endpoint.script = undefined;
  equal((await scene.authority.current("demo")).accessToken, "at-1");
});

Deno.test("a refresh ahead of time does not wait long for a sibling, since its token works", async () => {
  await using scene = await setScene();
  scene.clock.time += 56 * MINUTE;
  const released = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const held = scene.sibling().exclusive("demo", () => {
    begun.resolve();
    return released.promise;
  });
  await begun.promise;
  const started = performance.now();
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  ok(performance.now() - started < 3 * REFRESH_AHEAD_WAIT_MS);
  released.resolve();
  await held;
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("a token goes only to the server that it is for: a name may be another entry's by now", async () => {
  await using scene = await setScene();
  const options = { url: scene.server.url };
  equal((await scene.authority.current("demo", options)).accessToken, "at-0");
  await rejects(
    scene.authority.current("demo", { url: "https://other.example.com/mcp" }),
    coded("CONFIG_INVALID", /another URL by now/),
  );
  scene.endpoint.script = async () => {
    await scene.store.removeEntry("demo");
    const server = { ...scene.server, url: "https://other.example.com/mcp" };
    const credential = {
      ...scene.credential,
      issuer: "https://other.example.com",
      accessToken: "for-other",
      expiresAt: scene.clock.now() + HOUR,
    };
    await scene.store.saveSignedIn({ server, credential, client: credential.client });
    return tokens({ access_token: "late" });
  };
  scene.clock.time += 2 * HOUR;
  await rejects(scene.authority.current("demo", options), coded("CONFIG_INVALID", /another URL by now/));
  equal((await scene.stored())?.accessToken, "for-other");
});

Deno.test("without a refresh token a due token is served, and an expired one is TOKEN_EXPIRED", async () => {
  await using scene = await setScene({ credential: { refreshToken: undefined } });
  scene.clock.time += 59 * MINUTE;
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  scene.clock.time += MINUTE;
  await rejects(scene.authority.current("demo"), coded("TOKEN_EXPIRED", /gave no refresh token/));
  await rejects(scene.authority.refresh("demo", "at-0"), (error) => {
    coded("TOKEN_EXPIRED")(error);
    match((error as { hint?: string }).hint ?? "", /^Run: mcp-auth login demo$/);
    return true;
  });
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("a name that is not there is NOT_FOUND, for use and for refresh", async () => {
  await using scene = await setScene();
  await rejects(scene.authority.current("nobody"), coded("NOT_FOUND", /"nobody"/));
  await rejects(scene.authority.refresh("nobody", "x"), coded("NOT_FOUND", /"nobody"/));
});

Deno.test("an entry that nobody is signed in to is AUTH_REQUIRED, for use and for refresh", async () => {
  await using scene = await setScene({ credential: null });
  await rejects(scene.authority.current("demo"), coded("AUTH_REQUIRED", /nobody is signed in/));
  await rejects(scene.authority.refresh("demo", "x"), coded("AUTH_REQUIRED", /nobody is signed in/));
});

Deno.test("an entry whose server asked for no sign-in says so", async () => {
  await using scene = await setScene({ credential: null });
  const { version } = (await scene.store.server("demo"))!;
  await scene.store.putServer({ ...scene.server, signIn: "none" }, version);
  await rejects(scene.authority.current("demo"), coded("AUTH_REQUIRED", /asked for no sign-in/));
});

Deno.test("a due token is not served any more once its entry was signed out or removed meanwhile", async () => {
  for (const code of ["AUTH_REQUIRED", "NOT_FOUND"] as const) {
    await using scene = await setScene({
      script: async () => {
        if (code === "AUTH_REQUIRED") await scene.signOutElsewhere();
        else await scene.store.removeEntry("demo");
        return tokens({ access_token: "late" });
      },
    });
    scene.clock.time += 56 * MINUTE;
    await rejects(scene.authority.current("demo"), coded(code));
    equal(await scene.stored(), undefined);
  }
});

Deno.test("a caller that gives up leaves the refresh to the others and to the store", async () => {
  const arrived = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  await using scene = await setScene({
    script: async () => {
      arrived.resolve();
      await proceed.promise;
      return undefined;
    },
  });
  scene.clock.time += 56 * MINUTE;
  const impatient = new AbortController();
  const patient = scene.authority.current("demo");
  const given = rejects(
    scene.authority.current("demo", { signal: impatient.signal }),
    coded("AUTH_CANCELLED"),
  );
  await arrived.promise;
  impatient.abort();
  await given;
  proceed.resolve();
  equal((await patient).accessToken, "at-1");
  equal((await scene.stored())?.refreshToken, "rt-1");
});
