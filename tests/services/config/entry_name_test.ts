/** What entries may be called, and what they are called when nobody says. */
import { equal, match, throws } from "node:assert/strict";
import fc from "fast-check";
import { checkEntryName, entryNameFor } from "../../../lib/services/config/mod.ts";
import { coded } from "../../primitives/coded_error.ts";

const DERIVED: readonly (readonly [url: string, name: string])[] = [
  ["https://api.heptabase.com/mcp", "heptabase"],
  ["https://mcp.sentry.dev/mcp", "sentry"],
  ["https://mcp.notion.com/mcp", "notion"],
  ["https://notion.com", "notion"],
  ["https://www.example.org/", "example"],
  ["https://mcp.eu.example.com/mcp", "example"],
  ["https://docs.mcp.cloudflare.com/sse", "cloudflare"],
  ["https://server.smithery.ai/x/mcp", "smithery"],
  ["https://mcp.deno.com/", "deno"],
  ["https://API.Example.COM/mcp", "example"],
  ["https://api.example.com./mcp", "example"],
  ["https://example.com:8443/mcp", "example"],
  ["https://mcp.example.co.uk/mcp", "example"],
  ["https://example.co.uk/", "example"],
  ["https://mcp.example.com.au/", "example"],
  ["https://mcp.example.or.jp/", "example"],
  ["https://my-notes.someone.workers.dev/mcp", "someone"],
  ["https://notes.workers.dev/", "notes"],
  ["https://notes.vercel.app/api/mcp", "notes"],
  ["https://notes-abc123-ew.a.run.app/", "notes-abc123-ew"],
  ["https://someone.github.io/", "someone"],
  ["https://xn--bcher-kva.example/mcp", "xn--bcher-kva"],
  ["https://bücher.example/mcp", "xn--bcher-kva"],
  ["https://my_server.example.com/", "example"],
  ["https://my_server.com/", "my_server"],
  ["https://mcp.dev/", "mcp"],
  ["https://mcp.app.dev/", "mcp"],
  ["http://localhost:3000/mcp", "localhost"],
  ["http://notes.localhost:3000/mcp", "notes"],
  ["http://127.0.0.1:3000/mcp", "local-3000"],
  ["http://127.0.0.1/mcp", "local-80"],
  ["https://127.0.0.1/mcp", "local-443"],
  ["http://[::1]:8080/", "local-8080"],
  ["https://192.0.2.7:9443/", "local-9443"],
  [`https://${"a".repeat(63)}.com/`, "a".repeat(63)],
];

for (const [url, name] of DERIVED) {
  Deno.test(`the entry of ${url} is named ${name}`, () => {
    equal(entryNameFor(url), name);
    equal(checkEntryName(name), name);
  });
}

Deno.test("every web URL gives a name that may be used", () => {
  fc.assert(fc.property(fc.webUrl({ validSchemes: ["http", "https"] }), (url) => {
    match(entryNameFor(url), /^[a-z0-9][a-z0-9._-]{0,63}$/);
  }));
});

for (
  const name of ["a", "0", "my-server", "my.server_2", "a".repeat(64), "local-3000", "__proto__".slice(2)]
) {
  Deno.test(`"${name}" is a name`, () => equal(checkEntryName(name), name));
}

const INVALID = [
  "",
  "A",
  "Notion",
  "-a",
  ".a",
  "_a",
  "a b",
  "a/b",
  "a\n",
  "\na",
  "a\u0000",
  "é",
  "a".repeat(65),
  "a:b",
];
for (const name of INVALID) {
  Deno.test(`${JSON.stringify(name)} is no name`, () => {
    throws(() => checkEntryName(name), coded("USAGE", /^Cannot use the name/));
  });
}
