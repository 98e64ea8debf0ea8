/**
 * Which addresses a server may name.
 *
 * @see RFC 9728 section 7.7; MCP security best practices, SSRF (C68-C70)
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createAddressGuard, judgeAddresses, type Lookup } from "../../../lib/primitives/http/address.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { PROXY_LOOKUP_MS } from "../../../lib/primitives/limits.ts";
import { coded } from "../coded_error.ts";

/** What names resolve to in these tests. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "mcp.example.com": ["93.184.215.14"],
  "auth.example.com": ["93.184.215.15", "2606:2800:21f:cb07::1"],
  "rebound.example.com": ["127.0.0.1"],
  "metadata.example.com": ["169.254.169.254"],
  "half.example.com": ["93.184.215.14", "10.0.0.1"],
  "six.example.com": ["fd12:3456::1"],
  "zone.example.com": ["fe80::1%eth0"],
  "mapped.example.com": ["::ffff:10.0.0.1"],
  "mcp.corp.example": ["10.1.2.3"],
  "auth.corp.example": ["10.9.9.9"],
  "vpn.corp.example": ["100.64.0.1"],
  "xn--bcher-kva.example.com": ["10.0.0.1"],
  "local.corp.example": ["127.0.0.1"],
};

const looked: string[] = [];
function lookup(hostname: string): Promise<readonly string[]> {
  looked.push(hostname);
  const addresses = NAMES[hostname];
  return addresses === undefined ? Promise.reject(new Error("no such host")) : Promise.resolve(addresses);
}

function guardOf(serverUrl: string, allowPrivateHosts: readonly string[] = []) {
  const guard = createAddressGuard({ serverUrl, allowPrivateHosts, lookup });
  return (url: string) => guard(new URL(url));
}

// GHSA-vv7q-7jx5-f767, CVE-2026-51994 and CVE-2026-45609: what a public server may not have this machine ask.
const fromPublic = guardOf("https://mcp.example.com/mcp");

const refused: readonly (readonly [string, string, string])[] = [
  ["IPv4 loopback", "https://127.0.0.1/", "loopback"],
  ["all of 127.0.0.0/8", "https://127.200.3.4/", "loopback"],
  ["localhost", "http://localhost:9200/", "loopback"],
  ["a name below localhost", "http://a.localhost/", "loopback"],
  ["IPv6 loopback", "https://[::1]/", "loopback"],
  ["IPv6 loopback in full", "https://[0:0:0:0:0:0:0:1]/", "loopback"],
  ["10.0.0.0/8", "https://10.255.255.255/", "private"],
  ["172.16.0.0/12", "https://172.31.0.1/", "private"],
  ["192.168.0.0/16", "https://192.168.0.1/", "private"],
  ["unique-local IPv6", "https://[fd00::1]/", "private"],
  ["unique-local IPv6, the other half", "https://[fc00::1]/", "private"],
  ["link-local IPv4", "https://169.254.1.1/", "link-local"],
  ["the cloud's metadata address", "https://169.254.169.254/latest/meta-data/", "link-local"],
  ["link-local IPv6", "https://[fe80::1]/", "link-local"],
  ["0.0.0.0, which is loopback on Linux", "https://0.0.0.0/", "unspecified"],
  ["0.1.2.3", "https://0.1.2.3/", "unspecified"],
  ["[::]", "https://[::]/", "unspecified"],
  ["octal digits", "https://0177.0.0.1/", "loopback"],
  ["hexadecimal digits", "https://0x7f.0x0.0x0.0x1/", "loopback"],
  ["one hexadecimal number", "https://0xa9fea9fe/", "link-local"],
  ["one decimal number", "https://2130706433/", "loopback"],
  ["a short form", "https://127.1/", "loopback"],
  ["a short form of a private address", "https://10.1/", "private"],
  ["full-width digits", "https://１２７.0.0.1/", "loopback"],
  ["a final dot", "https://127.0.0.1./", "loopback"],
  ["a mapped address", "https://[::ffff:127.0.0.1]/", "loopback"],
  ["a mapped private address in hexadecimal", "https://[::ffff:a00:1]/", "private"],
  ["a compatible address", "https://[::127.0.0.1]/", "loopback"],
  ["a compatible private address", "https://[::10.0.0.1]/", "private"],
  ["a translated address (RFC 6145)", "https://[::ffff:0:127.0.0.1]/", "loopback"],
  ["NAT64", "https://[64:ff9b::127.0.0.1]/", "loopback"],
  ["NAT64 to the metadata address", "https://[64:ff9b::a9fe:a9fe]/", "link-local"],
  ["NAT64 with a local prefix", "https://[64:ff9b:1::10.0.0.1]/", "private"],
  ["6to4", "https://[2002:7f00:1::]/", "loopback"],
  ["6to4 to a private address", "https://[2002:c0a8:101::1]/", "private"],
  ["NAT64 with a local prefix of 48 bits", "https://[64:ff9b:1:a00:0:100::]/", "private"],
  ["NAT64 with a local prefix of 56 bits", "https://[64:ff9b:1:a:0:1::]/", "private"],
  ["NAT64 with a local prefix of 64 bits", "https://[64:ff9b:1:0:a:0:100:0]/", "private"],
  ["NAT64 of nothing", "https://[64:ff9b::]/", "unspecified"],
  ["Teredo", "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", "loopback"],
  ["Teredo of a private address", "https://[2001:0:4136:e378:8000:63bf:f5ff:fffe]/", "private"],
  ["ISATAP", "https://[2606:2800:21f:cb07:0:5efe:127.0.0.1]/", "loopback"],
  ["ISATAP with the universal bit", "https://[2606:2800:21f:cb07:200:5efe:10.0.0.1]/", "private"],
  ["a site-local address", "https://[fec0::1]/", "private"],
  ["localhost with a final dot", "https://localhost./", "loopback"],
  ["a name below localhost with a final dot", "https://a.localhost./", "loopback"],
  ["a name with a final dot", "https://metadata.example.com./", "link-local"],
  ["an IDN name", "https://b\u00fccher.example.com/", "private"],
  ["a name in full-width letters", "https://\uff52ebound.example.com/", "loopback"],
  ["a name of a loopback address", "https://rebound.example.com/", "loopback"],
  ["a name of the metadata address", "https://metadata.example.com/", "link-local"],
  ["a name with one public and one private address", "https://half.example.com/", "private"],
  ["a name of a unique-local address", "https://six.example.com/", "private"],
  ["a name of a link-local address with a zone", "https://zone.example.com/", "link-local"],
  ["a name of a mapped address", "https://mapped.example.com/", "private"],
  ["a name in capitals", "https://REBOUND.EXAMPLE.COM/", "loopback"],
];

for (const [description, url, network] of refused) {
  Deno.test(`a public server may not name ${description}`, async () => {
    await rejects(fromPublic(url), coded("UNSAFE_URL", new RegExp(`named a ${network} address`)));
  });
}

const allowed: readonly (readonly [string, string])[] = [
  ["a public address", "https://93.184.215.15/"],
  ["a public IPv6 address", "https://[2606:2800:21f:cb07::1]/"],
  ["a public name", "https://auth.example.com/"],
  ["its own name on another port", "https://mcp.example.com:8443/"],
  ["NAT64 of a public address", "https://[64:ff9b::8.8.8.8]/"],
  ["6to4 of a public address", "https://[2002:808:808::1]/"],
  ["NAT64 with a local prefix, of a public address", "https://[64:ff9b:1::8.8.8.8]/"],
  ["NAT64 with a local prefix of 48 bits, of a public address", "https://[64:ff9b:1:808:8:800::]/"],
  ["Teredo of a public address", "https://[2001:0:4136:e378:8000:63bf:f7f7:f7f7]/"],
  ["ISATAP of a public address", "https://[2606:2800:21f:cb07:0:5efe:8.8.8.8]/"],
  ["an address that only looks like ISATAP", "https://[2606:2800:21f:cb07:0:5eff:10.0.0.1]/"],
  ["its own name with a final dot", "https://mcp.example.com./"],
  ["carrier-grade NAT, which VPNs use", "https://100.64.0.1/"],
  ["the benchmarking range, which proxies use", "https://198.18.0.1/"],
  ["a neighbour of the private ranges", "https://172.32.0.1/"],
  ["another neighbour", "https://11.0.0.1/"],
  ["a name that is unknown here, which a proxy may know", "https://unknown.example.com/"],
];

for (const [description, url] of allowed) {
  Deno.test(`a public server may name ${description}`, () => fromPublic(url));
}

const ownNetwork: readonly (readonly [string, string, string, boolean])[] = [
  ["on loopback", "http://127.0.0.1:3000/mcp", "http://localhost:4000/", true],
  ["on loopback", "http://localhost:3000/mcp", "http://[::1]:4000/", true],
  ["on loopback", "http://localhost:3000/mcp", "https://127.0.0.2/", true],
  ["on loopback", "http://localhost:3000/mcp", "https://10.0.0.1/", false],
  ["on loopback", "http://localhost:3000/mcp", "https://169.254.169.254/", false],
  ["on loopback", "http://localhost:3000/mcp", "https://auth.example.com/", true],
  ["on a private network", "https://mcp.corp.example/mcp", "https://auth.corp.example/", true],
  ["on a private network", "https://mcp.corp.example/mcp", "https://192.168.0.1/", true],
  ["on a private network", "https://10.0.0.1/mcp", "https://auth.corp.example/", true],
  ["on a private network", "https://[fd00::1]/mcp", "https://10.0.0.1/", true],
  ["on a private network", "https://mcp.corp.example/mcp", "https://127.0.0.1/", false],
  ["on a private network", "https://mcp.corp.example/mcp", "http://localhost:9200/", false],
  ["on a private network", "https://mcp.corp.example/mcp", "https://169.254.169.254/", false],
  ["with a name that resolves to loopback", "https://local.corp.example/", "https://127.0.0.1/", true],
  ["with a name that resolves to loopback", "https://local.corp.example/", "http://127.0.0.1:9200/", false],
  ["with a name that resolves to loopback", "https://local.corp.example/", "http://localhost/", false],
  ["with a private address beside its public one", "https://half.example.com/", "https://10.0.0.9/", false],
  ["whose name is unknown", "https://unknown.example.com/", "https://10.0.0.9/", false],
];

for (const [where, serverUrl, url, may] of ownNetwork) {
  Deno.test(`a server ${where} (${serverUrl}) may ${may ? "" : "not "}name ${url}`, async () => {
    if (may) return await guardOf(serverUrl)(url);
    await rejects(guardOf(serverUrl)(url), coded("UNSAFE_URL"));
  });
}

const byUser: readonly (readonly [string, string, boolean])[] = [
  ["auth.corp.example", "https://auth.corp.example/", true],
  ["AUTH.corp.example", "https://auth.corp.example/", true],
  ["auth.corp.example:8443", "https://auth.corp.example:8443/", true],
  ["auth.corp.example:8443", "https://auth.corp.example:9999/", false],
  ["corp.example", "https://auth.corp.example/", false],
  ["10.0.0.1", "https://10.0.0.1:8443/", true],
  ["10.0.0.1", "https://10.0.0.2/", false],
  ["fd00::1", "https://[fd00::1]:8443/", true],
  ["[fd00::1]", "https://[fd00::1]:8443/", true],
  ["localhost", "http://localhost:9000/", true],
  ["localhost.", "https://localhost:9000/", true],
  ["b\u00fccher.example.com", "https://xn--bcher-kva.example.com/", true],
  ["2130706433", "https://127.0.0.1/", true],
  ["localhost", "http://127.0.0.1:9000/", false],
];

for (const [host, url, may] of byUser) {
  Deno.test(`--allow-private-host ${host} ${may ? "allows" : "does not allow"} ${url}`, async () => {
    const guard = guardOf("https://mcp.example.com/mcp", [host]);
    if (may) return await guard(url);
    await rejects(guard(url), coded("UNSAFE_URL"));
  });
}

Deno.test("a refusal names the host to allow, and the server's own host is never looked up", async () => {
  looked.length = 0;
  await fromPublic("https://mcp.example.com/other");
  equal(looked.length, 0);
  await rejects(fromPublic("https://rebound.example.com/x?code=hunter2"), (error: unknown) => {
    coded("UNSAFE_URL", /"https:\/\/rebound\.example\.com\/x"/)(error);
    const { hint } = error as McpAuthError;
    match(hint ?? "", /--allow-private-host rebound\.example\.com$/);
    return true;
  });
  equal(looked.includes("rebound.example.com"), true);
});

Deno.test("CVE-2026-77822: addresses are looked up anew before each connection", async () => {
  let calls = 0;
  const guard = createAddressGuard({
    serverUrl: "https://mcp.example.com/",
    lookup: (hostname) =>
      Promise.resolve(hostname === "auth.example.com" && calls++ > 0 ? ["127.0.0.1"] : ["93.184.215.14"]),
  });
  await guard(new URL("https://auth.example.com/"));
  await rejects(guard(new URL("https://auth.example.com/")), coded("UNSAFE_URL"));
});

/** The guard of a public server, all of whose connections go through a proxy. */
function guardBehindProxy(find: Lookup, throughProxy = true) {
  const guard = createAddressGuard({
    serverUrl: "https://mcp.example.com/mcp",
    lookup: find,
    throughProxy: () => Promise.resolve(throughProxy),
  });
  return (url: string) => guard(new URL(url));
}

