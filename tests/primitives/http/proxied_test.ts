/**
 * Requests with proxies in the environment of a whole process: Deno reads those variables itself, so what is decided
 * here has to be seen from outside. Real proxies, real TLS, and every Deno that is at hand.
 *
 * @see behaviours rows 39 and 40
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type RunningProxy, startSquid, startTinyproxy } from "../../fakes/proxies.ts";
import { freePort, serve, serveRaw } from "./local_server.ts";
import { Pki } from "./pki.ts";
import type { Fetched } from "./programs/fetching.ts";

const PROGRAM = fileURLToPath(new URL("./programs/fetching.ts", import.meta.url));
/** A checkout loads some of its modules when it needs them, and has to be allowed to read them. */
const MODULES = `--allow-read=${fileURLToPath(new URL("../../../lib", import.meta.url))}`;
const CONFIG = fileURLToPath(new URL("../../../deno.json", import.meta.url));

/** This Deno, and the older one that binaries are made with, where it is at hand. */
const DENOS = [Deno.execPath(), ...[Deno.env.get("DENO_COMPILE")].filter((path) => path !== undefined)];

/** What each request ended with; every URL is fetched twice, once on a connection of its own. */
async function fetched(
  urls: readonly string[],
  env: Readonly<Record<string, string>>,
  permissions: readonly string[] = ["--allow-net", "--allow-env", "--allow-read"],
): Promise<readonly Fetched[]> {
  const runs = await Promise.all(DENOS.map(async (deno) => {
    const { HOME = "", DENO_DIR = "", PATH = "" } = Deno.env.toObject();
    const { stdout, stderr } = await new Deno.Command(deno, {
      args: ["run", "--no-prompt", "--quiet", "--config", CONFIG, ...permissions, PROGRAM, ...urls],
      clearEnv: true,
      env: { HOME, PATH, ...(DENO_DIR === "" ? {} : { DENO_DIR }), NO_COLOR: "1", ...env },
    }).output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    equal(lines.length, urls.length * 2, new TextDecoder().decode(stderr));
    return lines.map((line): Fetched => JSON.parse(line));
  }));
  const [first = [], ...others] = runs;
  for (const other of others) deepEqual(other, first);
  return first;
}

/** The same for one URL, whose two requests end alike. */
async function fetchedOne(
  url: string,
  env: Readonly<Record<string, string>>,
  permissions?: readonly string[],
): Promise<Fetched> {
  const [single, shared] = await fetched([url], env, permissions);
  deepEqual(single, shared);
  return single!;
}

/** A server that speaks TLS. */
function serveTls({ cert, key }: { readonly cert: string; readonly key: string }) {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {}, onError: () => new Response("failed") },
    () => new Response("secure"),
  );
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("row 40: loopback is reached directly, by http and https, whatever the proxies say and however NO_PROXY is set", async () => {
  await using pki = await Pki.make();
  const authority = await pki.authority();
  await using secure = serveTls(await pki.issue("authority", "local", "DNS:localhost,IP:127.0.0.1"));
  await using plain = serve(() => new Response("plain"));
  const nowhere = `http://user:hunter2@127.0.0.1:${freePort()}`;
  const urls = [
    plain.origin,
    plain.origin.replace("127.0.0.1", "localhost"),
    `https://localhost:${secure.port}/`,
  ];
  const env = {
    HTTP_PROXY: nowhere,
    HTTPS_PROXY: nowhere,
    ALL_PROXY: nowhere,
    SSL_CERT_FILE: authority.certFile,
  };
  for (const more of [{}, { NO_PROXY: "other.test" }, { no_proxy: "other.test" }]) {
    const texts = (await fetched(urls, { ...env, ...more })).map(({ text, message }) => text ?? message);
    deepEqual(texts, ["plain", "plain", "plain", "plain", "secure", "secure"]);
  }
});

