/** How errors are printed: the same words as text and as JSON, without secrets, and fit for a terminal. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { errorJson, errorText } from "../../../../lib/interfaces/cli/output/error.ts";
import { reportError } from "../../../../lib/interfaces/cli/output/report.ts";
import { warningText } from "../../../../lib/interfaces/cli/context.ts";
import { ERROR_CODES, McpAuthError } from "../../../../lib/primitives/errors.ts";
import { testWorld } from "../world.ts";

const PLAIN = new McpAuthError("NOT_FOUND", 'Cannot find "x": there is no such entry', {
  hint: "Run: mcp-auth list",
});

Deno.test("an error as text: what happened, its code, and the next command", () => {
  equal(
    errorText(PLAIN),
    'Error: Cannot find "x": there is no such entry [NOT_FOUND]\nHint: Run: mcp-auth list\n',
  );
  equal(errorText(new McpAuthError("TIMEOUT", "Cannot wait")), "Error: Cannot wait [TIMEOUT]\n");
});

Deno.test("row 48: an error as JSON: the same words, on one line", () => {
  equal(
    errorJson(PLAIN),
    '{"error":{"code":"NOT_FOUND","message":"Cannot find \\"x\\": there is no such entry","hint":"Run: mcp-auth list"}}\n',
  );
  deepEqual(JSON.parse(errorJson(new McpAuthError("TIMEOUT", "Cannot wait"))), {
    error: { code: "TIMEOUT", message: "Cannot wait" },
  });
});

Deno.test("causes are printed when asked for, five at most, and without control characters", () => {
  let cause = new Error("the first\u001b[2J\ncause");
  for (let depth = 2; depth <= 8; depth++) cause = new TypeError(`level ${depth}`, { cause });
  const error = new McpAuthError("NETWORK_ERROR", "Cannot reach it", { cause });
  equal(errorText(error), "Error: Cannot reach it [NETWORK_ERROR]\n");
  const lines = errorText(error, true).trimEnd().split("\n");
  deepEqual(lines.slice(1), [8, 7, 6, 5, 4].map((depth) => `Cause: TypeError: level ${depth}`));
  const direct = new McpAuthError("NETWORK_ERROR", "Cannot reach it", {
    cause: new Error("a\u001b[2Jb\nError: forged [NOT_FOUND]"),
  });
  equal(errorText(direct, true).trimEnd().split("\n").length, 2);
  ok(!errorText(direct, true).includes("\u001b"));
  match(JSON.parse(errorJson(direct)).error.cause, /^a \[2Jb Error: forged/);
});

const SECRETS = [
  "Authorization: Bearer abcdefgh12345678abcdefgh",
  '{"access_token":"abcdefgh12345678abcdefgh"}',
  "refresh_token=abcdefgh12345678abcdefgh&grant_type=refresh_token",
  "https://as.example.com/callback?code=abcdefgh12345678abcdefgh",
  "client_secret=abcdefgh12345678abcdefgh",
];

for (const secret of SECRETS) {
  Deno.test(`a secret in a message, a hint or a cause is not printed: ${secret.slice(0, 24)}`, () => {
    const error = new McpAuthError("SERVER_ERROR", `Cannot do it: ${secret}`, {
      hint: `Run: curl ${secret}`,
      cause: new Error(secret),
    });
    for (const printed of [errorText(error, true), errorJson(error)]) {
      ok(!printed.includes("abcdefgh12345678"), printed);
      match(printed, /\[redacted\]/);
    }
    JSON.parse(errorJson(error));
  });
}

Deno.test("an error goes to standard error as text, to standard output as JSON, and gives its exit code", () => {
  for (const json of [false, true]) {
    const { world, streams } = testWorld();
    equal(reportError(world.terminal, PLAIN, { json }), 5);
    deepEqual(streams, json ? { out: errorJson(PLAIN), err: "" } : { out: "", err: errorText(PLAIN) });
  }
});

Deno.test("every code can be printed", () => {
  for (const code of ERROR_CODES) {
    match(errorText(new McpAuthError(code, "Cannot")), new RegExp(`\\[${code}\\]`));
  }
});

Deno.test("a warning is an error's words and its hint, on one line", () => {
  equal(warningText(PLAIN), 'Warning: Cannot find "x": there is no such entry. Run: mcp-auth list');
  equal(warningText(new McpAuthError("TIMEOUT", "Cannot wait")), "Warning: Cannot wait");
});
