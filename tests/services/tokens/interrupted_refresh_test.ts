/**
 * Refreshes whose end nobody knows: the process was killed between the request and the write of the answer, or no
 * answer came. What is sent again and when, what recovers, and what is said where nothing does.
 *
 * @see RFC 9700 section 4.14; behaviours row 1
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { coded } from "../../primitives/coded_error.ts";
import { HOUR, MINUTE, type Scene, setScene } from "./scene.ts";
import { refusal, tokens } from "./token_endpoint.ts";

/** As a process that was killed leaves it, half an hour after the sign-in. */
async function leaveInterrupted(scene: Scene, state: "sent" | "unanswered" = "sent"): Promise<string> {
  const at = scene.clock.now() + 30 * MINUTE;
  await scene.signInElsewhere({ pendingRefresh: { at, state } });
  return new Date(at).toISOString();
}

Deno.test("row 1: before the request goes out, the store says that it does, and what was so before it does not matter any more after", async () => {
  const seen: unknown[] = [];
  await using scene = await setScene();
  scene.endpoint.script = async () => {
    const { pendingRefresh, accessToken, refreshToken } = (await scene.stored())!;
    seen.push([pendingRefresh, accessToken, refreshToken]);
    return undefined;
  };
  const at = scene.clock.now();
  await scene.authority.refresh("demo", "at-0");
  deepEqual(seen, [[{ at, state: "sent" }, "at-0", "rt-0"]]);
  equal("pendingRefresh" in (await scene.stored())!, false);
});

Deno.test("row 1: after an interrupted refresh a token that works is served, and nothing is sent", async () => {
  await using scene = await setScene();
  await leaveInterrupted(scene);
  scene.clock.time += 59 * MINUTE;
  for (let use = 0; use < 5; use++) equal((await scene.sibling().current("demo")).accessToken, "at-0");
  deepEqual(scene.endpoint.presented, []);
});

for (
  const [when, ask] of [
    ["once the token has expired", (scene: Scene) => {
      scene.clock.time += HOUR;
      return scene.authority.current("demo");
    }],
    [
      "when the server has refused the token",
      (scene: Scene) => scene.authority.refresh("demo", "at-0", { because: "refused" }),
    ],
    ["when a person asks", (scene: Scene) => scene.authority.refresh("demo", "at-0")],
  ] as const
) {
  Deno.test(`row 1: after an interrupted refresh the token is sent once more ${when}, and all is well where it was not spent`, async () => {
    await using scene = await setScene();
    await leaveInterrupted(scene);
    equal((await ask(scene)).accessToken, "at-1");
    deepEqual(scene.endpoint.presented, ["rt-0"]);
    const stored = await scene.stored();
    deepEqual([stored?.pendingRefresh, stored?.lastError, stored?.refreshToken], [
      undefined,
      undefined,
      "rt-1",
    ]);
    deepEqual(scene.audited.map(({ event, detail }) => [event, detail]), [["token_refreshed", "recovered"]]);
  });

  for (
    const [state, words] of [
      ["sent", "was interrupted before its answer could be stored"],
      ["unanswered", "got no answer"],
    ] as const
  ) {
    Deno.test(`row 1: ${when}, and it was spent (${state}): the error and the status say what happened, and the command to run`, async () => {
      await using scene = await setScene({ script: () => refusal("invalid_grant") });
      const begun = await leaveInterrupted(scene, state);
      const said = `invalid_grant; a refresh begun at ${begun} ${words}`;
      await rejects(ask(scene), (error: McpAuthError) => {
        coded("TOKEN_REFRESH_FAILED")(error);
        equal(error.message, `Cannot refresh "demo": the server ended the sign-in: ${said}`);
        equal(error.hint, "Run: mcp-auth login demo");
        return true;
      });
      const stored = await scene.stored();
      equal(stored?.lastError?.message, said);
      deepEqual([stored?.refreshToken, stored?.pendingRefresh], [undefined, undefined]);
      scene.clock.time += 2 * HOUR;
      await rejects(scene.sibling().current("demo"), (error: McpAuthError) => error.message.endsWith(said));
      deepEqual(scene.endpoint.presented, ["rt-0"]);
      deepEqual(scene.audited.map(({ event, code }) => [event, code]), [[
        "sign_in_ended",
        "TOKEN_REFRESH_FAILED",
      ]]);
    });
  }
}

