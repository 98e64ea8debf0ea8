/**
 * What each command needs of the machine, as a table: whom it talks to, which variables it reads, which programs it
 * starts. A test holds it to the table of commands, to the variables that the source reads, and to what Deno says the
 * real program uses.
 *
 * @module
 */
import { HOST_IDS, type HostId } from "../../../../services/hosts/mod.ts";

/** Whom a command talks to, or what else it reaches. */
export type Reach =
  /** The token endpoint of the entry. */
  | "refresh"
  /** The revocation endpoint of the entry. */
  | "revoke"
  /** Where its client registrations are deleted. */
  | "registration"
  /** Where a client is registered by hand. */
  | "registering"
  /** A client ID metadata document that the command line names. */
  | "document"
  /** The MCP server. */
  | "server"
  /** The authorization server with its metadata, the callback, the browser. */
  | "sign-in"
  /** The folder of mcp-remote, and the servers that it is for. */
  | "mcp-remote"
  /** The configuration of the host that the command names. */
  | "reads-host"
  | "writes-host"
  /** A file that the command line names. */
  | "reads-file"
  | "writes-file"
  /** The log that the command line names. */
  | "writes-log"
  /** The keychain, whatever the store is sealed by now. */
  | "keychain"
  /** A key or passphrase that takes the place of another. */
  | "new-key"
  /** A program that the command line names. */
  | "program";

/** What a command needs. */
export interface CommandNeeds {
  /** Whether it opens the store, or only reads what is beside it. */
  readonly store: "opened" | "beside" | "not";
  readonly reaches: readonly Reach[];
}

/** The rows of each host, whose configurations are in different places. */
const ofHosts = (command: (host: HostId) => string, needs: CommandNeeds) =>
  Object.fromEntries(HOST_IDS.map((host) => [command(host), needs]));

const store = (...reaches: readonly Reach[]): CommandNeeds => ({ store: "opened", reaches });
const NOTHING: CommandNeeds = { store: "not", reaches: [] };

/** By command; a flag or word that changes what is needed makes another row. */
export const COMMAND_NEEDS: Readonly<Record<string, CommandNeeds>> = {
  add: store("server", "sign-in"),
  login: store("server", "sign-in"),
  logout: store("revoke"),
  "logout --client": store("revoke", "registration"),
  list: store(),
  status: store(),
  doctor: store("server", "sign-in"),
  token: store("refresh"),
  refresh: store("refresh"),
  exec: store("refresh", "program"),
  bridge: store("server", "refresh"),
  "bridge --login": store("server", "refresh", "sign-in"),
  "bridge --log-file": store("server", "refresh", "writes-log"),
  "bridge --login --log-file": store("server", "refresh", "sign-in", "writes-log"),
  "bridge --": { store: "not", reaches: ["program"] },
  tools: store("server", "refresh"),
  call: store("server", "refresh"),
  set: store(),
  rename: store(),
  remove: store("revoke"),
  client: store(),
  "client list": store(),
  "client show": store("registration"),
  "client register": store("server", "registering"),
  "client delete": store("registration"),
  "client metadata": NOTHING,
  "client metadata --check": store("document"),
  provider: store(),
  "provider list": store(),
  "provider show": store(),
  "provider add": store(),
  "provider remove": store(),
  keystore: store(),
  "keystore status": store(),
  "keystore use": store("new-key"),
  "keystore use keychain": store("new-key", "keychain"),
  "keystore rekey": store("new-key"),
  export: store("writes-file"),
  import: store("reads-file"),
  "import mcp-remote": store("mcp-remote"),
  ...ofHosts((host) => `import ${host}`, store("reads-host", "mcp-remote")),
  ...ofHosts((host) => `import ${host} --move`, store("writes-host", "mcp-remote")),
  install: store("writes-host"),
  ...ofHosts((host) => `install ${host}`, store("writes-host")),
  audit: { store: "beside", reaches: [] },
  permissions: store(),
  help: NOTHING,
  version: NOTHING,
};

