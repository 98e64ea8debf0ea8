/** The way to an origin: what stands in it is told by the step that it stands at (rows 39 and 40). */
import { deepEqual, equal, match } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { HandshakeFacts } from "../../../lib/primitives/system/reach.ts";
import { goTo } from "../../../lib/services/diagnosis/network.ts";
import { checkOf, portsFor } from "./scene.ts";

const URL_TEXT = "https://mcp.example.com/mcp";
const NONE = { error: undefined, caFiles: [], caCerts: [], clientCertificate: undefined };
const at = (...args: Parameters<typeof portsFor>) =>
  goTo(portsFor(...args), new URL(args[0]), "server", soon());
const soon = () => AbortSignal.timeout(5_000);

const reachable = (facts: Partial<HandshakeFacts> = {}) => ({
  lookup: () => Promise.resolve(["93.184.216.34"]),
  reach: {
    connect: () => Promise.resolve("93.184.216.34:443"),
    handshake: () => Promise.resolve({ problem: undefined, chain: [], ...facts }),
  },
});

Deno.test("through a proxy nothing is looked up or connected to here", async () => {
  const never = () => Promise.reject(new Error("asked"));
  const { checks, broken } = await at(URL_TEXT, {
    lookup: never,
    reach: { connect: never, handshake: never },
    route: () =>
      Promise.resolve({ ...NONE, proxy: { url: "http://proxy.example:3128", variable: "HTTPS_PROXY" } }),
  });
  equal(broken, undefined);
  match(checkOf(checks, "proxy").detail, /^http:\/\/proxy\.example:3128, named by HTTPS_PROXY$/);
  for (const id of ["dns", "tcp", "tls"]) equal(checkOf(checks, id).status, "skip");
});

Deno.test("a proxy that cannot be used ends the way before anything is asked", async () => {
  const error = new McpAuthError("CONFIG_INVALID", "Cannot use the proxy in HTTPS_PROXY: it is not a URL");
  const { checks, broken } = await at(URL_TEXT, {
    route: () => Promise.resolve({ ...NONE, proxy: undefined, error }),
  });
  equal(broken?.id, "proxy");
  equal(checks.length, 1);
});

Deno.test("a file of certificates that cannot be read is told as such", async () => {
  const error = new McpAuthError("CONFIG_MISSING", "Cannot read the certificates: there is no file");
  const { broken } = await at(URL_TEXT, {
    route: () =>
      Promise.resolve({
        ...NONE,
        proxy: undefined,
        error,
        caFiles: [{ path: "/x.pem", namedBy: "--ca-file", certificates: 0, error }],
      }),
  });
  equal(broken?.id, "certificates");
  equal(broken?.code, "CONFIG_MISSING");
});

Deno.test("a name that nobody knows leaves connection and certificate unasked", async () => {
  const { checks, broken } = await at(URL_TEXT);
  equal(broken?.id, "dns");
  deepEqual(checks.map(({ id, status }) => `${id} ${status}`), [
    "proxy ok",
    "certificates ok",
    "dns fail",
    "tcp skip",
    "tls skip",
  ]);
});

Deno.test("a name that the sandbox does not let us look up is no failure", async () => {
  const refused = new Error("Requires net access");
  refused.name = "NotCapable";
  const { broken, checks } = await at(URL_TEXT, { ...reachable(), lookup: () => Promise.reject(refused) });
  equal(broken, undefined);
  equal(checkOf(checks, "dns").status, "skip");
  equal(checkOf(checks, "tcp").status, "ok");
});

const DAY = 86_400_000;
const certificate = (days: number) => ({
  subject: "mcp.example.com",
  issuer: "R3",
  names: "DNS:mcp.example.com",
  notBefore: Date.now() - 60 * DAY,
  notAfter: Date.now() + days * DAY,
});

for (
  const [description, facts, status, words] of [
    ["that is good", { chain: [certificate(60)] }, "ok", /^mcp\.example\.com, by R3, until \d{4}-\d\d-\d\d$/],
    ["that ends soon", { chain: [certificate(3.5)] }, "warn", /it ends in 3 days/],
    [
      "of an unknown authority",
      { problem: "invalid peer certificate: UnknownIssuer", chain: [certificate(60)] },
      "fail",
      /not of an authority that is trusted here; it shows mcp\.example\.com, by R3/,
    ],
    [
      "for other names",
      { problem: 'invalid peer certificate: certificate not valid for name "x"', chain: [certificate(60)] },
      "fail",
      /it is for other names \(DNS:mcp\.example\.com\)/,
    ],
    [
      "that is not valid yet",
      { problem: "invalid peer certificate: certificate not valid yet: x" },
      "fail",
      /not valid yet/,
    ],
    [
      "that is none",
      { problem: "received corrupt message of type InvalidContentType" },
      "fail",
      /Cannot speak TLS/,
    ],
    ["whose problem is new", { problem: "invalid peer certificate: Novel" }, "fail", /Novel/],
  ] as const
) {
  Deno.test(`a certificate ${description} is ${status}`, async () => {
    const { checks } = await at(URL_TEXT, reachable(facts));
    equal(checkOf(checks, "tls").status, status);
    match(checkOf(checks, "tls").detail, words);
  });
}

for (
  const [name, code, words] of [
    ["TimeoutError", "TIMEOUT", /no answer within 5 s/],
    ["ConnectionRefused", "NETWORK_ERROR", /nothing listens there/],
    ["NotCapable", "PERMISSION_DENIED", /sandbox/],
    ["Error", "NETWORK_ERROR", /no route/],
  ] as const
) {
  Deno.test(`a connection that ends in ${name} is ${code}`, async () => {
    const error = new Error("no route to host");
    error.name = name;
    const { reach, lookup } = reachable();
    const { broken } = await at(URL_TEXT, {
      lookup,
      reach: { ...reach, connect: () => Promise.reject(error) },
    });
    equal(broken?.code, code);
    match(broken?.detail ?? "", words);
  });
}