Deno.test("row 40: https goes through the proxy by CONNECT, with its user name and password, and past it where NO_PROXY says so", async () => {
  await using pki = await Pki.make();
  const authority = await pki.authority();
  await using server = serveTls(await pki.issue("authority", "mcp.test", "DNS:mcp.test"));
  await using proxy = await startSquid({ user: "us@er:p@ss:w/rd", hosts: { "mcp.test": "127.0.0.1" } });
  const HTTPS_PROXY = `http://us%40er:p%40ss%3Aw%2Frd@${proxy.host}`;
  const env = { HTTPS_PROXY, SSL_CERT_FILE: authority.certFile };
  const url = `https://mcp.test:${server.port}/`;
  equal((await fetchedOne(url, env)).text, "secure");
  const asked = await askedOf(proxy, 2 * DENOS.length);
  equal(asked.length, 2 * DENOS.length);
  deepEqual([...new Set(asked)], [`CONNECT mcp.test:${server.port}`]);
  // Deno would read an exception without its port, and has another opinion on whose variable counts.
  equal((await fetchedOne(url, { ...env, NO_PROXY: "mcp.test", no_proxy: `mcp.test:1` })).text, "secure");
  const before = (await askedOf(proxy, 4 * DENOS.length)).length;
  for (const no_proxy of [`mcp.test:${server.port}`, "*", ".test"]) {
    const { code, message = "", unsent } = await fetchedOne(url, { ...env, no_proxy });
    deepEqual({ code, unsent }, { code: "NETWORK_ERROR", unsent: true });
    match(message, /dns error|lookup/);
  }
  equal((await proxy.asked()).length, before);
});

Deno.test("row 40: a proxy behind TLS, and a SOCKS proxy, are used as well", async () => {
  await using pki = await Pki.make();
  const authority = await pki.authority();
  await using server = serveTls(await pki.issue("authority", "mcp.test", "DNS:mcp.test"));
  await using front = serveTlsProxy(await pki.issue("authority", "proxy", "DNS:localhost"), server.port);
  await using socks = serveSocks(server.port);
  const SSL_CERT_FILE = authority.certFile;
  for (const HTTPS_PROXY of [`https://localhost:${front.port}`, `socks5h://127.0.0.1:${socks.port}`]) {
    equal(
      (await fetchedOne("https://mcp.test/", { HTTPS_PROXY, SSL_CERT_FILE })).text,
      "secure",
      HTTPS_PROXY,
    );
  }
  const requests = [...front.asked, ...socks.asked];
  deepEqual([...new Set(requests)], ["CONNECT mcp.test:443", "mcp.test:443"]);
});

