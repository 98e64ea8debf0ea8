/**
 * `add` against servers whose documents are wrong or meant to harm: each ends with a coded error, with nothing stored,
 * with no browser opened, and with no character on the terminal that would steer it.
 *
 * @see RFC 8414 section 3.3; RFC 9728 section 3.3; MCP security best practices
 * @module
 */
import assert from "node:assert/strict";
import type { ErrorCode } from "../../lib/primitives/errors.ts";
import { Home } from "./program.ts";
import { type Json, type SmallAnswer, type SmallServerOptions, startSmallServer } from "./small_server.ts";

const RESOURCE = "/.well-known/oauth-protected-resource/mcp";
const METADATA = "/.well-known/oauth-authorization-server";
/** Colours the terminal, sets its title, rings, ends a C string, turns the direction of writing. */
const STEERING = "\x1b[31m\x1b]0;title\x07\x00\u202e\u2066\x9b2J\r\n";

/** A document at the resource metadata's place. */
function resourceIs(document: SmallAnswer): SmallServerOptions {
  return { answers: { [RESOURCE]: document } };
}

/** Members that the server's metadata has in place of its own. */
function metadataWith(members: Json): SmallServerOptions {
  return { metadata: (document) => ({ ...document, ...members }) };
}

async function zipped(size: number): Promise<Response> {
  const bytes = new Response(new Uint8Array(size)).body!.pipeThrough(new CompressionStream("gzip"));
  const headers = { "content-type": "application/json", "content-encoding": "gzip" };
  return new Response(await new Response(bytes).bytes(), { headers });
}

function html(): Response {
  return new Response("<!doctype html><script>alert(1)</script>", {
    headers: { "content-type": "application/json" },
  });
}

const DOCUMENTS:
  readonly (readonly [name: string, options: SmallServerOptions, codes: readonly ErrorCode[]])[] = [
    ["resource metadata that is a list", resourceIs(() => Response.json([{}])), ["DISCOVERY_FAILED"]],
    ["resource metadata of wrong types", {
      resource: () => ({ resource: 42, authorization_servers: { 0: "x" } }),
    }, ["DISCOVERY_FAILED", "RESOURCE_MISMATCH"]],
    ["resource metadata of another server", {
      resource: (document) => ({ ...document, resource: `https://evil.example/${STEERING}` }),
    }, ["RESOURCE_MISMATCH"]],
    ["HTML that says it is JSON", resourceIs(html), ["DISCOVERY_FAILED"]],
    ["10 MiB of JSON", resourceIs(() => Response.json("x".repeat(10 * 2 ** 20))), [
      "DISCOVERY_FAILED",
      "SERVER_ERROR",
    ]],
    ["10 MiB packed into 10 kB", resourceIs(() => zipped(10 * 2 ** 20)), [
      "DISCOVERY_FAILED",
      "SERVER_ERROR",
    ]],
    [
      "JSON nested 100,000 deep",
      resourceIs(() =>
        new Response("[".repeat(100_000), { headers: { "content-type": "application/json" } })
      ),
      ["DISCOVERY_FAILED"],
    ],
    [
      "a redirect that goes in circles",
      resourceIs((origin) => Response.redirect(`${origin}${RESOURCE}`, 302)),
      [
        "DISCOVERY_FAILED",
        "SERVER_ERROR",
      ],
    ],
    [
      "a redirect into the cloud's metadata service",
      resourceIs(() => Response.redirect("http://169.254.169.254/latest/meta-data/", 302)),
      ["UNSAFE_URL"],
    ],
    ["a challenge that names a script", { challenge: () => 'resource_metadata="javascript:alert(1)"' }, [
      "UNSAFE_URL",
    ]],
    ["an authorization server in a file", {
      resource: (document) => ({ ...document, authorization_servers: ["file:///etc/passwd"] }),
    }, ["UNSAFE_URL"]],
    ["an authorization server on a private network", {
      resource: (document) => ({ ...document, authorization_servers: ["https://169.254.169.254"] }),
    }, ["UNSAFE_URL"]],
    ["an issuer at another origin", metadataWith({ issuer: `https://evil.example${STEERING}` }), [
      "ISSUER_MISMATCH",
    ]],
    ["an issuer with a path more", {
      metadata: (document) => ({ ...document, issuer: `${document.issuer}/tenant` }),
    }, ["ISSUER_MISMATCH"]],
    ["metadata that breaks off", {
      answers: {
        [METADATA]: () => new Response('{"issuer":"', { headers: { "content-type": "application/json" } }),
      },
    }, ["DISCOVERY_FAILED"]],
    ["a script as authorization endpoint", metadataWith({ authorization_endpoint: "javascript:alert(1)" }), [
      "UNSAFE_URL",
    ]],
    [
      "steering characters in the authorization endpoint",
      metadataWith({
        authorization_endpoint: `http://127.0.0.1/${STEERING}`,
      }),
      ["UNSAFE_URL", "DISCOVERY_FAILED"],
    ],
    [
      "a token endpoint without TLS elsewhere",
      metadataWith({ token_endpoint: "http://evil.example/token" }),
      ["UNSAFE_URL"],
    ],
    ["endpoints that are no text", metadataWith({ authorization_endpoint: 1, token_endpoint: null }), [
      "DISCOVERY_FAILED",
    ]],
    [
      "PKCE methods that are no list",
      metadataWith({ code_challenge_methods_supported: "S256 but not really" }),
      [
        "DISCOVERY_FAILED",
      ],
    ],
    ["a registration error full of steering characters", {
      answers: {
        "/oauth/register": () =>
          Response.json({ error: `no${STEERING}`, error_description: `denied${STEERING}` }, { status: 400 }),
      },
    }, ["REGISTRATION_FAILED"]],
    ["a registration without a client", {
      answers: { "/oauth/register": () => Response.json({ client_id: {} }, { status: 201 }) },
    }, [
      "REGISTRATION_FAILED",
    ]],
    ["a client id full of steering characters", {
      answers: { "/oauth/register": () => Response.json({ client_id: `id${STEERING}` }, { status: 201 }) },
    }, ["REGISTRATION_FAILED"]],
  ];

