/** Static headers: how they are written, what they may not be, and how variables get into them. */
import { deepEqual, throws } from "node:assert/strict";
import { expandHeaders, parseHeader } from "../../../lib/services/config/mod.ts";
import { coded } from "../../primitives/coded_error.ts";

const READ: readonly (readonly [text: string, header: readonly [string, string]])[] = [
  ["X-Api-Key: abc", ["X-Api-Key", "abc"]],
  ["X-Api-Key:abc", ["X-Api-Key", "abc"]],
  ["X-Api-Key :  a: b", ["X-Api-Key", "a: b"]],
  ["X-Empty:", ["X-Empty", ""]],
  ["X-Team: ${TEAM}", ["X-Team", "${TEAM}"]],
  ["Cookie: a=b; c=d", ["Cookie", "a=b; c=d"]],
  ["X-Latin: caf\u00e9", ["X-Latin", "caf\u00e9"]],
];

for (const [text, header] of READ) {
  Deno.test(`the header ${JSON.stringify(text)} is read`, () => deepEqual(parseHeader(text), header));
}

const REFUSED = [
  "X-Api-Key",
  ": value",
  "X Y: value",
  "X-A: value\r\nX-B: other",
  "X-A: value\nX-B: other",
  "X-A\r\n: value",
  "X-A: value\r",
  "X-A: value\n",
  "X-A: a\u0000b",
  "X-A: a\u007fb",
  "X-A: \u20ac",
  "X-A\u00e9: value",
  "",
];

for (const text of REFUSED) {
  Deno.test(`${JSON.stringify(text)} is no header, and the error does not repeat it`, () => {
    throws(() => parseHeader(text), (error) => {
      coded("USAGE", /^Cannot read --header: it has no form "Name: value"$/)(error);
      return true;
    });
  });
}

for (
  const name of [
    "Authorization",
    "authorization",
    "AUTHORIZATION",
    "Content-Type",
    "Content-Length",
    "Host",
    "Mcp-Session-Id",
    "MCP-Protocol-Version",
    "Last-Event-ID",
    "Accept",
    "Connection",
    "Transfer-Encoding",
  ]
) {
  Deno.test(`the header ${name} is the program's own`, () => {
    throws(() => parseHeader(`${name}: x`), coded("USAGE", /mcp-auth sets it itself$/));
  });
}

const variables: Readonly<Record<string, string>> = { KEY: "s3cret", TEAM: "a$&b${KEY}", EMPTY_NOT: "x" };
const variable = (name: string) => variables[name];

Deno.test("variables are filled in, once, and everything else stays as it is", () => {
  deepEqual(
    expandHeaders(
      {
        "X-Key": "${KEY}",
        "X-Two": "${KEY}-${KEY}",
        "X-Team": "${TEAM}",
        "X-Plain": "$KEY {KEY} ${} ${1A} $${KEY}",
      },
      variable,
    ),
    {
      "X-Key": "s3cret",
      "X-Two": "s3cret-s3cret",
      "X-Team": "a$&b${KEY}",
      "X-Plain": "$KEY {KEY} ${} ${1A} $s3cret",
    },
  );
});

Deno.test("no headers are none", () => deepEqual(expandHeaders(undefined, variable), {}));

Deno.test("a variable that is not set is CONFIG_MISSING, and named", () => {
  throws(
    () => expandHeaders({ "X-Key": "${NOT_THERE}" }, variable),
    coded("CONFIG_MISSING", /"NOT_THERE" is not set/),
  );
});

for (
  const name of [
    "MCP_AUTH_KEY",
    "MCP_AUTH_NEW_KEY",
    "MCP_AUTH_PASSPHRASE",
    "MCP_AUTH_NEW_PASSPHRASE",
    "MCP_AUTH_EXPORT_PASSPHRASE",
    "MCP_AUTH_CLIENT_SECRET",
    "DENO_KV_ACCESS_TOKEN",
  ]
) {
  Deno.test(`${name} is in no header, whoever wrote it`, () => {
    throws(
      () => expandHeaders({ "X-Key": `a \${${name}}` }, () => "s3cret"),
      coded("CONFIG_INVALID", new RegExp(`"${name}" is a secret of mcp-auth itself$`)),
    );
  });
}
