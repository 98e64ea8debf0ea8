/** What each command's action gets from a command line. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { COMMANDS } from "../../../lib/interfaces/cli/program.ts";
import { allCommands, reader, type Reading } from "./reading.ts";

const URL_TEXT = "https://mcp.example.com/mcp";

const TABLE: readonly (readonly [line: readonly string[], flags: Reading["flags"], args: Reading["args"]])[] =
  [
    [["add", URL_TEXT], {}, [URL_TEXT]],
    [["add", "demo", URL_TEXT], {}, ["demo", URL_TEXT]],
    [
      ["add", "--force", "demo", "--json", URL_TEXT, "--verbose"],
      { force: true, json: true, verbose: true },
      [
        "demo",
        URL_TEXT,
      ],
    ],
    [["add", "demo", URL_TEXT, "--no-browser", "--timeout", "20"], { browser: false, timeout: 20 }, [
      "demo",
      URL_TEXT,
    ]],
    [["add", "demo", URL_TEXT, "--browser"], { browser: true }, ["demo", URL_TEXT]],
    [["add", "demo", URL_TEXT, "--transport", "sse"], { transport: "sse" }, ["demo", URL_TEXT]],
    [["set", "demo", "--transport=auto"], { transport: "auto" }, ["demo"]],
    [["set", "demo", "--unset", "transport"], { unset: ["transport"] }, ["demo"]],
    [["bridge", URL_TEXT, "--transport", "http-only"], { transport: "http" }, [URL_TEXT]],
    [["bridge", "ws://localhost/", "--websocket-auth", "query"], { websocketAuth: "query" }, [
      "ws://localhost/",
    ]],
    [["bridge", "--verbose", "--", "npx", "-y", "--login"], { verbose: true }, ["npx", "-y", "--login"]],
    [
      [
        "bridge",
        URL_TEXT,
        "3334",
        "--ignore-tool",
        "a*",
        "--ignore-tool",
        "b",
        "--log-file",
        "l",
        "--keep-alive",
        "0",
      ],
      { ignoreTool: ["a*", "b"], logFile: "l", keepAlive: 0 },
      [URL_TEXT, "3334"],
    ],
    [["add", "demo", URL_TEXT, "--allow-tool", "a?", "--keep-alive", "60"], {
      allowTool: ["a?"],
      keepAlive: 60,
    }, [
      "demo",
      URL_TEXT,
    ]],
    [["set", "demo", "--unset", "ignore-tool", "--unset", "keep-alive"], {
      unset: ["ignore-tool", "keep-alive"],
    }, [
      "demo",
    ]],
    [
      [
        ...["add", "demo", URL_TEXT, "--client-credentials", "--private-key", "-"],
        ...["--signing-algorithm", "PS256", "--key-id", "k", "--assertion-audience", "https://as"],
      ],
      {
        clientCredentials: true,
        privateKey: "-",
        signingAlgorithm: "PS256",
        keyId: "k",
        assertionAudience: "https://as",
      },
      ["demo", URL_TEXT],
    ],
    [["add", "demo", URL_TEXT, "--workload-identity", "file:/t"], { workloadIdentity: "file:/t" }, [
      "demo",
      URL_TEXT,
    ]],
    [["bridge", URL_TEXT, "--workload-identity", "github"], { workloadIdentity: "github" }, [URL_TEXT]],
    [
      [
        ...["set", "demo", "--enterprise", "https://idp", "--idp-client-id", "c"],
        ...["--idp-client-secret-file", "s", "--id-token", "entry:idp"],
      ],
      {
        enterprise: "https://idp",
        idpClientId: "c",
        idpClientSecretFile: "s",
        idToken: "entry:idp",
      },
      ["demo"],
    ],
    [["set", "demo", "--unset", "grant", "--unset", "assertion-audience"], {
      unset: ["grant", "assertion-audience"],
    }, ["demo"]],
    [["login", "demo", "--private-key", "key.pem"], { privateKey: "key.pem" }, ["demo"]],
    [["add", "demo", URL_TEXT, "--scope", "a b", "--scope", "c"], { scope: ["a b", "c"] }, [
      "demo",
      URL_TEXT,
    ]],
    [["add", "demo", URL_TEXT, "--client-id", "abc", "--client-secret-file", "-"], {
      clientId: "abc",
      clientSecretFile: "-",
    }, ["demo", URL_TEXT]],
    [
      ["add", "demo", URL_TEXT, "--callback-port=0", "--callback-port", "65535"],
      { callbackPort: [0, 65535] },
      [
        "demo",
        URL_TEXT,
      ],
    ],
    [
      ["add", "demo", URL_TEXT, "--header", "X-A: ${B}", "--allow-private-host", "10.0.0.1", "--assume-pkce"],
      {
        header: ["X-A: ${B}"],
        allowPrivateHost: ["10.0.0.1"],
        assumePkce: true,
      },
      ["demo", URL_TEXT],
    ],
    [[
      "add",
      "demo",
      URL_TEXT,
      "--resource",
      "https://r",
      "--client-metadata-url",
      "https://c/d",
      "--keystore",
      "env",
    ], {
      resource: "https://r",
      clientMetadataUrl: "https://c/d",
      keystore: "env",
    }, ["demo", URL_TEXT]],
    [["add", "gh", "--provider", "github", "--provider-param", "a=b", "--site", "x", "--api", URL_TEXT], {
      provider: "github",
      providerParam: ["a=b"],
      site: "x",
      api: URL_TEXT,
    }, ["gh"]],
    [["add", "demo", URL_TEXT, "--authorization-server", "https://as", "--quirk", "a", "--quirk", "b"], {
      authorizationServer: "https://as",
      quirk: ["a", "b"],
    }, ["demo", URL_TEXT]],
    [["login", "demo", "--provider", "none", "--site", "1", "--authorization-server", "https://as"], {
      provider: "none",
      site: "1",
      authorizationServer: "https://as",
    }, ["demo"]],
    [["set", "demo", "--quirk", "a", "--unset", "site", "--unset", "provider-param"], {
      quirk: ["a"],
      unset: ["site", "provider-param"],
    }, ["demo"]],
    [["install"], {}, []],
    [["install", "cursor", "demo", "--yes"], { yes: true }, ["cursor", "demo"]],
    [
      ["install", "codex", "demo", "--as", "notes", "--login", "--scope", "project", "--print", "--force"],
      { as: "notes", login: true, scope: "project", print: true, force: true },
      ["codex", "demo"],
    ],
    [["install", "vscode", "demo", "--remove", "--config-file", "x.json"], {
      remove: true,
      configFile: "x.json",
    }, ["vscode", "demo"]],
    [["import", "gemini", "a", "b", "--move", "--with-headers", "--login", "--yes"], {
      move: true,
      withHeaders: true,
      login: true,
      yes: true,
    }, ["gemini", "a", "b"]],
    [["provider", "list", "--json"], { json: true }, []],
    [["provider", "show", "github"], {}, ["github"]],
    [["provider", "remove", "corp"], {}, ["corp"]],
    [[
      "provider",
      "add",
      "corp",
      "--issuer",
      "https://i",
      "--url",
      "https://u",
      "--host",
      "h",
      "--host",
      "*.i",
    ], {
      issuer: "https://i",
      url: "https://u",
      host: ["h", "*.i"],
    }, ["corp"]],
    [
      [
        ...[
          "provider",
          "add",
          "corp",
          "--like",
          "github",
          "--title",
          "T",
          "--authorization-endpoint",
          "https://a",
        ],
        ...[
          "--token-endpoint",
          "https://t",
          "--device-endpoint",
          "https://d",
          "--revocation-endpoint",
          "https://r",
        ],
        ...[
          "--userinfo-endpoint",
          "https://i",
          "--token-auth-method",
          "post",
          "--scope",
          "a b",
          "--quirk",
          "q",
        ],
        ...["--authorize-param", "a=b", "--callback-host", "localhost", "--callback-port", "1", "--force"],
        ...["--set-up-page", "https://s", "--sites-url", "https://w"],
      ],
      {
        like: "github",
        title: "T",
        authorizationEndpoint: "https://a",
        tokenEndpoint: "https://t",
        deviceEndpoint: "https://d",
        revocationEndpoint: "https://r",
        userinfoEndpoint: "https://i",
        tokenAuthMethod: "post",
        scope: ["a b"],
        quirk: ["q"],
        authorizeParam: ["a=b"],
        callbackHost: "localhost",
        callbackPort: [1],
        force: true,
        setUpPage: "https://s",
        sitesUrl: "https://w",
      },
      ["corp"],
    ],
    [["login", "demo"], {}, ["demo"]],
    [[
      "login",
      "demo",
      "--scope",
      "a",
      "--client-id",
      "x",
      "--client-secret-file",
      "f",
      "--no-browser",
      "--timeout",
      "1",
    ], {
      scope: ["a"],
      clientId: "x",
      clientSecretFile: "f",
      browser: false,
      timeout: 1,
    }, ["demo"]],
    [["logout", "demo", "--local-only"], { localOnly: true }, ["demo"]],
    [["logout", "--all", "--client"], { all: true, client: true }, []],
    [["login", "demo", "--re-register", "--client-name", "A B", "--authorize-param", "a=b"], {
      reRegister: true,
      clientName: "A B",
      authorizeParam: ["a=b"],
    }, ["demo"]],
    [["status"], {}, []],
    [["list"], {}, []],
    [["list", "--json", "--keystore", "memory"], { json: true, keystore: "memory" }, []],
    [["status", "demo", "--json"], { json: true }, ["demo"]],
    [["doctor"], {}, []],
    [["doctor", URL_TEXT, "--no-token", "--allow-metadata-origin", "https://meta.example", "--json"], {
      token: false,
      allowMetadataOrigin: ["https://meta.example"],
      json: true,
    }, [URL_TEXT]],
    [["token", "demo"], {}, ["demo"]],
    [["token", "--header", "demo", "--keystore=file"], { header: true, keystore: "file" }, ["demo"]],
    [["token", "--", "--demo"], {}, ["--demo"]],
    [["refresh", "demo", "--verbose"], { verbose: true }, ["demo"]],
    [["refresh", "--all", "--json"], { all: true, json: true }, []],
    [["exec", "demo", "--", "env"], {}, ["demo", "env"]],
    [
      ["exec", "demo", "--env=A_B", "--header", "--", "curl", "-H", "a b", "--env", "x", "--", "", "--help"],
      { env: "A_B", header: true },
      ["demo", "curl", "-H", "a b", "--env", "x", "--", "", "--help"],
    ],
    [["exec", "--fd", "3", "demo", "--", "cmd", "-h"], { fd: 3 }, ["demo", "cmd", "-h"]],
    [["audit"], {}, []],
    [["audit", "--since", "2h", "--name", "demo", "--event", "token_refreshed", "--json"], {
      since: "2h",
      name: "demo",
      event: "token_refreshed",
      json: true,
    }, []],
    [["audit", "--verify"], { verify: true }, []],
    [["bridge", URL_TEXT, "--login", "--scope", "a"], { login: true, scope: ["a"] }, [URL_TEXT]],
    [["tools", "demo", "--json"], { json: true }, ["demo"]],
    [["call", "demo", "echo"], {}, ["demo", "echo"]],
    [["call", "demo", "echo", "-"], {}, ["demo", "echo", "-"]],
    [["call", "demo", "echo", "a=1", "b:=[]", "--", "--c=2"], {}, ["demo", "echo", "a=1", "b:=[]", "--c=2"]],
    [["call", "demo", "draw", "--output", "x.png", "--force", "--timeout", "9"], {
      output: "x.png",
      force: true,
      timeout: 9,
    }, ["demo", "draw"]],
    [["tools", "demo", "echo"], {}, ["demo", "echo"]],
    [["call", "demo", "echo", '{"a":1}', "--json"], { json: true }, ["demo", "echo", '{"a":1}']],
    [["add", "demo", URL_TEXT, "--token-stdin", "--expires-in", "60"], { tokenStdin: true, expiresIn: 60 }, [
      "demo",
      URL_TEXT,
    ]],
    [["login", "demo", "--token-stdin", "--expires-in=1"], { tokenStdin: true, expiresIn: 1 }, ["demo"]],
    [["client", "list", "--json"], { json: true }, []],
    [["client", "show", "demo"], {}, ["demo"]],
    [["client", "delete", "--force", "https://as.example"], { force: true }, ["https://as.example"]],
    [["client", "metadata"], {}, []],
    [["client", "metadata", "--check", "https://c/d", "--ca-file", "ca.pem"], {
      check: "https://c/d",
      caFile: "ca.pem",
    }, []],
    [
      [
        "client",
        "metadata",
        "--url",
        "https://c/d",
        "--client-name",
        "A",
        "--redirect-uri",
        "https://r/1",
        "--redirect-uri=https://r/2",
        "--callback-port",
        "1",
        "--callback-port=2",
        "--jwks-file",
        "k",
      ],
      {
        url: "https://c/d",
        clientName: "A",
        redirectUri: ["https://r/1", "https://r/2"],
        callbackPort: [1, 2],
        jwksFile: "k",
      },
      [],
    ],
    [
      [
        "client",
        "register",
        "demo",
        "--initial-access-token-file",
        "-",
        "--registration-header",
        "Cookie: a=${B}",
        "--client-name",
        "A",
        "--redirect-uri",
        "http://127.0.0.1/callback",
        "--auth-method",
        "client_secret_post",
        "--scope",
        "a b",
      ],
      {
        initialAccessTokenFile: "-",
        registrationHeader: ["Cookie: a=${B}"],
        clientName: "A",
        redirectUri: ["http://127.0.0.1/callback"],
        authMethod: "client_secret_post",
        scope: ["a b"],
      },
      ["demo"],
    ],
    [["set", "demo", "--url", URL_TEXT], { url: URL_TEXT }, ["demo"]],
    [["set", "demo", "--unset", "scope", "--unset", "callback-port"], { unset: ["scope", "callback-port"] }, [
      "demo",
    ]],
    [["rename", "demo", "notes"], {}, ["demo", "notes"]],
    [["remove", "demo", "--local-only", "--json"], { localOnly: true, json: true }, ["demo"]],
    [["keystore", "status", "--json"], { json: true }, []],
    [["keystore", "use", "keychain", "--verbose"], { verbose: true }, ["keychain"]],
    [["keystore", "use", "--json", "env"], { json: true }, ["env"]],
    [["keystore", "rekey", "--keystore", "file"], { keystore: "file" }, []],
    [["export", "demo", "notes", "--out", "x.json"], { out: "x.json" }, ["demo", "notes"]],
    [["export", "--all", "--move", "--out=-", "--passphrase-file", "-"], {
      all: true,
      move: true,
      out: "-",
      passphraseFile: "-",
    }, []],
    [["export", "demo", "--without-tokens", "--force", "--json"], {
      withoutTokens: true,
      force: true,
      json: true,
    }, ["demo"]],
    [["import", "x.json"], {}, ["x.json"]],
    [["import", "-", "--name", "a=b", "--name=c=d", "--force", "--passphrase-file", "p"], {
      name: ["a=b", "c=d"],
      force: true,
      passphraseFile: "p",
    }, ["-"]],
    [["import", "--dry-run", "mcp-remote", URL_TEXT, "--issuer", "https://as", "--json"], {
      dryRun: true,
      issuer: "https://as",
      json: true,
    }, ["mcp-remote", URL_TEXT]],
    [["permissions"], {}, []],
    [["permissions", "demo", "--command", "bridge --login", "--format", "config", "--file", "f"], {
      command: "bridge --login",
      format: "config",
      file: "f",
    }, ["demo"]],
    [["help"], {}, []],
    [["help", "add"], {}, ["add"]],
    [["help", "keystore", "use"], {}, ["keystore", "use"]],
    [["version", "--json"], { json: true }, []],
  ];

const commands = await allCommands();

/** The words of the command that a line begins with. */
function wordsOf(line: readonly string[]): string {
  return [...commands.keys()].find((words) => `${line.join(" ")} `.startsWith(`${words} `)) ?? "";
}

