/** What the composition root adds to the services: whose credential an authorizer uses, and what a signal may cut. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { Services } from "../../../lib/interfaces/composition/services.ts";
import { systemPorts } from "../../../lib/interfaces/composition/system_ports.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { CredentialRecord, ServerRecord } from "../../../lib/services/credentials/mod.ts";
import { fakeClock } from "../../fakes/clock.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../../primitives/coded_error.ts";
import { startTokenEndpoint, type TokenEndpoint } from "../../services/tokens/token_endpoint.ts";

const server: ServerRecord = {
  name: "demo",
  url: "http://127.0.0.1:1/mcp",
  createdAt: 1,
  signIn: "oauth",
  options: {},
};

/** Services over a store in memory, with signals that the test sends. */
function startServices(): { readonly services: Services; interrupt(): void } {
  const controller = new AbortController();
  const services = new Services({
    ...systemPorts(),
    env: fakeEnv(),
    clock: fakeClock(),
    interruption: () =>
      Promise.resolve({
        signal: controller.signal,
        shield: (operation) => operation(),
        [Symbol.dispose]: () => {},
      }),
  }, { keystore: "memory" });
  return {
    services,
    interrupt: () => controller.abort(new McpAuthError("AUTH_CANCELLED", "Cancelled by signal")),
  };
}

function signedIn(endpoint: TokenEndpoint, members: Partial<CredentialRecord> = {}): CredentialRecord {
  const { issuer } = endpoint;
  return {
    name: "demo",
    issuer,
    authorizationServer: { issuer, token_endpoint: `${issuer}/token` },
    client: {
      issuer,
      redirectShape: "loopback",
      source: "dynamic",
      clientId: "client",
      tokenEndpointAuthMethod: "none",
      redirectUris: [],
      registeredAt: 1,
    },
    requestedScopes: [],
    grantedScopes: [],
    accessToken: "at-0",
    tokenType: "bearer",
    refreshToken: "rt-0",
    obtainedAt: 1,
    expiresAt: 2,
    ...members,
  };
}

const POST = { method: "POST", url: server.url };

Deno.test("an authorizer never hands out the token of another server that has got the entry's name", async () => {
  await using endpoint = startTokenEndpoint();
  const { services } = startServices();
  using _services = services;
  const credential = signedIn(endpoint);
  await services.store.saveSignedIn({ server, credential, client: credential.client });
  const mine = services.authorizer(server, { signIn: () => Promise.reject(new Error("must not be asked")) });
  const others = services.authorizer({ ...server, url: "http://127.0.0.1:2/mcp" }, {
    anonymous: true,
  });
  deepEqual(await mine.headers(POST), { authorization: "Bearer at-1" });
  await rejects(others.headers(POST), coded("CONFIG_INVALID", /another URL by now/));
  const refusal = {
    status: 401,
    wwwAuthenticate: null,
    dpopNonce: null,
    sent: {},
    operation: "x",
    attempt: 0,
  };
  await rejects(others.refused(refusal), coded("CONFIG_INVALID"));
});

Deno.test("a signal during a refresh takes effect once the new pair is stored", async () => {
  const { services, interrupt } = startServices();
  using _services = services;
  await using endpoint = startTokenEndpoint(() => {
    interrupt();
    return undefined;
  });
  const credential = signedIn(endpoint);
  await services.store.saveSignedIn({ server, credential, client: credential.client });
  await rejects(services.authority.current("demo"), coded("AUTH_CANCELLED", /by signal/));
  equal((await services.store.credential("demo"))?.record.refreshToken, "rt-1");
});

Deno.test("a signal during a refresh ahead of time ends the command as well, in place of serving the old token", async () => {
  const { services, interrupt } = startServices();
  using _services = services;
  await using endpoint = startTokenEndpoint(() => {
    interrupt();
    return undefined;
  });
  const now = fakeClock().now();
  const credential = signedIn(endpoint, { obtainedAt: now - 3_500_000, expiresAt: now + 100_000 });
  await services.store.saveSignedIn({ server, credential, client: credential.client });
  await rejects(services.authority.current("demo"), coded("AUTH_CANCELLED"));
  equal((await services.store.credential("demo"))?.record.accessToken, "at-1");
});

Deno.test("signing out says what was not revoked, and forgets it; a second time there is nothing to do", async () => {
  await using endpoint = startTokenEndpoint();
  const { services } = startServices();
  using _services = services;
  const credential = signedIn(endpoint);
  await services.store.saveSignedIn({ server, credential, client: credential.client });
  deepEqual(await services.signOut(server, { localOnly: false }), {
    signedOut: true,
    revocations: [
      { token: "refresh_token", outcome: "unsupported" },
      { token: "access_token", outcome: "unsupported" },
    ],
  });
  equal(await services.store.credential("demo"), undefined);
  deepEqual(await services.signOut(server, { localOnly: false }), { signedOut: false, revocations: [] });
});
