/**
 * Tokens that are bound to a key: how they are sent, what a refused proof means, and that a refresh keeps the key.
 *
 * @see RFC 9449 sections 5, 7 and 9 (X15-X17)
 */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { DPOP_RETRIES_MAX } from "../../../lib/primitives/limits.ts";
import { createDpopKey, jwkThumbprint } from "../../../lib/primitives/oauth/dpop.ts";
import { bearer } from "../../../lib/services/tokens/mod.ts";
import { coded } from "../../primitives/coded_error.ts";
import { boundMembers, guardByProof } from "./proof_guard.ts";
import { MINUTE, setScene } from "./scene.ts";
import { refusal, tokens } from "./token_endpoint.ts";

/** What a proof says, unverified. */
function said(proof: string | null): Record<string, unknown> {
  const [, payload = ""] = (proof ?? "").split(".");
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })));
}

/** A scene in real time with a bound credential: proofs tell the time. */
async function boundScene(members: Parameters<typeof setScene>[0] = {}) {
  const bound = await boundMembers();
  const now = Date.now();
  const scene = await setScene({
    ...members,
    credential: { ...bound, obtainedAt: now, expiresAt: now + 60 * MINUTE, ...members?.credential },
  });
  scene.clock.time = now;
  return Object.assign(scene, { key: bound.dpopKey });
}

Deno.test("X16: each request has a proof of its own, for its method and URL, and the scheme is never Bearer", async () => {
  await using scene = await boundScene();
  await using server = guardByProof(scene, { tokens: { "at-0": scene.key } });
  for (const method of ["POST", "GET", "DELETE", "POST"] as const) equal(await server.request(method), 200);
  ok(server.authorizations.every((each) => each === "DPoP at-0"));
  deepEqual(server.proofs.map((proof) => said(proof).htm), ["POST", "GET", "DELETE", "POST"]);
  equal(server.guard.accepted, 4);
});

Deno.test("X17: a nonce that is asked for is taken, kept, and costs neither a refresh nor a sign-in", async () => {
  await using scene = await boundScene();
  await using server = guardByProof(scene, {
    tokens: { "at-0": scene.key },
    nonce: true,
    signIn: () => ({}),
  });
  for (let count = 0; count < 3; count++) equal(await server.request(), 200);
  equal(server.authorizations.length, 4);
  deepEqual([scene.endpoint.presented, server.needs], [[], []]);
});

