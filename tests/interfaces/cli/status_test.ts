/** What `status` and `list` say of an entry: as whom, for how long, and what went wrong. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type {
  CredentialRecord,
  CredentialStore,
  ServerRecord,
} from "../../../lib/services/credentials/mod.ts";
import { withHome } from "./world.ts";

const NOW = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

/** Stores an entry that is signed in. */
function entry(name: string, changes: Partial<CredentialRecord> = {}) {
  const issuer = "https://as.example.com";
  const server: ServerRecord = {
    name,
    url: "https://mcp.example.com/mcp",
    createdAt: NOW,
    signIn: "oauth",
    options: {},
  };
  const client = {
    issuer,
    redirectShape: "loopback",
    source: "dynamic",
    clientId: "client-1",
    tokenEndpointAuthMethod: "none",
    redirectUris: [],
    registeredAt: NOW,
  } as const;
  const credential: CredentialRecord = {
    name,
    issuer,
    authorizationServer: { issuer, token_endpoint: `${issuer}/token` },
    client,
    requestedScopes: ["read"],
    grantedScopes: ["read"],
    accessToken: "at",
    tokenType: "bearer",
    obtainedAt: NOW - 2 * MINUTE,
    expiresAt: NOW + 58 * MINUTE,
    ...changes,
  };
  return (store: CredentialStore) => store.saveSignedIn({ server, credential, client });
}

for (
  const [description, changes, words] of [
    ["with time left", {}, /^Refresh: +no refresh token: the sign-in ends in 58 min$/m],
    ["at its end", { expiresAt: NOW }, /^Refresh: +no refresh token: the sign-in has ended$/m],
    [
      "of unknown life",
      { expiresAt: undefined },
      /^Refresh: +no refresh token: the sign-in ends with this token$/m,
    ],
    ["that can be refreshed", { refreshToken: "rt" }, /^Refresh: +yes$/m],
  ] as const
) {
  Deno.test(`status says when a sign-in ${description} ends (row 8)`, () =>
    withHome(async ({ world, store }) => {
      await store(entry("demo", changes as Partial<CredentialRecord>));
      match((await world.run("status", "demo")).out, words);
    }));
}

Deno.test("status and list show the account, cleaned and cut, and list no such column where nobody has one (row 45)", () =>
  withHome(async ({ world, store }) => {
    await store(entry("a"));
    ok(!/ACCOUNT/.test((await world.run("list")).out));
    ok(!/^Account:/m.test((await world.run("status", "a")).out));
    await store(entry("b", { account: "alice@example.com" }));
    await store(entry("c", { account: `\u001b[2J${"x".repeat(200)}` }));
    deepEqual((await world.run("list")).out.split("\n").slice(0, 3).map((line) => line.split(/ {2,}/)), [
      ["NAME", "STATE", "ACCOUNT", "TOKEN EXPIRES", "URL"],
      ["a", "signed in", "-", "in 58 min", "https://mcp.example.com/mcp"],
      ["b", "signed in", "alice@example.com", "in 58 min", "https://mcp.example.com/mcp"],
    ]);
    const all = (await world.run("status")).out + (await world.run("list")).out;
    ok(!all.includes("\u001b"));
    ok(!all.includes("x".repeat(101)));
    match((await world.run("status", "b")).out, /^Account: +alice@example\.com$/m);
    const json = JSON.parse((await world.run("list", "--json")).out) as { account: unknown }[];
    deepEqual(json.slice(0, 2).map(({ account }) => account), [null, "alice@example.com"]);
  }));

Deno.test("status tells of a refresh that got no answer, and of the last error with its time", () =>
  withHome(async ({ world, store }) => {
    const lastError = {
      code: "NETWORK_ERROR",
      message: "Cannot reach the server",
      at: NOW - 4 * MINUTE,
      failures: 3,
      retryAt: NOW + MINUTE,
    };
    await store(
      entry("demo", {
        refreshToken: "rt",
        pendingRefresh: { at: NOW - 3 * MINUTE, state: "unanswered" },
        lastError,
      }),
    );
    const { out } = await world.run("status", "demo");
    match(out, /^Pending: +a refresh begun 3 min ago got no answer$/m);
    match(out, /^Last error: +Cannot reach the server \[NETWORK_ERROR\], 4 min ago$/m);
    const json = JSON.parse((await world.run("status", "demo", "--json")).out);
    deepEqual(json.pending_refresh, { at: "2025-12-31T23:57:00.000Z", state: "unanswered" });
    deepEqual(json.last_error, {
      code: "NETWORK_ERROR",
      message: "Cannot reach the server",
      at: "2025-12-31T23:56:00.000Z",
      retry_at: "2026-01-01T00:01:00.000Z",
    });
  }));

Deno.test("status without a name shows every entry, as JSON in a list", () =>
  withHome(async ({ world, store }) => {
    deepEqual(await world.run("status"), {
      code: 0,
      out: "",
      err: "No entries yet. Add one with: mcp-auth add <name> <url>\n",
    });
    equal((await world.run("status", "--json")).out, "[]\n");
    for (const name of ["b", "a"]) await store(entry(name));
    const { out } = await world.run("status");
    deepEqual(out.match(/^Name: .*$/gm), ["Name:       a", "Name:       b"]);
    equal(out.split("\n\n").length, 2);
    const all = JSON.parse((await world.run("status", "--json")).out);
    const one = JSON.parse((await world.run("status", "a", "--json")).out);
    deepEqual(all[0], one);
    deepEqual(Object.keys(one), [
      ...["name", "url", "kind", "transport", "provider", "site", "quirks"],
      ...["state", "account", "issuer", "resource", "client_id", "client_source", "scope"],
      ...["obtained_at", "expires_at", "can_refresh", "grant", "bound_to_key"],
      ...["keystore", "pending_refresh", "last_error"],
    ]);
  }));