Deno.test("row 40: behind a proxy, addresses and names that are known here are judged as ever (C72)", async () => {
  const guard = guardBehindProxy(lookup);
  for (
    const url of [
      "https://10.0.0.1/",
      "https://[::ffff:127.0.0.1]/",
      "https://rebound.example.com/",
      "http://localhost/",
    ]
  ) {
    await rejects(guard(url), coded("UNSAFE_URL"));
  }
  await guard("https://auth.example.com/");
});

Deno.test("row 40: behind a proxy, a name that only the proxy knows is allowed, and not looked up at each request", async () => {
  let calls = 0;
  const guard = guardBehindProxy(() => (calls++, Promise.reject(new Error("no such host"))));
  for (let times = 0; times < 3; times++) await guard("https://inside.corp.example/");
  equal(calls, 1);
});

Deno.test("row 40: behind a proxy, a name service that does not answer holds nothing up", async () => {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  let calls = 0;
  const guard = guardBehindProxy(() => (calls++, promise));
  const started = performance.now();
  for (let times = 0; times < 3; times++) await guard("https://inside.corp.example/");
  equal(calls, 1);
  ok(performance.now() - started < 3 * PROXY_LOOKUP_MS);
  resolve([]);
});

Deno.test("the addresses of a host can be told, each with its network", async () => {
  deepEqual(await judgeAddresses("half.example.com", lookup), [
    { address: "93.184.215.14", network: "public" },
    { address: "10.0.0.1", network: "private" },
  ]);
  deepEqual(await judgeAddresses("[64:ff9b::a9fe:a9fe]", lookup), [
    { address: "64:ff9b::a9fe:a9fe", network: "link-local" },
  ]);
  await rejects(judgeAddresses("unknown.example.com", lookup), /no such host/);
});