const DOUBTFUL: readonly (readonly [string, () => Response])[] = [
  ["500", () => new Response("down", { status: 500 })],
  ["502 and a page", () => new Response("<html>", { status: 502 })],
  ["a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
  [
    "half a token",
    () => new Response('{"access_token":"a', { headers: { "content-type": "application/json" } }),
  ],
];

for (const [description, script] of DOUBTFUL) {
  Deno.test(`row 1: ${description} leaves the refresh without an answer, and so it is remembered`, async () => {
    await using scene = await setScene({ script });
    const at = scene.clock.now();
    await rejects(scene.authority.refresh("demo", "at-0"), coded("SERVER_ERROR"));
    deepEqual((await scene.stored())?.pendingRefresh, { at, state: "unanswered" });
    scene.clock.time += 2 * HOUR;
    scene.endpoint.script = () => refusal("invalid_grant");
    await rejects(
      scene.authority.current("demo"),
      coded("TOKEN_REFRESH_FAILED", new RegExp(`begun at ${new Date(at).toISOString()} got no answer$`)),
    );
  });
}

Deno.test("row 1: an answer that spends nothing does not clear the doubt about the refresh before it", async () => {
  await using scene = await setScene({ script: () => refusal("temporarily_unavailable") });
  const begun = await leaveInterrupted(scene);
  scene.clock.time += 2 * HOUR;
  await rejects(scene.authority.current("demo"), coded("SERVER_ERROR"));
  const { pendingRefresh } = (await scene.stored())!;
  deepEqual([new Date(pendingRefresh!.at).toISOString(), pendingRefresh!.state], [begun, "sent"]);
});

Deno.test("row 1: an answer that spends nothing leaves no doubt where there was none", async () => {
  for (const script of [() => refusal("invalid_request"), () => new Response(null, { status: 429 })]) {
    await using scene = await setScene({ script });
    await rejects(scene.authority.refresh("demo", "at-0"));
    const stored = await scene.stored();
    deepEqual([stored?.pendingRefresh, stored?.lastError?.failures], [undefined, 1]);
  }
});

Deno.test("row 1: a sign-in ends all doubt", async () => {
  await using scene = await setScene();
  await leaveInterrupted(scene);
  await scene.signInElsewhere({ accessToken: "at-new", refreshToken: "rt-0" });
  scene.clock.time += 2 * HOUR;
  await scene.authority.current("demo");
  deepEqual(scene.audited.map(({ detail }) => detail), [undefined]);
});

Deno.test("row 9: invalid_client ends the sign-in, forgets the dynamic client that the server has lost, and says so", async () => {
  await using scene = await setScene({ script: () => refusal("invalid_client", 401) });
  const { issuer, client } = scene.credential;
  ok(await scene.store.client(issuer, "loopback"));
  await rejects(
    scene.authority.refresh("demo", "at-0"),
    coded("TOKEN_REFRESH_FAILED", /no longer knows the client that was registered there$/),
  );
  equal(await scene.store.client(issuer, "loopback"), undefined);
  deepEqual(scene.audited.map(({ event }) => event), ["sign_in_ended", "client_forgotten"]);
  equal(scene.audited[1]?.secrets?.client_id, client.clientId);
});

Deno.test("row 9: another registration that has taken its place stays, and so does one that a person made", async () => {
  for (const members of [{ clientId: "another" }, { source: "pre-registered" as const }]) {
    await using scene = await setScene({ script: () => refusal("invalid_client", 401) });
    const { issuer, client } = scene.credential;
    await scene.store.putClient({ ...client, ...members });
    await rejects(scene.authority.refresh("demo", "at-0"), coded("TOKEN_REFRESH_FAILED"));
    match((await scene.store.client(issuer, "loopback"))?.clientId ?? "", /^(another|client)$/);
    deepEqual(scene.audited.map(({ event }) => event), ["sign_in_ended"]);
  }
});

Deno.test("what is noted of a refresh is the new pair, and of a failure its code", async () => {
  await using scene = await setScene();
  await scene.authority.refresh("demo", "at-0");
  scene.endpoint.script = () => tokens({ token_type: "mac" });
  await rejects(scene.authority.refresh("demo", "at-1"));
  const { issuer } = scene.credential;
  deepEqual(scene.audited, [{
    event: "token_refreshed",
    name: "demo",
    issuer,
    outcome: "done",
    detail: undefined,
    secrets: { access_token: "at-1", refresh_token: "rt-1" },
  }, {
    event: "refresh_failed",
    name: "demo",
    issuer,
    outcome: "failed",
    code: "SERVER_ERROR",
    detail: "unanswered",
  }]);
});
