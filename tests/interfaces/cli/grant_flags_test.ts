/**
 * What flags and environment say about a sign-in without a person.
 *
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { CliContext } from "../../../lib/interfaces/cli/context.ts";
import {
  givenKey,
  type GrantFlags,
  grantOptions,
  shownGrant,
} from "../../../lib/interfaces/cli/grant_flags.ts";
import type { Grant } from "../../../lib/services/credentials/mod.ts";
import { coded } from "../../primitives/coded_error.ts";
import { testWorld } from "./world.ts";

/** The grant of flags and variables. */
async function grantOf(
  flags: GrantFlags,
  variables: Record<string, string> = {},
  input?: string,
): Promise<Grant | undefined> {
  const { world } = testWorld({ env: variables, ...(input === undefined ? {} : { input }) });
  using context = new CliContext(world, () => {});
  return (await grantOptions(context, flags, context.env)).grant;
}

const workload = (assertion: unknown) => ({ kind: "workload-identity", assertion });
const JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3In0.c2lnbmF0dXJl";

const READ: readonly (readonly [string, GrantFlags, Record<string, string>, unknown])[] = [
  ["nothing", {}, {}, undefined],
  ["a switch", { clientCredentials: true }, {}, { kind: "client-credentials" }],
  ["the variable", {}, { MCP_AUTH_GRANT: "client-credentials" }, { kind: "client-credentials" }],
  [
    "a flag before the variable",
    { clientCredentials: true },
    { MCP_AUTH_GRANT: "enterprise" },
    { kind: "client-credentials" },
  ],
  ["a file", { workloadIdentity: "file:/var/run/t" }, {}, workload({ from: "file", path: "/var/run/t" })],
  ["a Windows path", { workloadIdentity: "file:C:\\t" }, {}, workload({ from: "file", path: "C:\\t" })],
  ["a variable", { workloadIdentity: "env:T" }, {}, workload({ from: "environment", variable: "T" })],
  ["GitHub", { workloadIdentity: "github" }, {}, workload({ from: "github-actions" })],
  ["GitLab", { workloadIdentity: "gitlab" }, {}, workload({ from: "gitlab" })],
  [
    "the assertion itself in its variable",
    {},
    { MCP_AUTH_GRANT: "workload-identity", MCP_AUTH_ASSERTION: JWT },
    workload({ from: "environment", variable: "MCP_AUTH_ASSERTION" }),
  ],
  [
    "its source in its variable",
    {},
    { MCP_AUTH_GRANT: "workload-identity", MCP_AUTH_ASSERTION: "file:/var/run/t" },
    workload({ from: "file", path: "/var/run/t" }),
  ],
  [
    "a job of GitHub that says nothing more",
    {},
    { MCP_AUTH_GRANT: "workload-identity", ACTIONS_ID_TOKEN_REQUEST_URL: "https://x" },
    workload({ from: "github-actions" }),
  ],
  [
    "an issuer",
    { enterprise: "https://idp.example/tenant", idpClientId: "c", idToken: "env:T" },
    { MCP_AUTH_IDP_CLIENT_SECRET: "s" },
    {
      kind: "enterprise",
      identityProvider: {
        issuer: "https://idp.example/tenant",
        clientId: "c",
        clientSecret: "s",
        idToken: { from: "environment", variable: "T" },
      },
    },
  ],
  [
    "a secret beside another client's id",
    { enterprise: "https://idp.example", idpClientId: "c", idToken: "env:T" },
    { MCP_AUTH_IDP_CLIENT_ID: "other", MCP_AUTH_IDP_CLIENT_SECRET: "s" },
    {
      kind: "enterprise",
      identityProvider: {
        issuer: "https://idp.example",
        clientId: "c",
        idToken: { from: "environment", variable: "T" },
      },
    },
  ],
  [
    "a token endpoint",
    { enterprise: "https://idp.example/oauth2/v1/token", idpClientId: "c", idToken: "file:/t" },
    {},
    {
      kind: "enterprise",
      identityProvider: {
        tokenEndpoint: "https://idp.example/oauth2/v1/token",
        clientId: "c",
        idToken: { from: "file", path: "/t" },
      },
    },
  ],
  ["an entry", { enterprise: "company" }, { MCP_AUTH_ID_TOKEN: JWT }, {
    kind: "enterprise",
    identityProvider: { idToken: { from: "entry", name: "company" } },
  }],
  ["an issuer and an entry", { enterprise: "https://idp.example", idToken: "entry:company" }, {}, {
    kind: "enterprise",
    identityProvider: { issuer: "https://idp.example", idToken: { from: "entry", name: "company" } },
  }],
  [
    "all of it in the environment",
    {},
    {
      MCP_AUTH_GRANT: "enterprise",
      MCP_AUTH_IDP: "https://idp.example",
      MCP_AUTH_IDP_CLIENT_ID: "c",
      MCP_AUTH_ID_TOKEN: JWT,
    },
    {
      kind: "enterprise",
      identityProvider: {
        issuer: "https://idp.example",
        clientId: "c",
        idToken: { from: "environment", variable: "MCP_AUTH_ID_TOKEN" },
      },
    },
  ],
];

