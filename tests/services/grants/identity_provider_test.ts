/**
 * The identity of an entry goes to the provider that the entry is signed in at, and to nobody else.
 *
 * @module
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import type { CredentialRecord, IdentityProvider } from "../../../lib/services/credentials/mod.ts";
import { type GrantRun, runGrant } from "../../../lib/services/grants/mod.ts";
import { fakeClock } from "../../fakes/clock.ts";
import { fakeGrantPorts } from "../../fakes/grant_ports.ts";
import { coded } from "../../primitives/coded_error.ts";

const SECRET = "the-secret-of-the-entry";

/** A server that notes what it is sent, and refuses all of it. */
function serve() {
  const bodies: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    bodies.push(`${request.method} ${await request.text()}`);
    return Response.json({ error: "invalid_grant" }, { status: 400 });
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;
  return { origin, bodies, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function run(issuer: string, provider: Omit<IdentityProvider, "idToken">): Promise<void> {
  const client = {
    issuer,
    redirectShape: "entry:company",
    source: "pre-registered",
    clientId: "app",
    clientSecret: SECRET,
    tokenEndpointAuthMethod: "client_secret_post",
    redirectUris: [],
    registeredAt: 0,
  } as const;
  const credential: CredentialRecord = {
    name: "company",
    issuer,
    authorizationServer: { issuer, token_endpoint: `${issuer}/token` },
    client,
    requestedScopes: [],
    grantedScopes: [],
    accessToken: "at",
    tokenType: "bearer",
    idToken: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln",
    obtainedAt: 0,
  };
  const ports = fakeGrantPorts({ clock: fakeClock(), identity: () => Promise.resolve(credential) });
  const wanted: GrantRun = {
    name: "demo",
    again: "mcp-auth login demo",
    grant: {
      kind: "enterprise",
      identityProvider: { ...provider, idToken: { from: "entry", name: "company" } },
    },
    server: { issuer: "https://as.example", token_endpoint: "https://as.example/token" },
    client: { clientId: "demo", tokenEndpointAuthMethod: "none" },
    resource: undefined,
    scopes: [],
  };
  await runGrant(ports, wanted);
}

Deno.test("neither the ID token nor the client of an entry goes to another provider than the entry's own", async () => {
  await using own = serve();
  await using other = serve();
  for (
    const provider of [{ issuer: other.origin }, { tokenEndpoint: `${other.origin}/token` }, {
      issuer: other.origin,
      clientId: "app",
      clientSecret: "another-secret",
    }]
  ) {
    await rejects(
      run(own.origin, provider),
      coded("ISSUER_MISMATCH", /identity of "company" at .* it is from/),
    );
  }
  deepEqual([own.bodies, other.bodies], [[], []]);
});

Deno.test("the provider of the entry may be named beside it, by its issuer or its token endpoint", async () => {
  await using own = serve();
  const providers = [{}, { issuer: own.origin }, { tokenEndpoint: `${own.origin}/exchange` }];
  for (const provider of providers) {
    await rejects(run(own.origin, provider), coded("AUTH_FAILED", /invalid_grant/));
  }
  equal(own.bodies.filter((body) => body.includes(SECRET)).length, providers.length);
});
