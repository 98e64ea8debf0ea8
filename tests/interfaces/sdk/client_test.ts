/** The library against real servers: sign in, read, refresh, sign out; and results in place of exceptions. */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { createClient, McpAuthError, type SignInEvent } from "@x/mcp-auth/sdk";
import { browse } from "../../../scripts/demo/browser/scripted_browser.ts";
import { codeOf, openBrowser, valueOf, withScene } from "./scene.ts";

Deno.test("sign in, use, refresh and sign out", async () => {
  const events: SignInEvent["kind"][] = [];
  await withScene(
    async ({ client, as, mcp }) => {
      const tokens = valueOf(await client.authenticate("demo", { url: mcp.url }));
      equal(tokens.issuer, as.issuer);
      equal(tokens.resource, mcp.resource);
      equal(tokens.canRefresh, true);
      ok(tokens.scopes.includes("mcp:read"));
      ok(tokens.expiresAt! > Date.now() + 3_500_000);
      deepEqual(events, ["discovered", "registered", "authorize", "received"]);

      deepEqual(valueOf(await client.getTokens("demo")), tokens);
      deepEqual(valueOf(await client.ensureValid("demo")), tokens);
      equal(valueOf(await client.getBearerToken("demo")), `Bearer ${tokens.accessToken}`);
      deepEqual(valueOf(await client.getStatus("demo")), {
        name: "demo",
        url: mcp.url,
        state: "signed-in",
        tokens,
        transport: "auto",
        provider: undefined,
        site: undefined,
        account: undefined,
        lastError: undefined,
      });

      const refreshed = valueOf(await client.refresh("demo"));
      notEqual(refreshed.accessToken, tokens.accessToken);
      deepEqual(valueOf(await client.getTokens("demo")), refreshed);

      deepEqual(valueOf(await client.logout("demo")), [
        { token: "refresh_token", outcome: "revoked" },
        { token: "access_token", outcome: "revoked" },
      ]);
      deepEqual(valueOf(await client.logout("demo")), []);
      deepEqual(valueOf(await client.getStatus("demo")), {
        name: "demo",
        url: mcp.url,
        state: "not-signed-in",
        tokens: undefined,
        transport: "auto",
        provider: undefined,
        site: undefined,
        account: undefined,
        lastError: undefined,
      });
      for (
        const result of [
          await client.getTokens("demo"),
          await client.ensureValid("demo"),
          await client.getBearerToken("demo"),
          await client.refresh("demo"),
        ]
      ) equal(codeOf(result), "AUTH_REQUIRED");
      deepEqual(as.errors, []);
    },
    { onEvent: (event) => events.push(event.kind), clientName: "a program of ours" },
    { accessTokenFormat: "opaque" },
  );
});

Deno.test("the status says who signed in, and reRegister takes another client (rows 9 and 45)", () =>
  withScene(
    async ({ client, as, mcp }) => {
      const options = { scopes: ["openid", "mcp:read"] };
      valueOf(await client.authenticate("demo", { url: mcp.url, options }));
      equal(valueOf(await client.getStatus("demo")).account, "alice");
      valueOf(await client.authenticate("demo", { reRegister: true }));
      equal(as.requests("POST /reg").length, 2);
      const own = { url: mcp.url, options: { clientId: "by-hand" }, reRegister: true };
      equal(codeOf(await client.authenticate("other", own)), "CONFIG_INVALID");
    },
    {},
    { accessTokenFormat: "opaque" },
  ));

Deno.test("a second sign-in needs no URL, keeps the entry, and registers no second client", () =>
  withScene(async ({ client, as, mcp }) => {
    const first = valueOf(
      await client.authenticate("demo", { url: mcp.url, options: { scopes: ["mcp:read"] } }),
    );
    const again = valueOf(await client.authenticate("demo"));
    notEqual(again.accessToken, first.accessToken);
    deepEqual(again.scopes, ["mcp:read"]);
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    equal(as.requests(as.paths.registration).length, 1);
  }));

Deno.test("two clients over one store share their entries", () =>
  withScene(async ({ client, mcp, home }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    await using other = createClient({ home });
    deepEqual(valueOf(await other.getTokens("demo")), valueOf(await client.getTokens("demo")));
    const [one, two] = await Promise.all([client.refresh("demo"), other.refresh("demo")]);
    equal(valueOf(one).accessToken, valueOf(two).accessToken);
  }));

