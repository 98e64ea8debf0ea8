/**
 * Headers of an entry (row 47), and those that mirror a message (T12).
 *
 * @see RFC 9110 section 5
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { mirroredHeaders, statelessParams } from "../../lib/primitives/mcp/request_headers.ts";
import { classify } from "../../lib/primitives/mcp/jsonrpc.ts";
import { expandHeaders, parseHeader, parseHeaderLines } from "../../lib/services/config/mod.ts";
import { json, keepsSecret, property, secrets, text, tried } from "./property.ts";

const name = fc.stringMatching(/^x-[a-z0-9-]{1,12}$/);
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const reserved = fc.constantFrom(
  "Authorization",
  "accept",
  "Mcp-Session-Id",
  "MCP-Protocol-Version",
  "Host",
  "dpop",
);

property("a header that is accepted can be sent as it stands", text, async (line) => {
  for (const each of [line, `X-A: ${line}`, `${line}: a`]) {
    const outcome = await tried(() => parseHeader(each));
    if ("error" in outcome) equal(outcome.error.code, "USAGE");
    else new Headers([[...outcome.value]]);
  }
});

property(
  "a header is read as it was written, with any blanks",
  fc.tuple(name, value, fc.constantFrom("", " ", "\t  ")),
  ([key, content, gap]) => {
    deepEqual(parseHeader(`${key}${gap}:${gap}${content}`), [key, content]);
    deepEqual(parseHeaderLines(`# comment\r\n\n${key}:${gap}${content}\n`), [[key, content]]);
  },
);

property(
  "a header that mcp-auth sets itself, or that is none, is refused without its value",
  fc.tuple(reserved, name, secrets),
  async ([own, key, secret]) => {
    for (
      const line of [
        `${own}: ${secret}`,
        `${key} ${secret}`,
        `${secret}`,
        `${key}: a\r\n${secret}: b`,
        `${key}: ${secret}\u0000`,
      ]
    ) {
      for (const read of [parseHeader, parseHeaderLines]) {
        const outcome = await tried<unknown>(() => read(line));
        if ("error" in outcome) keepsSecret(outcome.error, secret);
        else ok(read === parseHeaderLines && !line.startsWith(own));
      }
    }
  },
);

property(
  "variables are filled in and nothing else is, and a missing one shows no other's value",
  fc.tuple(name, secrets, text),
  async ([key, secret, around]) => {
    const env = (variable: string) => variable === "SET" ? secret : undefined;
    const plain = around.replaceAll("$", "");
    deepEqual(expandHeaders({ [key]: `${plain}\${SET}${plain}` }, env), {
      [key]: `${plain}${secret}${plain}`,
    });
    const outcome = await tried(() => expandHeaders({ a: "${SET}", [key]: "${MISSING}" }, env));
    ok("error" in outcome && outcome.error.code === "CONFIG_MISSING");
    keepsSecret(outcome.error, secret);
  },
);

property(
  "the secrets of mcp-auth itself go into no header",
  fc.constantFrom("KEY", "PASSPHRASE", "CLIENT_SECRET", "PRIVATE_KEY", "ACCESS_TOKEN"),
  async (own) => {
    const outcome = await tried(() => expandHeaders({ a: `\${MCP_AUTH_${own}}` }, () => "s3cr3t"));
    ok("error" in outcome && outcome.error.code === "CONFIG_INVALID");
  },
);

property(
  "whatever a message is called, what mirrors it can be sent and is read back the same",
  fc.tuple(text, text, json),
  ([method, target, params]) => {
    const asked = typeof params === "object" && params !== null
      ? { ...params, name: target }
      : { name: target };
    const request = {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: statelessParams(asked, "2026-07-28", { name: "c", version: "1" }),
    };
    const headers = new Headers(mirroredHeaders(classify(request)));
    const decoded = (field: string | null) => {
      const base64 = /^=\?base64\?(.*)\?=$/.exec(field ?? "")?.[1];
      return base64 === undefined ? field : new TextDecoder().decode(Uint8Array.fromBase64(base64));
    };
    equal(decoded(headers.get("mcp-name")), target.toWellFormed());
    equal(headers.get("mcp-protocol-version"), "2026-07-28");
    const other = new Headers(mirroredHeaders(classify({ ...request, method })));
    equal(decoded(other.get("mcp-method")), method.toWellFormed());
  },
);
