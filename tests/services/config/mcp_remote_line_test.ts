import assert from "node:assert/strict";
import { mcpRemoteLines } from "../../../lib/services/config/mod.ts";

const { mcpRemoteArguments, mcpRemoteRemark, readMcpRemoteLine } = await mcpRemoteLines();
const URL_ = "https://mcp.example.com/mcp";

for (
  const [theirs, ours] of [
    ["", "--login"],
    ["9696", "--login --callback-port 9696"],
    ["9696 --host localhost", "--login --callback-port 9696 --callback-host localhost"],
    ["--host ::1", "--login --callback-host [::1]"],
    ["9696 --host my.test", "--login --redirect-uri http://my.test:9696/oauth/callback"],
    ["9696 --callback-path /back", "--login --redirect-uri http://localhost:9696/back"],
    ["--transport http-only", "--login --transport http"],
    ["--transport sse-only", "--login --transport sse"],
    ["--transport sse-first", "--login"],
    ["--keep-alive", "--login --keep-alive 30"],
    ["--keep-alive --ping-interval 60", "--login --keep-alive 60"],
    ["--ping-interval 0.5", "--login --keep-alive 1"],
    ["--ignore-tool delete* --ignore-tool *x", "--login --ignore-tool delete* --ignore-tool *x"],
    ["--auth-timeout 60", "--login --timeout 60"],
    ["--resource https://t.example", "--login --resource https://t.example"],
    ["--disable-resource-parameter", "--login --quirk omit-resource"],
    ["--authorize-param a=b", "--login --authorize-param a=b"],
    ["--header-file /h", "--login --header-file /h"],
    ["--header X-Team:blue", "--login --header|X-Team: blue"],
    ["--device-code", "--login --device"],
    ["--client-credentials", "--client-credentials"],
    [
      "--client-metadata-url https://c.example/d 3334",
      [
        "--login --client-metadata-url https://c.example/d --redirect-uri http://localhost:3334/oauth/callback",
      ].join(" "),
    ],
    ["--debug --silent --enable-proxy --protocol auto --allow-http", "--login --verbose"],
    ["--connect-timeout 30 --body-timeout 0", "--login"],
  ] as const
) {
  Deno.test(`mcp-remote <url> ${theirs} is bridge <url> ${ours}`, () => {
    const line = readMcpRemoteLine([URL_, ...theirs.split(" ").filter((word) => word !== "")]);
    assert.ok(line !== undefined);
    const words = ours.includes("|") ? ours.split(/ (?=--)|\|/) : ours.split(" ");
    const { url, options, interactive } = line;
    const given = options.flat().filter((word) => word !== undefined);
    assert.deepEqual([url, ...(interactive ? ["--login"] : []), ...given], [URL_, ...words]);
    assert.deepEqual(line.lost, []);
  });
}

Deno.test("headers may stand before the URL, as mcp-remote allows it", () => {
  const line = readMcpRemoteLine(["--header", "X-A: 1", URL_, "3334"]);
  assert.deepEqual(line?.options, [["--header", "X-A: 1"], ["--callback-port", "3334"]]);
});

Deno.test("an Authorization header is a token, handed over apart, and no option", () => {
  const line = readMcpRemoteLine([URL_, "--header", "Authorization:${AUTH_HEADER}"]);
  assert.equal(line?.authorization, "${AUTH_HEADER}");
  assert.equal(line?.interactive, false);
  assert.deepEqual(line?.options, []);
});

Deno.test("the secret of a client is no option, and stands in no remark", () => {
  const line = readMcpRemoteLine([
    URL_,
    "3334",
    "--static-oauth-client-info",
    '{"client_id":"me","client_secret":"hunter2"}',
    "--static-oauth-client-metadata",
    '{"scope":"a b","token_endpoint_auth_method":"none","logo_uri":"x"}',
  ]);
  assert.deepEqual(line?.client, { from: "text", clientId: "me", clientSecret: "hunter2" });
  assert.deepEqual(line?.options, [
    ["--client-id", "me"],
    ["--scope", "a b"],
    ["--redirect-uri", "http://localhost:3334/oauth/callback"],
  ]);
  assert.deepEqual(line?.lost.map(({ option }) => option), [
    "--static-oauth-client-info",
    "--static-oauth-client-metadata",
  ]);
  assert.doesNotMatch(JSON.stringify([line?.options, line?.lost, line?.needless]), /hunter2/);
});

