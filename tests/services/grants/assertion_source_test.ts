/**
 * Where assertions are read from, what is taken for one, and what is said where there is none.
 *
 * @see X21, X22
 * @module
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { UnsentError } from "../../../lib/primitives/http/http.ts";
import type { AssertionSource } from "../../../lib/services/credentials/mod.ts";
import { readAssertion } from "../../../lib/services/grants/assertion_source.ts";
import { fakeClock } from "../../fakes/clock.ts";
import { fakeGrantPorts } from "../../fakes/grant_ports.ts";
import { coded } from "../../primitives/coded_error.ts";
import { serve } from "../../primitives/http/local_server.ts";

const JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3In0.c2lnbmF0dXJl";
const AUDIENCE = "https://as.example/tenant?x=1&y=2";

function read(source: AssertionSource, env: Record<string, string> = {}, files = new Map<string, string>()) {
  const ports = fakeGrantPorts({ clock: fakeClock(), env, files });
  return readAssertion(ports, { source, audience: AUDIENCE, what: "the assertion" });
}

Deno.test("a file and a variable give what is in them, without the white space around it", async () => {
  equal(await read({ from: "file", path: "/t" }, {}, new Map([["/t", `  ${JWT}\r\n`]])), JWT);
  equal(await read({ from: "environment", variable: "T" }, { T: `${JWT}\n` }), JWT);
  equal(await read({ from: "gitlab" }, { MCP_AUTH_ASSERTION: JWT }), JWT);
});

Deno.test("what is not there is said with its name, and that nothing was sent", async () => {
  const cases = [
    [{ from: "file", path: "/gone" }, /"\/gone"/],
    [{ from: "environment", variable: "GONE" }, /GONE is not set/],
    [{ from: "gitlab" }, /MCP_AUTH_ASSERTION is not set/],
    [{ from: "github-actions" }, /ACTIONS_ID_TOKEN_REQUEST_URL/],
  ] as const;
  for (const [source, words] of cases) {
    await rejects(read(source), (error) => {
      coded("CONFIG_MISSING", words)(error);
      return error instanceof UnsentError;
    });
  }
});

Deno.test("what is no signed JWT is refused, whatever it is, and never shown", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 8 }).filter((text) => text.trim() !== ""), async (text) => {
      const [from] = [{ from: "environment", variable: "T" } as const];
      await rejects(read(from, { T: text }), (error) => {
        coded("CONFIG_INVALID")(error);
        return !(error as Error).message.includes(text.trim()) || text.trim().length < 8;
      });
    }),
    { numRuns: 300 },
  );
  const long = `a.${"b".repeat(20_000)}.c`;
  await rejects(read({ from: "environment", variable: "T" }, { T: long }), coded("CONFIG_INVALID", /16384/));
});

Deno.test("GitHub is asked with the audience beside its own query, and with the job's token", async () => {
  await using server = serve(() => Response.json({ value: JWT }));
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${server.origin}/idtoken/1/2?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "job-token",
  };
  equal(await read({ from: "github-actions" }, env), JWT);
  const [{ url, headers } = { url: new URL("http://x"), headers: new Headers() }] = server.received;
  deepEqual(Object.fromEntries(url.searchParams), { "api-version": "2.0", audience: AUDIENCE });
  equal(headers.get("authorization"), "Bearer job-token");
});

Deno.test("a redirect takes the job's token nowhere else", async () => {
  await using other = serve(() => Response.json({ value: JWT }));
  await using server = serve(() => Response.redirect(`${other.origin}/elsewhere`, 302));
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${server.origin}/idtoken`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "job-token",
  };
  await read({ from: "github-actions" }, env);
  equal(other.received[0]?.headers.get("authorization"), null);
});

Deno.test("an endpoint that answers otherwise is an error with a code, and no word of the job's token", async () => {
  const answers = [
    () => Response.json({ message: "bad job-token-0123456789" }, { status: 403 }),
    () => Response.json({ count: 0 }),
    () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    () => Response.json({ value: "no JWT" }),
  ];
  for (const answer of answers) {
    await using server = serve(answer);
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${server.origin}/idtoken`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "job-token-0123456789",
    };
    await rejects(read({ from: "github-actions" }, env), (error) => {
      const { code, message } = error as { code: string; message: string };
      ok(["AUTH_FAILED", "CONFIG_INVALID"].includes(code), code);
      return !message.includes("job-token");
    });
  }
});
