/**
 * The options of mcp-remote as a table: what each is called here, which ones need nothing, and which ones have no
 * counterpart and why.
 *
 * @see mcp-remote 0.15.1, README ("Flags") and its reading of the command line
 * @module
 */
import type { OwnOption, Remark, StaticClient } from "./mcp_remote_line.ts";

/** What is gathered while a command line is read. */
export interface Draft {
  readonly options: OwnOption[];
  readonly needless: Remark[];
  readonly lost: Remark[];
  interactive: boolean;
  authorization?: string;
  client?: StaticClient;
  port?: string;
  host?: string;
  path?: string;
  pingSeconds?: string;
  /** Whether the redirect URI was registered by hand. */
  pinned: boolean;
}

/** What becomes of one option. */
export interface Rule {
  /** Whether a value follows. */
  readonly takes: boolean;
  /** What it is called here, for people; undefined where nothing is needed, or nothing can be done. */
  readonly here?: string;
  /** Why nothing is needed, or nothing can be done. */
  readonly why?: string;
  /** Reads it. */
  readonly read: (draft: Draft, value: string, option: string) => void;
}

/** An option with a value that is called something else here, or the same. */
function renamed(flag: `--${string}`): Rule {
  return { takes: true, here: flag, read: ({ options }, value) => void options.push([flag, value]) };
}

/** An option that needs nothing here. */
function needless(why: string, takes = false): Rule {
  return { takes, why, read: ({ needless }, _value, option) => void needless.push({ option, why }) };
}

/** An option without a counterpart. */
function lost(why: string, takes = false): Rule {
  return { takes, why, read: ({ lost }, _value, option) => void lost.push({ option, why }) };
}

const CALLBACK_HOSTS: Readonly<Record<string, string>> = {
  "localhost": "localhost",
  "127.0.0.1": "127.0.0.1",
  "::1": "[::1]",
  "[::1]": "[::1]",
};
const TRANSPORTS: Readonly<Record<string, string>> = {
  "http-first": "auto",
  "sse-first": "auto",
  "http-only": "http",
  "sse-only": "sse",
};
/** The pause between two pings of `--keep-alive` alone, in seconds. */
const PING_S = "30";
const CALLBACK_PATH = "/oauth/callback";
const NO_CAP = "a stream may be silent for as long as it likes, and everything else has its limit";

/** Every option that mcp-remote has. */
export const RULES: Readonly<Record<string, Rule>> = {
  "--header": { takes: true, here: "--header", read: readHeader },
  "--header-file": renamed("--header-file"),
  "--resource": { takes: true, here: "--resource", read: readResource },
  "--disable-resource-parameter": {
    takes: false,
    here: "--quirk omit-resource",
    read: ({ options }) => void options.push(["--quirk", "omit-resource"]),
  },
  "--authorize-param": renamed("--authorize-param"),
  "--client-metadata-url": {
    takes: true,
    here: "--client-metadata-url",
    read: (draft, value) => {
      draft.pinned = true;
      draft.options.push(["--client-metadata-url", value]);
    },
  },
  "--static-oauth-client-info": {
    takes: true,
    here: "--client-id <id>, and --client-secret-file <file>",
    read: readStaticClient,
  },
  "--static-oauth-client-metadata": {
    takes: true,
    here: "--scope <scope>, and --client-name <name>",
    read: readClientMetadata,
  },
  "--client-credentials": {
    takes: false,
    here: "--client-credentials",
    read: (draft) => {
      draft.interactive = false;
      draft.options.push(["--client-credentials"]);
    },
  },
  "--device-code": {
    takes: false,
    here: "--device",
    read: ({ options }) => void options.push(["--device"]),
  },
  "--token-endpoint": lost("name the endpoint with the variable MCP_AUTH_TOKEN_ENDPOINT", true),
  "--use-id-token": lost("mcp-auth sends access tokens only"),
  "--host": { takes: true, here: "--callback-host", read: (draft, value) => void (draft.host = value) },
  "--callback-path": {
    takes: true,
    here: "--redirect-uri",
    read: (draft, value) => void (draft.path = value),
  },
  "--auth-timeout": { takes: true, here: "--timeout", read: readAuthTimeout },
  "--auth-success-url": lost("the page at the end of a sign-in is mcp-auth's own", true),
  "--transport": { takes: true, here: "--transport auto, http or sse", read: readTransport },
  "--protocol": needless("every revision of the protocol is understood, whichever the host speaks", true),
  "--keep-alive": {
    takes: false,
    here: "--keep-alive <seconds>",
    read: (draft) => void (draft.pingSeconds ??= PING_S),
  },
  "--ping-interval": {
    takes: true,
    here: "--keep-alive",
    read: (draft, value) => void (draft.pingSeconds = value),
  },
  "--ignore-tool": renamed("--ignore-tool"),
  "--debug": {
    takes: false,
    here: "--verbose, or --log-file <file>",
    read: ({ options }) => void options.push(["--verbose"]),
  },
  "--silent": needless("it says nothing unless something is wrong"),
  "--allow-http": lost("plain http is for this machine alone: others could read the token"),
  "--enable-proxy": needless("the proxies that the environment names are always used"),
  "--disable-cookies": lost(
    "cookies are kept in memory, for the server that set them, and cannot be turned off",
  ),
  "--connect-timeout": needless(NO_CAP, true),
  "--headers-timeout": needless(NO_CAP, true),
  "--body-timeout": needless(NO_CAP, true),
  "--ipv4": lost("addresses of both kinds are tried"),
};

