/**
 * A D-Bus session of its own with a real keyring in it (GNOME Keyring, unlocked), for whoever has to show that the
 * keychain of Linux works: it has a private home and runtime folder, no display, and ends with whoever started it.
 *
 * @module
 */

/** Everything that a session needs of the machine; Debian's packages are dbus, gnome-keyring and libsecret-tools. */
const PROGRAMS = ["dbus-run-session", "dbus-send", "gnome-keyring-daemon", "secret-tool", "bash"];

/** Unlocks the keyring, says where the bus is, and waits for the end of its input. */
const SCRIPT = [
  'eval "$(printf %s "$0" | gnome-keyring-daemon --unlock --components=secrets)"',
  'printf "%s\\n" "$DBUS_SESSION_BUS_ADDRESS"',
  "exec cat",
].join(" && ");

const PASSWORD = "keyring password";
const DECODER = new TextDecoder();

/** A session under way. */
export class KeyringSession implements AsyncDisposable {
  /** The variables by which programs find the session; the first two are its private folders. */
  readonly environment: Readonly<Record<"HOME" | "XDG_RUNTIME_DIR" | "DBUS_SESSION_BUS_ADDRESS", string>>;
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;

  private constructor(folder: string, child: Deno.ChildProcess, address: string) {
    this.#folder = folder;
    this.#child = child;
    this.environment = { ...foldersIn(folder), DBUS_SESSION_BUS_ADDRESS: address };
  }

  /** Why there can be no session on this machine; undefined where there can. */
  static get missing(): string | undefined {
    const missing = PROGRAMS.filter((program) => !isThere(program));
    return missing.length === 0 ? undefined : `needs ${missing.join(", ")}`;
  }

  /** Starts a session whose keyring is unlocked. */
  static async start(): Promise<KeyringSession> {
    const folder = await Deno.makeTempDir({ prefix: "mcp-auth-keyring-" });
    const { HOME, XDG_RUNTIME_DIR } = foldersIn(folder);
    for (const path of [HOME, XDG_RUNTIME_DIR]) await Deno.mkdir(path, { mode: 0o700 });
    const child = new Deno.Command("dbus-run-session", {
      args: ["--", "bash", "-c", SCRIPT, PASSWORD],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", HOME, XDG_RUNTIME_DIR },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let said = "";
    for await (const chunk of child.stdout.values({ preventCancel: true })) {
      said += DECODER.decode(chunk);
      if (said.endsWith("\n")) break;
    }
    const session = new KeyringSession(folder, child, said.trim());
    if (said !== "") return session;
    await session[Symbol.asyncDispose]();
    throw new Error("The session with a keyring did not start");
  }

  /** Locks the keyring. There is no display on which somebody could be asked for its password: it stays locked. */
  async lock(): Promise<void> {
    const [service, path] = ["org.freedesktop.secrets", "/org/freedesktop/secrets"];
    const { success, stderr } = await new Deno.Command("dbus-send", {
      args: [
        ...["--session", "--print-reply", `--dest=${service}`, path],
        ...["org.freedesktop.Secret.Service.Lock", `array:objpath:${path}/collection/login`],
      ],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", ...this.environment },
      stdin: "null",
    }).output();
    if (!success) throw new Error(`dbus-send failed: ${DECODER.decode(stderr)}`);
  }

  /** Ends the bus, and the keyring with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    await this.#child.stdout.cancel();
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function foldersIn(folder: string) {
  return { HOME: `${folder}/home`, XDG_RUNTIME_DIR: `${folder}/run` };
}

function isThere(program: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}
