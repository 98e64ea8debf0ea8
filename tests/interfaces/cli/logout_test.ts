/** What `logout` says and how it exits: one entry, all of them, and the client with them. */
import { deepEqual, equal, match } from "node:assert/strict";
import { worstExitCode } from "../../../lib/interfaces/cli/entry.ts";
import type { CredentialStore } from "../../../lib/services/credentials/mod.ts";
import { type LocalServer, serve } from "../../primitives/http/local_server.ts";
import { withHome } from "./world.ts";

/** Stores an entry that is signed in at an issuer. */
function entry(name: string, issuer: string, clientId = "client-1") {
  const client = {
    issuer,
    redirectShape: "loopback",
    source: "dynamic",
    clientId,
    tokenEndpointAuthMethod: "none",
    redirectUris: [],
    registrationClientUri: `${issuer}/register/${clientId}`,
    registrationAccessToken: "rat",
    registeredAt: 1,
  } as const;
  return (store: CredentialStore) =>
    store.saveSignedIn({
      server: { name, url: `${issuer}/mcp`, createdAt: 1, signIn: "oauth", options: {} },
      client,
      credential: {
        name,
        issuer,
        authorizationServer: {
          issuer,
          token_endpoint: `${issuer}/token`,
          revocation_endpoint: `${issuer}/revoke`,
        },
        client,
        requestedScopes: [],
        grantedScopes: [],
        accessToken: "the-access-token",
        tokenType: "bearer",
        refreshToken: "the-refresh-token",
        obtainedAt: 1,
      },
    });
}

/** An issuer that revokes and deletes all that it is asked to. */
function startIssuer(): LocalServer {
  return serve(({ method }) => new Response(null, { status: method === "DELETE" ? 204 : 200 }));
}

Deno.test("logout --client says what became of the registration (rows 9 and 46)", () =>
  withHome(async ({ world, store }) => {
    await using issuer = startIssuer();
    await store(entry("a", issuer.origin));
    await store(entry("b", issuer.origin));
    const first = await world.run("logout", "a", "--client");
    equal(
      first.out,
      "✓ Signed out of a: refresh token revoked, access token revoked\n" +
        `✓ Client registration forgotten here; it stays at ${issuer.origin}, since "b" would be signed out with it\n`,
    );
    deepEqual(JSON.parse((await world.run("logout", "b", "--client", "--json")).out), {
      name: "b",
      signed_out: true,
      revocations: [
        { token: "refresh_token", outcome: "revoked" },
        { token: "access_token", outcome: "revoked" },
      ],
      client: { outcome: "deleted" },
    });
    equal(issuer.asked.filter((each) => each === "DELETE /register/client-1").length, 1);
    match(
      (await world.run("logout", "b", "--client")).out,
      /^"b" was not signed in\nIts client is not known while it is signed out; .* mcp-auth login b --re-register\n$/,
    );
  }));

Deno.test("logout --all signs out of every entry and says each outcome (row 46)", () =>
  withHome(async ({ world, store }) => {
    await using issuer = startIssuer();
    await store(entry("a", issuer.origin));
    await store((store) =>
      store.putServer(
        { name: "b", url: "https://b.example/", createdAt: 1, signIn: "oauth", options: {} },
        null,
      )
    );
    await store(entry("c", "http://127.0.0.1:1"));
    const { out, code } = await world.run("logout", "--all");
    equal(code, 0);
    match(
      out,
      /^✓ Signed out of a: refresh token revoked, access token revoked\n"b" was not signed in\n✓ Signed out of c: refresh token not revoked \(.*\)\n$/,
    );
    const json = JSON.parse((await world.run("list", "--json")).out) as { state: string }[];
    deepEqual(json.map(({ state }) => state), Array(3).fill("not-signed-in"));
  }));

Deno.test("logout --all goes on after an entry that failed, and exits as the worst did", () =>
  withHome(async ({ world, store }) => {
    await using issuer = startIssuer();
    for (const name of ["a", "b", "c"]) await store(entry(name, issuer.origin));
    // Nobody gets the lock of "b": a folder is in the place of its file.
    const { sha256Hex } = await import("../../../lib/primitives/crypto/digest.ts");
    await Deno.mkdir(`${world.world.ports.env.get("MCP_AUTH_HOME")}/locks/${await sha256Hex("b")}.lock`, {
      recursive: true,
    });
    const { out, code } = await world.run("logout", "--all", "--json");
    const outcomes = JSON.parse(out) as { name: string; signed_out: boolean; error?: { code: string } }[];
    deepEqual(outcomes.map(({ name, signed_out, error }) => [name, signed_out, error?.code]), [
      ["a", true, undefined],
      ["b", false, "STORE_UNAVAILABLE"],
      ["c", true, undefined],
    ]);
    equal(code, 1);
    const again = await world.run("logout", "--all");
    equal(again.out, '"a" was not signed in\n"c" was not signed in\n');
    match(again.err, /^Error: Cannot lock .*\[STORE_UNAVAILABLE\]$/m);
    equal(again.code, 1);
  }));

Deno.test("the worst of several exit codes is the one that time alone does not mend", () => {
  equal(worstExitCode([]), 0);
  equal(worstExitCode([3, 4, 3]), 4);
  equal(worstExitCode([5, 1, 3]), 1);
  equal(worstExitCode([3, 130, 1]), 130);
  equal(worstExitCode([77]), 77);
});

Deno.test("logout wants a name or --all, and not both", () =>
  withHome(async ({ world }) => {
    for (const line of [["logout"], ["logout", "a", "--all"]]) {
      const { code, err } = await world.run(...line);
      equal(code, 2);
      match(err, /\[USAGE\]\nHint: Run: mcp-auth logout <name>, or: mcp-auth logout --all\n$/);
    }
    const none = await world.run("logout", "--all");
    deepEqual(none, { code: 0, out: "", err: "No entries yet. Add one with: mcp-auth add <name> <url>\n" });
    equal((await world.run("logout", "--all", "--json")).out, "[]\n");
  }));

Deno.test("login --re-register and a client of one's own exclude each other", () =>
  withHome(async ({ world, store }) => {
    await store(entry("a", "https://as.example"));
    const { code, err } = await world.run("login", "a", "--re-register", "--client-id", "x");
    equal(code, 2);
    match(err, /^Error: Cannot use --re-register with a client of your own/);
  }));
