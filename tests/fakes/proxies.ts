/**
 * Real forward proxies for tests, each on a free port with a configuration, a folder and an access log of its own: squid,
 * which knows names that nobody else knows, and tinyproxy.
 *
 * @module
 */

/** A running proxy. */
export interface RunningProxy extends AsyncDisposable {
  readonly host: string;
  /** Its URL, without user name and password. */
  readonly url: string;
  /** What it was asked for so far, such as `CONNECT mcp.test:443`, in order. */
  asked(): Promise<readonly string[]>;
}

/** What a proxy is to be like. */
export interface ProxyOptions {
  /** Who may use it, as `name:password`; everybody unless set. */
  readonly user?: string;
  /** The addresses of names that it knows; squid alone. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Refuses every connection; squid alone. */
  readonly refuses?: boolean;
  /** The only port that it connects to; tinyproxy alone. */
  readonly connectPort?: number;
  /** The proxy that it uses itself, as `host:port`; tinyproxy alone. */
  readonly upstream?: string;
}

/** Starts squid. */
export async function startSquid(options: ProxyOptions = {}): Promise<RunningProxy> {
  const folder = await proxyFolder();
  const port = freePort();
  const hosts = Object.entries(options.hosts ?? {}).map(([name, address]) => `${address} ${name}\n`);
  await Deno.writeTextFile(`${folder}/hosts`, hosts.join(""));
  const access = options.user === undefined ? [] : [
    `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${folder}/users`,
    "auth_param basic children 1 startup=1",
    "acl known proxy_auth REQUIRED",
    "http_access deny !known",
  ];
  if (options.user !== undefined) {
    await Deno.writeTextFile(`${folder}/users`, await passwordLine(options.user));
  }
  await Deno.writeTextFile(
    `${folder}/conf`,
    [
      `http_port 127.0.0.1:${port}`,
      `hosts_file ${folder}/hosts`,
      ...access,
      `http_access ${options.refuses ? "deny" : "allow"} all`,
      "logformat asked %rm %ru",
      `access_log stdio:${folder}/log logformat=asked`,
      `cache_log ${folder}/cache.log`,
      `pid_filename ${folder}/pid`,
      `coredump_dir ${folder}`,
      "cache deny all",
      "buffered_logs off",
      "shutdown_lifetime 0 seconds",
      "via off",
      "",
    ].join("\n"),
  );
  return await started(folder, port, "squid", ["-N", "-f", `${folder}/conf`], /^([A-Z]+ \S+)$/gm);
}

/** Starts tinyproxy. */
export async function startTinyproxy(options: ProxyOptions = {}): Promise<RunningProxy> {
  const folder = await proxyFolder();
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/conf`,
    [
      `Port ${port}`,
      "Listen 127.0.0.1",
      "Timeout 30",
      `LogFile "${folder}/log"`,
      "LogLevel Connect",
      `PidFile "${folder}/pid"`,
      "Allow 127.0.0.1",
      ...(options.user === undefined ? [] : [`BasicAuth ${options.user.replace(":", " ")}`]),
      ...(options.connectPort === undefined ? [] : [`ConnectPort ${options.connectPort}`]),
      ...(options.upstream === undefined ? [] : [`Upstream http ${options.upstream}`]),
      "",
    ].join("\n"),
  );
  return await started(
    folder,
    port,
    "tinyproxy",
    ["-d", "-c", `${folder}/conf`],
    /Request \(file descriptor \d+\): (\S+ \S+)/g,
  );
}

/** A folder that a program may write to that gave up being root. */
async function proxyFolder(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "mcp-auth-proxy-" });
  await Deno.chmod(folder, 0o777);
  return folder;
}

async function passwordLine(user: string): Promise<string> {
  const [, name, password] = /^([^:]+):(.*)$/.exec(user)!;
  const { stdout } = await new Deno.Command("openssl", { args: ["passwd", "-apr1", password!] }).output();
  return `${name}:${new TextDecoder().decode(stdout)}`;
}

async function started(
  folder: string,
  port: number,
  program: string,
  args: readonly string[],
  request: RegExp,
): Promise<RunningProxy> {
  const child = new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" }).spawn();
  const proxy: RunningProxy = {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    asked: async () =>
      [...(await Deno.readTextFile(`${folder}/log`).catch(() => "")).matchAll(request)].map(([, words]) =>
        words!
      ),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
  for (let tries = 0; tries < 200; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return proxy;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  await proxy[Symbol.asyncDispose]();
  throw new Error(`${program} does not listen`);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
