/** What commands do with the entries in the store, where no sign-in is part of it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { startMcpServer } from "../../../scripts/demo/servers/mcp_server.ts";
import type {
  CredentialRecord,
  CredentialStore,
  ServerRecord,
} from "../../../lib/services/credentials/mod.ts";
import { withHome } from "./world.ts";

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);
const ISSUER = "https://as.example.com";

/** Stores an entry, signed in unless told otherwise. */
function entry(
  name: string,
  members: Partial<ServerRecord> & { readonly tokens?: Partial<CredentialRecord> | null } = {},
): (store: CredentialStore) => Promise<unknown> {
  const { tokens, ...rest } = members;
  const server: ServerRecord = {
    name,
    url: "https://mcp.example.com/mcp",
    createdAt: NOW,
    signIn: "oauth",
    options: {},
    ...rest,
  };
  if (tokens === null) return (store) => store.putServer(server, null);
  const client = {
    issuer: ISSUER,
    redirectShape: "loopback",
    source: "dynamic",
    clientId: "client-1",
    tokenEndpointAuthMethod: "none",
    redirectUris: [],
    registeredAt: NOW,
  } as const;
  const credential: CredentialRecord = {
    name,
    issuer: ISSUER,
    authorizationServer: { issuer: ISSUER, token_endpoint: `${ISSUER}/token` },
    client,
    resource: server.url,
    requestedScopes: ["read"],
    grantedScopes: ["read", "write"],
    accessToken: "the-access-token",
    tokenType: "bearer",
    refreshToken: "the-refresh-token",
    obtainedAt: NOW,
    expiresAt: NOW + HOUR,
    ...tokens,
  };
  return (store) => store.saveSignedIn({ server, credential, client });
}

Deno.test("token prints the token, as it is, as a header and as JSON, the short way and the long way", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo"));
    for (const way of [[], ["--keystore=file"]]) {
      deepEqual(await world.run("token", "demo", ...way), { code: 0, out: "the-access-token\n", err: "" });
      equal(
        (await world.run("token", "demo", "--header", ...way)).out,
        "Authorization: Bearer the-access-token\n",
      );
      deepEqual(JSON.parse((await world.run("token", "demo", "--json", ...way)).out), {
        name: "demo",
        access_token: "the-access-token",
        token_type: "Bearer",
        expires_at: "2026-01-01T01:00:00.000Z",
        scope: "read write",
        resource: "https://mcp.example.com/mcp",
      });
    }
  }));

Deno.test("token fails alike the short way and the long way", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo", { tokens: null }));
    for (const flags of [[], ["--json"], ["--verbose"]]) {
      for (const name of ["demo", "nobody"]) {
        const short = await world.run("token", name, ...flags);
        deepEqual(await world.run("token", name, "--keystore=file", ...flags), short);
        equal(short.code, name === "demo" ? 4 : 5);
      }
    }
  }));

Deno.test("no entries: list says how to add one, and is empty as JSON", () =>
  withHome(async ({ world }) => {
    deepEqual(await world.run("list"), {
      code: 0,
      out: "",
      err: "No entries yet. Add one with: mcp-auth add <name> <url>\n",
    });
    deepEqual(await world.run("list", "--json"), { code: 0, out: "[]\n", err: "" });
  }));

Deno.test("list shows every entry with its state", () =>
  withHome(async ({ world, store }) => {
    await store(entry("work", { url: "https://mcp.example.com/mcp?key=secret" }));
    await store(
      entry("old", { tokens: { expiresAt: NOW - 1, refreshToken: undefined as unknown as string } }),
    );
    await store(entry("free", { tokens: null, signIn: "none" }));
    const { out } = await world.run("list");
    deepEqual(out.split("\n"), [
      "NAME  STATE              TOKEN EXPIRES  URL",
      "free  no sign-in needed  -              https://mcp.example.com/mcp",
      "old   expired            0 s ago        https://mcp.example.com/mcp",
      "work  signed in          in 60 min      https://mcp.example.com/mcp",
      "",
    ]);
    deepEqual(JSON.parse((await world.run("list", "--json")).out)[2], {
      name: "work",
      url: "https://mcp.example.com/mcp?key=secret",
      transport: "auto",
      state: "signed-in",
      account: null,
      expires_at: "2026-01-01T01:00:00.000Z",
      can_refresh: true,
    });
  }));

