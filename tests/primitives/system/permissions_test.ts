import assert from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { allowFlag, permissionDenied } from "../../../lib/primitives/system/permissions.ts";

async function denied(operation: () => unknown, folder?: string): Promise<McpAuthError> {
  try {
    await operation();
  } catch (error) {
    const coded = permissionDenied(error, "do it", folder);
    assert.ok(coded instanceof McpAuthError, String(error));
    assert.equal(coded.code, "PERMISSION_DENIED");
    assert.equal(coded.cause, error);
    return coded;
  }
  assert.fail("the sandbox granted it");
}

// Real refusals of the sandbox: the form of their messages is Deno's, and this notices when it changes.
const refusals: readonly (readonly [name: string, operation: () => unknown, flag: string])[] = [
  ["a file to read", () => Deno.readTextFileSync("/nowhere/a"), "--allow-read=/nowhere/a"],
  ["a path with a space", () => Deno.readTextFileSync("/nowhere/a b"), "'--allow-read=/nowhere/a b'"],
  ["a path with a comma", () => Deno.readTextFileSync("/nowhere/a,b"), "--allow-read=/nowhere/a,,b"],
  ["a path with quotes", () => Deno.readTextFileSync(`/nowhere/a'"b`), `'--allow-read=/nowhere/a'\\''"b'`],
  ["a file to write", () => Deno.writeTextFileSync("/nowhere/a", ""), "--allow-write=/nowhere/a"],
  ["a file to remove", () => Deno.remove("/nowhere/a"), "--allow-write=/nowhere/a"],
  ["a host to connect to", () => fetch("https://nowhere.example:8443/x"), "--allow-net=nowhere.example:8443"],
  [
    "an address to listen on",
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
    "--allow-net=127.0.0.1:0",
  ],
  ["a variable", () => Deno.env.get("NOWHERE"), "--allow-env=NOWHERE"],
  ["all variables", () => Deno.env.toObject(), "--allow-env"],
  ["a program", () => new Deno.Command("sh").output(), "--allow-run=sh"],
  ["the system's name", () => Deno.hostname(), "--allow-sys=hostname"],
];

for (const [name, operation, flag] of refusals) {
  Deno.test({
    name: `a refusal of ${name} names the flag that grants it`,
    permissions: "none",
    async fn() {
      const error = await denied(operation);
      assert.equal(error.hint, `Run again with ${flag}`);
      assert.match(error.message, /^Cannot do it: the sandbox grants no \w+ access$/);
    },
  });
}

Deno.test({
  name: "a refusal of a file names its folder where several files of it are needed",
  permissions: "none",
  async fn() {
    const error = await denied(() => Deno.readTextFileSync("/nowhere/a/key.tmp"), "/nowhere/a");
    assert.equal(error.hint, "Run again with --allow-read=/nowhere/a");
    const network = await denied(() => fetch("https://nowhere.example/"), "/nowhere/a");
    assert.equal(network.hint, "Run again with --allow-net=nowhere.example:443");
  },
});

Deno.test("a refusal in words that are not known is passed on in the hint, made fit to be shown", () => {
  const error = permissionDenied(new Deno.errors.NotCapable("New words,\u001b[31m use --allow-all"), "do it");
  assert.equal(error?.code, "PERMISSION_DENIED");
  assert.equal(error?.hint, "Grant what Deno asks for: New words, [31m use --allow-all");
});

Deno.test("what is no refusal of the sandbox is not taken for one", () => {
  assert.equal(permissionDenied(new Deno.errors.PermissionDenied("no"), "do it"), undefined);
  assert.equal(
    permissionDenied(new Error('Requires read access to "/a", run again with the --allow-read flag'), ""),
    undefined,
  );
  assert.equal(permissionDenied("text", "do it"), undefined);
});

Deno.test("a flag without a target grants all of its kind", () => {
  assert.equal(allowFlag("net"), "--allow-net");
});
