/**
 * Which proxy a request goes through, by the variables: as curl decides, with loopback never among them.
 *
 * @see behaviours row 40
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { proxyFor, readProxy, readProxySettings } from "../../../lib/primitives/http/proxy.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../coded_error.ts";

async function choose(url: string, variables: Readonly<Record<string, string>>): Promise<string | undefined> {
  const settings = readProxySettings(fakeEnv(variables));
  return settings === undefined ? undefined : (await proxyFor(new URL(url), settings))?.url;
}

const A = "http://a.test:3128";
const B = "http://b.test:3128";

const chosen: readonly (readonly [string, string, Readonly<Record<string, string>>, string | undefined])[] = [
  ["no variable is no proxy", "https://mcp.test/", {}, undefined],
  ["HTTPS_PROXY is for https", "https://mcp.test/", { HTTPS_PROXY: A }, A],
  ["https_proxy as well", "https://mcp.test/", { https_proxy: A }, A],
  ["the lower-case name wins", "https://mcp.test/", { https_proxy: A, HTTPS_PROXY: B }, A],
  ["HTTP_PROXY is not for https", "https://mcp.test/", { HTTP_PROXY: A }, undefined],
  ["ALL_PROXY is for https", "https://mcp.test/", { ALL_PROXY: A }, A],
  ["all_proxy wins over ALL_PROXY", "https://mcp.test/", { all_proxy: A, ALL_PROXY: B }, A],
  ["HTTPS_PROXY wins over all_proxy", "https://mcp.test/", { all_proxy: B, HTTPS_PROXY: A }, A],
  ["a value of spaces is none", "https://mcp.test/", { https_proxy: " ", HTTPS_PROXY: A }, A],
  ["HTTP_PROXY is for http", "http://mcp.test/", { HTTP_PROXY: A }, A],
  [
    "HTTP_PROXY is not read in a CGI program",
    "http://mcp.test/",
    { HTTP_PROXY: A, REQUEST_METHOD: "GET" },
    undefined,
  ],
  ["http_proxy is", "http://mcp.test/", { http_proxy: A, REQUEST_METHOD: "GET" }, A],
  ["a value without a scheme is an http proxy", "https://mcp.test/", { HTTPS_PROXY: "a.test:3128" }, A],
  ["a port is added", "https://mcp.test/", { HTTPS_PROXY: "http://a.test" }, "http://a.test:80"],
  ["that of https proxies", "https://mcp.test/", { HTTPS_PROXY: "https://a.test/" }, "https://a.test:443"],
  ["that of SOCKS proxies", "https://mcp.test/", { ALL_PROXY: "socks5h://a.test" }, "socks5h://a.test:1080"],
  ["an IPv6 address", "https://mcp.test/", { HTTPS_PROXY: "http://[::1]:3128" }, "http://[::1]:3128"],
  [
    "user and password",
    "https://mcp.test/",
    { HTTPS_PROXY: "http://u:p%40s@a.test:1" },
    "http://u:p%40s@a.test:1",
  ],
  [
    "a proxy on a private network",
    "https://mcp.test/",
    { HTTPS_PROXY: "http://10.0.0.1:3128" },
    "http://10.0.0.1:3128",
  ],
];

for (const [description, url, variables, proxy] of chosen) {
  Deno.test(`row 40: ${description}`, async () => equal(await choose(url, variables), proxy));
}

for (
  const url of [
    "http://localhost:3000/",
    "http://a.localhost/",
    "https://localhost/",
    "https://localhost./",
    "http://127.0.0.1:8456/callback",
    "https://127.9.9.9/",
    "http://[::1]:3000/",
    "https://2130706433/",
  ]
) {
  Deno.test(`row 40: ${url} never goes through a proxy`, async () => {
    equal(await choose(url, { http_proxy: A, https_proxy: A, ALL_PROXY: A }), undefined);
  });
}

const exceptions: readonly (readonly [noProxy: string, url: string, isException: boolean])[] = [
  ["*", "https://mcp.test/", true],
  ["mcp.test", "https://mcp.test/", true],
  ["MCP.Test", "https://mcp.test/", true],
  ["mcp.test.", "https://mcp.test/", true],
  ["mcp.test", "https://mcp.test./", true],
  ["mcp.test", "https://a.mcp.test/", true],
  [".mcp.test", "https://a.mcp.test/", true],
  [".mcp.test", "https://mcp.test/", true],
  ["*.mcp.test", "https://a.mcp.test/", true],
  ["mcp.test", "https://notmcp.test/", false],
  ["cp.test", "https://mcp.test/", false],
  ["a.mcp.test", "https://mcp.test/", false],
  ["mcp.test:8443", "https://mcp.test:8443/", true],
  ["mcp.test:8443", "https://mcp.test/", false],
  ["mcp.test:443", "https://mcp.test/", true],
  ["mcp.test:443", "https://a.mcp.test/", true],
  ["mcp.test:443", "https://mcp.test:8443/", false],
  ["other.test, mcp.test", "https://mcp.test/", true],
  ["other.test mcp.test", "https://mcp.test/", true],
  ["other.test,,", "https://mcp.test/", false],
  ["10.0.0.1", "https://10.0.0.1/", true],
  ["0.0.1", "https://10.0.0.1/", false],
  ["10.0.0.1:8443", "https://10.0.0.1:8443/", true],
  ["10.0.0.0/8", "https://10.255.0.1/", true],
  ["10.0.0.0/8", "https://11.0.0.1/", false],
  ["10.0.0.0/8", "https://mcp.test/", false],
  ["fd00::/8", "https://[fd12::1]/", true],
  ["fd00::/8", "https://10.0.0.1/", false],
  ["fd12::1", "https://[fd12:0:0:0:0:0:0:1]/", true],
  ["[fd12::1]", "https://[fd12::1]/", true],
  ["[fd12::1]:8443", "https://[fd12::1]:8443/", true],
  ["[fd12::1]:8443", "https://[fd12::1]/", false],
  ["10.0.0.0/99", "https://10.0.0.1/", false],
  ["bücher.test", "https://xn--bcher-kva.test/", true],
  ["%%%", "https://mcp.test/", false],
  ["[", "https://mcp.test/", false],
];

for (const [noProxy, url, isException] of exceptions) {
  Deno.test(`row 40: NO_PROXY "${noProxy}" is ${isException ? "" : "not "}about ${url}`, async () => {
    const direct = (await choose(url, { https_proxy: A, NO_PROXY: noProxy })) === undefined;
    equal(direct, isException);
    equal(await choose(url, { https_proxy: A, NO_PROXY: noProxy, no_proxy: "none.test" }), A);
  });
}

const malformed = [
  "http://",
  "http://user:hunter2@",
  "://hunter2",
  "http://[hunter2",
  "http://a.test:99999/?hunter2",
  "ht tp://hunter2",
  "ftp://user:hunter2@a.test",
  "socks4://user:hunter2@a.test",
  "file:///hunter2",
  "http://user:hunter2%zz@a.test",
];

for (const value of malformed) {
  Deno.test(`row 40: a proxy of ${value} is an error that names the variable and not the value`, async () => {
    const settings = readProxySettings(fakeEnv({ HTTPS_PROXY: value }))!;
    const check = (error: unknown) => {
      coded("CONFIG_INVALID", /^Cannot use the proxy in HTTPS_PROXY: /)(error);
      const { message, hint } = error as McpAuthError;
      ok(!`${message} ${hint}`.includes("hunter2"), message);
      return true;
    };
    throws(() => readProxy(settings["https:"]!), check);
    equal(await proxyFor(new URL("http://localhost/"), settings), undefined);
  });
}

Deno.test("what is shown of a proxy has neither user nor password", () => {
  const { shown, hostname, port } = readProxy({
    variable: "HTTPS_PROXY",
    value: "http://u:hunter2@a.test:3128/x?y",
  });
  deepEqual({ shown, hostname, port }, { shown: A, hostname: "a.test", port: 3128 });
});
