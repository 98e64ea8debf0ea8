/** The discovery judged step by step: what is used all the same is told, and what a sign-in refuses fails (rows 25-29). */
import { deepEqual, equal, match } from "node:assert/strict";
import type { ServerOptions, ServerRecord } from "../../../lib/services/credentials/mod.ts";
import { type Check, diagnose, type Diagnosis, type Subject } from "../../../lib/services/diagnosis/mod.ts";
import {
  OAUTH,
  OPENID,
  type Origins,
  type Pages,
  PRM,
  resource,
  server,
  world,
} from "../signin/discovery_world.ts";
import { checkOf, portsFor, subjectFor } from "./scene.ts";

const refusal = () => new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });

async function diagnosed(
  pages: (origins: Origins) => { readonly mcp?: Pages; readonly auth?: Pages },
  changes: (origins: Origins) => Partial<Subject> = () => ({}),
): Promise<Diagnosis & { readonly asked: readonly string[]; check(id: string): Check }> {
  await using both = world((origins) => {
    const { mcp, auth } = pages(origins);
    return { mcp: { "/mcp": refusal, ...mcp }, auth: auth ?? {} };
  });
  const origins = { mcp: both.mcp.origin, auth: both.auth.origin };
  const diagnosis = await diagnose(
    { server: portsFor(both.serverUrl) },
    subjectFor(both.serverUrl, changes(origins)),
  );
  return {
    ...diagnosis,
    asked: [...both.mcp.asked, ...both.auth.asked],
    check: (id) => checkOf(diagnosis.checks, id),
  };
}

const entry = (url: string, changes: Partial<ServerRecord> = {}): ServerRecord => ({
  name: "demo",
  url,
  createdAt: 0,
  signIn: "oauth",
  options: {},
  ...changes,
});

const open = (issuer: string, changes: Record<string, unknown> = {}) =>
  server(issuer, { registration_endpoint: `${issuer}/register`, ...changes });

Deno.test("a server of 2025-03-26 with metadata of its own is told as such, and nothing fails", async () => {
  const { check, firstToFix, plan } = await diagnosed(({ mcp }) => ({ mcp: { [OAUTH]: open(mcp) } }));
  equal(firstToFix, undefined);
  equal(check("resource-metadata").status, "warn");
  match(check("resource-metadata").detail, /taken for one of 2025-03-26/);
  equal(check("resource-metadata").steps?.length, 2);
  equal(check("server-metadata").rule, "C20, MCP 2025-03-26");
  equal(plan?.resource, undefined);
});

Deno.test("a server of 2025-03-26 without metadata is used where its token endpoint answers (C21)", async () => {
  const { check, firstToFix, asked } = await diagnosed(() => ({
    mcp: { "/token": () => Response.json({ error: "invalid_request" }, { status: 400 }) },
  }));
  equal(firstToFix, undefined, JSON.stringify(firstToFix));
  match(check("default-endpoints").detail, /\/token answers 400/);
  equal(check("pkce").status, "skip");
  match(check("registration").detail, /a new registration/);
  equal(asked.some((each) => each.includes("/register")), false);
});

Deno.test("row 25: an issuer that differs by its final slash alone is used, and told", async () => {
  const { check, firstToFix } = await diagnosed((origins) => ({
    mcp: { [PRM]: resource(origins, { authorization_servers: [`${origins.auth}/`] }) },
    auth: { [OAUTH]: open(origins.auth) },
  }));
  equal(firstToFix, undefined);
  equal(check("issuer").status, "warn");
  match(check("issuer").detail, /only the final slash differs/);
});

