/**
 * Which URLs may be used at all (C49, C69, C73).
 *
 * @see OAuth 2.1 section 1.5; MCP security best practices
 * @module
 */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { checkEndpoint } from "../../lib/primitives/oauth/server_metadata.ts";
import { isLoopbackHost, parseWebUrl } from "../../lib/primitives/web_url.ts";
import { host, keepsSecret, path, property, secrets, text, tried } from "./property.ts";

const loopback = fc.oneof(
  fc.constantFrom("localhost", "a.localhost", "[::1]", "127.0.0.1"),
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => `127.${parts.join(".")}`),
);
const strange = fc.constantFrom(
  "javascript:",
  "data:",
  "file://",
  "ftp://",
  "ws://",
  "vbscript:",
  "about:",
);

property(
  "what is accepted is https or loopback, without user name and password, whatever the text",
  text,
  async (value) => {
    for (const url of [value, `https://${value}`, `http://${value}`, `http://localhost${value}`]) {
      const outcome = await tried(() => parseWebUrl(url));
      if ("error" in outcome) {
        equal(outcome.error.code, "UNSAFE_URL");
        continue;
      }
      const { protocol, hostname, username, password } = outcome.value;
      ok(protocol === "https:" || (protocol === "http:" && isLoopbackHost(hostname)));
      equal(username + password, "");
    }
  },
);

property(
  "https on the web and http on loopback are accepted, http on the web is not",
  fc.tuple(host, loopback, path),
  async ([name, local, way]) => {
    equal("value" in await tried(() => parseWebUrl(`https://${name}${way}`)), true);
    equal("value" in await tried(() => parseWebUrl(`http://${local}:8080${way}`)), true);
    equal("error" in await tried(() => parseWebUrl(`http://${name}${way}`)), true);
  },
);

property(
  "no host is taken for loopback because it looks like one",
  fc.tuple(host, loopback),
  async ([name, local]) => {
    const bare = local.replace(/[[\]]/g, "");
    for (
      const url of [
        `http://${bare.replaceAll(":", "-")}.${name}/`,
        `http://localhost${name}/`,
        `http://${name.replaceAll(".", "")}localhost/`,
        `http://${local}@${name}/`,
      ]
    ) {
      equal("error" in await tried(() => parseWebUrl(url)), true, url);
    }
  },
);

property(
  "schemes that run or read something are refused, and the refusal shows no secret",
  fc.tuple(strange, host, secrets),
  async ([scheme, name, secret]) => {
    for (
      const url of [
        `${scheme}${name}`,
        `${scheme}u:${secret}@${name}`,
        `${scheme}${name}?token=${secret}#${secret}`,
      ]
    ) {
      const outcome = await tried(() => parseWebUrl(url));
      ok("error" in outcome, url);
      keepsSecret(outcome.error, secret);
    }
  },
);

property(
  "a refused https URL shows neither its password nor its query",
  fc.tuple(host, secrets, path),
  async ([name, secret, way]) => {
    const urls = [
      `https://user:${secret}@${name}${way}`,
      `https://${secret}@${name}${way}`,
      `https:/\\${secret}@${name}`,
      `https://${name}:99999${way}?code=${secret}`,
      `http://${name}${way}?code=${secret}#${secret}`,
    ];
    for (const url of urls) {
      const outcome = await tried(() => parseWebUrl(url, "endpoint"));
      ok("error" in outcome, url);
      keepsSecret(outcome.error, secret);
    }
  },
);

property(
  "a server on the web has no endpoint on this machine",
  fc.tuple(host, loopback, path),
  async ([name, local, way]) => {
    const outcome = await tried(() =>
      checkEndpoint(`http://${local}${way}`, "token_endpoint", `https://${name}`)
    );
    equal("error" in outcome && outcome.error.code, "UNSAFE_URL");
    equal(
      "value" in
        await tried(() => checkEndpoint(`http://${local}${way}`, "token_endpoint", `http://${local}`)),
      true,
    );
    equal(
      "value" in
        await tried(() => checkEndpoint(`https://${name}${way}`, "token_endpoint", `https://${name}`)),
      true,
    );
  },
);

property(
  "an endpoint with control characters is refused",
  fc.tuple(host, fc.constantFrom("\n", "\r", "\t", "\u0000", "\u007f", "\u0085")),
  async ([name, control]) => {
    for (
      const url of [
        `https://${name}/a${control}b`,
        `https://${name}/${control}`,
        `${control}https://${name}/`,
      ]
    ) {
      equal("error" in await tried(() => checkEndpoint(url, "token_endpoint", `https://${name}`)), true);
    }
  },
);
