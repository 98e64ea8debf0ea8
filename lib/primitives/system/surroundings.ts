/**
 * Where a person sits, seen from the program: whether a browser that is started here is in front of them, and whether
 * the browser in front of them reaches a port of this machine. The verdict is pure over what was read, and every sign
 * is one that the surroundings set themselves.
 *
 * | Sign | Set by |
 * | --- | --- |
 * | `CODESPACES`, `CODESPACE_NAME` | GitHub Codespaces |
 * | `GITPOD_WORKSPACE_ID` | Gitpod, Ona |
 * | `CLOUD_SHELL`, `CODER`, `VSCODE_PROXY_URI`, `C9_PID`, `REPL_ID`, `JUPYTERHUB_USER` | other IDEs in a browser |
 * | `SSH_CONNECTION`, `SSH_TTY` | sshd |
 * | `CI`, `GITHUB_ACTIONS`, `GITLAB_CI` | CI |
 * | `WSL_DISTRO_NAME`, "microsoft" in `/proc/version` | WSL |
 * | `/.dockerenv`, `/run/.containerenv`, `container`, `KUBERNETES_SERVICE_HOST` | Docker, Podman, systemd-nspawn, Kubernetes |
 * | `DISPLAY`, `WAYLAND_DISPLAY` | a screen of X11 or Wayland |
 *
 * @see behaviours row 14
 * @module
 */
import type { Env } from "./env.ts";

/** Where a person sits: `desktop` is in front of this machine, and `no-screen` a Linux that has nothing to show a browser on. */
export type PlaceOfPerson =
  | "desktop"
  | "wsl"
  | "ssh"
  | "codespaces"
  | "gitpod"
  | "web-ide"
  | "container"
  | "ci"
  | "no-screen";

/** What was found out. */
export interface Surroundings {
  readonly place: PlaceOfPerson;
  /** Whether a browser that is started here is the person's. */
  readonly opensBrowser: boolean;
  /** In a codespace: the host that leads to a port of it, with `{port}` in place of the port. */
  readonly forwardedHost?: string;
}

/** The few files that tell. */
export interface TellingFiles {
  /** Whether there is such a file; false also where the sandbox does not say. */
  exists(path: string): boolean;
  /** The text of a file; "" where there is none. */
  text(path: string): string;
}

/** Every variable that is looked at. */
export const SURROUNDINGS_VARIABLES = [
  "BROWSER",
  "C9_PID",
  "CI",
  "CLOUD_SHELL",
  "CODER",
  "CODESPACES",
  "CODESPACE_NAME",
  "DISPLAY",
  "GITHUB_ACTIONS",
  "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN",
  "GITLAB_CI",
  "GITPOD_WORKSPACE_ID",
  "JUPYTERHUB_USER",
  "KUBERNETES_SERVICE_HOST",
  "REPL_ID",
  "SSH_CONNECTION",
  "SSH_TTY",
  "VSCODE_PROXY_URI",
  "WAYLAND_DISPLAY",
  "WSL_DISTRO_NAME",
  "container",
] as const;

const WEB_IDES = [
  "CLOUD_SHELL",
  "CODER",
  "VSCODE_PROXY_URI",
  "C9_PID",
  "REPL_ID",
  "JUPYTERHUB_USER",
] as const;

/**
 * Tells where the person sits. `BROWSER` names a way to open one wherever it is set, as remote editors do.
 *
 * @param env The environment.
 * @param files The files.
 * @param os `Deno.build.os`.
 */
export function surroundingsOf(env: Env, files: TellingFiles, os: string): Surroundings {
  const has = (...names: readonly (typeof SURROUNDINGS_VARIABLES[number])[]) =>
    names.some((name) => env.get(name) !== undefined);
  const isNamed = has("BROWSER");
  const hasScreen = os === "windows" || os === "darwin" || has("DISPLAY", "WAYLAND_DISPLAY");
  const at = (place: PlaceOfPerson, opensBrowser = isNamed): Surroundings => ({ place, opensBrowser });
  if (env.get("CODESPACES") === "true") return { ...at("codespaces"), ...forwardedHost(env) };
  if (has("GITPOD_WORKSPACE_ID")) return at("gitpod");
  if (has(...WEB_IDES)) return at("web-ide");
  if (has("SSH_CONNECTION", "SSH_TTY")) return at("ssh");
  if (isOn(env.get("CI")) || has("GITHUB_ACTIONS", "GITLAB_CI")) return at("ci");
  const isContainer = os === "linux" && (has("container", "KUBERNETES_SERVICE_HOST") ||
    files.exists("/.dockerenv") || files.exists("/run/.containerenv"));
  // A container on WSL is a container: Windows' programs are not there.
  if (isContainer) return at("container", isNamed || hasScreen);
  if (isWsl(env, files, os)) return at("wsl", true);
  return hasScreen ? at("desktop", true) : at("no-screen");
}

function isWsl(env: Env, files: Pick<TellingFiles, "text">, os: string): boolean {
  return os === "linux" &&
    (env.get("WSL_DISTRO_NAME") !== undefined || /microsoft/i.test(files.text("/proc/version")));
}

/** Tells where the person sits in front of this machine. */
export function systemSurroundings(env: Env): Surroundings {
  return surroundingsOf(env, systemFiles, Deno.build.os);
}

/** Whether this machine is a Linux below Windows. */
export function isThisWsl(env: Env): boolean {
  return isWsl(env, systemFiles, Deno.build.os);
}

const systemFiles: TellingFiles = {
  exists: (path) => {
    try {
      if (!mayRead(path)) return false;
      Deno.statSync(path);
      return true;
    } catch {
      return false;
    }
  },
  text: (path) => {
    try {
      return mayRead(path) ? Deno.readTextFileSync(path) : "";
    } catch {
      return "";
    }
  },
};

/** Nobody is asked for a permission because of them. */
function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !/^(0|false|no)$/i.test(value);
}

function forwardedHost(env: Env): { readonly forwardedHost?: string } {
  const name = env.get("CODESPACE_NAME");
  const domain = env.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN") ?? "app.github.dev";
  const isHost = /^[a-z0-9.-]+$/i;
  return name !== undefined && isHost.test(name) && isHost.test(domain)
    ? { forwardedHost: `${name}-{port}.${domain}` }
    : {};
}
