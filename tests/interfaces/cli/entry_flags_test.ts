/** How flags and the environment become the options of an entry and the client to sign in as. */
import { deepEqual, ok, rejects } from "node:assert/strict";
import { CliContext } from "../../../lib/interfaces/cli/context.ts";
import {
  type EntryFlags,
  entryOptions,
  givenClient,
  signInOptions,
} from "../../../lib/interfaces/cli/entry_flags.ts";
import type { ServerOptions } from "../../../lib/services/credentials/mod.ts";
import { coded } from "../../primitives/coded_error.ts";
import { testWorld, type TestWorldOptions } from "./world.ts";

function contextOf(options: TestWorldOptions = {}): CliContext {
  return new CliContext(testWorld(options).world, () => {});
}

const OPTIONS: readonly (readonly [description: string, flags: EntryFlags, options: ServerOptions])[] = [
  ["no flags are no options", {}, {}],
  ["one scope", { scope: ["read"] }, { scopes: ["read"] }],
  ["scopes at blanks, commas and in several flags", { scope: ["a b", " c,d ", "e"] }, {
    scopes: ["a", "b", "c", "d", "e"],
  }],
  ["a scope twice is one scope", { scope: ["a b", "a"] }, { scopes: ["a", "b"] }],
  ["a resource, byte for byte", { resource: "https://MCP.example.com" }, {
    resource: "https://MCP.example.com",
  }],
  ["a resource that is a URN", { resource: "urn:example:mcp" }, { resource: "urn:example:mcp" }],
  ["headers", { header: ["X-A: 1", "X-B: ${B}"] }, { headers: { "X-A": "1", "X-B": "${B}" } }],
  ["ports in their order", { callbackPort: [9001, 0] }, { callbackPorts: [9001, 0] }],
  ["private hosts", { allowPrivateHost: ["10.0.0.1"] }, { allowPrivateHosts: ["10.0.0.1"] }],
  ["a server that says nothing of PKCE", { assumePkce: true }, { allowMissingPkceMetadata: true }],
  ["parameters of the authorization request (row 8)", {
    authorizeParam: ["access_type=offline", "prompt=consent", "prompt=login"],
  }, { authorizeParameters: { access_type: "offline", prompt: "login" } }],
  ["a name to register clients under (row 20)", { clientName: "Acme Agent" }, { clientName: "Acme Agent" }],
  ["a client ID metadata document", { clientMetadataUrl: "https://c.example/client.json" }, {
    clientMetadataUrl: "https://c.example/client.json",
  }],
];

for (const [description, flags, options] of OPTIONS) {
  Deno.test(`options: ${description}`, async () => deepEqual(await entryOptions(flags), options));
}

const REFUSED: readonly (readonly [description: string, flags: EntryFlags])[] = [
  ["an empty scope", { scope: [""] }],
  ["a scope of commas", { scope: [" , "] }],
  ["a scope with a quote", { scope: ['a"b'] }],
  ["a scope with a backslash", { scope: ["a\\b"] }],
  ["a scope with a control character", { scope: ["a\u0007b"] }],
  ["a scope that is not ASCII", { scope: ["caf\u00e9"] }],
  ["a relative resource", { resource: "/mcp" }],
  ["a resource with a fragment", { resource: "https://x.example/#a" }],
  ["a header with a line break", { header: ["X-A: 1\r\nAuthorization: Bearer x"] }],
  ["a header of ours", { header: ["authorization: Bearer x"] }],
  ["a header without a colon", { header: ["X-A"] }],
  ["a parameter without a value", { authorizeParam: ["access_type"] }],
  ["a parameter of ours", { authorizeParam: ["state=1"] }],
  ["an empty name for clients", { clientName: "" }],
  ["a name for clients that moves the cursor", { clientName: "a\u001b[2J" }],
  ["a name for clients that fills a page", { clientName: "a".repeat(101) }],
];

for (const [description, flags] of REFUSED) {
  Deno.test(`not an option: ${description}`, async () => {
    await rejects(entryOptions(flags), coded("USAGE"));
  });
}

Deno.test("a client ID metadata document that cannot be one is refused", async () => {
  for (const clientMetadataUrl of ["http://c.example/client.json", "https://c.example", "nope"]) {
    await rejects(entryOptions({ clientMetadataUrl }), (error) => {
      ok(coded((error as { code: "CONFIG_INVALID" }).code)(error));
      return true;
    });
  }
});

