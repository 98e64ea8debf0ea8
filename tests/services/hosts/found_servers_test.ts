/** Which servers of a configuration are remote, whatever stands in front of them, and what they would be as entries. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { foundEntry } from "../../../lib/interfaces/cli/commands/import/found_entry.ts";
import {
  type ConfigTable,
  findServers,
  type FoundServer,
  type HostId,
  hostOf,
} from "../../../lib/services/hosts/mod.ts";

const URL_TEXT = "https://mcp.example/mcp";
const OWN = { command: "/opt/mcp-auth", args: [] };

async function judged(host: HostId, value: ConfigTable) {
  return await findServers(hostOf(host), [{ container: ["mcpServers"], name: "s", value }], OWN);
}

async function found(host: HostId, value: ConfigTable): Promise<FoundServer> {
  const { remote, passed } = await judged(host, value);
  ok(remote[0], JSON.stringify(passed));
  return remote[0];
}

const NPX = (...args: string[]): ConfigTable => ({ command: "npx", args });

const REMOTE: readonly (readonly [
  what: string,
  host: HostId,
  value: ConfigTable,
  wanted: readonly [by: FoundServer["by"], options: unknown, headers: unknown],
])[] = [
  ["a URL", "cursor", { url: URL_TEXT }, ["host", [], []]],
  ["a URL for HTTP+SSE", "claude-code", { type: "sse", url: URL_TEXT }, [
    "host",
    [["--transport", "sse"]],
    [],
  ]],
  ["serverUrl", "windsurf", { serverUrl: URL_TEXT }, ["host", [], []]],
  ["httpUrl before url", "gemini", { url: "https://other", httpUrl: URL_TEXT }, ["host", [], []]],
  ["url, which Gemini takes for either", "gemini", { url: URL_TEXT }, ["host", [], []]],
  ["url with a type", "gemini", { url: URL_TEXT, type: "http" }, ["host", [], []]],
  ["variables of Cursor", "cursor", { url: URL_TEXT, headers: { "X-A": "a ${env:A}" } }, ["host", [], [
    ["X-A", "a ${A}", true, ["A"]],
  ]]],
  ["variables of Claude Code", "claude-code", { url: URL_TEXT, headers: { "X-A": "${A}" } }, ["host", [], [
    ["X-A", "${A}", false, ["A"]],
  ]]],
  ["variables of Gemini", "gemini", { httpUrl: URL_TEXT, headers: { "X-A": "$A", "X-B": "Bearer ${B}" } }, [
    "host",
    [],
    [
      ["X-A", "${A}", false, ["A"]],
      ["X-B", "Bearer ${B}", false, ["B"]],
    ],
  ]],
  ["headers of Codex", "codex", {
    url: URL_TEXT,
    http_headers: { "X-A": "lit$A" },
    env_http_headers: { "X-B": "B" },
    bearer_token_env_var: "T",
  }, ["host", [], [
    ["X-A", "lit$A", true, []],
    ["X-B", "${B}", false, ["B"]],
    ["Authorization", "Bearer ${T}", false, ["T"]],
  ]]],
  ["a sign-in of Gemini", "gemini", {
    httpUrl: URL_TEXT,
    oauth: { clientId: "c", scopes: ["a", "b"], redirectUri: "http://localhost:1/cb" },
  }, ["host", [["--client-id", "c"], ["--redirect-uri", "http://localhost:1/cb"], ["--scope", "a b"]], []]],
  [
    "mcp-remote",
    "claude-desktop",
    NPX("-y", "mcp-remote@0.1.38", URL_TEXT, "3334", "--transport", "sse-only"),
    [
      "mcp-remote",
      [["--transport", "sse"], ["--callback-port", "3334"]],
      [],
    ],
  ],
  ["mcp-remote by cmd (row 47)", "claude-desktop", {
    command: "cmd",
    args: ["/c", "npx", "mcp-remote", URL_TEXT],
  }, [
    "mcp-remote",
    [],
    [],
  ]],
  ["mcp-remote by bunx", "cursor", { command: "bunx", args: ["mcp-remote", URL_TEXT] }, [
    "mcp-remote",
    [],
    [],
  ]],
  ["mcp-remote with headers", "cursor", {
    ...NPX("mcp-remote", URL_TEXT, "--header", "X-A:${K}", "--header", "Authorization: Bearer ${env:T}"),
    env: { K: "v" },
  }, ["mcp-remote", [], [["X-A", "${K}", false, ["K"]], ["Authorization", "Bearer ${T}", false, ["T"]]]]],
  ["mcp-proxy", "claude-desktop", { command: "/usr/bin/mcp-proxy", args: ["-H", "X-A", "b", URL_TEXT] }, [
    "mcp-proxy",
    [["--transport", "sse"]],
    [["X-A", "b", true, []]],
  ]],
  ["mcp-proxy by uvx, with a token", "claude-desktop", {
    command: "uvx",
    args: ["mcp-proxy", "--transport=streamablehttp", URL_TEXT],
    env: { API_ACCESS_TOKEN: "t" },
  }, ["mcp-proxy", [], [["Authorization", "Bearer ${API_ACCESS_TOKEN}", false, ["API_ACCESS_TOKEN"]]]]],
  ["supergateway", "cursor", NPX("-y", "supergateway@4.0.0", "--sse", URL_TEXT, "--oauth2Bearer", "tok"), [
    "supergateway",
    [["--transport", "sse"]],
    [["Authorization", "Bearer tok", true, []]],
  ]],
  [
    "supergateway over Streamable HTTP",
    "cursor",
    NPX("supergateway", `--streamableHttp=${URL_TEXT}`, "--header", "X-A: b"),
    [
      "supergateway",
      [],
      [["X-A", "b", true, []]],
    ],
  ],
];

for (const [what, host, value, [by, options, headers]] of REMOTE) {
  Deno.test(`a remote server by ${what} is found`, async () => {
    const server = await found(host, value);
    deepEqual([server.by, server.url, server.options], [by, URL_TEXT, options]);
    deepEqual(
      server.headers.map(({ name, value, isLiteral, variables }) => [name, value, isLiteral, variables]),
      headers,
    );
  });
}

const OTHER: readonly (readonly [what: string, value: ConfigTable, kind: string])[] = [
  ["a program", NPX("-y", "@modelcontextprotocol/server-filesystem"), "local"],
  ["mcp-proxy that serves a program", { command: "mcp-proxy", args: ["--port", "80", "uvx", "x"] }, "local"],
  ["supergateway that serves a program", NPX("supergateway", "--stdio", "uvx x"), "local"],
  ["our own bridge", { command: "/opt/mcp-auth", args: ["bridge", "x"] }, "bridge"],
  ["our bridge in another version", {
    command: "deno",
    args: ["run", "-A", "jsr:@x/mcp-auth@0.0.1", "bridge", "x"],
  }, "bridge"],
  ["mcp-remote without a URL", NPX("mcp-remote"), "unusable"],
  ["a URL with a variable", { url: "${env:BASE}/mcp" }, "unusable"],
  ["nothing", {}, "unusable"],
  ["arguments that are no words", { command: "npx", args: [1] }, "local"],
];

for (const [what, value, kind] of OTHER) {
  Deno.test(`${what} is left out`, async () => {
    const { remote, passed } = await judged("cursor", value);
    deepEqual([remote, passed.map((each) => each.kind)], [[], [kind]]);
  });
}

Deno.test("what may be a secret is taken over only when asked for, and what only the host can fill in never", async () => {
  const server = await found("vscode", {
    url: URL_TEXT,
    headers: {
      "X-A": "s3cret",
      "X-B": "${input:key}",
      "X-C": "${env:C}",
      Accept: "x",
      "X-D": "${env:MCP_AUTH_KEY}",
    },
  });
  const names = async (withHeaders: boolean) => {
    const { options, left } = await foundEntry(server, withHeaders);
    return [options.headers ?? {}, left.map(({ option }) => option)];
  };
  deepEqual(await names(false), [{ "X-C": "${C}" }, [
    "header X-A",
    "header X-B",
    "header Accept",
    "header X-D",
  ]]);
  deepEqual(await names(true), [{ "X-A": "s3cret", "X-C": "${C}" }, [
    "header X-B",
    "header Accept",
    "header X-D",
  ]]);
});

Deno.test("what the host sets for a program is kept for the bridge, or sealed when asked for", async () => {
  const server = await found("claude-desktop", {
    ...NPX("mcp-remote", URL_TEXT, "--header", "X-Key: Key ${K}", "--header", "X-Other: ${O}"),
    env: { K: "s3cret", UNUSED: "x" },
  });
  const without = await foundEntry(server, false);
  deepEqual(
    without.left.map(({ option }) => option),
    ["header X-Key"],
    "what is around a variable may be one, too",
  );
  const sealed = await foundEntry(server, true);
  deepEqual(sealed.options.headers, { "X-Key": "Key s3cret", "X-Other": "${O}" });
  deepEqual([sealed.variables, sealed.left], [{}, []]);
  const plain = await found("claude-desktop", {
    ...NPX("mcp-remote", URL_TEXT, "--header", "X-Key: ${K}"),
    env: { K: "s3cret" },
  });
  const kept = await foundEntry(plain, false);
  deepEqual([kept.options.headers, kept.variables, kept.left], [{ "X-Key": "${K}" }, { K: "s3cret" }, []]);
});

Deno.test("a bearer token in a header is a sign-in, anything else in Authorization is not taken", async () => {
  const of = async (text: string) =>
    await foundEntry(await found("cursor", { url: URL_TEXT, headers: { authorization: text } }), true);
  const taken = await of("Bearer abc.def");
  deepEqual([taken.token, taken.options, taken.left], ["abc.def", {}, []]);
  for (const text of ["Basic dTpw", "abc", "Bearer a b", "Bearer ${env:T}"]) {
    const { token, left } = await of(text);
    deepEqual([token, left.length], [undefined, 1], text);
  }
});

Deno.test("options are those of add, and what has no counterpart is said", async () => {
  const server = await found(
    "claude-desktop",
    NPX(
      ...[
        "mcp-remote",
        URL_TEXT,
        "8765",
        "--resource",
        "https://r",
        "--host",
        "localhost",
        "--auth-timeout",
        "9",
      ],
      ...["--static-oauth-client-info", '{"client_id":"c","client_secret":"s3cret"}', "--ipv4", "--nonsense"],
    ),
  );
  const { options, left, unneeded } = await foundEntry(server, false);
  equal(options.resource, "https://r");
  equal(options.clientId, "c");
  ok(!JSON.stringify([options, left]).includes("s3cret"));
  ok(left.some(({ option }) => option === "--nonsense"));
  deepEqual(unneeded.map(({ option }) => option), ["--ipv4"]);
});

Deno.test("a URL that may not be used is no entry", async () => {
  for (const url of ["http://192.0.2.1/mcp", "https://u:p@x/", "javascript:1"]) {
    const server = await found("cursor", { url });
    let code: unknown;
    await foundEntry(server, false).catch((error) => code = error.code);
    equal(code, "UNSAFE_URL", url);
  }
});

Deno.test("a value in one word with an option is not repeated when the option is not known (row 41)", async () => {
  for (
    const word of [
      "--header=Authorization: Bearer s3cret",
      "--header Authorization: Bearer s3cret",
      "--x=s3cret",
    ]
  ) {
    const { lost } = await found("claude-desktop", NPX("mcp-remote", URL_TEXT, word));
    equal(lost.length, 1);
    ok(!JSON.stringify(lost).includes("s3cret"), JSON.stringify(lost));
  }
});

Deno.test("a variable is filled in where the program that was there does it, and is no text anywhere else", async () => {
  const info = (id: string) => ["--static-oauth-client-info", JSON.stringify({ client_id: id }), "3334"];
  const whole = await foundEntry(
    await found("claude-desktop", {
      ...NPX("mcp-remote", URL_TEXT, ...info("${ID}")),
      env: { ID: "client-1" },
    }),
    false,
  );
  deepEqual([whole.options.clientId, whole.left], ["client-1", []]);
  for (
    const more of [info("${ID}"), ["--resource", "${input:r}"], [
      "--transport",
      "sse-only",
      "--header-file",
      "${env:F}",
    ]]
  ) {
    const { options, left } = await foundEntry(
      await found("vscode", NPX("mcp-remote", URL_TEXT, ...more)),
      false,
    );
    ok(!JSON.stringify(options).includes("${"), JSON.stringify(options));
    equal(left.length, 1);
  }
});

Deno.test("mcp-remote in a line for a shell is told, and left alone", async () => {
  for (
    const value of [
      { command: `npx mcp-remote ${URL_TEXT}` },
      { command: "cmd", args: ["/c", `npx -y mcp-remote@latest ${URL_TEXT}`] },
      {
        command: "wsl.exe",
        args: ["bash", "-lc", `/usr/bin/npx "mcp-remote" ${URL_TEXT} --header 'A: s3cret'`],
      },
    ]
  ) {
    const { passed: [passed] } = await judged("claude-desktop", value);
    deepEqual([passed?.kind, passed?.why.includes("s3cret")], ["unusable", false]);
  }
  for (const args of [["fs", "/src/mcp-remote-fork https"], ["x", "about mcp-remote"]]) {
    equal((await judged("cursor", { command: "npx", args })).passed[0]?.kind, "local");
  }
});

Deno.test("mcp-remote is known however it is started", async () => {
  for (
    const [command, ...args] of [
      ["npx", "-y", "mcp-remote@latest"],
      ["npx", "-p", "mcp-remote@0.1", "mcp-remote"],
      ["npx", "--package=mcp-remote", "mcp-remote"],
      ["npm", "exec", "mcp-remote", "--"],
      ["cmd", "/c", "npx", "mcp-remote"],
      ["cmd.exe", "/C", "C:\\Program Files\\nodejs\\npx.cmd", "mcp-remote"],
      ["wsl.exe", "npx", "mcp-remote"],
      ["bunx", "mcp-remote"],
      ["pnpm", "dlx", "mcp-remote"],
      ["yarn", "dlx", "mcp-remote@0.1.29"],
      ["deno", "run", "-A", "npm:mcp-remote@0.1"],
      ["node", "/x/node_modules/mcp-remote/dist/proxy.js"],
      ["node", "C:\\x\\mcp-remote\\dist\\proxy.js"],
      ["/usr/local/bin/mcp-remote"],
      ["mcp-remote"],
    ] as const
  ) {
    const { by, url, options } = await found("claude-desktop", {
      command,
      args: [...args, URL_TEXT, "9696", "--transport", "sse-only"],
    });
    deepEqual([by, url, options], ["mcp-remote", URL_TEXT, [["--transport", "sse"], [
      "--callback-port",
      "9696",
    ]]]);
  }
});