Deno.test("many callers that refresh at once cause one request", () =>
  withScene(async ({ client, as, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const before = as.requests(as.paths.token).length;
    const results = await Promise.all(Array.from({ length: 30 }, () => client.refresh("demo")));
    equal(new Set(results.map((result) => valueOf(result).accessToken)).size, 1);
    equal(as.requests(as.paths.token).length, before + 1);
  }));

Deno.test("an ended sign-in is TOKEN_REFRESH_FAILED, with the command that helps", () =>
  withScene(async ({ client, as, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    as.forgetGrants();
    const result = await client.refresh("demo");
    ok(!result.ok);
    equal(result.error.code, "TOKEN_REFRESH_FAILED");
    match(result.error.message, /invalid_grant/);
    equal(result.error.hint, "Run: mcp-auth login demo");
    equal(valueOf(await client.getStatus("demo")).tokens?.canRefresh, false);
  }));

Deno.test("a user who denies is AUTH_CANCELLED, and nothing is stored", () =>
  withScene(async ({ client, mcp }) => {
    const result = await client.authenticate("demo", { url: mcp.url });
    equal(codeOf(result), "AUTH_CANCELLED");
    equal(codeOf(await client.getStatus("demo")), "NOT_FOUND");
  }, { openBrowser: async (url) => void await browse(url, { decide: "deny" }) }));

for (
  const [when, openBrowser] of [
    ["at once", () => {
      throw new Error("no display");
    }],
    ["with its promise", () => Promise.reject(new Error("no display"))],
    ["later", async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw new Error("no display");
    }],
  ] as const
) {
  Deno.test(`a page that cannot be opened ends the sign-in: it fails ${when}`, () =>
    withScene(async ({ client, mcp }) => {
      const started = performance.now();
      const result = await client.authenticate("demo", { url: mcp.url });
      ok(!result.ok);
      equal(result.error.code, "AUTH_FAILED");
      match(result.error.message, /^Cannot open the sign-in page: no display$/);
      ok(performance.now() - started < 5_000);
    }, { openBrowser }));
}

Deno.test("a signal and a time limit end the wait for the user", () =>
  withScene(async ({ client, mcp }) => {
    const signal = AbortSignal.timeout(100);
    equal(codeOf(await client.authenticate("demo", { url: mcp.url, signal })), "TIMEOUT");
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const { signal: aborted } = controller;
    equal(codeOf(await client.authenticate("demo", { url: mcp.url, signal: aborted })), "AUTH_CANCELLED");
    equal(codeOf(await client.authenticate("demo", { url: mcp.url, timeoutS: 0.1 })), "TIMEOUT");
    equal(codeOf(await client.getStatus("demo")), "NOT_FOUND");
  }, { openBrowser: () => Promise.resolve() }));

Deno.test("mistakes are results with codes, before anybody is asked", () =>
  withScene(async ({ client, mcp, as }) => {
    equal(codeOf(await client.authenticate("demo")), "NOT_FOUND");
    equal(codeOf(await client.authenticate("Not A Name", { url: mcp.url })), "USAGE");
    equal(codeOf(await client.authenticate("demo", { url: "http://mcp.example.com/" })), "UNSAFE_URL");
    equal(codeOf(await client.authenticate("demo", { url: "nope" })), "UNSAFE_URL");
    equal(codeOf(await client.authenticate("demo", { url: `${mcp.url}#x` })), "USAGE");
    equal(codeOf(await client.authenticate("demo", { url: "http://127.0.0.1:9/mcp" })), "NETWORK_ERROR");
    equal(mcp.log.length + as.log.length, 0);
  }));

Deno.test("an entry is not signed in to at another URL than its own", () =>
  withScene(async ({ client, mcp }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const before = mcp.log.length;
    const result = await client.authenticate("demo", { url: "https://evil.example.com/mcp" });
    ok(!result.ok);
    equal(result.error.code, "CONFIG_INVALID");
    match(result.error.message, /it is an entry for/);
    equal(mcp.log.length, before);
  }));

Deno.test("nothing throws but authorizedFetch, and an unknown name has one code everywhere", () =>
  withScene(async ({ client }) => {
    for (const name of ["nobody", "", "Not A Name", "\u001b[31m"]) {
      for (
        const method of [
          "getStatus",
          "getTokens",
          "ensureValid",
          "getBearerToken",
          "refresh",
          "logout",
        ] as const
      ) {
        const result = await client[method](name);
        ok(!result.ok && result.error instanceof McpAuthError, method);
        equal(result.error.code, "NOT_FOUND", method);
        ok(!result.error.message.includes("\u001b"));
      }
    }
  }));

Deno.test("a store that cannot be used is a result, too", async () => {
  const file = await Deno.makeTempFile();
  try {
    using client = createClient({ home: file, keystore: "file" });
    equal(codeOf(await client.getStatus("demo")), "STORE_UNAVAILABLE");
    equal(codeOf(await client.logout("demo")), "STORE_UNAVAILABLE");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("the signals of a program that embeds the library stay its own", {
  ignore: Deno.build.os === "windows",
}, () =>
  withScene(async ({ client, mcp, home }) => {
    valueOf(await client.authenticate("demo", { url: mcp.url }));
    const embedding = `
      import { createClient } from ${JSON.stringify(new URL("../../../lib/mod.ts", import.meta.url).href)};
      using client = createClient({ home: ${JSON.stringify(home)} });
      const { ok } = await client.refresh("demo");
      console.log(ok);
      await new Promise((resolve) => setTimeout(resolve, 10_000));`;
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--config", new URL("../../deno.json", import.meta.url).pathname, "-"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    await new Blob([embedding]).stream().pipeTo(child.stdin);
    const reader = child.stdout.getReader();
    equal(new TextDecoder().decode((await reader.read()).value), "true\n");
    child.kill("SIGINT");
    equal((await child.status).signal, "SIGINT");
    await reader.cancel();
  }, { openBrowser }));
