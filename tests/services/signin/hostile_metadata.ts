/**
 * Metadata that nobody should send, as a table: each row must end in a coded error that can be shown, wherever it is
 * served.
 *
 * @module
 */
import type { ErrorCode } from "../../../lib/primitives/errors.ts";
import { endless } from "../../primitives/http/local_server.ts";
import { OAUTH, OPENID, type Origins, type Pages, PRM, resource, server } from "./discovery_world.ts";

/** One row: what is wrong, the pages of both servers, and how it must end. */
export interface Hostile {
  readonly description: string;
  readonly code: ErrorCode;
  readonly pages: (origins: Origins) => { readonly mcp: Pages; readonly auth: Pages };
}

/** What one document answers, given the right one. */
type Document = (origins: Origins) => Response;

const json = (changes: Record<string, unknown>, from = resource): Document => (origins) =>
  Response.json({ ...from(origins), ...changes });
const body = (text: string | Uint8Array<ArrayBuffer>, type = "application/json"): Document => () =>
  new Response(text, { headers: { "content-type": type } });
const redirect = (location: string): Document => () =>
  new Response(null, { status: 302, headers: { location } });
const servers = (...issuers: unknown[]): Document => json({ authorization_servers: issuers });

/** Documents that are wrong in both places. */
const ANYWHERE: readonly (readonly [string, Document, ErrorCode])[] = [
  ["JSON null", body("null"), "DISCOVERY_FAILED"],
  ["a JSON list", body("[]"), "DISCOVERY_FAILED"],
  ["a JSON list of documents", body('[{"issuer":"x"}]'), "DISCOVERY_FAILED"],
  ["a JSON string", body('"https://example.com"'), "DISCOVERY_FAILED"],
  ["a JSON number", body("42"), "DISCOVERY_FAILED"],
  ["a JSON boolean", body("true"), "DISCOVERY_FAILED"],
  ["an empty object", body("{}"), "DISCOVERY_FAILED"],
  ["an empty body", body(""), "DISCOVERY_FAILED"],
  ["truncated JSON", body('{"issuer":"https://exam'), "DISCOVERY_FAILED"],
  ["two documents", body("{}{}"), "DISCOVERY_FAILED"],
  ["JSON with a comment", body('{"a":1 /* \u001b[31m */}'), "DISCOVERY_FAILED"],
  ["a page that is called JSON", body("<html>\u001b[2J</html>"), "DISCOVERY_FAILED"],
  ["NUL characters that are called JSON", body("\0\0\0\0"), "DISCOVERY_FAILED"],
  ["UTF-16 that is called JSON", body(new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0])), "DISCOVERY_FAILED"],
  ["bytes that are no UTF-8", body(new Uint8Array([0xc0, 0x80, 0xff, 0xfe])), "DISCOVERY_FAILED"],
  ["a list of a hundred thousand levels", body("[".repeat(100_000)), "DISCOVERY_FAILED"],
  ["members a hundred thousand levels deep", body('{"a":'.repeat(80_000)), "DISCOVERY_FAILED"],
  ["members under __proto__", body('{"__proto__":{"resource":"x","issuer":"x"}}'), "DISCOVERY_FAILED"],
  ["10 MB of JSON", body(`{"a":"${"x".repeat(10_000_000)}"}`), "SERVER_ERROR"],
  ["10 MB of blanks", body(" ".repeat(10_000_000)), "SERVER_ERROR"],
  [
    "10 MB without an announced length",
    () => new Response(ReadableStream.from(Array.from({ length: 160 }, () => new Uint8Array(65_536)))),
    "SERVER_ERROR",
  ],
  ["a redirect to itself", redirect(""), "SERVER_ERROR"],
  ["a redirect to plain http", redirect("http://example.com/meta"), "UNSAFE_URL"],
  ["a redirect to a private address", redirect("https://10.0.0.1/meta"), "UNSAFE_URL"],
  ["a redirect to the cloud's metadata", redirect("https://169.254.169.254/latest/"), "UNSAFE_URL"],
  ["a redirect to a mapped address", redirect("https://[::ffff:192.168.0.1]/"), "UNSAFE_URL"],
  ["a redirect to a file", redirect("file:///etc/passwd"), "UNSAFE_URL"],
  ["a redirect to a script", redirect("javascript:alert(1)"), "UNSAFE_URL"],
  ["a redirect with a password", redirect("https://user:hunter2@example.com/"), "UNSAFE_URL"],
  ["a redirect to nowhere", redirect("https://["), "UNSAFE_URL"],
  ["a body that never ends", () => endless({ "content-type": "application/json" }), "TIMEOUT"],
];

