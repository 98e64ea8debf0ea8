/**
 * Authorization servers that are named rather than discovered: by an issuer, whose metadata is read, or by endpoints.
 *
 * @see MCP 2026-07-28 client registration (C36); RFC 9207 section 2.4
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import type { ServerOptions, ServerRecord } from "../../../lib/services/credentials/mod.ts";
import { coded } from "../../primitives/coded_error.ts";
import { back, type BentOptions, type BentServer, startBentServer } from "./bent_server.ts";
import { type SigningIn, signingIn } from "./signing_in.ts";

const PRM = "/.well-known/oauth-protected-resource/mcp";
const AS = "/.well-known/oauth-authorization-server";

/** Two servers: the one whose resource it is, and the one to sign in at. */
async function atTwo(
  options: BentOptions,
  use: (scene: SigningIn & { readonly mcp: BentServer; readonly auth: BentServer }) => Promise<void>,
): Promise<void> {
  await using auth = startBentServer(options);
  await using mcp = startBentServer();
  using signing = signingIn();
  auth.clients.set("own", undefined);
  await use(Object.assign(signing, { mcp, auth }));
}

const endpoints = ({ origin }: BentServer) => ({
  authorizationEndpoint: `${origin}/authorize`,
  tokenEndpoint: `${origin}/token`,
});
const own = { given: { clientId: "own" } };
const asked = ({ received }: BentServer) => received.map(({ url }) => url.pathname);

Deno.test("C36: the issuer that the user names wins, the resource is the MCP server's, and the user is told", () =>
  atTwo({}, async ({ mcp, auth, signIn, told }) => {
    const options = { authorizationServer: { issuer: auth.origin } };
    const credential = await signIn("x", mcp.url, { options });
    equal(credential.issuer, auth.origin);
    equal(credential.resource, mcp.url);
    deepEqual(asked(mcp), [PRM]);
    deepEqual(told.filter(({ kind }) => kind === "other-server"), [
      { kind: "other-server", issuer: auth.origin, listed: [mcp.origin] },
    ]);
  }));

Deno.test("a named issuer that the server lists as well is no surprise, whatever its final slash", () =>
  atTwo({}, async ({ mcp, signIn, told }) => {
    await signIn("x", mcp.url, { options: { authorizationServer: { issuer: `${mcp.origin}/` } } });
    equal(told.some(({ kind }) => kind === "other-server"), false);
  }));

Deno.test("the resource of the MCP server is checked also where the authorization server is named", () =>
  atTwo({}, async ({ auth, signIn }) => {
    await using lying = startBentServer({
      other: { [PRM]: () => Response.json({ resource: "https://other.example/mcp" }) },
    });
    const options = { authorizationServer: { issuer: auth.origin } };
    await rejects(signIn("x", lying.url, { options }), coded("RESOURCE_MISMATCH"));
  }));

Deno.test("a named issuer is judged by its metadata: another one's is refused, and so is none", () =>
  atTwo({ metadata: () => ({ issuer: "https://other.example" }) }, async ({ mcp, auth, signIn }) => {
    const at = (issuer: string) => signIn("x", mcp.url, { options: { authorizationServer: { issuer } } });
    await rejects(at(auth.origin), coded("ISSUER_MISMATCH"));
    await rejects(at(`${auth.origin}/tenant`), coded("DISCOVERY_FAILED", /Cannot find the metadata/));
  }));

Deno.test("of a server that is named by its endpoints nothing is looked for, and S256 is sent all the same", () =>
  atTwo({ other: { [AS]: () => new Response("no", { status: 500 }) } }, async (scene) => {
    const { mcp, auth, signIn, opened } = scene;
    const credential = await signIn("x", mcp.url, {
      options: { authorizationServer: endpoints(auth) },
      ...own,
    });
    deepEqual(asked(auth), ["/authorize", "/token"]);
    equal(new URL(opened[0]!).searchParams.get("code_challenge_method"), "S256");
    equal(credential.issuer, auth.origin);
    equal(credential.client.tokenEndpointAuthMethod, "none");
  }));