Deno.test("what cannot be had is named with its reason, and so is what is unknown", () => {
  const line = readMcpRemoteLine([
    "http://intranet.example/mcp",
    "--allow-http",
    "--ipv4",
    "--new",
    "--use-id-token",
  ]);
  assert.deepEqual(line?.lost.map(({ option }) => option), [
    "--allow-http",
    "--ipv4",
    "--new",
    "--use-id-token",
  ]);
  for (const { why } of line?.lost ?? []) assert.match(why, /^\w.*[^.]$/);
});

Deno.test("a client that is registered with a derived port has its redirect URI asked for", () => {
  const line = readMcpRemoteLine([URL_, "--static-oauth-client-info", "@/info.json"]);
  assert.deepEqual(line?.client, { from: "file", path: "/info.json" });
  assert.ok(line?.lost.some(({ option }) => option === "[port]"));
});

for (const args of [[], ["3334"], ["--debug"], ["nonsense"]]) {
  Deno.test(`no server is named by: mcp-remote ${args.join(" ")}`, () => {
    assert.equal(readMcpRemoteLine(args), undefined);
  });
}

for (
  const [command, expected] of [
    [["npx", "mcp-remote", URL_], [URL_]],
    [["npx", "-y", "mcp-remote@latest", URL_, "3334"], [URL_, "3334"]],
    [["npx", "-p", "mcp-remote@0.1.38", "mcp-remote", URL_], [URL_]],
    [["cmd", "/c", "npx", "-y", "mcp-remote", URL_], [URL_]],
    [["pnpm", "dlx", "mcp-remote", URL_], [URL_]],
    [["deno", "run", "-A", "npm:mcp-remote@0.15.1", URL_], [URL_]],
    [["/usr/local/bin/mcp-remote", URL_], [URL_]],
    [["C:\\npm\\mcp-remote.cmd", URL_], [URL_]],
    [["node", "/x/node_modules/mcp-remote/dist/proxy.js", URL_], [URL_]],
    [["npx", "other-server", "--about=mcp-remote"], undefined],
    [["npx", "mcp-remote-else", URL_], undefined],
  ] as const
) {
  Deno.test(`${command.join(" ")} ${expected === undefined ? "starts something else" : "starts mcp-remote"}`, () => {
    assert.deepEqual(mcpRemoteArguments(command), expected);
  });
}

const KNOWN = new Set([
  "--header",
  "--transport",
  "--keep-alive",
  "--resource",
  "--ignore-tool",
  "--verbose",
]);

for (
  const [args, option, here] of [
    [[URL_, "--auth-timeout", "60"], "--auth-timeout", "--timeout"],
    [[URL_, "--debug"], "--debug", "--verbose, or --log-file <file>"],
    [[URL_, "--keep-alive", "--verbose"], "--keep-alive", "--keep-alive <seconds>"],
    [[URL_, "--enable-proxy"], "--enable-proxy", undefined],
  ] as const
) {
  Deno.test(`bridge ${args.slice(1).join(" ")}: ${option} is ${here ?? "needless"}`, () => {
    const remark = mcpRemoteRemark(args, (flag) => KNOWN.has(flag));
    assert.equal(remark?.option, option);
    assert.equal(remark?.here, here);
    assert.ok(remark?.here !== undefined || remark?.why !== undefined);
  });
}

Deno.test("what is the same in both needs no word", () => {
  const args = [
    URL_,
    "--header",
    "A: 1",
    "--transport",
    "sse",
    "--keep-alive",
    "30",
    "--ignore-tool",
    "x",
    "--",
    "--debug",
  ];
  assert.equal(mcpRemoteRemark(args, (flag) => KNOWN.has(flag)), undefined);
});
