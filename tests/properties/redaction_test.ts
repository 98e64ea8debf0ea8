/**
 * What is logged and shown: no secret in whatever carries it (row 41), nothing that steers a terminal.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { redact } from "../../lib/primitives/http/redaction.ts";
import { safeText, safeUrl } from "../../lib/primitives/untrusted_text.ts";
import { host, property, secrets, text } from "./property.ts";

const name = fc.constantFrom(
  "access_token",
  "refresh_token",
  "id_token",
  "client_secret",
  "client_assertion",
  "code",
  "code_verifier",
  "device_code",
  "password",
  "registration_access_token",
  "state",
);
const around = fc.stringMatching(/^[a-z0-9 .]{0,20}$/);

/** The ways in which messages, logs and dumps carry a secret. */
const CARRIERS: readonly ((name: string, secret: string, text: string) => string)[] = [
  (name, secret) => JSON.stringify({ a: 1, [name]: secret, b: "c" }),
  (name, secret) => JSON.stringify({ [name]: secret }, null, 2),
  (name, secret) => JSON.stringify({ body: JSON.stringify({ [name]: secret }) }),
  (name, secret) => JSON.stringify({ deep: JSON.stringify({ body: JSON.stringify({ [name]: secret }) }) }),
  (name, secret) => Deno.inspect({ a: { [name]: secret } }),
  (name, secret) => `a=b&${name}=${secret}&c=d`,
  (name, secret) => `${name}=${secret}`,
  (name, secret) => `https://as.example.com/authorize?${name}=${secret}&x=y`,
  (name, secret) => `https://as.example.com/#${name}=${secret}`,
  (name, secret) => `https://as.example.com/?next=${encodeURIComponent(`https://h/?${name}=${secret}`)}`,
  (_name, secret) => `https://user:${secret}@as.example.com/`,
  (_name, secret) => `http://${secret}@proxy.example.com:3128`,
  (_name, secret) => `Authorization: Bearer ${secret}`,
  (_name, secret) => `authorization: Basic ${btoa(`client:${secret}`)} ${secret}`,
  (_name, secret) => `Cookie: a=b; session=${secret}`,
  (_name, secret) => `x-api-key: ${secret}`,
  (_name, secret) => `mcp-session-id: ${secret}`,
  (_name, secret) => `Bearer ${secret}`,
  (_name, secret) => `DPoP ${secret}`,
  (_name, secret) => `eyJhbGciOiJFUzI1NiJ9.${secret}.${secret}`,
];

property(
  "a secret is taken out of whatever carries it, whatever stands around it",
  fc.record({ name, secret: secrets, before: around, after: around, carrier: fc.constantFrom(...CARRIERS) }),
  ({ name, secret, before, after, carrier }) => {
    const line = `${before} ${carrier(name, secret, before)} ${after}`;
    ok(!redact(line).includes(secret), `${line} -> ${redact(line)}`);
  },
);

property(
  "prose passes as it is",
  fc.array(fc.constantFrom("The", "server", "refused", "it:", "try", "again,", "then", "(404)"), {
    maxLength: 12,
  }),
  (words) => {
    equal(redact(words.join(" ")), words.join(" "));
  },
);

property(
  "what was redacted once has no more to redact",
  fc.tuple(text, name, secrets),
  ([value, member, secret]) => {
    const once = redact(`${value} ${member}=${secret}`);
    ok(!redact(once).includes(secret));
    ok(redact(value).length <= value.length * 12 + 40);
  },
);

property(
  "shown text steers no terminal, is capped and stays what it is",
  fc.tuple(text, fc.integer({ min: 1, max: 80 })),
  ([value, max]) => {
    const shown = safeText(value, max);
    ok(shown.length <= max);
    ok(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(shown) && shown.isWellFormed());
    ok(safeText(shown, max).length <= shown.length);
  },
);

property(
  "anything at all can be shown",
  fc.anything({ withBigInt: true, withMap: true, withNullPrototype: true }),
  (value) => {
    equal(typeof safeText(value), "string");
    equal(typeof safeUrl(value), "string");
  },
);

property(
  "a shown URL has neither password nor query nor fragment",
  fc.tuple(host, secrets, fc.constantFrom("https://", "http:/", "ftp:\\\\", "HTTPS://")),
  ([name, secret, scheme]) => {
    for (
      const url of [
        `${scheme}u:${secret}@${name}/p`,
        `${scheme}${secret}@${name}`,
        `${scheme}${name}/?a=${secret}`,
        `${scheme}${name}#${secret}`,
      ]
    ) {
      ok(!safeUrl(url).includes(secret), `${url} -> ${safeUrl(url)}`);
    }
  },
);