Deno.test("X17: 50 requests at once survive each change of the nonce, each with a proof of its own", async () => {
  await using scene = await boundScene();
  await using server = guardByProof(scene, { tokens: { "at-0": scene.key }, nonce: true });
  for (let round = 0; round < 3; round++) {
    const statuses = await Promise.all(Array.from({ length: 50 }, () => server.request()));
    ok(statuses.every((status) => status === 200));
    server.guard.rotateNonce();
  }
  equal(server.guard.accepted, 150);
  equal(new Set(server.proofs.map((proof) => said(proof).jti)).size, server.proofs.length);
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("X17: a server whose nonces are good once is served by the nonce of each refusal", async () => {
  await using scene = await boundScene();
  const open = new Set<unknown>();
  let given = 0;
  await using server = guardByProof(scene, {
    tokens: {},
    script: (request) => {
      if (open.delete(said(request.headers.get("dpop")).nonce)) return new Response("ok");
      const nonce = `once-${given++}`;
      open.add(nonce);
      return new Response(null, {
        status: 401,
        headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": nonce },
      });
    },
  });
  const statuses = await Promise.all(Array.from({ length: 20 }, () => server.request()));
  ok(statuses.every((status) => status === 200));
});

Deno.test("where the server redirects to another of its paths, the proof is for that one, from then on", async () => {
  await using scene = await boundScene();
  const paths: string[] = [];
  await using server = guardByProof(scene, {
    tokens: { "at-0": scene.key },
    nonce: true,
    script: (request) => {
      const { pathname, search } = new URL(request.url);
      paths.push(pathname);
      return pathname === "/mcp"
        ? new Response(null, { status: 307, headers: { location: `/mcp/${search}` } })
        : undefined;
    },
    signIn: () => ({}),
  });
  equal(await server.request(), 200);
  deepEqual(paths, ["/mcp", "/mcp/", "/mcp", "/mcp/"]);
  equal(await server.request(), 200);
  equal(paths.length, 6);
  deepEqual([scene.endpoint.presented, server.needs], [[], []]);
});

for (
  const [name, nonce, requests, message] of [
    [
      "another nonce each time",
      (index: number) => `n-${index}`,
      DPOP_RETRIES_MAX + 1,
      /another proof of possession/,
    ],
    ["the same nonce each time", () => "n", 2, /asks for the DPoP nonce that it got/],
    ["no nonce", () => undefined, 1, /asks for a DPoP nonce and gives none/],
  ] as const
) {
  Deno.test(`a server that wants ${name} is given up after ${requests} requests`, async () => {
    await using scene = await boundScene();
    await using server = guardByProof(scene, {
      tokens: {},
      script: (_request, index) => {
        const given = nonce(index);
        return new Response(null, {
          status: 401,
          headers: {
            "www-authenticate": 'DPoP error="use_dpop_nonce"',
            ...given === undefined ? {} : { "dpop-nonce": given },
          },
        });
      },
      signIn: () => ({}),
    });
    await rejects(server.request(), coded("AUTH_FAILED", message));
    equal(server.authorizations.length, requests);
    deepEqual([scene.endpoint.presented, server.needs], [[], []]);
  });
}

Deno.test("a proof that is refused ends neither the token nor the sign-in", async () => {
  await using scene = await boundScene();
  await using server = guardByProof(scene, {
    tokens: {},
    script: () =>
      new Response(null, {
        status: 401,
        headers: { "www-authenticate": 'DPoP error="invalid_dpop_proof", error_description="htu"' },
      }),
    signIn: () => ({}),
  });
  await rejects(server.request(), coded("AUTH_FAILED", /refuses the proof of possession.*: htu$/));
  equal(server.authorizations.length, 1);
  deepEqual([scene.endpoint.presented, server.needs], [[], []]);
});

Deno.test("a clock that is off is put right by the server's, without a refresh", async () => {
  await using scene = await boundScene();
  scene.clock.time -= 50 * MINUTE;
  await scene.signInElsewhere({ obtainedAt: scene.clock.time });
  await using server = guardByProof(scene, { tokens: { "at-0": scene.key } });
  equal(await server.request(), 200);
  equal(await server.request(), 200);
  equal(server.authorizations.length, 3);
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("X15: a refused token is refreshed with a proof of the same key, and the new one is bound to it", async () => {
  await using scene = await boundScene();
  const proofs: (string | null)[] = [];
  scene.endpoint.script = ({ proof }) => {
    proofs.push(proof);
    return tokens({ access_token: "at-1", refresh_token: "rt-1", token_type: "DPoP" });
  };
  await using server = guardByProof(scene, { tokens: { "at-1": scene.key }, nonce: true });
  equal(await server.request(), 200);
  // The refusal of the token brought the nonce, too.
  deepEqual(server.authorizations, ["DPoP at-0", "DPoP at-1"]);
  const payload = said(proofs[0] ?? null);
  deepEqual([payload.htm, payload.htu, payload.ath], ["POST", `${scene.endpoint.issuer}/token`, undefined]);
  const stored = await scene.stored();
  deepEqual([stored?.tokenType, stored?.dpopKey], ["dpop", scene.key]);
});

Deno.test("X17: a token endpoint that asks for a nonce has not spent the refresh token", async () => {
  await using scene = await boundScene();
  scene.endpoint.script = ({ proof }) =>
    said(proof).nonce === "as-1" ? tokens({ access_token: "at-1", token_type: "DPoP" }) : Response.json(
      { error: "use_dpop_nonce" },
      { status: 400, headers: { "dpop-nonce": "as-1" } },
    );
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-1");
  deepEqual(scene.endpoint.presented, ["rt-0", "rt-0"]);
  equal((await scene.stored())?.pendingRefresh, undefined);
});

Deno.test("a token endpoint that never takes the nonce leaves the sign-in as it was", async () => {
  await using scene = await boundScene();
  scene.endpoint.script = ({ index }) =>
    Response.json({ error: "use_dpop_nonce" }, { status: 400, headers: { "dpop-nonce": `n-${index}` } });
  await rejects(scene.authority.refresh("demo", "at-0"), coded("SERVER_ERROR", /use_dpop_nonce/));
  const stored = await scene.stored();
  deepEqual([stored?.refreshToken, stored?.pendingRefresh], ["rt-0", undefined]);
  equal(scene.endpoint.presented.length, DPOP_RETRIES_MAX + 1);
});

Deno.test("a refresh that brings a token without the key is no way to use it", async () => {
  await using scene = await boundScene();
  scene.endpoint.script = () => tokens({ access_token: "at-1", refresh_token: "rt-1" });
  await using server = guardByProof(scene, { tokens: {} });
  await rejects(server.request(), coded("AUTH_REQUIRED", /no longer binds its tokens to the key/));
  ok(server.authorizations.every((each) => each === "DPoP at-0"));
  const presented = scene.endpoint.presented.length;
  await rejects(scene.authority.refresh("demo", "at-1"), coded("AUTH_REQUIRED"));
  equal(scene.endpoint.presented.length, presented);
});

Deno.test("a change of the nonce is no attempt: a token of an earlier sign-in that is refused after it is refreshed", async () => {
  const next = await boundMembers();
  await using scene = await boundScene({ credential: { refreshToken: undefined } });
  let later = false;
  const refused = (error: string, nonce: string) =>
    new Response(null, {
      status: 401,
      headers: { "www-authenticate": `DPoP error="${error}"`, "dpop-nonce": nonce },
    });
  await using server = guardByProof(scene, {
    tokens: { "signed-in": next.dpopKey, "at-1": next.dpopKey },
    script: (request) => {
      if (!later) return undefined;
      if (request.headers.get("authorization") !== "DPoP signed-in") return new Response("ok");
      return refused(
        said(request.headers.get("dpop")).nonce === "n" ? "invalid_token" : "use_dpop_nonce",
        "n",
      );
    },
    signIn: () => ({ ...next, accessToken: "signed-in", refreshToken: "rt-0" }),
  });
  equal(await server.request(), 200);
  equal(server.needs.length, 1);
  later = true;
  scene.endpoint.script = () => tokens({ access_token: "at-1", token_type: "DPoP" });
  const sent = server.authorizations.length;
  equal(await server.request(), 200);
  deepEqual(server.authorizations.slice(sent, sent + 3), ["DPoP signed-in", "DPoP signed-in", "DPoP at-1"]);
  deepEqual(scene.endpoint.presented, ["rt-0"]);
  equal(server.needs.length, 1);
});

Deno.test("what a sibling's sign-in stored is used with its own key", async () => {
  const next = await boundMembers();
  await using scene = await boundScene();
  await using server = guardByProof(scene, { tokens: { "at-next": next.dpopKey } });
  await scene.signInElsewhere({ ...next, accessToken: "at-next" });
  equal(await server.request(), 200);
  const header = JSON.parse(
    atob(server.proofs.at(-1)!.split(".")[0]!.replaceAll("-", "+").replaceAll("_", "/")),
  );
  equal(await jwkThumbprint(header.jwk), await jwkThumbprint(next.dpopKey));
});

Deno.test("X20: where a server takes bound tokens alone, a bearer token is not refreshed: a sign-in is needed", async () => {
  const next = await boundMembers();
  await using scene = await setScene();
  const now = scene.clock.time = Date.now();
  const times = { obtainedAt: now, expiresAt: now + 60 * MINUTE };
  await scene.signInElsewhere(times);
  await using server = guardByProof(scene, {
    tokens: { "at-next": next.dpopKey },
    signIn: () => ({ ...next, ...times, accessToken: "at-next" }),
  });
  equal(await server.request(), 200);
  deepEqual(server.authorizations, ["Bearer at-0", "DPoP at-next"]);
  deepEqual(scene.endpoint.presented, []);
  deepEqual(server.needs[0]?.challenge.dpop?.only, true);
});

Deno.test("a token whose key is missing or damaged is never sent", async () => {
  for (const dpopKey of [undefined, { ...await createDpopKey(), d: "x" }]) {
    await using scene = await boundScene({ credential: { dpopKey } });
    await using server = guardByProof(scene, { tokens: {} });
    await rejects(
      server.request(),
      coded("AUTH_REQUIRED", dpopKey ? /key cannot be read/ : /key that is not there/),
    );
    deepEqual(server.authorizations, []);
    scene.endpoint.script = () => refusal("invalid_request");
    await rejects(scene.authority.refresh("demo", "at-0"), coded("AUTH_REQUIRED"));
    deepEqual(scene.endpoint.presented, []);
  }
});

Deno.test("a bound token is not handed out for use elsewhere", async () => {
  const credential = { name: "demo", accessToken: "s3cret-token", ...await boundMembers() };
  throws(() => bearer(credential), (error) => {
    coded("CONFIG_INVALID", /bound to a key/)(error);
    ok(!Deno.inspect(error).includes("s3cret"));
    return true;
  });
  throws(() => bearer({ name: "demo", accessToken: "at", tokenType: "dpop" }), coded("CONFIG_INVALID"));
  deepEqual(bearer({ name: "demo", accessToken: "at", tokenType: "bearer" }), { authorization: "Bearer at" });
});
