/**
 * What the measurements need: a folder that is removed with everything in it, a running server, an entry for it in a
 * sealed store, made by the product's own `add`, and the peers, installed from the registry.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KeyringSession } from "../demo/keyring_session.ts";

/** The peer that the bridge is measured against. */
export const PEER = "mcp-remote@0.15.1";
/** The other peer, which leaves signing in to others: it is told the token. */
export const OTHER_PEER = "supergateway@4.0.0";
/** The name of the entry. */
export const ENTRY = "bench";
/** The name of the entry whose tokens are bound to a key (RFC 9449). */
const BOUND_ENTRY = "bound";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BROWSER = "scripts/demo/browser/scripted_browser.ts";

/** A command line with its environment. */
export interface Command {
  readonly line: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What is measured beside each other. */
export type BridgeName = "mcp-auth" | "mcp-remote" | "supergateway" | "pipe" | "mcp-auth, DPoP";

/** The same entry in a store whose key is in a real keyring. */
export interface KeychainWorld {
  /** The product, handing out the token. */
  readonly token: Command;
  /** The one read that this needs, by nothing but the keychain's own program. */
  readonly read: Command;
}

/** What was prepared. */
export interface World extends AsyncDisposable {
  /** The URL of the MCP endpoint. */
  readonly url: string;
  /** A token that the server accepts, as the header's value. */
  readonly authorization: string;
  /** An empty program. */
  readonly empty: Command;
  /** The product, by the checkout's configuration. */
  readonly product: (...args: readonly string[]) => Command;
  /** The product as somebody meets it whose configuration does not turn on Deno KV: it restarts itself. */
  readonly restarted: (...args: readonly string[]) => Command;
  /** Why it cannot be had on this machine, where it cannot. */
  readonly keychain: KeychainWorld | string;
  /**
   * The bridges: the product's, the peers', and a pipe, which all send the same token; and the product's with a token that
   * is bound to a key, and a proof on each request.
   */
  readonly bridges: Readonly<Record<BridgeName, Command>>;
}

/**
 * Prepares everything.
 *
 * @param say Gets one line for each step.
 * @throws Error when a step fails, with what it said.
 */
export async function prepareWorld(say: (line: string) => void): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "mcp-auth-bench-" });
  undo.defer(() => Deno.remove(folder, { recursive: true }));
  const onInterrupt = () => {
    Deno.removeSync(folder, { recursive: true });
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  undo.defer(() => Deno.removeSignalListener("SIGINT", onInterrupt));

  const deno = Deno.execPath();
  const main = join(ROOT, "main.ts");
  const store = ["--keystore", "file"];
  const env = { ...plainEnvironment(), MCP_AUTH_HOME: join(folder, "home") };
  const product = (...args: readonly string[]) => ({ line: [deno, "run", "-A", main, ...args], env });
  const config = await writeForeignConfig(folder);
  const empty = join(folder, "empty.ts");
  await Deno.writeTextFile(empty, "");

  say("Starting the server");
  const { url, stop } = await startServer();
  undo.defer(stop);
  say("Signing in");
  const browser = `${deno} run -A --quiet --no-config ${join(ROOT, BROWSER)}`;
  const signIn = product("add", ENTRY, url, ...store);
  await output({ ...signIn, env: { ...signIn.env, BROWSER: browser } });
  const bound = product("add", BOUND_ENTRY, url.replace(/mcp$/, "bound/mcp"), ...store);
  await output({ ...bound, env: { ...bound.env, BROWSER: browser } });
  const header = await output(product("token", ENTRY, "--header", ...store));
  const authorization = header.trim().replace(/^authorization: /i, "");
  say("Signing in, with the key in a keychain");
  const keychain = await prepareKeychain(undo, url, browser, (...args) => {
    const command = product(...args);
    return { ...command, env: { ...command.env, MCP_AUTH_HOME: join(folder, "keychain-home") } };
  });
  say(`Installing ${PEER} and ${OTHER_PEER}`);
  const peer = join(folder, "peer");
  const install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", peer];
  await output({ line: [...install, PEER, OTHER_PEER], env });

  const rest = undo.move();
  return {
    url,
    authorization,
    empty: { line: [deno, "run", "-A", empty], env },
    product,
    keychain,
    restarted: (...args) => ({ line: [deno, "run", "-A", "--config", config, main, ...args], env }),
    bridges: {
      "mcp-auth": product("bridge", ENTRY, ...store),
      "mcp-remote": {
        line: [
          ...["node", join(peer, "node_modules/mcp-remote/dist/proxy.js"), url],
          ...["--transport", "http-only", "--silent", "--header", "Authorization:${AUTHORIZATION}"],
        ],
        env: { ...env, AUTHORIZATION: authorization, MCP_REMOTE_CONFIG_DIR: join(folder, "peer-home") },
      },
      "supergateway": {
        line: [
          ...["node", join(peer, "node_modules/supergateway/dist/index.js"), "--streamableHttp", url],
          ...["--logLevel", "none", "--oauth2Bearer", authorization.replace(/^Bearer /, "")],
        ],
        env,
      },
      "pipe": {
        line: [deno, "run", "-A", "--no-config", join(ROOT, "scripts/bench/pipe.ts"), url],
        env: { ...env, AUTHORIZATION: authorization },
      },
      "mcp-auth, DPoP": product("bridge", BOUND_ENTRY, ...store),
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

/** Starts a session with a keyring, and makes a store with the entry in it. */
async function prepareKeychain(
  undo: AsyncDisposableStack,
  url: string,
  browser: string,
  product: (...args: readonly string[]) => Command,
): Promise<KeychainWorld | string> {
  if (KeyringSession.missing !== undefined) return KeyringSession.missing;
  const { environment } = undo.use(await KeyringSession.start());
  const { DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR } = environment;
  const within = ({ line, env }: Command, more: Command["env"] = {}): Command => ({
    line,
    env: { ...env, DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR, ...more },
  });
  await output(within(product("add", ENTRY, url, "--keystore", "keychain"), { BROWSER: browser }));
  const item = ["service", "mcp-auth"];
  const { env } = within(product());
  return {
    token: within(product("token", ENTRY)),
    read: { line: ["secret-tool", "lookup", ...item], env },
  };
}

/** This process's environment without settings for the programs that are measured. */
function plainEnvironment(): Record<string, string> {
  const own = Object.entries(Deno.env.toObject());
  return Object.fromEntries(own.filter(([name]) => !/^(MCP_AUTH|MCP_REMOTE)_/.test(name)));
}

/** A configuration with the product's imports and without Deno KV, as a project that uses the product has. */
async function writeForeignConfig(folder: string): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const file = join(folder, "foreign", "deno.json");
  await Deno.mkdir(join(folder, "foreign"));
  await Deno.writeTextFile(file, JSON.stringify({ imports, lock: false }));
  return file;
}

async function startServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", "tests/deno.json", "scripts/bench/server.ts"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const stop = async () => {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  };
  if (value === undefined) throw new Error("The server did not start");
  return { url: new TextDecoder().decode(value).trim(), stop };
}

/** Runs a command and returns what it printed. */
async function output({ line: [program = "", ...args], env }: Command): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { ...env },
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`Cannot prepare: "${program} ${args.join(" ")}" failed: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}
