/**
 * Which servers are trusted, which certificate is shown and to whom, and what is said where that fails. Real TLS, with
 * authorities made by openssl.
 *
 * @see behaviours row 39
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { Connections, type EntryTrust } from "../../../lib/primitives/http/connections.ts";
import { reportTrust } from "../../../lib/primitives/http/trust_report.ts";
import { PEM_REREAD_MS } from "../../../lib/primitives/limits.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../coded_error.ts";
import { serve } from "./local_server.ts";
import { Pki } from "./pki.ts";

/** A server that answers with the name of the certificate that it was shown. */
async function serveTls(settings: ServerOptions) {
  const server = createServer(settings, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.end(`shown ${subject?.CN ?? "none"}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}/`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One request, on connections that are closed afterwards. */
async function fetchText(
  url: string,
  trust: EntryTrust = {},
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  using connections = new Connections(fakeEnv(env));
  return await (await createHttp({ connect: connections.for(trust) })(url, { once: true })).text();
}

const everywhere = () => Promise.resolve(true);

Deno.test("row 39: an authority of one's own is trusted by --ca-file and by each variable, all at once, beside the others", async () => {
  await using pki = await Pki.make();
  const [one, two] = [await pki.authority("one"), await pki.authority("two")];
  await using first = await serveTls(await pki.issue("one", "first", "DNS:localhost"));
  await using second = await serveTls(await pki.issue("two", "second", "DNS:localhost"));
  await rejects(fetchText(first.url), coded("NETWORK_ERROR"));
  equal(await fetchText(first.url, { caFile: one.certFile }), "shown none");
  for (const variable of ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT"]) {
    equal(await fetchText(first.url, {}, { [variable]: one.certFile }), "shown none", variable);
    for (const { url } of [first, second]) {
      equal(
        await fetchText(url, { caFile: two.certFile }, { [variable]: one.certFile }),
        "shown none",
        variable,
      );
    }
  }
  const both = await pki.write("both.pem", `${one.cert}\n${two.cert}`);
  for (const { url } of [first, second]) equal(await fetchText(url, { caFile: both }), "shown none");
});

Deno.test("row 39: a file that cannot be used is an error that names who named it", async () => {
  await using pki = await Pki.make();
  const authority = await pki.authority();
  const der = `${pki.folder}/der.pem`;
  await pki.openssl(["x509", "-in", authority.certFile, "-outform", "der", "-out", der]);
  const trusted = authority.cert.replaceAll("BEGIN CERT", "BEGIN TRUSTED CERT").replaceAll(
    "END CERT",
    "END TRUSTED CERT",
  );
  const files: readonly (readonly [string, "CONFIG_MISSING" | "CONFIG_INVALID", RegExp])[] = [
    [`${pki.folder}/missing.pem`, "CONFIG_MISSING", /there is no file/],
    [pki.folder, "CONFIG_INVALID", /is no file$/],
    [await pki.write("empty.pem", ""), "CONFIG_INVALID", /there is none in PEM/],
    [authority.keyFile, "CONFIG_INVALID", /there is none in PEM/],
    [der, "CONFIG_INVALID", /there is none in PEM/],
    [await pki.write("trusted.pem", trusted), "CONFIG_INVALID", /OpenSSL's own form/],
    [await pki.write("cut.pem", authority.cert.slice(0, 200)), "CONFIG_INVALID", /damaged/],
    [
      await pki.write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
      "CONFIG_INVALID",
      /damaged/,
    ],
    [await pki.write("huge.pem", authority.cert.padEnd(5_000_000)), "CONFIG_INVALID", /longer than/],
  ];
  for (const [path, code, message] of files) {
    for (
      const [named, trust, env] of [
        ["--ca-file", { caFile: path }, {}],
        ["NODE_EXTRA_CA_CERTS", { caFile: authority.certFile }, { NODE_EXTRA_CA_CERTS: path }],
      ] as const
    ) {
      await rejects(fetchText("https://localhost:4/", trust, env), (error) => {
        coded(code, message)(error);
        match((error as McpAuthError).message, new RegExp(`that ${named} names: `));
        return true;
      });
    }
  }
});

Deno.test("row 39: plain http on loopback reads no file of certificates", async () => {
  await using server = serve(() => new Response("plain"));
  equal(
    await fetchText(server.origin, { caFile: "/nonexistent" }, { SSL_CERT_FILE: "/nonexistent" }),
    "plain",
  );
});

Deno.test("row 39: a certificate that is not accepted is explained, with what to do", async () => {
  await using pki = await Pki.make();
  const { certFile: caFile } = await pki.authority();
  const self = await pki.authority("localhost");
  await pki.authority("stranger");
  await using own = await serveTls(self);
  await using unknown = await serveTls(await pki.issue("stranger", "unknown", "DNS:localhost"));
  await using wrong = await serveTls(await pki.issue("authority", "wrong", "DNS:other.test"));
  await using old = await serveTls(
    await pki.issue("authority", "old", "DNS:localhost", { from: "2021-01-01" }),
  );
  await using early = await serveTls(
    await pki.issue("authority", "early", "DNS:localhost", { from: "2090-01-01" }),
  );
  await using plain = serve(() => new Response("plain"));
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    [unknown.url, /an authority that is not trusted here/, /--ca-file <file> or SSL_CERT_FILE/],
    [
      wrong.url,
      /certificate is for another name \(.*"localhost".*other\.test/,
      /name that the certificate is for/,
    ],
    [old.url, /certificate has expired/, /clock/],
    [early.url, /certificate is not valid yet/, /clock/],
    [plain.origin.replace("http", "https"), /does not speak TLS/, /scheme and port/],
  ];
  for (const [url, message, hint] of cases) {
    await rejects(fetchText(url, { caFile }), (error) => {
      coded("NETWORK_ERROR", message)(error);
      match((error as McpAuthError).hint ?? "", hint);
      return true;
    });
  }
  for (const file of [caFile, self.certFile]) {
    await rejects(fetchText(own.url, { caFile: file }), coded("NETWORK_ERROR", /that of an authority/));
  }
});

Deno.test("row 39: a self-signed certificate of a server is trusted where it is named", async () => {
  await using pki = await Pki.make();
  const self = await pki.selfSigned("localhost");
  await using server = await serveTls(self);
  await rejects(fetchText(server.url), coded("NETWORK_ERROR", /not trusted here/));
  equal(await fetchText(server.url, { caFile: self.certFile }), "shown none");
});

Deno.test("a client certificate is shown where the entry says so, and to nobody else, though they ask for it", async () => {
  await using pki = await Pki.make();
  const { certFile: caFile, cert: ca } = await pki.authority();
  const { certFile, keyFile, cert, key } = await pki.issue("authority", "me", "DNS:me");
  const server = await pki.issue("authority", "server", "DNS:localhost");
  await using asks = await serveTls({ ...server, ca, requestCert: true, rejectUnauthorized: false });
  await using demands = await serveTls({ ...server, ca, requestCert: true, rejectUnauthorized: true });
  const clientCertificate = { certFile, keyFile };
  const both = await pki.write("both.pem", `${cert}\n${key}`);
  const trust = { caFile, clientCertificate, showsCertificateTo: everywhere };
  for (const { url } of [asks, demands]) equal(await fetchText(url, trust), "shown me");
  const inOne = { ...trust, clientCertificate: { certFile: both, keyFile: both } };
  equal(await fetchText(demands.url, inOne), "shown me");
  const port = new URL(demands.url).port;
  const toOne = { ...trust, showsCertificateTo: (url: URL) => Promise.resolve(url.port === port) };
  equal(await fetchText(asks.url, toOne), "shown none");
  equal(await fetchText(demands.url, toOne), "shown me");
  const refused: readonly (readonly [EntryTrust, RegExp])[] = [
    [{ caFile }, /--client-cert <file> --client-key <file>/],
    [{ caFile, clientCertificate }, /for its own servers/],
  ];
  for (const [without, hint] of refused) {
    await rejects(fetchText(demands.url, without), (error) => {
      coded("NETWORK_ERROR", /wants a client certificate|closed the connection/)(error);
      match((error as McpAuthError).hint ?? "", hint);
      return true;
    });
  }
  const { certFile: strange, keyFile: strangeKey } = await pki.authority("stranger");
  const wrong = { ...trust, clientCertificate: { certFile: strange, keyFile: strangeKey } };
  await rejects(fetchText(demands.url, wrong), (error) => {
    const { message, hint } = error as McpAuthError;
    coded("NETWORK_ERROR")(error);
    match(`${message} ${hint}`, /refuses the certificate of --client-cert|the one of --client-cert is valid/);
    return true;
  });
});

Deno.test("a certificate or key that cannot be used is an error, without a byte of the key in it", async () => {
  await using pki = await Pki.make();
  await pki.authority();
  const { certFile, keyFile, key } = await pki.issue("authority", "me", "DNS:me");
  const other = await pki.issue("authority", "other", "DNS:other", { key: ["-newkey", "rsa:2048"] });
  await pki.openssl([
    "pkcs8",
    "-topk8",
    "-in",
    keyFile,
    "-passout",
    "pass:x",
    "-out",
    `${pki.folder}/encrypted.key`,
  ]);
  await pki.openssl(["ec", "-in", keyFile, "-aes256", "-passout", "pass:x", "-out", `${pki.folder}/old.key`]);
  const damaged = await pki.write("damaged.key", key.replace(/^(.{60}).*$/m, "$1"));
  const cases: readonly (readonly [string, string, "CONFIG_MISSING" | "CONFIG_INVALID", RegExp])[] = [
    [
      certFile,
      `${pki.folder}/missing`,
      "CONFIG_MISSING",
      /private key that --client-key names: there is no file/,
    ],
    [
      `${pki.folder}/missing`,
      keyFile,
      "CONFIG_MISSING",
      /certificate that --client-cert names: there is no file/,
    ],
    [certFile, `${pki.folder}/encrypted.key`, "CONFIG_INVALID", /is encrypted$/],
    [certFile, `${pki.folder}/old.key`, "CONFIG_INVALID", /is encrypted$/],
    [certFile, certFile, "CONFIG_INVALID", /there is none in PEM/],
    [keyFile, keyFile, "CONFIG_INVALID", /there is none in PEM/],
    [certFile, other.keyFile, "CONFIG_INVALID", /belongs to another one$/],
    [other.certFile, keyFile, "CONFIG_INVALID", /belongs to another one$/],
    [certFile, damaged, "CONFIG_INVALID", /damaged/],
  ];
  for (const [cert, key_, code, message] of cases) {
    const trust = { clientCertificate: { certFile: cert, keyFile: key_ }, showsCertificateTo: everywhere };
    await rejects(fetchText("https://localhost:4/", trust), (error) => {
      coded(code, message)(error);
      const words = `${(error as McpAuthError).message} ${(error as McpAuthError).hint}`;
      for (const line of key.split("\n").slice(1, -2)) ok(!words.includes(line.slice(0, 20)), words);
      return true;
    });
  }
});

Deno.test("a certificate that is replaced while the program runs is the one that is shown soon after", async () => {
  await using pki = await Pki.make();
  const { certFile: caFile, cert: ca } = await pki.authority();
  const [old, next] = [
    await pki.issue("authority", "old", "DNS:me"),
    await pki.issue("authority", "new", "DNS:me"),
  ];
  const server = await pki.issue("authority", "server", "DNS:localhost");
  await using demands = await serveTls({ ...server, ca, requestCert: true, rejectUnauthorized: true });
  const file = await pki.write("current.pem", old.cert + old.key);
  using connections = new Connections(fakeEnv());
  const trust = {
    caFile,
    clientCertificate: { certFile: file, keyFile: file },
    showsCertificateTo: everywhere,
  };
  const http = createHttp({ connect: connections.for(trust) });
  const shown = async () => await (await http(demands.url)).text();
  const now = performance.now.bind(performance);
  let later = 0;
  performance.now = () => now() + later;
  try {
    equal(await shown(), "shown old");
    await Deno.remove(file);
    later = PEM_REREAD_MS + 1;
    equal(await shown(), "shown old", "while the file is being replaced");
    await pki.write("current.pem", next.cert + next.key);
    equal(await shown(), "shown old", "soon, and not at each request");
    later *= 2;
    equal(await shown(), "shown new");
  } finally {
    performance.now = now;
  }
});

Deno.test("what is trusted and shown can be told, each file with what is in it or what is wrong with it", async () => {
  await using pki = await Pki.make();
  const { certFile: caFile, cert } = await pki.authority();
  const { certFile, keyFile } = await pki.issue("authority", "me", "DNS:me");
  const two = await pki.write("two.pem", cert + cert);
  const env = fakeEnv({ SSL_CERT_FILE: two, DENO_CERT: "/nonexistent" });
  const clientCertificate = { certFile, keyFile };
  const report = await reportTrust(env, { caFile, clientCertificate }, new URL("https://mcp.test/"));
  deepEqual(report.caFiles.map(({ namedBy, certificates, error }) => [namedBy, certificates, error?.code]), [
    ["--ca-file", 1, undefined],
    ["SSL_CERT_FILE", 2, undefined],
    ["DENO_CERT", 0, "CONFIG_MISSING"],
  ]);
  const { subject, expiresAt = 0, isShown, error } = report.clientCertificate!;
  deepEqual({ subject, isShown, error }, { subject: "CN=me", isShown: false, error: undefined });
  ok(Math.abs(expiresAt - Date.now() - 30 * 86_400_000) < 86_400_000, String(expiresAt));
});