/** Why a variable is read. */
export type VariableUse =
  | "store"
  | "remote"
  | "keystore"
  | "new-key"
  | "client"
  /** It brings an access token. */
  | "token"
  /** It says how to sign in without a person, or holds what that takes. */
  | "grant"
  | "browser"
  /** It tells where the person sits. */
  | "surroundings"
  /** It tells what their terminal shows: what it is read for does as well without, so it is not granted. */
  | "ornament"
  | "export"
  | "mcp-remote"
  /** It tells where the configuration of a host is, or which program that has to start. */
  | "host"
  /** How requests go out; see `connections.ts`. */
  | "connection"
  /** It speaks from one process of this program to another, and is never granted. */
  | "internal";

/** Every variable that this program reads by itself; a header of an entry may name more. */
export const VARIABLES: Readonly<Record<string, VariableUse>> = {
  MCP_AUTH_HOME: "store",
  XDG_DATA_HOME: "store",
  HOME: "store",
  LOCALAPPDATA: "store",
  MCP_AUTH_STORE: "remote",
  DENO_KV_ACCESS_TOKEN: "remote",
  MCP_AUTH_KEYSTORE: "keystore",
  MCP_AUTH_KEY: "keystore",
  MCP_AUTH_PASSPHRASE: "keystore",
  MCP_AUTH_NEW_KEY: "new-key",
  MCP_AUTH_NEW_PASSPHRASE: "new-key",
  MCP_AUTH_CLIENT_ID: "client",
  MCP_AUTH_CLIENT_SECRET: "client",
  MCP_AUTH_CLIENT_METADATA_URL: "client",
  MCP_AUTH_AUTH_ENDPOINT: "client",
  MCP_AUTH_TOKEN_ENDPOINT: "client",
  MCP_AUTH_SCOPE: "client",
  MCP_AUTH_DPOP: "client",
  MCP_AUTH_REDIRECT_URI: "client",
  MCP_AUTH_ACCESS_TOKEN: "token",
  MCP_AUTH_GRANT: "grant",
  MCP_AUTH_PRIVATE_KEY: "grant",
  MCP_AUTH_ASSERTION: "grant",
  MCP_AUTH_ID_TOKEN: "grant",
  MCP_AUTH_IDP: "grant",
  MCP_AUTH_IDP_CLIENT_ID: "grant",
  MCP_AUTH_IDP_CLIENT_SECRET: "grant",
  ACTIONS_ID_TOKEN_REQUEST_URL: "grant",
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "grant",
  BROWSER: "browser",
  PATH: "browser",
  C9_PID: "surroundings",
  CI: "surroundings",
  CLOUD_SHELL: "surroundings",
  CODER: "surroundings",
  CODESPACES: "surroundings",
  CODESPACE_NAME: "surroundings",
  DISPLAY: "surroundings",
  GITHUB_ACTIONS: "surroundings",
  GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN: "surroundings",
  GITLAB_CI: "surroundings",
  GITPOD_WORKSPACE_ID: "surroundings",
  JUPYTERHUB_USER: "surroundings",
  KUBERNETES_SERVICE_HOST: "surroundings",
  LANG: "ornament",
  LC_ALL: "ornament",
  LC_CTYPE: "ornament",
  NO_COLOR: "ornament",
  REPL_ID: "surroundings",
  SSH_CONNECTION: "surroundings",
  SSH_TTY: "surroundings",
  TERM: "ornament",
  VSCODE_PROXY_URI: "surroundings",
  WAYLAND_DISPLAY: "surroundings",
  WSL_DISTRO_NAME: "surroundings",
  container: "surroundings",
  MCP_AUTH_EXPORT_PASSPHRASE: "export",
  MCP_REMOTE_CONFIG_DIR: "mcp-remote",
  USERPROFILE: "mcp-remote",
  APPDATA: "host",
  XDG_CONFIG_HOME: "host",
  CLAUDE_CONFIG_DIR: "host",
  CODEX_HOME: "host",
  GEMINI_CLI_HOME: "host",
  HTTPS_PROXY: "connection",
  https_proxy: "connection",
  HTTP_PROXY: "connection",
  http_proxy: "connection",
  ALL_PROXY: "connection",
  all_proxy: "connection",
  NO_PROXY: "connection",
  no_proxy: "connection",
  REQUEST_METHOD: "connection",
  SSL_CERT_FILE: "connection",
  NODE_EXTRA_CA_CERTS: "connection",
  DENO_CERT: "connection",
  MCP_AUTH_RESTARTED_BY: "internal",
};
