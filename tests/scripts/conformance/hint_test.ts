/** What a person at a terminal reads off an error. */
import { deepEqual } from "node:assert/strict";
import { commandIn } from "../../../scripts/conformance/hint.ts";

const cases:
  readonly (readonly [description: string, text: string, command: readonly string[] | undefined])[] = [
    ["a command", "Error: x [AUTH_REQUIRED]\nHint: Run: mcp-auth login demo\n", ["login", "demo"]],
    ["words in quotes", `Hint: Run: mcp-auth login demo --scope "a b"`, ["login", "demo", "--scope", "a b"]],
    ["words in single quotes", "Hint: Run: mcp-auth login demo --scope 'a;b'", [
      "login",
      "demo",
      "--scope",
      "a;b",
    ]],
    [
      "a command before others",
      "Hint: To sign in again run: mcp-auth login demo; to replace it add --force",
      [
        "login",
        "demo",
      ],
    ],
    ["the first of two", "Hint: Run: mcp-auth login a\nHint: Run: mcp-auth login b", ["login", "a"]],
    ["no command", "Hint: Try again in 3 s", undefined],
    ["a command that is only pointed at", "Hint: See all entries with: mcp-auth list", undefined],
    ["a command to be filled in", "Hint: Run: mcp-auth add demo --client-id <id>", undefined],
    ["nothing", "", undefined],
  ];

for (const [description, text, command] of cases) {
  Deno.test(`a person finds ${description} in an error`, () => deepEqual(commandIn(text), command));
}
