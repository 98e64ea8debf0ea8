/**
 * The security advisories about MCP clients and bridges, each replayed against the real program: what broke the others
 * is done to it, and what must not happen does not. Advisories about authorization servers, gateways and resource
 * servers have no part here.
 *
 * @see behaviours section 3
 * @module
 */
import assert from "node:assert/strict";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { assertError, type Outcome } from "./outcome.ts";
import { Home, type Running } from "./program.ts";
import { startServers } from "./servers.ts";
import { type SmallServerOptions, startSmallServer } from "./small_server.ts";

/** What a shell, PowerShell or `cmd.exe` would run. */
const PAYLOADS: readonly string[] = [
  "$(touch PWNED)",
  "`touch PWNED`",
  ";touch PWNED;",
  "&calc&",
  '"|touch PWNED|"',
];

/** A server in the same place as the victim's services: whatever reaches it is written down. */
function startCanary() {
  const seen: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { origin } = new URL(request.url);
    seen.push([request.method, request.url, ...request.headers.values(), await request.text()].join(" "));
    return Response.json({
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      response_types_supported: ["code"],
      code_challenge_methods_supported: ["S256"],
    });
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;
  return {
    origin,
    seen,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function metadataWith(members: Readonly<Record<string, unknown>>): SmallServerOptions {
  return { metadata: (document) => ({ ...document, ...members }) };
}

function codeOf({ json }: Outcome): string {
  return json.error?.code ?? "";
}

/** Adds a server whose documents are bent; gives what came of it, and what the browser was told to open. */
async function addBent(options: SmallServerOptions, approved = false) {
  await using server = startSmallServer(options);
  await using home = await Home.make();
  const browser = approved ? {} : { browser: await home.recordingBrowser() };
  const outcome = await home.run(["add", "bent", server.url, "--timeout", "2", "--json"], browser);
  const files: string[] = [];
  for await (const { name } of Deno.readDir(home.path)) files.push(name);
  return { outcome, opened: await home.opened(), files, log: [...server.log] };
}

async function authorization(running: Running) {
  const url = new URL(await running.said(/^ {2}(http:\S+)\n/m));
  const redirectUri = new URL(url.searchParams.get("redirect_uri") ?? "");
  return { url, redirectUri, state: url.searchParams.get("state") ?? "" };
}

for (const payload of PAYLOADS) {
  Deno.test(`CVE-2025-6514, mcp-cli: an authorization endpoint with ${payload} runs nothing`, async () => {
    const { outcome, opened, files } = await addBent({
      metadata: (document) => ({
        ...document,
        authorization_endpoint: `${document.authorization_endpoint}/${payload}?x=${payload}`,
      }),
    });
    // As one argument, percent-encoded, or not at all.
    for (const url of opened) {
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[\x21\x23-\x5b\x5d\x5f\x61-\x7e]+$/);
    }
    assert.ok(opened.length <= 1);
    assert.ok(["TIMEOUT", "UNSAFE_URL"].includes(codeOf(outcome)), outcome.stdout);
    assert.ok(!files.some((name) => name.includes("PWNED")), files.join());
  });
}

for (
  const scheme of [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "vbscript:msgbox(1)",
    "ms-msdt:/id",
    "calculator:",
  ]
) {
  Deno.test(`CVE-2025-58747: an authorization endpoint that is "${scheme}" is never opened`, async () => {
    const { outcome, opened, log } = await addBent(metadataWith({ authorization_endpoint: scheme }));
    assertError(outcome, "UNSAFE_URL", 1);
    assert.deepEqual(opened, []);
    assert.ok(!log.some(({ path }) => path === "/oauth/register"), "and no client was registered");
  });
}

Deno.test("CVE-2026-51994: a challenge cannot make the program ask another server of this machine", async () => {
  await using canary = startCanary();
  const { outcome } = await addBent({
    challenge: () => `resource_metadata="${canary.origin}/latest/meta-data"`,
    resource: null,
    metadata: null,
    paths: ["/none/a", "/none/t", "/none/r"],
  });
  assertError(outcome, "UNSAFE_URL", 1, /--allow-metadata-origin/);
  assert.deepEqual(canary.seen, []);
});

for (
  const [advisory, address] of [
    ["CVE-2026-51994", "http://169.254.169.254/latest/meta-data/"],
    ["CVE-2026-51994", "https://169.254.169.254/latest/meta-data/"],
    ["CVE-2026-45609", "https://10.0.0.1/"],
    ["FastMCP #4400, NAT64", "https://[64:ff9b::a9fe:a9fe]/"],
    ["FastMCP #4426, 6to4", "https://[2002:a9fe:a9fe::1]/"],
    ["FastMCP #4419, IPv4-mapped", "https://[::ffff:169.254.169.254]/"],
    ["decimal form", "https://2852039166/"],
    ["octal form", "https://0251.0376.0251.0376/"],
  ] as const
) {
  for (const endpoint of ["token_endpoint", "registration_endpoint"]) {
    Deno.test(`${advisory}: ${endpoint} at ${address} is not connected to`, async () => {
      const { outcome } = await addBent(metadataWith({ [endpoint]: address }), true);
      assertError(outcome, "UNSAFE_URL", 1);
    });
  }
}

Deno.test("CVE-2026-77822: a redirect into a private network is not followed, on any leg", async () => {
  await using canary = startCanary();
  for (
    const path of ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"]
  ) {
    const { outcome } = await addBent({
      answers: { [path]: () => Response.redirect("http://169.254.169.254/latest/", 302) },
    });
    assertError(outcome, "UNSAFE_URL", 1);
  }
  const { outcome } = await addBent({
    answers: { "/oauth/register": () => Response.redirect(`${canary.origin}/take`, 307) },
  });
  assertError(outcome, "UNSAFE_URL", 1);
  assert.deepEqual(canary.seen, []);
});

Deno.test("punkpeye/mcp-remote#369, CVE-2025-62800, GHSA-gh95-xx4q-qch8: the callback page reflects nothing", async () => {
  const markup = '"><img src=x onerror=alert(1)><script>alert(2)</script>';
  await using server = startSmallServer();
  await using home = await Home.make();
  await using running = home.start(["add", "small", server.url, "--no-browser", "--json"]);
  const { redirectUri, state } = await authorization(running);
  for (const given of ["forged", state]) {
    const query = new URLSearchParams({
      state: given,
      error: markup,
      error_description: markup,
      error_uri: markup,
      code: markup,
    });
    const response = await fetch(`${redirectUri}?${query}`);
    const page = await response.text();
    assert.ok(!page.includes("onerror") && !page.includes("alert(2)"), page);
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  }
  const outcome = await running.outcome;
  assertError(outcome, "AUTH_FAILED", 1);
});

Deno.test("mcp-remote 0.15.1, mcpc 0.2.6: a local request with an error cannot end the sign-in", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  await using running = home.start(["add", "demo", servers.mcp.url, "--no-browser"]);
  const { url, redirectUri } = await authorization(running);
  for (const query of ["error=access_denied", "error=access_denied&state=", "code=x", "state=x&error=x"]) {
    const response = await fetch(`${redirectUri}?${query}`);
    assert.equal(response.status, 400);
    await response.body?.cancel();
  }
  assert.equal((await browse(url)).status, 200);
  assert.equal((await running.outcome).code, 0);
});

