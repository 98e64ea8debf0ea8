/**
 * Tokens that a grant has brought are renewed by it, in the same transaction as those with a refresh token: one request
 * for all who ask, nothing repeated that was refused, and nobody asked.
 *
 * @see behaviours rows 1, 3, 4 and 33; X24
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { ServerOptions } from "../../../lib/services/credentials/mod.ts";
import { coded } from "../../primitives/coded_error.ts";
import { HOUR, type Members, MINUTE, type Scene, type SceneOptions, setScene } from "./scene.ts";
import { refusal, tokens } from "./token_endpoint.ts";

const SECRET = {
  issuer: "",
  redirectShape: "entry:demo",
  source: "pre-registered",
  clientId: "ci",
  clientSecret: "s3cret-of-ci",
  tokenEndpointAuthMethod: "client_secret_basic",
  redirectUris: [],
  registeredAt: 0,
} as const;
const AUDIENCE = "https://as.example";
const ASSERTION = jwt({ sub: "w", aud: AUDIENCE });

/** An entry of a machine whose token is over; the endpoint answers `at-1`, `at-2`, ... unless scripted. */
async function machine(
  options: SceneOptions = {},
  members: Members = {},
): Promise<Scene & { readonly forms: URLSearchParams[] }> {
  const forms: URLSearchParams[] = [];
  const scene = await setScene({
    options: { grant: { kind: "client-credentials" } },
    ...options,
    script: async (presented) => {
      forms.push(presented.form);
      return await options.script?.(presented) ?? tokens({ access_token: `at-${presented.index + 1}` });
    },
    credential: {
      client: SECRET,
      grant: "client-credentials",
      refreshToken: undefined,
      expiresAt: Date.UTC(2000),
      obtainedAt: Date.UTC(2000) - HOUR,
      ...members,
    },
  });
  return Object.assign(scene, { forms });
}

/** An entry of a workload. */
function workload(script?: SceneOptions["script"], files = new Map([["/token", ASSERTION]])) {
  const options: ServerOptions = {
    grant: { kind: "workload-identity", assertion: { from: "file", path: "/token" } },
    assertionAudience: AUDIENCE,
  };
  return machine({ options, grants: { files }, ...(script === undefined ? {} : { script }) }, {
    grant: "workload-identity",
    client: { ...SECRET, source: "none", clientId: "", tokenEndpointAuthMethod: "none" },
  });
}

Deno.test("the grant is run once for all who ask in this process and in others, and its token is adopted (row 1)", async () => {
  await using scene = await machine();
  const siblings = [scene.authority, scene.sibling(), scene.sibling()];
  const served = await Promise.all(
    siblings.flatMap((each) => [each.current("demo"), each.current("demo")]),
  );
  deepEqual(new Set(served.map(({ accessToken }) => accessToken)), new Set(["at-1"]));
  equal(scene.forms.length, 1);
  deepEqual(Object.fromEntries(scene.forms[0] ?? []), {
    grant_type: "client_credentials",
    resource: "https://mcp.example.com/mcp",
    scope: "read",
  });
  const stored = await scene.stored();
  deepEqual([stored?.accessToken, stored?.pendingRefresh, stored?.lastError], ["at-1", undefined, undefined]);
  equal(stored?.tokenResponses?.length, 1);
  deepEqual(scene.audited.map(({ event }) => event), ["token_refreshed"]);
});

Deno.test("a token that is due is renewed ahead, and served as it is where that fails", async () => {
  await using scene = await machine({ script: () => refusal("invalid_client", 401) });
  const now = scene.clock.now();
  await scene.signInElsewhere({ obtainedAt: now - HOUR, expiresAt: now + MINUTE });
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  equal(scene.forms.length, 1);
});

Deno.test("a refusal is no end: it is kept with a pause, and the grant is run again after it (row 3)", async () => {
  let refuses = true;
  await using scene = await machine({ script: () => refuses ? refusal("invalid_client", 401) : undefined });
  await rejects(scene.authority.current("demo"), (error) => {
    coded("TOKEN_REFRESH_FAILED", /invalid_client/)(error);
    return /mcp-auth login demo/.test((error as { hint?: string }).hint ?? "");
  });
  await rejects(scene.sibling().current("demo"), coded("TOKEN_REFRESH_FAILED", /the last try failed/));
  equal(scene.forms.length, 1);
  const stored = await scene.stored();
  deepEqual([stored?.grant, stored?.lastError?.code, stored?.pendingRefresh], [
    "client-credentials",
    "TOKEN_REFRESH_FAILED",
    undefined,
  ]);
  ok((stored?.lastError?.retryAt ?? 0) > scene.clock.now());
  scene.clock.time += MINUTE;
  refuses = false;
  equal((await scene.authority.current("demo")).accessToken, "at-2");
  equal((await scene.stored())?.lastError, undefined);
});

Deno.test("a server that fails inside is not asked again at once, and no note is left behind", async () => {
  await using scene = await machine({ script: () => new Response("<h1>Oops</h1>", { status: 500 }) });
  await rejects(scene.authority.current("demo"), coded("SERVER_ERROR"));
  equal(scene.forms.length, 1);
  equal((await scene.stored())?.pendingRefresh, undefined);
});

Deno.test("an assertion that a server has refused is presented once (X24)", async () => {
  await using scene = await workload(() => refusal("invalid_grant"));
  await rejects(scene.authority.refresh("demo", "at-0"), coded("TOKEN_REFRESH_FAILED", /invalid_grant/));
  equal(scene.forms.length, 1);
  deepEqual([...scene.forms[0]?.keys() ?? []].sort(), ["assertion", "grant_type", "resource", "scope"]);
});