Deno.test("row 40: what goes wrong at the proxy is named as the proxy's, without its password, and nothing was sent", async () => {
  await using closed = await startTinyproxy({ user: "u:hunter2" });
  await using other = await startTinyproxy({ connectPort: 4443 });
  await using guarded = await startSquid({ user: "u:hunter2" });
  await using refusing = await startSquid({ refuses: true });
  await using silent = serveRaw("");
  const gone = `127.0.0.1:${freePort()}`;
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ["wants a password", closed.host, "CONFIG_INVALID", /wants a user name and password$/],
    ["wants a password (1.1)", guarded.host, "CONFIG_INVALID", /wants a user name and password$/],
    [
      "wants another password",
      `u:hunter22@${closed.host}`,
      "CONFIG_INVALID",
      /refuses its user name or password$/,
    ],
    [
      "wants another password (1.1)",
      `u:hunter22@${guarded.host}`,
      "CONFIG_INVALID",
      /refuses its user name or/,
    ],
    [
      "connects to other ports",
      other.host,
      "NETWORK_ERROR",
      /does not allow to connect to "mcp\.invalid:443" \(403\)$/,
    ],
    [
      "refuses all",
      refusing.host,
      "NETWORK_ERROR",
      /does not allow to connect to "mcp\.invalid:443" \(403\)$/,
    ],
    [
      "cannot connect",
      `u:hunter2@${closed.host}`,
      "NETWORK_ERROR",
      /cannot connect to "mcp\.invalid:443" \(50\d\)$/,
    ],
    ["is gone", `u:hunter2@${gone}`, "NETWORK_ERROR", /^Cannot reach the proxy "http:.*Connection refused/],
    [
      "has no address",
      "u:hunter2@proxy.invalid:3128",
      "NETWORK_ERROR",
      /^Cannot reach the proxy "http:.*proxy\.invalid/,
    ],
    ["hangs up", new URL(silent.origin).host, "NETWORK_ERROR", /^Cannot reach the proxy "http:/],
  ];
  for (const [description, proxy, code, message] of cases) {
    const found = await fetchedOne("https://mcp.invalid/token", { HTTPS_PROXY: `http://${proxy}` });
    deepEqual(
      { code: found.code, unsent: found.unsent },
      { code, unsent: true },
      `${description}: ${found.message}`,
    );
    match(found.message ?? "", message, description);
    match(`${found.message} ${found.hint}`, /HTTPS_PROXY/, description);
    ok(!`${found.message} ${found.hint}`.includes("hunter2"), found.message);
  }
  const malformed = await fetchedOne("https://mcp.invalid/", { HTTPS_PROXY: "http://u:hunter2@" });
  deepEqual([malformed.code, malformed.unsent], ["CONFIG_INVALID", true]);
});

Deno.test("row 40: in a sandbox the proxy has to be granted, and loopback needs nothing that it did not need", async () => {
  await using plain = serve(() => new Response("plain"));
  await using proxy = await startSquid();
  const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
  const variables = "--allow-env=HTTP_PROXY,HTTPS_PROXY";
  const net = `--allow-net=${plain.host},mcp.invalid:443`;
  // Hidden, half granted, and granted as printed.
  for (const grants of [[net], [net, variables], [net, `${variables},NO_PROXY`]]) {
    equal((await fetchedOne(plain.origin, env, grants)).text, "plain", grants.join(" "));
  }
  const refused = await fetchedOne("https://mcp.invalid/", env, [net, variables, MODULES]);
  equal(refused.code, "PERMISSION_DENIED");
  match(refused.message ?? "", new RegExp(`proxy "${proxy.host}", which HTTPS_PROXY names$`));
  equal(refused.hint, `Add --allow-net=${proxy.host}`);
  const past = await fetchedOne("https://127.0.0.1:1/", env, ["--allow-net=127.0.0.1:1", variables, MODULES]);
  deepEqual([past.code, past.hint], ["PERMISSION_DENIED", "Add --allow-env=NO_PROXY"]);
  deepEqual(await proxy.asked(), []);
  const through = await fetchedOne("https://mcp.invalid/", env, [`${net},${proxy.host}`, variables, MODULES]);
  match(through.message ?? "", /cannot connect to "mcp\.invalid:443"/);
});

/** What a proxy was asked for; it writes its log a moment after a connection has ended. */
async function askedOf(proxy: RunningProxy, atLeast: number): Promise<readonly string[]> {
  for (let tries = 0; tries < 100 && (await proxy.asked()).length < atLeast; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return await proxy.asked();
}

/** A proxy that is itself behind TLS, and connects everything to one port. */
function serveTlsProxy(certificate: { readonly cert: string; readonly key: string }, port: number) {
  const { cert, key } = certificate;
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  return relay(listener, port, async (connection) => {
    const asked = new TextDecoder().decode(await some(connection)).split(" HTTP/")[0]!;
    await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    return asked;
  });
}

/** A SOCKS5 proxy that connects everything to one port (RFC 1928). */
function serveSocks(port: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return relay(listener, port, async (connection) => {
    await some(connection);
    await connection.write(Uint8Array.of(5, 0));
    const request = await some(connection);
    equal(request[3], 3, "a name, for the proxy to resolve");
    await connection.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
    const name = new TextDecoder().decode(request.subarray(5, 5 + request[4]!));
    return `${name}:${request.at(-2)! * 256 + request.at(-1)!}`;
  });
}

async function some(connection: Deno.Conn): Promise<Uint8Array> {
  const bytes = new Uint8Array(1_024);
  return bytes.subarray(0, await connection.read(bytes) ?? 0);
}

function relay(
  listener: Deno.Listener<Deno.Conn<Deno.NetAddr>, Deno.NetAddr>,
  port: number,
  greet: (connection: Deno.Conn) => Promise<string>,
) {
  const asked: string[] = [];
  const open = new Set<Promise<unknown>>();
  const work = (async () => {
    for await (const connection of listener) {
      const one = (async () => {
        asked.push(await greet(connection));
        const server = await Deno.connect({ hostname: "127.0.0.1", port });
        await Promise.allSettled([
          connection.readable.pipeTo(server.writable),
          server.readable.pipeTo(connection.writable),
        ]);
      })();
      open.add(one.catch(() => {}));
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    asked,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await work;
      await Promise.allSettled(open);
    },
  };
}