function readHeader(draft: Draft, text: string, option: string): void {
  const [, name, value] = /^([A-Za-z0-9_-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    draft.lost.push({ option, why: 'it has no form "Name: value"' });
  } else if (name.toLowerCase() === "authorization") draft.authorization = value;
  else draft.options.push(["--header", `${name}: ${value}`]);
}

function readResource({ options }: Draft, value: string): void {
  const resource = value.trim();
  options.push(resource === "" ? ["--quirk", "omit-resource"] : ["--resource", resource]);
}

function readAuthTimeout({ options, lost }: Draft, value: string, option: string): void {
  const seconds = parseInt(value, 10);
  if (seconds > 0) options.push(["--timeout", String(seconds)]);
  else lost.push({ option, why: "its value is no number of seconds" });
}

function readTransport({ options, lost }: Draft, value: string, option: string): void {
  const kind = Object.hasOwn(TRANSPORTS, value) ? TRANSPORTS[value] : undefined;
  if (kind === undefined) lost.push({ option, why: "its value is no transport" });
  else if (kind !== "auto") options.push(["--transport", kind]);
}

/** Reads the pause of `--ping-interval`, or that of `--keep-alive` alone. */
export function readPing({ options, lost }: Draft, value: string): void {
  const seconds = Math.ceil(Number(value));
  if (seconds > 0) options.push(["--keep-alive", String(seconds)]);
  else lost.push({ option: "--ping-interval", why: "its value is no number of seconds" });
}

/** Reads where the answer of a sign-in comes to: a client that was registered by hand wants the redirect URI that it was registered with, to the last character. */
export function readCallback({ options, lost, port, host, path, pinned }: Draft): void {
  const known = host === undefined ? undefined : CALLBACK_HOSTS[host];
  if (port !== undefined && (pinned || path !== undefined || (host !== undefined && known === undefined))) {
    const uri = `http://${known ?? host ?? "localhost"}:${port}${path ?? CALLBACK_PATH}`;
    options.push(["--redirect-uri", uri]);
    return;
  }
  if (port !== undefined) options.push(["--callback-port", port]);
  if (known !== undefined) options.push(["--callback-host", known]);
  else if (host !== undefined) {
    lost.push({ option: "--host", why: "name the whole redirect URI with --redirect-uri" });
  }
  if (path !== undefined) {
    lost.push({ option: "--callback-path", why: "name the whole redirect URI with --redirect-uri" });
  } else if (pinned) {
    lost.push({
      option: "[port]",
      why:
        "it was derived from the URL: name the redirect URI that the client is registered with by --redirect-uri",
    });
  }
}

function readStaticClient(draft: Draft, text: string, option: string): void {
  draft.pinned = true;
  if (text.startsWith("@")) {
    draft.client = { from: "file", path: text.slice(1) };
    draft.lost.push({ option, why: "name the client in that file by --client-id and --client-secret-file" });
    return;
  }
  const { client_id: clientId, client_secret: clientSecret } = jsonObject(text);
  if (typeof clientId !== "string" || clientId === "") {
    draft.lost.push({ option, why: "its value names no client_id" });
    return;
  }
  draft.options.push(["--client-id", clientId]);
  const secret = typeof clientSecret === "string" && clientSecret !== "" ? { clientSecret } : {};
  draft.client = { from: "text", clientId, ...secret };
  if ("clientSecret" in secret) {
    draft.lost.push({
      option,
      why: "put its client_secret into a file, and name that by --client-secret-file",
    });
  }
}

function readClientMetadata({ options, lost }: Draft, text: string, option: string): void {
  if (text.startsWith("@")) {
    lost.push({ option, why: "name the scope in that file by --scope, the client's name by --client-name" });
    return;
  }
  const { scope, client_name: name, token_endpoint_auth_method: _negotiated, ...rest } = jsonObject(text);
  if (typeof scope === "string" && scope.trim() !== "") options.push(["--scope", scope]);
  if (typeof name === "string" && name !== "") options.push(["--client-name", name]);
  const others = Object.keys(rest);
  if (others.length > 0) {
    lost.push({ option, why: "of its members only scope and client_name can be chosen" });
  }
}

function jsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