Deno.test("status says what is known and what to do next, and no command shows a token but token", () =>
  withHome(async ({ world, store }) => {
    const lastError = { code: "TOKEN_REFRESH_FAILED", message: "answered 400: invalid_grant", at: NOW };
    await store(entry("demo"));
    await store(
      entry("ended", {
        tokens: { expiresAt: NOW - 1, refreshToken: undefined as unknown as string, lastError },
      }),
    );
    const { out } = await world.run("status", "demo");
    match(out, /^State: +signed in$/m);
    match(out, /^Scopes: +read write$/m);
    match(out, /^Expires: +in 60 min$/m);
    match(out, /^Refresh: +yes$/m);
    match(out, /^Keystore: +file$/m);
    ok(!/^Next:/m.test(out));
    const ended = (await world.run("status", "ended")).out;
    match(ended, /^State: +refresh failed$/m);
    match(ended, /^Last error: answered 400: invalid_grant \[TOKEN_REFRESH_FAILED\], 0 s ago$/m);
    match(ended, /^Next: +mcp-auth login ended$/m);
    for (
      const command of [["list"], ["status", "demo"], ["status", "ended"], ["set", "demo", "--scope", "a"]]
    ) {
      for (const flags of [[], ["--json"], ["--verbose"]]) {
        const { out, err, code } = await world.run(...command, ...flags);
        equal(code, 0);
        ok(!/the-(access|refresh)-token/.test(out + err));
      }
    }
  }));

Deno.test("a name that is nearly right is suggested", () =>
  withHome(async ({ world, store }) => {
    await store(entry("heptabase"));
    for (
      const name of ["hepta", "heptabse", "heptabasee", "hetpabase", "eptabase", "heptabaze", "heptabase2"]
    ) {
      const { err, code } = await world.run("status", name);
      equal(code, 5);
      match(err, /^Hint: Did you mean "heptabase"\?/m, name);
    }
    for (const name of ["notion", "hebtapaxe"]) {
      match((await world.run("status", name)).err, /^Hint: See all entries/m, name);
    }
  }));

Deno.test("set changes what is given and forgets what is named", () =>
  withHome(async ({ world, store }) => {
    await store(
      entry("demo", { options: { scopes: ["a"], clientId: "c", headers: { "X-Old": "old-value" } } }),
    );
    const { out, code } = await world.run(
      "set",
      "demo",
      "--unset",
      "scope",
      "--unset",
      "client-id",
      "--header",
      "X-New: ${NEW}",
      "--header",
      "X-Key: new-value",
      "--json",
    );
    equal(code, 0);
    deepEqual(JSON.parse(out).options, { headers: ["X-New", "X-Key"] });
    ok(!out.includes("value"));
    const stored = await store((store) => store.server("demo"));
    deepEqual(stored?.record.options, { headers: { "X-New": "${NEW}", "X-Key": "new-value" } });
    equal(stored?.record.url, "https://mcp.example.com/mcp");
  }));

Deno.test("set takes nothing from the environment, and with nothing to change it is a mistake", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo", { options: { clientMetadataUrl: "https://c.example/old.json" } }));
    equal((await world.run("set", "demo")).code, 2);
    equal((await world.run("set", "demo", "--unset", "client-metadata-url")).code, 0);
    deepEqual((await store((store) => store.server("demo")))?.record.options, {});
  }, { env: { MCP_AUTH_CLIENT_METADATA_URL: "https://c.example/env.json" } }));

Deno.test("an entry moves within its origin, and to another only while nobody is signed in", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo"));
    equal((await world.run("set", "demo", "--url", "https://mcp.example.com/v2")).code, 0);
    for (const url of ["https://evil.example.com/mcp", "https://mcp.example.com:8443/mcp"]) {
      const { code, err } = await world.run("set", "demo", "--url", url);
      equal(code, 1);
      match(err, /\[CONFIG_INVALID\]\nHint: Run first: mcp-auth logout demo\n$/);
    }
    for (const url of ["http://mcp.example.com/", "nope", "https://u:p@mcp.example.com/"]) {
      match((await world.run("set", "demo", "--url", url)).err, /\[UNSAFE_URL\]/);
    }
    equal((await world.run("logout", "demo", "--local-only")).code, 0);
    equal((await world.run("set", "demo", "--url", "https://other.example.com/mcp")).code, 0);
    equal((await store((store) => store.server("demo")))?.record.url, "https://other.example.com/mcp");
  }));

