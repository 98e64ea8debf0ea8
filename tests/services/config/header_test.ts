/** Static headers: how they are written, what they may not be, and how variables get into them. */
import { deepEqual, ok, throws } from "node:assert/strict";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { expandHeaders, parseHeader, parseHeaderLines } from "../../../lib/services/config/mod.ts";
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
    "DPoP",
    "Expect",
    "Keep-Alive",
    "Mcp-Method",
    "Mcp-Name",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Upgrade",
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
    "MCP_AUTH_IDP_CLIENT_SECRET",
    "MCP_AUTH_PRIVATE_KEY",
    "MCP_AUTH_ASSERTION",
    "MCP_AUTH_ID_TOKEN",
    "MCP_AUTH_ACCESS_TOKEN",
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

async function withFile(bytes: string | Uint8Array, test: (path: string) => void): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "mcp-auth-header-" });
  try {
    await Deno.writeFile(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
    test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("row 47: a value comes from a file, read when it is used, without the newline at its end", async () => {
  for (const text of ["s3cret", "s3cret\n", "s3cret\r\n"]) {
    await withFile(text, (path) => {
      const headers = { "X-Key": `\${file:${path}}`, "X-Two": `\${KEY}/\${file:${path}}` };
      deepEqual(expandHeaders(headers, variable), { "X-Key": "s3cret", "X-Two": "s3cret/s3cret" });
    });
  }
  await withFile("first", (path) => {
    const expand = () => expandHeaders({ "X-Key": `\${file:${path}}` }, variable);
    deepEqual(expand(), { "X-Key": "first" });
    Deno.writeTextFileSync(path, "${KEY}");
    deepEqual(expand(), { "X-Key": "${KEY}" });
  });
});

Deno.test("row 47: a file that holds no value of a header is an error that does not repeat it", async () => {
  const cases: readonly (readonly [string | Uint8Array, RegExp])[] = [
    ["", /is empty$/],
    ["\n", /is empty$/],
    ["hunter2\nX-Other: hunter2", /no value of a header$/],
    ["hunter2\r\n\r\n", /no value of a header$/],
    ["hunter2\u0000", /no value of a header$/],
    ["hunter2\u20ac", /no value of a header$/],
    [Uint8Array.of(0xff, 0xfe), /no value of a header$/],
    ["hunter2".padEnd(70_000), /longer than 65536 bytes$/],
  ];
  for (const [text, message] of cases) {
    await withFile(text, (path) => {
      throws(() => expandHeaders({ "X-Key": `\${file:${path}}` }, variable), (error) => {
        coded("CONFIG_INVALID", message)(error);
        ok(!JSON.stringify(error).includes("hunter2"), String(error));
        return true;
      });
    });
  }
  throws(
    () => expandHeaders({ "X-Key": "${file:/nonexistent/key}" }, variable),
    coded("CONFIG_MISSING", /value that a header of the entry names: there is no file "\/nonexistent\/key"$/),
  );
});

Deno.test("row 47: headers are read from lines, with comments between them", () => {
  deepEqual(parseHeaderLines("\ufeffX-A: 1\r\n\n# X-B: 2\nX-C:3\n  \n"), [["X-A", "1"], ["X-C", "3"]]);
  for (const text of ["X-A: 1\nhunter2", "X-A: 1\n hunter2: 2", "X-A: 1\nX-B: hunter2\u0000"]) {
    throws(() => parseHeaderLines(text), (error) => {
      coded("USAGE", /^Cannot read --header-file: line 2 has no form "Name: value"$/)(error);
      ok(!`${(error as McpAuthError).message} ${(error as McpAuthError).hint}`.includes("hunter2"));
      return true;
    });
  }
  throws(
    () => parseHeaderLines("Authorization: Bearer hunter2"),
    coded("USAGE", /"Authorization": mcp-auth sets/),
  );
});