Deno.test("each command line gives its action these flags and arguments", async (t) => {
  const read = await reader();
  for (const [line, flags, args] of TABLE) {
    await t.step(line.join(" "), async () => {
      deepEqual(await read(line), { command: wordsOf(line), flags, args });
    });
  }
});

Deno.test("every command is in the table, and every one that reports has --json", async () => {
  const read = await reader();
  deepEqual([...new Set(TABLE.map(([line]) => wordsOf(line)))].sort(), [...commands.keys()].sort());
  const positional: Record<string, number> = {
    add: 1,
    rename: 2,
    call: 2,
    list: 0,
    audit: 0,
    version: 0,
    help: 0,
  };
  const chosen: Record<string, readonly string[]> = {
    "keystore status": [],
    "keystore use": ["file"],
    "keystore rekey": [],
    "client list": [],
    "provider list": [],
    "client metadata": [],
  };
  for (const name of commands.keys()) {
    const args = chosen[name] ?? Array.from({ length: positional[name] ?? 1 }, () => "x");
    const json = await read([...name.split(" "), ...args, "--json"]);
    equal(json?.flags.json, ["bridge", "exec", "help"].includes(name) ? undefined : true, name);
  }
});

const SECRETS = [
  "--client-secret",
  "--secret",
  "--token",
  "--access-token",
  "--refresh-token",
  "--key",
  "--new-key",
  "--password",
  "--passphrase",
];

Deno.test("no command takes a secret on its command line", async () => {
  const read = await reader();
  for (const name of commands.keys()) {
    for (const flag of SECRETS) {
      equal(await read([...name.split(" "), "x", flag, "s3cret"]), undefined, `${name} ${flag}`);
    }
  }
});

Deno.test("every flag has a brief of one line, and every command a sentence and an example", async () => {
  for (const [name, command] of commands) {
    const flags = (command.parameters.flags ?? {}) as Record<string, { readonly brief: string }>;
    for (const [flag, { brief }] of Object.entries(flags)) {
      ok(/^[A-Z][^\n]{5,100}[^.\n]$/.test(brief), `${name} ${flag}: ${brief}`);
    }
  }
  const groups = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => {
      return [name, (await load()).command] as const;
    }),
  );
  for (const [name, { brief, fullDescription }] of [...commands, ...groups]) {
    ok(/^[A-Z][^\n.]+$/.test(brief), name);
    ok(/\.\n\nEXAMPLES\n {2}\S/.test(fullDescription ?? ""), name);
  }
});