/** Control characters and those that turn the direction of writing, but line feeds. */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const STEERS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

for (const [name, options, codes] of DOCUMENTS) {
  Deno.test(`add refuses ${name}`, async () => {
    await using server = startSmallServer(options);
    await using home = await Home.make();
    const browser = await home.recordingBrowser();
    const plain = await home.run(["add", "small", server.url, "--timeout", "1"], { browser });
    assert.notEqual(plain.code, 0, plain.stdout);
    assert.equal(plain.stdout, "");
    assert.doesNotMatch(plain.stderr, STEERS);
    assert.match(plain.stderr, new RegExp(`^Error: .* \\[(${codes.join("|")})\\]$`, "m"));
    const told = await home.run(["add", "small", server.url, "--timeout", "1", "--json", "--verbose"], {
      browser,
    });
    assert.equal(told.code, plain.code);
    const { code, message } = told.json.error;
    assert.ok(codes.includes(code), told.stdout);
    assert.doesNotMatch(message, STEERS);
    assert.doesNotMatch(told.stderr, STEERS);
    assert.deepEqual(await home.opened(), []);
    assert.equal(server.requests("/oauth/token").length, 0);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
  });
}

const TOKENS: readonly (readonly [name: string, members: Json])[] = [
  ["a line break, which would make another header", { access_token: "a\r\nx-evil: 1" }],
  ["no text", { access_token: { toString: "x" } }],
  ["nothing", { access_token: "" }],
  ["64 KiB and more", { access_token: "x".repeat(100_000) }],
];

for (const [name, members] of TOKENS) {
  Deno.test(`add refuses an access token that is ${name}`, async () => {
    await using server = startSmallServer({ token: (document) => ({ ...document, ...members }) });
    await using home = await Home.make();
    const outcome = await home.run(["add", "small", server.url, "--json"]);
    assert.notEqual(outcome.code, 0, outcome.stdout);
    assert.ok(outcome.json.error.code, outcome.stdout);
    assert.ok(server.log.every(({ headers }) => !headers.has("x-evil")));
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
  });
}
