/**
 * Proxies as the environment names them, right and wrong (row 40).
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { proxyFor, readProxy, readProxySettings } from "../../lib/primitives/http/proxy.ts";
import { host, keepsSecret, property, secrets, text, tried } from "./property.ts";

function settingsOf(variables: Readonly<Record<string, string>>) {
  return readProxySettings({ get: (name) => variables[name] });
}

async function isProxied(url: string, variables: Readonly<Record<string, string>>): Promise<boolean> {
  const settings = settingsOf(variables);
  return settings !== undefined && await proxyFor(new URL(url), settings) !== undefined;
}

const PROXY = "http://proxy.example.com:3128";
const port = fc.integer({ min: 1, max: 65_535 });
const scheme = fc.constantFrom("http", "https", "socks5");

property("a proxy of any text is one that can be named, or a coded error", text, async (value) => {
  for (const each of [value, `http://${value}`, `http://user:${value}@proxy:1`]) {
    const outcome = await tried(() => readProxy({ variable: "HTTPS_PROXY", value: each }));
    if ("error" in outcome) {
      equal(outcome.error.code, "CONFIG_INVALID");
      continue;
    }
    const { url, shown, hostname, port } = outcome.value;
    ok(URL.canParse(url) && hostname !== "" && port >= 0 && port <= 65_535);
    ok(!shown.includes("@"));
  }
});

property(
  "a proxy's password is shown nowhere, whether the proxy can be used or not",
  fc.tuple(secrets, host, scheme),
  async ([secret, name, protocol]) => {
    const values = [
      `${protocol}://user:${secret}@${name}:3128`,
      `user:${secret}@${name}`,
      `ftp://user:${secret}@${name}`,
      `${protocol}://user:${secret}%zz@${name}`,
      `${protocol}://user:${secret}@${name}:99999`,
      `${protocol}://user:${secret}@`,
    ];
    for (const value of values) {
      const outcome = await tried(() => readProxy({ variable: "ALL_PROXY", value }));
      if ("error" in outcome) keepsSecret(outcome.error, secret);
      else ok(!outcome.value.shown.includes(secret));
    }
  },
);

property(
  "loopback is never proxied, and the web is",
  fc.tuple(host, fc.nat(255), scheme),
  async ([name, part, protocol]) => {
    const variables = { HTTPS_PROXY: `${protocol}://proxy.example.com`, HTTP_PROXY: PROXY };
    for (const local of ["localhost", "a.localhost", "[::1]", `127.0.${part}.1`]) {
      equal(await isProxied(`https://${local}:8443/`, variables), false);
      equal(await isProxied(`http://${local}/`, variables), false);
    }
    equal(await isProxied(`https://${name}/`, variables), true);
  },
);

property(
  "NO_PROXY excepts a host and what is below it, at its port where it names one, and nothing beside it",
  fc.record({
    name: host,
    other: host,
    at: port,
    before: fc.array(host, { maxLength: 3 }),
    gap: fc.constantFrom(",", ", ", " "),
  }),
  async ({ name, other, at, before, gap }) => {
    const proxied = (url: string, exception: string) =>
      isProxied(url, {
        https_proxy: PROXY,
        no_proxy: [...before.filter((each) => each !== name), exception].join(gap),
      });
    for (const exception of [name, `.${name}`, `*.${name}`, name.toUpperCase(), `${name}.`]) {
      equal(await proxied(`https://${name}:${at}/`, exception), false, exception);
      equal(await proxied(`https://below.${name}/`, exception), false, exception);
    }
    const strange = [`x${name}`, ...(other.endsWith(name) ? [] : [other])].filter((each) =>
      !before.some((exception) => each === exception || each.endsWith(`.${exception}`))
    );
    for (const each of strange) equal(await proxied(`https://${each}/`, name), true, each);
    equal(await proxied(`https://${name}:${at}/`, `${name}:${at}`), false);
    if (strange.length > 0 && !before.some((each) => name.endsWith(`.${each}`) || name === each)) {
      equal(await proxied(`https://${name}:${at}/`, `${name}:${at === 1 ? 2 : at - 1}`), true);
    }
    equal(await proxied(`https://${name}/`, "*"), false);
  },
);

property(
  "NO_PROXY of any text excepts or does not, and never fails",
  fc.tuple(text, host),
  async ([value, name]) => {
    for (const url of [`https://${name}/`, "https://10.1.2.3:8443/", "https://[2001:db8::1]/"]) {
      ok("value" in await tried(() => isProxied(url, { https_proxy: PROXY, no_proxy: value })));
    }
  },
);

property(
  "an address block excepts its addresses and no others",
  fc.tuple(fc.nat(255), fc.nat(255)),
  async ([third, last]) => {
    const variables = { https_proxy: PROXY, no_proxy: `10.20.${third}.0/24,2001:db8::/32` };
    equal(await isProxied(`https://10.20.${third}.${last}/`, variables), false);
    equal(await isProxied(`https://10.21.${third}.${last}/`, variables), true);
    equal(await isProxied(`https://[2001:db8:${third}::${last}]/`, variables), false);
    equal(await isProxied(`https://[2001:db9::${last}]/`, variables), true);
  },
);