Deno.test("the environment's metadata document is for sign-ins alone, and a flag beats it", async () => {
  const context = contextOf({ env: { MCP_AUTH_CLIENT_METADATA_URL: "https://env.example/client.json" } });
  deepEqual(await signInOptions(context, {}), { clientMetadataUrl: "https://env.example/client.json" });
  deepEqual(await signInOptions(context, { clientMetadataUrl: "https://flag.example/client.json" }), {
    clientMetadataUrl: "https://flag.example/client.json",
  });
  deepEqual(await signInOptions(contextOf(), { scope: ["a"] }), { scopes: ["a"] });
  deepEqual(await entryOptions({}), {});
});

async function withFile(text: string, test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("no client is given unless there is an id", async () => {
  deepEqual(await givenClient(contextOf(), {}), undefined);
  deepEqual(await givenClient(contextOf({ env: { MCP_AUTH_CLIENT_SECRET: "s" } }), {}), undefined);
  deepEqual(
    await givenClient(contextOf({ env: { MCP_AUTH_CLIENT_SECRET: "s" } }), {}, "of-the-entry"),
    undefined,
  );
});

Deno.test("the id by flag or environment, the flag first", async () => {
  const env = { MCP_AUTH_CLIENT_ID: "env" };
  deepEqual(await givenClient(contextOf({ env }), {}), { clientId: "env", clientSecret: undefined });
  deepEqual(await givenClient(contextOf({ env }), { clientId: "flag" }), {
    clientId: "flag",
    clientSecret: undefined,
  });
});

for (
  const [text, secret] of [["s3cret", "s3cret"], ["s3cret\n", "s3cret"], ["s3cret\r\n", "s3cret"], [
    " s3 cret \n\n",
    " s3 cret \n",
  ]] as const
) {
  Deno.test(`the secret of ${JSON.stringify(text)} in a file or on standard input is ${JSON.stringify(secret)}`, () =>
    withFile(text, async (path) => {
      const flags = { clientId: "abc" };
      const expected = { clientId: "abc", clientSecret: secret };
      deepEqual(await givenClient(contextOf(), { ...flags, clientSecretFile: path }), expected);
      deepEqual(await givenClient(contextOf({ input: text }), { ...flags, clientSecretFile: "-" }), expected);
    }));
}

Deno.test("a file beats the environment's secret; without a file that one is taken", () =>
  withFile("from-file", async (clientSecretFile) => {
    const context = () => contextOf({ env: { MCP_AUTH_CLIENT_SECRET: "from-env" } });
    const [given, plain] = [
      await givenClient(context(), { clientId: "abc", clientSecretFile }),
      await givenClient(context(), { clientId: "abc" }),
    ];
    deepEqual([given?.clientSecret, plain?.clientSecret], ["from-file", "from-env"]);
  }));

Deno.test("the environment's secret never goes with another id than the environment's", async () => {
  const env = { MCP_AUTH_CLIENT_ID: "env", MCP_AUTH_CLIENT_SECRET: "of-env" };
  deepEqual(await givenClient(contextOf({ env }), { clientId: "other" }), {
    clientId: "other",
    clientSecret: undefined,
  });
  deepEqual(await givenClient(contextOf({ env }), { clientId: "env" }), {
    clientId: "env",
    clientSecret: "of-env",
  });
});

Deno.test("a secret for the client that the entry has needs no id", () =>
  withFile("new", async (clientSecretFile) => {
    deepEqual(await givenClient(contextOf(), { clientSecretFile }, "of-the-entry"), {
      clientId: "of-the-entry",
      clientSecret: "new",
    });
  }));

Deno.test("a secret without an id, a file that is not there, and an empty one are mistakes", () =>
  withFile("\n", async (path) => {
    await rejects(givenClient(contextOf(), { clientSecretFile: path }), coded("USAGE", /without a client/));
    const flags = { clientId: "abc" };
    await rejects(
      givenClient(contextOf(), { ...flags, clientSecretFile: `${path}-none` }),
      coded("CONFIG_MISSING", /there is no file/),
    );
    await rejects(
      givenClient(contextOf(), { ...flags, clientSecretFile: path }),
      coded("CONFIG_INVALID", /is empty/),
    );
    await rejects(
      givenClient(contextOf({ input: "" }), { ...flags, clientSecretFile: "-" }),
      coded("CONFIG_INVALID"),
    );
  }));