for (const [what, flags, variables, expected] of READ) {
  Deno.test(`the way to sign in without a person is read: ${what}`, async () => {
    deepEqual(await grantOf(flags, variables), expected);
  });
}

const REFUSED: readonly (readonly [
  GrantFlags,
  Record<string, string>,
  "USAGE" | "CONFIG_MISSING" | "CONFIG_INVALID" | "UNSAFE_URL",
])[] = [
  [{ clientCredentials: true, enterprise: "company" }, {}, "USAGE"],
  [{ workloadIdentity: "file:relative" }, {}, "USAGE"],
  [{ workloadIdentity: "file:/with\nbreak" }, {}, "USAGE"],
  [{ workloadIdentity: "env:NOT A NAME" }, {}, "USAGE"],
  [{ workloadIdentity: JWT }, {}, "USAGE"],
  [{ enterprise: "Not A Name" }, {}, "USAGE"],
  [{ enterprise: "http://idp.example", idpClientId: "c", idToken: "env:T" }, {}, "UNSAFE_URL"],
  [{ enterprise: "https://idp.example", idpClientId: "c", idToken: "github" }, {}, "USAGE"],
  [{ enterprise: "https://idp.example", idpClientId: "c" }, {}, "CONFIG_MISSING"],
  [{ enterprise: "https://idp.example", idToken: "env:T" }, {}, "CONFIG_MISSING"],
  [{ enterprise: "company" }, { MCP_AUTH_IDP_CLIENT_SECRET: "s" }, "USAGE"],
  [{ idToken: "env:T" }, {}, "USAGE"],
  [{ assertionAudience: "" }, {}, "USAGE"],
  [{}, { MCP_AUTH_GRANT: "workload-identity" }, "CONFIG_MISSING"],
  [{}, { MCP_AUTH_GRANT: "enterprise" }, "CONFIG_MISSING"],
  [{}, { MCP_AUTH_GRANT: "implicit" }, "CONFIG_INVALID"],
];

for (const [flags, variables, code] of REFUSED) {
  Deno.test(`${code} for ${JSON.stringify(flags)} with ${JSON.stringify(variables)}`, async () => {
    await rejects(grantOf(flags, variables), coded(code));
  });
}

Deno.test("secrets come from standard input once, and from files", async () => {
  const flags = {
    enterprise: "https://idp.example",
    idpClientId: "c",
    idToken: "env:T",
    idpClientSecretFile: "-",
  };
  const grant = await grantOf(flags, {}, "from stdin\n");
  equal(grant?.kind === "enterprise" && grant.identityProvider.clientSecret, "from stdin");
  await rejects(grantOf({ ...flags, ...{ privateKey: "-" } }), coded("USAGE", /two secrets/));
  await rejects(grantOf({ ...flags, idpClientSecretFile: "/nowhere" }), coded("CONFIG_MISSING"));
});

Deno.test("what is no file of a secret is refused before it fills the memory", async () => {
  const { world } = testWorld({ input: "x".repeat(40_000) });
  using context = new CliContext(world, () => {});
  const folder = await Deno.makeTempDir();
  try {
    for (
      const [path, says] of [["/dev/zero", /longer than/], [folder, /folder/], ["-", /longer than/]] as const
    ) {
      await rejects(givenKey(context, { privateKey: path }, undefined), coded("CONFIG_INVALID", says));
    }
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("what is shown of a grant has no secret in it", () => {
  const grant: Grant = {
    kind: "enterprise",
    identityProvider: {
      issuer: "https://i",
      clientId: "c",
      clientSecret: "s",
      idToken: { from: "entry", name: "e" },
    },
  };
  deepEqual(shownGrant(grant), {
    kind: "enterprise",
    identityProvider: { issuer: "https://i", clientId: "c", idToken: { from: "entry", name: "e" } },
  });
});

Deno.test("a private key of the environment is not one that a flag describes", async () => {
  const { world } = testWorld({ env: { MCP_AUTH_PRIVATE_KEY: "no key" } });
  using context = new CliContext(world, () => {});
  deepEqual(await givenKey(context, {}, undefined), {});
  await rejects(givenKey(context, {}, context.env), coded("CONFIG_INVALID", /neither PEM nor a JWK/));
  await rejects(givenKey(context, { keyId: "k" }, undefined), coded("USAGE"));
});
