/**
 * Whom an entry's certificate is shown to: its own server, and the authorization server that it signs in at; and what
 * can be told of a connection beforehand.
 *
 * @see behaviours rows 39 and 40
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { Network, type Reachable } from "../../../lib/interfaces/composition/network.ts";
import type { CredentialRecord, ServerOptions } from "../../../lib/services/credentials/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { Pki } from "../../primitives/http/pki.ts";

/** An authority, a certificate of a client, and servers that say which one they were shown. */
class Stage implements AsyncDisposable {
  readonly #pki: Pki;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly options: ServerOptions;
  readonly #settings: { readonly cert: string; readonly key: string; readonly ca: string };

  private constructor(pki: Pki, options: ServerOptions, settings: { cert: string; key: string; ca: string }) {
    this.#pki = pki;
    this.options = options;
    this.#settings = settings;
  }

  static async set(): Promise<Stage> {
    const pki = await Pki.make();
    const { certFile: caFile, cert: ca } = await pki.authority();
    const { certFile, keyFile } = await pki.issue("authority", "me", "DNS:me");
    const { cert, key } = await pki.issue("authority", "server", "DNS:localhost");
    return new Stage(pki, { caFile, clientCertificate: { certFile, keyFile } }, { cert, key, ca });
  }

  /**
   * Starts a server that asks for a certificate.
   *
   * @param location Where it redirects to; it answers itself unless set.
   * @returns Its origin.
   */
  async server(location?: string): Promise<string> {
    const asking = { ...this.#settings, requestCert: true, rejectUnauthorized: false };
    const server = createServer(asking, (request, response) => {
      if (location !== undefined) return response.writeHead(302, { location }).end();
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      return response.end(subject?.CN ?? "none");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#closers.push(() =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      })
    );
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers) await close();
    await this.#pki[Symbol.asyncDispose]();
  }
}

function networkOf(
  env: Readonly<Record<string, string>> = {},
  credential?: Partial<CredentialRecord>,
): Network {
  return new Network({
    ports: { env: fakeEnv(env), lookup: () => Promise.resolve(() => Promise.resolve(["93.184.215.14"])) },
    credential: (name) =>
      Promise.resolve(name === "demo" ? credential as CredentialRecord | undefined : undefined),
    log: undefined,
  });
}

const shown = async (network: Network, entry: Reachable, url: string) =>
  await (await network.http(entry)(url)).text();

Deno.test("an entry's certificate is shown to its server, and to the authorization server once that is found, and to no other", async () => {
  await using stage = await Stage.set();
  const [mcp, as, token, other] = [
    await stage.server(),
    await stage.server(),
    await stage.server(),
    await stage.server(),
  ];
  const { options } = stage;
  const entry: Reachable = { name: "demo", url: `${mcp}/mcp`, options };
  using network = networkOf();
  equal(await shown(network, entry, `${mcp}/anything`), "me");
  for (const origin of [as, token, other]) equal(await shown(network, entry, origin), "none");
  network.found(entry, {
    issuer: as,
    token_endpoint: `${token}/token`,
    service_documentation: `${other}/docs`,
  });
  for (const origin of [mcp, as, token]) equal(await shown(network, entry, origin), "me");
  equal(await shown(network, entry, other), "none");
  const neighbour = { name: "neighbour", url: `${other}/mcp`, options };
  for (const origin of [mcp, as, token]) equal(await shown(network, neighbour, origin), "none");
  equal(await shown(network, { ...entry, options: { caFile: options.caFile! } }, mcp), "none");
});

Deno.test("an entry's certificate is shown where it has signed in, and to the authorization server that its user named", async () => {
  await using stage = await Stage.set();
  const [mcp, as, other] = [await stage.server(), await stage.server(), await stage.server()];
  const { options } = stage;
  const entry: Reachable = { name: "demo", url: `${mcp}/mcp`, options };
  {
    using network = networkOf({}, { issuer: as, authorizationServer: { issuer: as } });
    deepEqual([await shown(network, entry, as), await shown(network, entry, other)], ["me", "none"]);
  }
  for (const authorizationServer of [{ issuer: as }, { tokenEndpoint: `${as}/token` }]) {
    using network = networkOf();
    const named = { ...entry, options: { ...options, authorizationServer } };
    deepEqual([await shown(network, named, as), await shown(network, named, other)], ["me", "none"]);
  }
});

Deno.test("a redirect to another server takes no certificate along", async () => {
  await using stage = await Stage.set();
  const other = await stage.server();
  const redirecting = await stage.server(other);
  const entry = { name: "demo", url: `${redirecting}/mcp`, options: stage.options };
  using network = networkOf();
  equal(await shown(network, entry, entry.url), "none");
});

Deno.test("a connection can be described beforehand, without a secret in it, and whatever is wrong", async () => {
  await using stage = await Stage.set();
  const entry: Reachable = { name: "demo", url: "https://mcp.test/mcp", options: stage.options };
  using network = networkOf({ HTTPS_PROXY: "http://u:hunter2@proxy.test", NO_PROXY: "direct.test" });
  const through = await network.describe(entry, entry.url);
  deepEqual(through.proxy, { url: "http://proxy.test:80", variable: "HTTPS_PROXY" });
  deepEqual(through.caFiles.map(({ namedBy, certificates }) => [namedBy, certificates]), [["--ca-file", 1]]);
  deepEqual([through.clientCertificate?.isShown, through.clientCertificate?.subject], [true, "CN=me"]);
  deepEqual(through.addresses, [{ address: "93.184.215.14", network: "public" }]);
  deepEqual([through.error, through.refusal], [undefined, undefined]);
  ok(!Deno.inspect(through, { depth: 9 }).includes("hunter2"));
  const past = await network.describe(entry, "https://direct.test/");
  deepEqual([past.proxy, past.clientCertificate?.isShown], [undefined, false]);
  equal((await network.describe(entry, "https://10.0.0.1/")).refusal?.code, "UNSAFE_URL");
  using broken = networkOf({ HTTPS_PROXY: "http://u:hunter2@", SSL_CERT_FILE: "/nonexistent" });
  const { error, caFiles, refusal } = await broken.describe(entry, entry.url);
  equal(error?.code, "CONFIG_INVALID");
  match(error?.message ?? "", /^Cannot use the proxy in HTTPS_PROXY/);
  deepEqual(caFiles.map(({ error }) => error?.code), [undefined, "CONFIG_MISSING"]);
  equal(refusal, undefined);
});
