/**
 * How a URL gets to the browser: as one argument of a program, never through a shell, and only a URL that may be opened.
 *
 * @see MCP security best practices, OAuth Authorization URL Validation (C73-C75); behaviours row 47
 * @see CVE-2025-6514 / GHSA-6xpm-ggf7-wc3p, CVE-2025-58747 / GHSA-9jch-j9qf-vqfw, mcp-cli up to 1.13.0
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { openersFor, systemBrowser } from "../../../lib/primitives/system/browser.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../coded_error.ts";

const URL_TEXT = "https://as.example.com/authorize?a=1&b=2";

const WINDOWS_URL = ["url.dll,FileProtocolHandler", URL_TEXT];

const OPENERS: readonly (readonly [
  description: string,
  browser: string | undefined,
  place: string | { readonly os: string; readonly isWsl: boolean },
  expected: readonly (readonly string[])[],
])[] = [
  ["Linux", undefined, "linux", [["xdg-open", URL_TEXT], ["gio", "open", URL_TEXT]]],
  ["FreeBSD", undefined, "freebsd", [["xdg-open", URL_TEXT], ["gio", "open", URL_TEXT]]],
  ["macOS", undefined, "darwin", [["open", URL_TEXT]]],
  ["Windows, without cmd (row 47)", undefined, "windows", [["rundll32", ...WINDOWS_URL]]],
  ["WSL opens Windows' browser (row 14)", undefined, { os: "linux", isWsl: true }, [
    ["wslview", URL_TEXT],
    ["rundll32.exe", ...WINDOWS_URL],
    ["xdg-open", URL_TEXT],
    ["gio", "open", URL_TEXT],
  ]],
  ["BROWSER over the system's opener", "firefox", "windows", [["firefox", URL_TEXT]]],
  ["BROWSER over Windows' browser", "firefox", { os: "linux", isWsl: true }, [["firefox", URL_TEXT]]],
  ["BROWSER with arguments", " firefox  --private-window ", "linux", [
    ["firefox", "--private-window", URL_TEXT],
  ]],
  ["BROWSER with %s", "firefox --url %s --new", "linux", [["firefox", "--url", URL_TEXT, "--new"]]],
  ["BROWSER with %s in a word", "open-it --url=%s", "linux", [["open-it", `--url=${URL_TEXT}`]]],
  ["BROWSER with several %s", "x %s %s", "linux", [["x", URL_TEXT, URL_TEXT]]],
  ["BROWSER with alternatives", "firefox -P me:chromium %s::w3m", "linux", [
    ["firefox", "-P", "me", URL_TEXT],
    ["chromium", URL_TEXT],
    ["w3m", URL_TEXT],
  ]],
  ["alternatives on Windows, where a colon is a drive's", "C:\\f\\firefox.exe;msedge", "windows", [
    ["C:\\f\\firefox.exe", URL_TEXT],
    ["msedge", URL_TEXT],
  ]],
  ["shell syntax in BROWSER is only words", "x; rm -rf $HOME | y", "linux", [[
    "x;",
    "rm",
    "-rf",
    "$HOME",
    "|",
    "y",
    URL_TEXT,
  ]]],
  ["an empty BROWSER is none", "", "darwin", [["open", URL_TEXT]]],
  ["a blank BROWSER is none", "  ", "darwin", [["open", URL_TEXT]]],
  ["a BROWSER of colons is none", " : :", "darwin", [["open", URL_TEXT]]],
];

for (const [description, browser, place, expected] of OPENERS) {
  Deno.test(`opener: ${description}`, () => {
    const openers = openersFor(URL_TEXT, browser, typeof place === "string" ? { os: place } : place);
    deepEqual(openers.map(({ program, args }) => [program, ...args]), expected);
  });
}

Deno.test("opener: replacement patterns in a URL stay as they are", () => {
  const url = "https://x.example/$&$1$$%s";
  deepEqual(openersFor(url, "b --u=%s", { os: "linux" })[0]?.args, [`--u=${url}`]);
  deepEqual(openersFor(url, "b", { os: "linux" })[0]?.args, [url]);
});

/** Runs a test with a browser that is a script, and what the script has written. */
async function withScript(
  script: string,
  test: (path: string, written: (name: string) => Promise<string>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/browser`, `#!/bin/sh\ncd "$(dirname "$0")"\n${script}\n`, {
      mode: 0o755,
    });
    await test(`${folder}/browser`, (name) => Deno.readTextFile(`${folder}/${name}`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const unix = { ignore: Deno.build.os === "windows" };

for (
  const url of [
    "https://as.example.com/authorize?a=1&b=2",
    "https://as.example.com/authorize?a=$(Start-Process calc)&b=';calc;'",
    "https://as.example.com/%26calc.exe&calc.exe^&calc",
    "https://as.example.com/$(touch${IFS}pwned)?x=`touch pwned`",
    `https://as.example.com/a'b"c;touch pwned|x&y>z<w`,
    "https://as.example.com/with blank?%s=$1&*",
    "http://127.0.0.1:9/authorize#fragment",
  ]
) {
  Deno.test(
    `a real program gets it as one argument (CVE-2025-6514): ${url}`,
    unix,
    () =>
      withScript(`printf '%s\\n' "$#" "$@" > arguments`, async (path, written) => {
        await systemBrowser(fakeEnv({ BROWSER: `${path} --first %s` })).open(url);
        equal(await written("arguments"), `2\n--first\n${url}\n`);
        await rejects(written("pwned"), Deno.errors.NotFound);
      }),
  );
}

Deno.test(
  "the program gets no secret of ours with its environment",
  unix,
  () =>
    withScript("env > environment", async (path, written) => {
      Deno.env.set("MCP_AUTH_KEY", "the-key-of-the-store");
      Deno.env.set("MCP_AUTH_PLAIN", "not a secret");
      try {
        await systemBrowser(fakeEnv({ BROWSER: path })).open(URL_TEXT);
      } finally {
        Deno.env.delete("MCP_AUTH_KEY");
        Deno.env.delete("MCP_AUTH_PLAIN");
      }
      const environment = await written("environment");
      ok(!environment.includes("the-key-of-the-store"));
      ok(environment.includes("MCP_AUTH_PLAIN=not a secret"));
      ok(environment.includes("PATH="));
    }),
);

for (
  const url of [
    "javascript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,x",
    "http://as.example.com/authorize",
    "https://user:password@as.example.com/",
    "vscode://extension/run",
    "vbscript:msgbox(1)",
    "ms-msdt:/id PCWDiagnostic",
    "-a Calculator",
    "https://as.example.com/\nfile:///etc/passwd",
    "https://as.example.com/\x1b]8;;x\x07",
    "\thttps://as.example.com/",
    "http://localhost.evil.example/authorize",
    "http://127.0.0.1@evil.example/",
    "https://as.example.com:$(calc.exe)/",
    "https://$(calc.exe).example/a b",
    "",
  ]
) {
  Deno.test(
    `not opened: "${url.replaceAll(/\p{Cc}/gu, "?")}" (CVE-2025-6514, CVE-2025-58747, mcp-cli)`,
    unix,
    () =>
      withScript("touch started", async (path, written) => {
        await rejects(systemBrowser(fakeEnv({ BROWSER: path })).open(url), coded("UNSAFE_URL"));
        await rejects(written("started"), Deno.errors.NotFound);
      }),
  );
}

Deno.test(
  "the next of several programs is started where one is not there or ends without success",
  unix,
  () =>
    withScript(`printf '%s' "$1" > opened; test "$1" != bad`, async (path, written) => {
      const browser = `no-such-browser-anywhere:${path} bad:${path} good`;
      await systemBrowser(fakeEnv({ BROWSER: browser })).open(URL_TEXT);
      equal(await written("opened"), "good");
    }),
);

Deno.test(
  "where no program of several opens it, the first failure is told",
  unix,
  () =>
    withScript("exit 4", (path) =>
      rejects(
        systemBrowser(fakeEnv({ BROWSER: `no-such-browser-anywhere:${path}` })).open(URL_TEXT),
        coded("NOT_FOUND", /"no-such-browser-anywhere" was not found/),
      )),
);

Deno.test("a program that is not there is NOT_FOUND, and names it", () =>
  rejects(
    systemBrowser(fakeEnv({ BROWSER: "no-such-browser-anywhere" })).open(URL_TEXT),
    coded("NOT_FOUND", /"no-such-browser-anywhere" was not found/),
  ));

Deno.test("a program that cannot be run is NOT_FOUND, and says so", unix, async () => {
  const file = await Deno.makeTempFile();
  try {
    await rejects(
      systemBrowser(fakeEnv({ BROWSER: file })).open(URL_TEXT),
      coded("NOT_FOUND", /cannot be run/),
    );
  } finally {
    await Deno.remove(file);
  }
});

Deno.test(
  "a program that ends at once without success has opened nothing",
  unix,
  () =>
    withScript("exit 3", (path) =>
      rejects(
        systemBrowser(fakeEnv({ BROWSER: path })).open(URL_TEXT),
        coded("NOT_FOUND", /ended with exit code 3/),
      )),
);

Deno.test("a program that goes on is not waited for", {
  ...unix,
  // It outlives the call on purpose.
  sanitizeOps: false,
  sanitizeResources: false,
}, () =>
  withScript("sleep 2", async (path) => {
    const started = performance.now();
    await systemBrowser(fakeEnv({ BROWSER: path })).open(URL_TEXT);
    ok(performance.now() - started < 1_500);
  }));

Deno.test(
  "a sandbox without the program is PERMISSION_DENIED",
  { permissions: { run: false } },
  () =>
    rejects(
      systemBrowser(fakeEnv({ BROWSER: "sh" })).open(URL_TEXT),
      coded("PERMISSION_DENIED", /the sandbox does not allow "sh"/),
    ),
);