const ISS: readonly (readonly [string, ServerOptions["authorizationServer"], string, boolean])[] = [
  ["is not compared with a guess", {}, "https://whoever.example", true],
  [
    "is compared with the issuer that was named",
    { issuer: "http://127.0.0.1:1" },
    "http://127.0.0.1:1",
    true,
  ],
  ["of another is refused", { issuer: "http://127.0.0.1:1" }, "http://127.0.0.1:2", false],
];

for (const [description, named, iss, accepted] of ISS) {
  Deno.test(`RFC 9207: at endpoints, an iss ${description}`, () =>
    atTwo({
      authorize: (query, { codes }) => {
        codes.set("c", "own");
        return back(query, { code: "c", iss });
      },
    }, async ({ mcp, auth, signIn }) => {
      const options = { authorizationServer: { ...endpoints(auth), ...named } };
      const signedIn = signIn("x", mcp.url, { options, ...own });
      if (accepted) await signedIn;
      else await rejects(signedIn, coded("ISSUER_MISMATCH"));
    }));
}

Deno.test("half a server is refused with what is missing", () =>
  atTwo({}, async ({ mcp, auth, signIn }) => {
    const { tokenEndpoint, authorizationEndpoint } = endpoints(auth);
    const at = (authorizationServer: ServerOptions["authorizationServer"]) =>
      signIn("x", mcp.url, { options: { authorizationServer: authorizationServer! }, ...own });
    await rejects(at({ tokenEndpoint }), coded("CONFIG_MISSING", /authorization endpoint was not named/));
    await rejects(at({ authorizationEndpoint }), coded("CONFIG_MISSING", /token endpoint was not named/));
    const plain = { ...endpoints(auth), issuer: "http://127.0.0.1:1" };
    await rejects(
      at({ ...plain, revocationEndpoint: "ftp://x.example" }),
      coded("UNSAFE_URL", /revocation_endpoint/),
    );
  }));

Deno.test("endpoints beside an issuer take the place of those that its metadata names", () =>
  atTwo({}, async ({ mcp, auth, signIn, store }) => {
    const issuer = auth.origin;
    const revocationEndpoint = `${auth.origin}/own-revocation`;
    await signIn("x", mcp.url, { options: { authorizationServer: { issuer, revocationEndpoint } } });
    const { authorizationServer } = (await store.credential("x"))!.record;
    equal(authorizationServer.revocation_endpoint, revocationEndpoint);
  }));

Deno.test("an entry for an API asks nothing of the API, and needs to be told where to sign in", () =>
  atTwo({}, async ({ mcp, auth, signIn, clock }) => {
    const api = (options: ServerOptions): ServerRecord => ({
      name: "x",
      url: mcp.url,
      createdAt: clock.now(),
      signIn: "oauth",
      kind: "api",
      options,
    });
    await rejects(
      signIn("x", mcp.url, { server: api({}), expected: null }),
      coded("CONFIG_MISSING", /where to sign in was not said/),
    );
    const server = api({ authorizationServer: { issuer: auth.origin }, scopes: ["a"] });
    const credential = await signIn("x", mcp.url, { server, expected: null });
    deepEqual([credential.resource, credential.requestedScopes], [undefined, ["a"]]);
    deepEqual(asked(mcp), []);
  }));

Deno.test("of several servers that a resource lists, the one of the sign-in before is found whatever its slash", async () => {
  await using other = startBentServer();
  await using slashed = startBentServer({ metadata: (origin) => ({ issuer: `${origin}/` }) });
  let lists = [slashed.origin];
  await using mcp = startBentServer({
    other: { [PRM]: () => Response.json({ resource: mcp.url, authorization_servers: lists }) },
  });
  using signing = signingIn();
  equal((await signing.signIn("x", mcp.url)).issuer, `${slashed.origin}/`);
  lists = [other.origin, slashed.origin];
  equal((await signing.signIn("x", mcp.url)).issuer, `${slashed.origin}/`);
});
