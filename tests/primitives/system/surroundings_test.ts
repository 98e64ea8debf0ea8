/**
 * Where the person sits, by the signs that the surroundings themselves set, and whether a browser is started here.
 *
 * @see behaviours row 14
 */
import { deepEqual, ok } from "node:assert/strict";
import {
  SURROUNDINGS_VARIABLES,
  surroundingsOf,
  type TellingFiles,
} from "../../../lib/primitives/system/surroundings.ts";
import { VARIABLES } from "../../../lib/interfaces/cli/commands/permissions/needs.ts";
import { fakeEnv } from "../../fakes/env.ts";

const WSL_KERNEL = "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)";

function files(paths: readonly string[] = [], version = "Linux version 6.1"): TellingFiles {
  return {
    exists: (path) => paths.includes(path),
    text: (path) => path === "/proc/version" ? version : "",
  };
}

const SSH = { SSH_CONNECTION: "192.0.2.7 50022 192.0.2.8 22" };
const SCREEN = { DISPLAY: ":0" };
const DOCKER = files(["/.dockerenv"]);

const PLACES: readonly (readonly [
  description: string,
  env: Readonly<Record<string, string>>,
  files: TellingFiles,
  os: string,
  expected: ReturnType<typeof surroundingsOf>,
])[] = [
  ["a Linux desktop", SCREEN, files(), "linux", { place: "desktop", opensBrowser: true }],
  ["a Wayland desktop", { WAYLAND_DISPLAY: "wayland-0" }, files(), "linux", {
    place: "desktop",
    opensBrowser: true,
  }],
  ["a Mac", {}, files(), "darwin", { place: "desktop", opensBrowser: true }],
  ["Windows", {}, files(), "windows", { place: "desktop", opensBrowser: true }],
  ["a Linux without a screen", {}, files(), "linux", { place: "no-screen", opensBrowser: false }],
  ["a FreeBSD without a screen", {}, files(), "freebsd", { place: "no-screen", opensBrowser: false }],
  ["no screen, and BROWSER", { BROWSER: "w3m" }, files(), "linux", {
    place: "no-screen",
    opensBrowser: true,
  }],
  ["SSH", SSH, files(), "linux", { place: "ssh", opensBrowser: false }],
  ["SSH with a terminal alone", { SSH_TTY: "/dev/pts/1" }, files(), "linux", {
    place: "ssh",
    opensBrowser: false,
  }],
  ["SSH to a Mac", SSH, files(), "darwin", { place: "ssh", opensBrowser: false }],
  ["SSH with X forwarding", { ...SSH, ...SCREEN }, files(), "linux", { place: "ssh", opensBrowser: false }],
  ["SSH, and BROWSER", { ...SSH, BROWSER: "code-open" }, files(), "linux", {
    place: "ssh",
    opensBrowser: true,
  }],
  ["SSH into a container", SSH, DOCKER, "linux", { place: "ssh", opensBrowser: false }],
  ["WSL by its variable", { WSL_DISTRO_NAME: "Ubuntu" }, files(), "linux", {
    place: "wsl",
    opensBrowser: true,
  }],
  ["WSL by its kernel", {}, files([], WSL_KERNEL), "linux", { place: "wsl", opensBrowser: true }],
  ["a container on WSL", {}, files(["/.dockerenv"], WSL_KERNEL), "linux", {
    place: "container",
    opensBrowser: false,
  }],
  ["Docker", {}, DOCKER, "linux", { place: "container", opensBrowser: false }],
  ["Podman", {}, files(["/run/.containerenv"]), "linux", { place: "container", opensBrowser: false }],
  ["systemd-nspawn", { container: "systemd-nspawn" }, files(), "linux", {
    place: "container",
    opensBrowser: false,
  }],
  ["a pod", { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, files(), "linux", {
    place: "container",
    opensBrowser: false,
  }],
  ["a container with a screen, such as toolbox", SCREEN, files(["/run/.containerenv"]), "linux", {
    place: "container",
    opensBrowser: true,
  }],
  ["a codespace", { CODESPACES: "true", CODESPACE_NAME: "fluffy-disco-x7" }, DOCKER, "linux", {
    place: "codespaces",
    opensBrowser: false,
    forwardedHost: "fluffy-disco-x7-{port}.app.github.dev",
  }],
  [
    "a codespace in its editor, which sets BROWSER",
    { CODESPACES: "true", BROWSER: "/vscode/bin/helpers/browser.sh" },
    DOCKER,
    "linux",
    { place: "codespaces", opensBrowser: true },
  ],
  [
    "a codespace whose name is none",
    { CODESPACES: "true", CODESPACE_NAME: "x.evil/?" },
    DOCKER,
    "linux",
    { place: "codespaces", opensBrowser: false },
  ],
  ["Gitpod", { GITPOD_WORKSPACE_ID: "w" }, DOCKER, "linux", { place: "gitpod", opensBrowser: false }],
  ["Cloud Shell", { CLOUD_SHELL: "true", ...SSH }, DOCKER, "linux", {
    place: "web-ide",
    opensBrowser: false,
  }],
  ["code-server", { VSCODE_PROXY_URI: "https://x/{{port}}" }, files(), "linux", {
    place: "web-ide",
    opensBrowser: false,
  }],
  ["CI", { CI: "true" }, DOCKER, "linux", { place: "ci", opensBrowser: false }],
  ["CI on a Mac", { GITHUB_ACTIONS: "true" }, files(), "darwin", { place: "ci", opensBrowser: false }],
  ["CI that is off", { CI: "false", ...SCREEN }, files(), "linux", { place: "desktop", opensBrowser: true }],
];

for (const [description, env, telling, os, expected] of PLACES) {
  Deno.test(`row 14: ${description}`, () => {
    deepEqual(surroundingsOf(fakeEnv(env), telling, os), expected);
  });
}

Deno.test("every variable that tells is in the table of permissions", () => {
  for (const name of SURROUNDINGS_VARIABLES) ok(Object.hasOwn(VARIABLES, name), name);
});