Deno.test("row 29: a resource above the server's URL is used, and told", async () => {
  const { check, firstToFix, plan } = await diagnosed((origins) => ({
    mcp: { [PRM]: resource(origins, { resource: origins.mcp }) },
    auth: { [OAUTH]: open(origins.auth) },
  }));
  equal(firstToFix, undefined);
  equal(check("resource").status, "warn");
  match(check("resource").detail, /C11a/);
  match(plan?.resource ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
});

Deno.test("row 28: each place is told with its status and its type, in the order it was asked", async () => {
  const page = () => new Response("<p>", { headers: { "content-type": "text/html" } });
  const { check } = await diagnosed((origins) => ({
    mcp: { [`${PRM}/mcp`]: page, [PRM]: resource(origins) },
    auth: { [OPENID]: open(origins.auth) },
  }));
  deepEqual(check("resource-metadata").steps?.map(({ status, type, verdict }) => [status, type, verdict]), [
    [200, "text/html", "200, not JSON (text/html)"],
    [200, "application/json", "used"],
  ]);
  deepEqual(check("server-metadata").steps?.map(({ status, verdict }) => [status, verdict]), [
    [404, "404"],
    [200, "used"],
  ]);
});

Deno.test("after a resource of another origin the authorization server is looked at all the same", async () => {
  const { check, firstToFix, plan } = await diagnosed((origins) => ({
    mcp: { [PRM]: resource(origins, { resource: "https://evil.example.com" }) },
    auth: { [OAUTH]: open(origins.auth, { code_challenge_methods_supported: ["plain"] }) },
  }));
  equal(firstToFix?.id, "resource");
  equal(check("pkce").status, "fail");
  equal(plan, undefined);
});

Deno.test("the server that a sign-in was made at is preferred, and a change of it is told (C35)", async () => {
  const credential = { issuer: "https://old.example.com" } as NonNullable<Subject["credential"]>;
  const full = {
    ...credential,
    name: "demo",
    authorizationServer: {},
    client: {
      issuer: credential.issuer,
      redirectShape: "loopback",
      source: "dynamic",
      clientId: "x",
      tokenEndpointAuthMethod: "none",
      redirectUris: [],
      registeredAt: 0,
    },
    requestedScopes: [],
    grantedScopes: [],
    accessToken: "t",
    tokenType: "bearer",
    obtainedAt: 0,
    expiresAt: Date.now() + 3_600_000,
    refreshToken: "r",
  } as const;
  const { check } = await diagnosed(
    (origins) => ({ mcp: { [PRM]: resource(origins) }, auth: { [OAUTH]: open(origins.auth) } }),
    ({ mcp }) => ({ server: entry(`${mcp}/mcp`), credential: full }),
  );
  equal(check("authorization-servers").status, "warn");
  match(check("authorization-servers").detail, /the sign-in is of "https:\/\/old\.example\.com"/);
});

Deno.test("endpoints that the entry names are not looked for, and its resource is", async () => {
  const { check, firstToFix, asked } = await diagnosed(
    (origins) => ({ mcp: { [PRM]: resource(origins) } }),
    ({ auth }) => ({
      options: {
        clientId: "abc",
        authorizationServer: {
          authorizationEndpoint: `${auth}/authorize`,
          tokenEndpoint: `${auth}/token`,
        },
      } satisfies ServerOptions,
    }),
  );
  equal(firstToFix, undefined, JSON.stringify(firstToFix));
  equal(check("server-metadata").status, "skip");
  equal(check("resource").status, "ok");
  equal(asked.some((each) => each.includes("oauth-authorization-server")), false);
});

Deno.test("an API without MCP is not asked as an MCP server, and wants its authorization server named", async () => {
  const { check, firstToFix, asked } = await diagnosed(
    () => ({}),
    ({ mcp }) => ({ server: entry(`${mcp}/mcp`, { kind: "api" }) }),
  );
  equal(check("challenge").status, "skip");
  equal(firstToFix?.id, "authorization-servers");
  equal(firstToFix?.code, "CONFIG_MISSING");
  deepEqual(asked, []);
});

Deno.test("an entry with a token by hand needs no authorization server", async () => {
  const { checks, plan, asked } = await diagnosed(
    () => ({}),
    ({ mcp }) => ({ server: entry(`${mcp}/mcp`, { signIn: "token" }) }),
  );
  equal(plan?.way, "token");
  equal(checks.some(({ group }) => group === "discovery"), false);
  deepEqual(asked, ["POST /mcp"]);
});

Deno.test("RFC 9449: a resource that takes bound tokens by algorithms that are not ours fails", async () => {
  const pages = (algorithms: readonly string[]) => (origins: Origins) => ({
    mcp: {
      [PRM]: resource(origins, {
        dpop_bound_access_tokens_required: true,
        dpop_signing_alg_values_supported: algorithms,
      }),
    },
    auth: { [OAUTH]: open(origins.auth, { dpop_signing_alg_values_supported: ["ES256"] }) },
  });
  equal((await diagnosed(pages(["EdDSA"]))).firstToFix?.id, "extensions");
  const { firstToFix, plan } = await diagnosed(pages(["ES256"]));
  equal(firstToFix, undefined);
  match(plan?.steps.join() ?? "", /Bind the tokens to a key/);
});

Deno.test("RFC 9449: what a challenge alone wants is held to the algorithms, and an authorization server that is silent is told", async () => {
  const challenge = (algorithms: string) => () =>
    new Response(null, {
      status: 401,
      headers: { "www-authenticate": `DPoP algs="${algorithms}"` },
    });
  const asked = (algorithms: string, listed: Record<string, unknown>) =>
    diagnosed((origins) => ({
      mcp: { "/mcp": challenge(algorithms), [PRM]: resource(origins) },
      auth: { [OAUTH]: open(origins.auth, listed) },
    }));
  const es256 = { dpop_signing_alg_values_supported: ["ES256"] };
  const fine = await asked("ES256", es256);
  equal(fine.check("extensions").status, "ok", fine.check("extensions").detail);
  match(fine.check("extensions").detail, /takes bound tokens alone/);
  const other = await asked("EdDSA", es256);
  equal(other.firstToFix?.id, "extensions");
  match(other.check("extensions").detail, /takes proofs by EdDSA/);
  const silent = await asked("ES256", {});
  equal(silent.check("extensions").status, "warn");
  match(silent.check("extensions").detail, /does not say that it binds tokens to keys/);
});

Deno.test("C12: of several authorization servers the first is used, and how to choose another is told", async () => {
  const { check, firstToFix } = await diagnosed((origins) => ({
    mcp: {
      [PRM]: resource(origins, {
        authorization_servers: [origins.auth, "https://b.example", "https://c.example"],
      }),
    },
    auth: { [OAUTH]: open(origins.auth) },
  }));
  equal(firstToFix, undefined);
  match(
    check("authorization-servers").detail,
    /; also listed: https:\/\/b\.example, https:\/\/c\.example \(--authorization-server <issuer> chooses one\)$/,
  );
});

Deno.test("where the metadata is nowhere, the places are told once", async () => {
  const { check } = await diagnosed((origins) => ({ mcp: { [PRM]: resource(origins) } }));
  match(check("server-metadata").detail, /^Cannot find the metadata of authorization server "[^"]+"$/);
  equal(check("server-metadata").steps?.length, 2);
});