/** Protected resource metadata that is wrong. */
const RESOURCE: readonly (readonly [string, Document, ErrorCode])[] = [
  ["no resource", json({ resource: undefined }), "DISCOVERY_FAILED"],
  ["a resource that is null", json({ resource: null }), "DISCOVERY_FAILED"],
  ["a resource that is a number", json({ resource: 1 }), "DISCOVERY_FAILED"],
  ["a resource that is a list", json({ resource: ["https://example.com"] }), "DISCOVERY_FAILED"],
  ["a resource that is an object", json({ resource: { href: "x" } }), "DISCOVERY_FAILED"],
  ["a resource of another origin", json({ resource: "https://evil.example.com/mcp" }), "RESOURCE_MISMATCH"],
  ["a resource that is a neighbour", (o) => json({ resource: `${o.mcp}/mcp2` })(o), "RESOURCE_MISMATCH"],
  ["a resource with a fragment", (o) => json({ resource: `${o.mcp}/mcp#x` })(o), "RESOURCE_MISMATCH"],
  ["a resource with NUL", (o) => json({ resource: `${o.mcp}/mcp\0` })(o), "RESOURCE_MISMATCH"],
  ["a resource with a line break", (o) => json({ resource: `${o.mcp}/\nmcp` })(o), "RESOURCE_MISMATCH"],
  ["a resource of escape sequences", json({ resource: "\u001b]0;owned\u0007\u009b2J" }), "RESOURCE_MISMATCH"],
  ["a resource written backwards", json({ resource: "https://\u202emoc.live\u2066" }), "RESOURCE_MISMATCH"],
  ["a resource with half a character", json({ resource: "https://\ud800" }), "RESOURCE_MISMATCH"],
  [
    "a resource of 400 kB",
    json({ resource: `https://e.com/${"\u001b".repeat(60_000)}` }),
    "RESOURCE_MISMATCH",
  ],
  [
    "a resource twice, the second of another",
    (o) => body(`{"resource":"${o.mcp}/mcp","resource":"https://evil.example.com"}`)(o),
    "RESOURCE_MISMATCH",
  ],
  ["the resource in a script", json({ resource: "javascript:alert(1)" }), "RESOURCE_MISMATCH"],
  ["servers in a string", json({ authorization_servers: "https://a.example" }), "DISCOVERY_FAILED"],
  ["servers in an object", json({ authorization_servers: { 0: "https://a.example" } }), "DISCOVERY_FAILED"],
  ["a server that is a number", servers(1), "DISCOVERY_FAILED"],
  ["a server that is null", servers(null), "DISCOVERY_FAILED"],
  ["a server that is a list", servers(["https://a.example"]), "DISCOVERY_FAILED"],
  ["a server that is empty", servers(""), "UNSAFE_URL"],
  ["a server that is relative", servers("/auth"), "UNSAFE_URL"],
  ["a server that is a script", servers("javascript:alert(1)"), "UNSAFE_URL"],
  ["a server that is data", servers("data:application/json,{}"), "UNSAFE_URL"],
  ["a server that is a file", servers("file:///etc/passwd"), "UNSAFE_URL"],
  ["a server on plain http", servers("http://auth.example.com"), "UNSAFE_URL"],
  ["a server with a password", servers("https://user:hunter2@auth.example.com"), "UNSAFE_URL"],
  ["a server at a private address", servers("https://192.168.1.1"), "UNSAFE_URL"],
  ["a server at a hexadecimal address", servers("https://0xa000001"), "UNSAFE_URL"],
  ["a server at a unique-local address", servers("https://[fd00::1]"), "UNSAFE_URL"],
  ["a server of escape sequences", servers("\u001b[31mhttps://a.example"), "UNSAFE_URL"],
  ["scopes in a string", json({ scopes_supported: "a b" }), "DISCOVERY_FAILED"],
  ["scopes in an object", json({ scopes_supported: { a: true } }), "DISCOVERY_FAILED"],
];

const right = ({ auth }: Origins) => server(auth);
const meta = (changes: Record<string, unknown>): Document => json(changes, right);