Deno.test("CVE-2025-66414, CVE-2025-66416, CVE-2026-34742, CVE-2025-64443: the callback answers its own Host alone", async () => {
  await using server = startSmallServer();
  await using home = await Home.make();
  await using running = home.start(["add", "small", server.url, "--no-browser"]);
  const { redirectUri, state } = await authorization(running);
  for (
    const host of ["rebound.example", `rebound.example:${redirectUri.port}`, "127.0.0.1", "127.0.0.1.nip.io"]
  ) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(redirectUri.port) });
    const request =
      `GET /callback?code=c&state=${state} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    assert.match(await new Response(connection.readable).text(), /^HTTP\/1\.1 421 /, host);
  }
  assert.equal(server.requests("/oauth/token").length, 0);
  running.kill("SIGINT");
  assert.equal((await running.outcome).code, 130);
});

Deno.test("CVE-2026-104850: a server that names another authorization server gets neither secret nor token there", async () => {
  await using canary = startCanary();
  let moved = false;
  await using server = startSmallServer({
    resource: (document) => moved ? { ...document, authorization_servers: [canary.origin] } : document,
    metadata: (document) => ({ ...document, token_endpoint_auth_methods_supported: ["client_secret_basic"] }),
    token: (document) => ({ ...document, refresh_token: "rt-of-the-first-server" }),
  });
  await using home = await Home.make();
  const secret = await home.file("secret.txt", "s3cret-of-the-first-server");
  const added = await home.run(
    ["add", "small", server.url, "--client-id", "own", "--client-secret-file", secret, "--json"],
  );
  assert.equal(added.code, 0, added.stderr);
  moved = true;
  const login = await home.run(["login", "small", "--json"], { browser: await home.recordingBrowser() });
  assertError(login, "REGISTRATION_FAILED", 1);
  assert.deepEqual(await home.opened(), []);
  await home.run(["refresh", "small", "--json"]);
  assert.ok(
    canary.seen.every((line) => line.startsWith("GET ") && line.endsWith(" ")),
    canary.seen.join("\n"),
  );
  assert.equal(
    server.requests("/oauth/token").length,
    2,
    "the refresh token went to the server that issued it",
  );
});

Deno.test("cloudflare/ai#51, modelcontextprotocol#544: both hosts are shown before the browser opens", async () => {
  await using servers = await startServers();
  await using home = await Home.make();
  const { stderr, code } = await home.run(["add", "demo", servers.mcp.url]);
  assert.equal(code, 0, stderr);
  const shown = stderr.indexOf(`Sign in to "demo" (${servers.mcp.url}) at ${servers.as.issuer}`);
  const opened = stderr.search(/^browser: /m);
  assert.ok(shown !== -1 && (opened === -1 || shown < opened), stderr);
});

for (
  const [what, answer] of [
    ["8 MiB of JSON", () => Response.json("x".repeat(8 * 2 ** 20))],
    ["a body that never ends", () => endless()],
  ] as const
) {
  Deno.test(`GHSA-46jr-4wx8-v453, GHSA-f897-62hf-6gxq: ${what} in place of metadata ends early`, async () => {
    const started = performance.now();
    const { outcome } = await addBent({ answers: { "/.well-known/oauth-protected-resource/mcp": answer } });
    assert.ok(["SERVER_ERROR", "DISCOVERY_FAILED"].includes(codeOf(outcome)), outcome.stdout);
    assert.ok(performance.now() - started < 20_000);
  });
}

function endless(): Response {
  const chunk = new TextEncoder().encode(`"${"x".repeat(65_534)}",`);
  const body = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
  return new Response(body, { headers: { "content-type": "application/json" } });
}
