/** Every member of an entry is read with the rules that the same value meets elsewhere. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { WholeEntry } from "../../../lib/services/credentials/mod.ts";
import { readEntry } from "../../../lib/services/transfer/entry_fields.ts";
import { fullEntry, plainEntry } from "./scene.ts";

// deno-lint-ignore no-explicit-any -- tests bend any member
type Any = any;

function bent(bend: (entry: Any) => void): unknown {
  const entry = JSON.parse(JSON.stringify(fullEntry("demo")));
  bend(entry);
  return entry;
}

const json = (entry: WholeEntry) => JSON.parse(JSON.stringify(entry));

Deno.test("an entry with all that one can have comes through as it is", () => {
  deepEqual(readEntry(json(fullEntry("demo")), ""), fullEntry("demo"));
  deepEqual(readEntry(json(plainEntry("demo")), ""), plainEntry("demo"));
});

Deno.test("what this version does not know is dropped", () => {
  const entry = readEntry(
    bent((each) => {
      each.extra =
        each.server.extra =
        each.server.options.extra =
        each.credential.extra =
          1;
      each.credential.tokenResponses = [1];
      each.credential.lastError.retryAt = 9e15;
      each.credential.authorizationServer.extra = "https://issuer.example/extra";
      each.clients[0].extra = {};
    }),
    "",
  );
  deepEqual(entry, fullEntry("demo"));
});

const HOSTILE: readonly (readonly [what: string, bend: (entry: Any) => void])[] = [
  ["a name that is none", (e) => e.server.name = "../../etc"],
  ["a name of another type", (e) => e.server.name = ["demo"]],
  ["the name of a prototype", (e) => e.server.name = "__proto__"],
  ["a URL that is none", (e) => e.server.url = "nowhere"],
  ["a URL of another scheme", (e) => e.server.url = "javascript:alert(1)"],
  ["http on the web", (e) => e.server.url = "http://mcp.example/mcp"],
  ["a URL with a password", (e) => e.server.url = "https://u:p@mcp.example/"],
  ["a URL with a fragment", (e) => e.server.url = "https://mcp.example/#a"],
  ["a URL with a line break", (e) => e.server.url = "https://mcp.example/\nmcp"],
  ["a URL that fills the memory", (e) => e.server.url = `https://mcp.example/${"x".repeat(9_000)}`],
  ["a sign-in of another kind", (e) => e.server.signIn = "maybe"],
  ["a time before there was time", (e) => e.server.createdAt = -1],
  ["a time that no date has", (e) => e.server.createdAt = 1e300],
  ["half a millisecond", (e) => e.server.createdAt = 0.5],
  ["a time in words", (e) => e.server.createdAt = "2026"],
  ["no options", (e) => delete e.server.options],
  ["a scope with a blank", (e) => e.server.options.scopes = ["a b"]],
  ["scopes without end", (e) => e.server.options.scopes = Array(1_000).fill("a")],
  ["scopes that are a text", (e) => e.server.options.scopes = "a"],
  ["a resource that is none", (e) => e.server.options.resource = "nowhere"],
  ["a resource with a fragment", (e) => e.server.options.resource = "https://a/#b"],
  ["a metadata URL that is http", (e) => e.server.options.clientMetadataUrl = "http://a/b"],
  ["a port that is none", (e) => e.server.options.callbackPorts = [65_536]],
  ["a header of ours", (e) => e.server.options.headers = { Authorization: "Bearer x" }],
  ["a header with a line break", (e) => e.server.options.headers = { "X-A": "a\r\nX-B: b" }],
  ["a header whose name has another in it", (e) => e.server.options.headers = { "X-A: b\r\nX-B": "a" }],
  ["a header whose name has a colon", (e) => e.server.options.headers = { "X-A: X-B": "a" }],
  ["headers that are a list", (e) => e.server.options.headers = ["X-A"]],
  ["a truth that is a text", (e) => e.server.options.allowMissingPkceMetadata = "yes"],
  ["a host with a blank", (e) => e.server.options.allowPrivateHosts = ["a b"]],
  ["a name for clients with a line break", (e) => e.server.options.clientName = "a\nb"],
  ["tokens of another entry", (e) => e.credential.name = "other"],
  ["an access token with a line break", (e) => e.credential.accessToken = "a\nb"],
  ["an empty access token", (e) => e.credential.accessToken = ""],
  ["an access token that is missing", (e) => delete e.credential.accessToken],
  ["an access token that no store takes", (e) => e.credential.accessToken = "x".repeat(70_000)],
  ["a refresh token that is a number", (e) => e.credential.refreshToken = 1],
  ["an issuer that is http", (e) => e.credential.issuer = "http://issuer.example"],
  ["metadata of another issuer", (e) => e.credential.authorizationServer.issuer = "https://other.example"],
  ["a client of another issuer", (e) => e.credential.client.issuer = "https://other.example"],
  [
    "a token endpoint that is http",
    (e) => e.credential.authorizationServer.token_endpoint = "http://a.example/",
  ],
  [
    "a token endpoint on this machine",
    (e) => e.credential.authorizationServer.token_endpoint = "http://127.0.0.1/",
  ],
  ["a token endpoint that is missing", (e) => delete e.credential.authorizationServer.token_endpoint],
  ["an endpoint that runs a program", (e) => e.credential.authorizationServer.x_endpoint = "file:///bin/sh"],
  ["an account that moves the cursor", (e) => e.credential.account = "alice\u001b[2J"],
  ["an account that turns the text round", (e) => e.credential.account = "alice\u202e"],
  ["an error of a code that is none", (e) => e.credential.lastError.code = "OTHER"],
  ["a refresh in a state that is none", (e) => e.credential.pendingRefresh.state = "done"],
  ["a method that is none", (e) => e.credential.client.tokenEndpointAuthMethod = "tls_client_auth"],
  ["the client of another entry", (e) => e.credential.client.redirectShape = "entry:other"],
  ["a registration of another entry", (e) => e.clients[0].redirectShape = "entry:other"],
  ["a registration that others share", (e) => e.clients[0].redirectShape = "loopback"],
  ["registrations without end", (e) => e.clients = Array(17).fill(e.clients[0])],
  ["no registrations", (e) => delete e.clients],
  ["a secret with a line break", (e) => e.clients[0].clientSecret = "a\nb"],
];

for (const [what, bend] of HOSTILE) {
  Deno.test(`refused: ${what}`, () => {
    throws(() => readEntry(bent(bend), "entries[0]"), { code: "CONFIG_INVALID", message: /"entries\[0\]\./ });
  });
}

Deno.test("the words of an old error are made fit to be shown", () => {
  const { credential } = readEntry(bent((e) => e.credential.lastError.message = "a\u001b[2J\nb"), "");
  equal(credential?.lastError?.message, "a [2J b");
});

Deno.test("whatever stands in a member's place, it is read or refused, and never shown", () => {
  const paths = pathsOf(json(fullEntry("demo")), []);
  ok(paths.length > 60);
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
      const entry = json(fullEntry("demo"));
      const parent = path.slice(0, -1).reduce((at: Any, key) => at[key], entry);
      parent[path.at(-1)!] = value;
      try {
        const read = readEntry(entry, "");
        deepEqual(readEntry(json(read), ""), read);
      } catch (error) {
        ok(error instanceof McpAuthError, `${path.join(".")}: ${error}`);
        equal(error.code, "CONFIG_INVALID");
        ok(!/s3cret/.test(`${error.message} ${error.hint}`), error.message);
      }
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("any JSON at all is read or refused", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      try {
        readEntry(value, "");
      } catch (error) {
        ok(error instanceof McpAuthError && error.code === "CONFIG_INVALID", String(error));
      }
    }),
    { numRuns: 500 },
  );
});

function pathsOf(value: unknown, path: readonly (string | number)[]): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[...path]];
  const below = Object.entries(value).flatMap(([key, each]) =>
    pathsOf(each, [...path, Array.isArray(value) ? Number(key) : key])
  );
  return path.length === 0 ? below : [[...path], ...below];
}
