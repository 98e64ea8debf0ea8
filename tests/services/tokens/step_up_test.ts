/**
 * What a 403 `insufficient_scope` means: a new sign-in for the union of the scopes, a bounded number of times.
 *
 * @see MCP 2026-07-28 authorization, Step-Up Authorization Flow (C63-C66); behaviours row 32
 */
import { deepEqual, doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { coded } from "../../primitives/coded_error.ts";
import { guard, scoped } from "./guarded.ts";
import { type Members, setScene } from "./scene.ts";

/** A credential whose token names the scopes that it has. */
function granted(...scopes: readonly string[]): Members {
  return { accessToken: `at:${scopes.join("+")}`, grantedScopes: scopes, requestedScopes: scopes };
}

Deno.test("row 32: missing scopes are asked for together with all earlier ones, and the request is sent again", async () => {
  await using scene = await setScene({
    credential: { ...granted("read"), requestedScopes: ["read", "profile"] },
  });
  await using server = guard(scene, {
    judge: scoped({ "tools/call write": ["write"] }),
    signIn: () => granted("read", "write"),
  });
  equal(await server.request("tools/call write"), 200);
  deepEqual(server.needs, [{
    challenge: { scopes: ["write"], error: "insufficient_scope" },
    earlierScopes: ["read", "profile"],
  }]);
  deepEqual(scene.endpoint.presented, [], "a refresh cannot widen a scope");
});

Deno.test("row 32: nobody may be asked: the error names the missing scopes and the command with all of them", async () => {
  await using scene = await setScene({ credential: granted("read") });
  await using server = guard(scene, { judge: scoped({ write: ["read", "write", "admin"] }) });
  await rejects(server.request("write"), (error) => {
    coded("INSUFFICIENT_SCOPE", /for "write": the server wants more scopes: write admin$/)(error);
    equal((error as McpAuthError).hint, 'Run: mcp-auth login demo --scope "read write admin"');
    return true;
  });
});

for (
  const [description, credential, challenge, says] of [
    [
      "a sign-in has asked for in vain",
      { ...granted("read"), requestedScopes: ["read", "write"] },
      'scope="read write"',
      /^"http:\/\/127\.0\.0\.1:\d+" was asked for them and did not grant them: its administrator has to allow/,
    ],
    [
      "the token has already",
      granted("read", "write"),
      'scope="write"',
      /^The sign-in has all scopes that the server names \(read write\), .*the server's operator has to say/,
    ],
    [
      "nobody names",
      granted("read"),
      "",
      /the server's operator has to say what your account lacks$/,
    ],
  ] as const
) {
  Deno.test(`row 32: for scopes that ${description} the error says who can grant them, and names no command`, async () => {
    await using scene = await setScene({ credential });
    await using server = guard(scene, {
      judge: () => [403, `Bearer error="insufficient_scope"${challenge === "" ? "" : `, ${challenge}`}`],
    });
    const error = await server.request("write").then(() => undefined, (error: McpAuthError) => error);
    equal(error?.code, "INSUFFICIENT_SCOPE");
    match(error?.hint ?? "", says);
    doesNotMatch(error?.hint ?? "", /mcp-auth/);
  });
}

Deno.test("a 403 to a request without a token does not speak of an account", async () => {
  await using scene = await setScene({ credential: null });
  await using server = guard(scene, { judge: () => [403], anonymous: true });
  const error = await server.request("write").then(() => undefined, (error: McpAuthError) => error);
  equal(error?.code, "AUTH_FAILED");
  match(error?.message ?? "", /forbids it \(403\) and asks for no sign-in$/);
  doesNotMatch(error?.hint ?? "", /account/);
});

Deno.test("a server's scopes cannot make a command of the command to run", async () => {
  for (const scope of ["$(touch${IFS}x)", "`id`", "a'b", "!history", "x;y", "x&y"]) {
    await using scene = await setScene({ credential: granted("read") });
    await using server = guard(scene, {
      judge: () => [403, `Bearer error="insufficient_scope", scope="${scope}"`],
    });
    const error = await server.request("write").then(() => undefined, (error: McpAuthError) => error);
    const [, word] = /--scope (.*)$/.exec(error?.hint ?? "") ?? [];
    const shell = await new Deno.Command("sh", { args: ["-c", `printf %s ${word}`] }).output();
    equal(new TextDecoder().decode(shell.stdout), `read ${scope}`);
  }
});

Deno.test("row 32: one operation is stepped up at most twice, and then the error says which scopes are missing", async () => {
  await using scene = await setScene({ credential: granted("read") });
  await using server = guard(scene, {
    judge: scoped({ write: ["write"] }),
    signIn: (number) => ({ ...granted("read"), accessToken: `at:read+${number}` }),
  });
  await rejects(server.request("write"), (error) => {
    coded("INSUFFICIENT_SCOPE", /more scopes: write$/)(error);
    doesNotMatch((error as McpAuthError).hint ?? "", /mcp-auth/, "to sign in again would go in a circle");
    return true;
  });
  equal(server.needs.length, 2);
  await rejects(server.request("write"), coded("INSUFFICIENT_SCOPE"));
  equal(server.needs.length, 2);
  equal(await server.request("read"), 200);
});

Deno.test("concurrent refusals of one operation share its sign-ins, and none fails before they are used up", async () => {
  await using scene = await setScene({ credential: granted("read") });
  await using server = guard(scene, {
    judge: scoped({ write: ["write"] }),
    signIn: () => granted("read", "write"),
  });
  const statuses = await Promise.all(Array.from({ length: 20 }, () => server.request("write")));
  ok(statuses.every((status) => status === 200));
  equal(server.needs.length, 1);
});

Deno.test("two operations that want different scopes each get theirs, and keep the other's", async () => {
  await using scene = await setScene({ credential: granted("read") });
  await using server = guard(scene, {
    judge: scoped({ write: ["write"], admin: ["admin"] }),
    signIn: (_number, need) => granted(...need.earlierScopes ?? [], ...need.challenge.scopes ?? []),
  });
  deepEqual(await Promise.all([server.request("write"), server.request("admin")]), [200, 200]);
  equal(server.needs.length, 2);
  deepEqual([...(await scene.stored())!.grantedScopes].sort(), ["admin", "read", "write"]);
});

Deno.test("row 32: a scope that is never granted is asked for twice in all, whatever the operation", async () => {
  await using scene = await setScene({ credential: granted("read") });
  await using server = guard(scene, {
    judge: (_token, operation) =>
      operation === "read" ? "accept" : [403, 'Bearer error="insufficient_scope", scope="admin"'],
    signIn: (number) => ({ ...granted("read"), accessToken: `at:read+${number}` }),
  });
  for (let tool = 0; tool < 20; tool++) {
    await rejects(server.request(`tools/call ${tool}`), coded("INSUFFICIENT_SCOPE"));
  }
  equal(server.needs.length, 2);
});

Deno.test("a token that has been replaced since is tried before anybody is asked", async () => {
  await using scene = await setScene({ credential: granted("read") });
  await using server = guard(scene, {
    judge: scoped({ write: ["write"] }),
    signIn: () => granted("read", "write"),
  });
  await server.authorizer.headers({ method: "POST", url: "https://mcp.example.com/mcp" });
  await scene.signInElsewhere(granted("read", "write"));
  equal(await server.request("write"), 200);
  equal(server.needs.length, 0);
});

Deno.test("a server that names no scopes is still stepped up to, twice at most", async () => {
  await using scene = await setScene({ credential: granted("read") });
  await using server = guard(scene, {
    judge: () => [403, 'Bearer error="insufficient_scope"'],
    signIn: (number) => ({ ...granted("read"), accessToken: `at-${number}` }),
  });
  await rejects(server.request("write"), coded("INSUFFICIENT_SCOPE", /wants more scopes$/));
  equal(server.needs.length, 2);
  deepEqual(server.needs[0], { challenge: { error: "insufficient_scope" }, earlierScopes: ["read"] });
});

Deno.test("where a person is signed in, the grant that the entry names since takes nobody's place by itself", async () => {
  await using scene = await setScene({
    credential: granted("read"),
    options: { grant: { kind: "client-credentials" } },
  });
  const stepUp = () => Promise.reject(new Error("a machine signs in"));
  await using server = guard(scene, { judge: scoped({ write: ["write"] }), stepUp });
  await rejects(server.request("write"), coded("INSUFFICIENT_SCOPE", /more scopes: write/));
  equal((await scene.stored())?.accessToken, "at:read");
});