Deno.test("rename keeps the sign-in, and refuses its own name, a taken one and no name", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo"));
    await store(entry("taken"));
    equal((await world.run("rename", "demo", "notes")).out, "✓ Renamed demo to notes\n");
    equal((await world.run("token", "notes")).out, "the-access-token\n");
    const own = await world.run("rename", "notes", "notes");
    deepEqual([own.code, /remove/.test(own.err)], [2, false]);
    match((await world.run("rename", "notes", "taken")).err, /"taken" exists \[CONFIG_INVALID\]/);
    equal((await world.run("rename", "notes", "Not A Name")).code, 2);
    equal((await world.run("rename", "demo", "other")).code, 5);
  }));

Deno.test("logout and remove without a sign-in ask no server, and say so", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo", { tokens: null }));
    equal((await world.run("logout", "demo")).out, '"demo" was not signed in\n');
    deepEqual(JSON.parse((await world.run("logout", "demo", "--json")).out), {
      name: "demo",
      signed_out: false,
      revocations: [],
    });
    equal((await world.run("remove", "demo")).out, "✓ Removed demo\n");
    equal((await world.run("remove", "demo")).code, 5);
  }));

Deno.test("logout --local-only forgets the tokens, keeps the entry, and warns that they stay valid", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo"));
    match(
      (await world.run("logout", "demo", "--local-only")).out,
      /^✓ Signed out of demo here only; the tokens stay valid/,
    );
    equal((await world.run("token", "demo")).code, 4);
    equal(await store(async (store) => (await store.server("demo"))?.record.name), "demo");
  }));

Deno.test("the arguments of a tool must be a JSON object; the error shows no secret in them", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo"));
    for (
      const json of [
        "{",
        "[]",
        "1",
        '"text"',
        "null",
        "",
        '{ password=hunter2hunter2 "a"',
        '{"password":"hunter2hunter2"',
      ]
    ) {
      const { code, err } = await world.run("call", "demo", "echo", json);
      equal(code, 2, json);
      match(err, /is not a JSON object \[USAGE\]\nHint: /);
      ok(!err.includes("hunter2"));
    }
  }));

Deno.test("add refuses a name that is taken, and what is no server URL, before it asks anybody", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo"));
    const { code, err } = await world.run("add", "demo", "https://mcp.example.com/mcp");
    equal(code, 1);
    match(
      err,
      /an entry of that name exists .*\nHint: To sign in again run: mcp-auth login demo; to replace it add --force\n$/,
    );
    for (const url of ["http://mcp.example.com/", "ftp://x", "nope", "https://u:p@x.example/"]) {
      match((await world.run("add", "other", url)).err, /\[UNSAFE_URL\]/);
    }
    equal((await world.run("add", "other", "https://x.example/#a")).code, 2);
    equal((await world.run("add", "Other Name", "https://x.example/")).code, 2);
  }));

Deno.test("an entry that is replaced by one of an open server takes its tokens to nobody", () =>
  withHome(async ({ world, store }) => {
    const open = await startMcpServer({ open: true });
    try {
      await store(entry("demo"));
      const added = await world.run("add", "demo", open.url, "--force");
      equal(added.code, 0, added.err);
      match(added.out, /^✓ Connected to demo \(no sign-in needed, \d+ tools\)\n$/);
      equal(await store((store) => store.credential("demo")), undefined);
      equal((await world.run("tools", "demo")).code, 0);
      ok(open.log.length > 2);
      ok(open.log.every(({ headers }) => headers.get("authorization") === null));
      match((await world.run("token", "demo")).err, /asked for no sign-in/);
    } finally {
      await open.close();
    }
  }));

Deno.test("an entry that could not be replaced is left as it was", () =>
  withHome(async ({ world, store }) => {
    await store(entry("demo"));
    const { code } = await world.run("add", "demo", "http://127.0.0.1:9/mcp", "--force");
    equal(code, 3);
    equal((await world.run("token", "demo")).out, "the-access-token\n");
  }));