/** Authorization server metadata that is wrong. */
const SERVER: readonly (readonly [string, Document, ErrorCode])[] = [
  ["no issuer", meta({ issuer: undefined }), "DISCOVERY_FAILED"],
  ["an issuer that is null", meta({ issuer: null }), "DISCOVERY_FAILED"],
  ["an issuer that is a number", meta({ issuer: 1 }), "DISCOVERY_FAILED"],
  ["an issuer that is a list", (o) => meta({ issuer: [o.auth] })(o), "DISCOVERY_FAILED"],
  ["the issuer of another origin", meta({ issuer: "https://attacker.example.com" }), "ISSUER_MISMATCH"],
  ["the MCP server as its issuer", (o) => meta({ issuer: o.mcp })(o), "ISSUER_MISMATCH"],
  ["an issuer with a path", (o) => meta({ issuer: `${o.auth}/tenant` })(o), "ISSUER_MISMATCH"],
  ["an issuer with two slashes", (o) => meta({ issuer: `${o.auth}//` })(o), "ISSUER_MISMATCH"],
  ["an issuer in capitals", (o) => meta({ issuer: o.auth.toUpperCase() })(o), "ISSUER_MISMATCH"],
  ["an issuer with NUL", (o) => meta({ issuer: `${o.auth}\0` })(o), "ISSUER_MISMATCH"],
  ["an issuer of escape sequences", meta({ issuer: "\u001b[2J\u001b[H" }), "ISSUER_MISMATCH"],
  ["an issuer of 400 kB", meta({ issuer: `https://a/${"é".repeat(100_000)}` }), "ISSUER_MISMATCH"],
  [
    "an issuer twice, the second of another",
    (o) => body(JSON.stringify(right(o)).replace(/\}$/, ',"issuer":"https://evil.example.com"}'))(o),
    "ISSUER_MISMATCH",
  ],
  ["no token endpoint", meta({ token_endpoint: null }), "DISCOVERY_FAILED"],
  ["an endpoint that is a number", meta({ token_endpoint: 1 }), "DISCOVERY_FAILED"],
  ["an endpoint that is a list", meta({ authorization_endpoint: ["https://a"] }), "DISCOVERY_FAILED"],
  ["an endpoint that is an object", meta({ registration_endpoint: {} }), "DISCOVERY_FAILED"],
  ["an endpoint that is a script", meta({ authorization_endpoint: "javascript:alert(1)" }), "UNSAFE_URL"],
  ["an endpoint that is data", meta({ authorization_endpoint: "data:text/html,<script>" }), "UNSAFE_URL"],
  ["an endpoint that is a file", meta({ revocation_endpoint: "file:///etc/passwd" }), "UNSAFE_URL"],
  [
    "an endpoint that is a program",
    meta({ authorization_endpoint: "ms-msdt:/id PCWDiagnostic" }),
    "UNSAFE_URL",
  ],
  ["an endpoint on plain http", meta({ token_endpoint: "http://auth.example.com/token" }), "UNSAFE_URL"],
  ["an endpoint with a password", meta({ token_endpoint: "https://u:hunter2@a.example/" }), "UNSAFE_URL"],
  ["an endpoint that is relative", meta({ token_endpoint: "/token" }), "UNSAFE_URL"],
  ["an endpoint of escape sequences", meta({ token_endpoint: "\u001b]8;;https://evil\u0007" }), "UNSAFE_URL"],
  ["an endpoint that is an option", meta({ authorization_endpoint: "--proxy-server=evil" }), "UNSAFE_URL"],
  ["PKCE methods in a string", meta({ code_challenge_methods_supported: "S256" }), "DISCOVERY_FAILED"],
];

/** The whole table: each document where it is met. */
export const HOSTILE: readonly Hostile[] = [
  ...[...ANYWHERE, ...RESOURCE].map(([what, document, code]) => ({
    description: `protected resource metadata with ${what}`,
    code,
    pages: (origins: Origins) => ({
      mcp: { [`${PRM}/mcp`]: () => document(origins) },
      auth: { [OAUTH]: right(origins) },
    }),
  })),
  ...[...ANYWHERE, ...SERVER].map(([what, document, code]) => ({
    description: `authorization server metadata with ${what}`,
    code,
    pages: (origins: Origins) => ({
      mcp: { [PRM]: resource(origins) },
      auth: { [OAUTH]: () => document(origins), [OPENID]: right(origins) },
    }),
  })),
];