Deno.test("an assertion is read anew for each renewal; where there is none, nothing is sent and nothing waits", async () => {
  const files = new Map<string, string>();
  await using scene = await workload(undefined, files);
  for (let tries = 0; tries < 3; tries++) {
    await rejects(scene.authority.current("demo"), coded("CONFIG_MISSING", /"\/token"/));
  }
  equal(scene.forms.length, 0);
  equal((await scene.stored())?.lastError?.retryAt, undefined);
  files.set("/token", ASSERTION);
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  equal(scene.forms[0]?.get("assertion"), ASSERTION);
});

Deno.test("an entry that is to sign in by another way now is not renewed by the old one", async () => {
  for (const options of [{}, { grant: { kind: "client-credentials" } }] satisfies ServerOptions[]) {
    await using scene = await machine({ options }, { grant: "workload-identity" });
    await rejects(scene.authority.refresh("demo", "at-0"), coded("TOKEN_EXPIRED", /another way/));
    equal(scene.forms.length, 0);
    equal((await scene.stored())?.lastError, undefined, "what was not tried has not failed");
    // What the old way has brought is good until its end.
    const now = scene.clock.now();
    await scene.signInElsewhere({ obtainedAt: now - HOUR, expiresAt: now + MINUTE });
    equal((await scene.authority.current("demo")).accessToken, "at-0");
  }
});

Deno.test("a person's sign-in is renewed by its own refresh token and client, also once the entry names a grant", async () => {
  const forms: URLSearchParams[] = [];
  await using scene = await setScene({
    options: { grant: { kind: "client-credentials" }, clientId: "ci" },
    credential: { expiresAt: Date.UTC(2000) },
    script: ({ form }) => {
      forms.push(form);
      return tokens({ access_token: "at-1", refresh_token: "rt-1" });
    },
  });
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  deepEqual(forms.map((form) => [form.get("grant_type"), form.get("client_id")]), [[
    "refresh_token",
    "client",
  ]]);
  equal((await scene.stored())?.grant, undefined);
});

Deno.test("a refresh token beside a grant, as an import may bring it, is never sent", async () => {
  await using scene = await machine({}, { refreshToken: "rt-0" });
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  deepEqual(scene.forms.map((form) => [form.get("grant_type"), form.has("refresh_token")]), [[
    "client_credentials",
    false,
  ]]);
});

Deno.test("a renewal goes to the server of the sign-in, whatever the entry's URL says by now", async () => {
  await using scene = await machine();
  await using elsewhere = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    throw new Error("the MCP server was asked");
  });
  const { record, version } = await scene.store.server("demo") ?? {};
  ok(record !== undefined && version !== undefined);
  const url = `http://127.0.0.1:${elsewhere.addr.port}/mcp`;
  ok(await scene.store.putServer({ ...record, url }, version));
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  equal(scene.forms.length, 1);
});

Deno.test("a server that asks for a pause gets it from all processes", async () => {
  await using scene = await machine({
    script: () => Response.json({}, { status: 429, headers: { "retry-after": "60" } }),
  });
  await rejects(scene.authority.current("demo"), coded("RATE_LIMITED"));
  await rejects(scene.sibling().refresh("demo", "at-0"), coded("RATE_LIMITED", /due in 60 s/));
  equal(scene.forms.length, 1);
});

Deno.test("a loop of renewals is stopped by the same breaker as one of refreshes (row 33)", async () => {
  await using scene = await machine({
    script: ({ index }) => tokens({ access_token: `at-${index}x`, expires_in: 1 }),
  });
  let renewed = 0;
  for (let tries = 0; tries < 30; tries++) {
    const { accessToken = "" } = await scene.stored() ?? {};
    await scene.authority.refresh("demo", accessToken).then(() => renewed++, (error) => {
      coded("RATE_LIMITED")(error);
    });
  }
  equal(renewed, 20);
});

/** An ID token that is good until a time. */
function idToken(expiresAt: number): string {
  return jwt({ sub: "alice", exp: Math.floor(expiresAt / 1000) });
}

/** A JWT whose signature nobody looks at here. */
function jwt(claims: unknown): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${part({ alg: "ES256" })}.${part(claims)}.c2ln`;
}

Deno.test("the identity of an entry is its ID token, refreshed where it is about to expire", async () => {
  await using scene = await setScene();
  const now = scene.clock.now();
  const lasting = idToken(now + HOUR);
  await scene.signInElsewhere({ idToken: lasting });
  equal((await scene.authority.identity("demo")).idToken, lasting);
  equal(scene.endpoint.presented.length, 0);
  await scene.signInElsewhere({ idToken: idToken(now + 5_000) });
  scene.endpoint.script = () => tokens({ access_token: "at-9", refresh_token: "rt-9", id_token: lasting });
  equal((await scene.authority.identity("demo")).idToken, lasting);
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("an identity that cannot be had says which sign-in brings it", async () => {
  await using scene = await setScene();
  await rejects(scene.authority.identity("nobody"), coded("NOT_FOUND"));
  await rejects(scene.authority.identity("demo"), coded("AUTH_REQUIRED", /no ID token/));
  await scene.signInElsewhere({ idToken: idToken(scene.clock.now() - HOUR) });
  scene.endpoint.script = () => tokens({ access_token: "at-9", refresh_token: "rt-9" });
  await rejects(scene.authority.identity("demo"), coded("TOKEN_EXPIRED", /a refresh brings no other/));
  await scene.signOutElsewhere();
  await rejects(scene.authority.identity("demo"), coded("AUTH_REQUIRED"));
});

Deno.test("an entry of a machine is nobody's identity, so that no two entries wait for each other", async () => {
  await using scene = await machine();
  await rejects(scene.authority.identity("demo"), coded("AUTH_REQUIRED", /a machine is signed in there/));
});
