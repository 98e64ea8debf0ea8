/**
 * Which servers of a host's configuration are remote, and what they would be as entries: those that the host reaches by
 * itself, and those that a program such as mcp-remote stands in front of. What cannot be taken over is told with its
 * reason; nothing is read beside the configuration, and nothing is expanded.
 *
 * @module
 */
import { mcpRemoteLines, type OwnOption, type Remark } from "../config/mod.ts";
import { type BridgeCommand, bridgedName, commandOf } from "./bridge_entry.ts";
import { type ConfigTable, type ConfiguredServer, type ConfigValue, isTable, memberOf } from "./document.ts";
import type { Host } from "./host.ts";
import { type FoundHeader, foundHeader } from "./placeholders.ts";

/** A remote server. */
export interface FoundServer {
  readonly server: ConfiguredServer;
  /** What reaches it now. */
  readonly by: "host" | "mcp-remote" | "mcp-proxy" | "supergateway";
  /** As written. */
  readonly url: string;
  /** What describes it otherwise, headers left out. */
  readonly options: readonly OwnOption[];
  readonly headers: readonly FoundHeader[];
  /** What the host's entry gives to the program that reaches the server; its values may be secrets. */
  readonly variables: Readonly<Record<string, string>>;
  /** What has no counterpart. */
  readonly lost: readonly Remark[];
}

/** A server that is none for us. */
export interface PassedServer {
  readonly server: ConfiguredServer;
  readonly kind: "local" | "bridge" | "unusable";
  /** In a few words. */
  readonly why: string;
}

/** What a configuration has. */
export interface FoundServers {
  readonly remote: readonly FoundServer[];
  readonly passed: readonly PassedServer[];
}

/**
 * Looks through the servers of a configuration.
 *
 * @param host Whose configuration it is.
 * @param servers The servers.
 * @param own How this program is started.
 */
export async function findServers(
  host: Host,
  servers: readonly ConfiguredServer[],
  own: Pick<BridgeCommand, "command" | "args">,
): Promise<FoundServers> {
  const lines = await mcpRemoteLines();
  const remote: FoundServer[] = [];
  const passed: PassedServer[] = [];
  for (const server of servers) {
    const found = judged(host, server, own, lines);
    if ("kind" in found) passed.push(found);
    else remote.push(found);
  }
  return { remote, passed };
}

type McpRemoteLines = Awaited<ReturnType<typeof mcpRemoteLines>>;

function judged(
  host: Host,
  server: ConfiguredServer,
  own: Pick<BridgeCommand, "command" | "args">,
  lines: McpRemoteLines,
): FoundServer | PassedServer {
  const { value } = server;
  const pass = (kind: PassedServer["kind"], why: string): PassedServer => ({ server, kind, why });
  if (value === undefined) return pass("unusable", "it is no server");
  const bridged = bridgedName(server, own);
  if (bridged !== undefined) return pass("bridge", "it is a bridge of mcp-auth already");
  const found = byUrl(host, server, value) ?? byProgram(host, server, value, lines);
  if (found === undefined) return pass("local", "it is a program of this machine");
  if (typeof found === "string") return pass("unusable", found);
  return /\$\{|\$[A-Za-z_]|%[A-Za-z_]+%/.test(found.url)
    ? pass("unusable", "its URL has a variable in it that only the host can fill in")
    : found;
}

function byUrl(host: Host, server: ConfiguredServer, value: ConfigTable): FoundServer | undefined {
  if (commandOf(value) !== undefined) return undefined;
  const url = host.urls.map((name) => memberOf(value, name)).find((each) => typeof each === "string");
  if (typeof url !== "string") return undefined;
  const type = memberOf(value, "type") ?? memberOf(value, "transport");
  const { options, lost } = describedSignIn(value);
  return {
    server,
    by: "host",
    url,
    options: [...(type === "sse" ? [["--transport", "sse"] as const] : []), ...options],
    headers: headersOf(host, value),
    variables: {},
    lost,
  };
}

function headersOf(host: Host, value: ConfigTable): readonly FoundHeader[] {
  const { values, variables, bearerVariable } = host.headers;
  const texts = (name: string | undefined) =>
    Object.entries(textsOf(name === undefined ? undefined : memberOf(value, name)));
  const bearer = bearerVariable === undefined ? undefined : memberOf(value, bearerVariable);
  return [
    ...texts(values).map(([name, text]) => foundHeader(name, text, [host.variables])),
    ...texts(variables).map(([name, variable]) => foundHeader(name, `\${${variable}}`, ["braces"])),
    ...(typeof bearer === "string" ? [foundHeader("Authorization", `Bearer \${${bearer}}`, ["braces"])] : []),
  ];
}

/** What hosts say of a sign-in, each in words of its own. */
function describedSignIn(value: ConfigTable) {
  const options: OwnOption[] = [];
  const lost: Remark[] = [];
  const text = (table: ConfigTable, ...names: readonly string[]) =>
    names.map((name) => memberOf(table, name)).find((each) => typeof each === "string" && each !== "");
  const oauth = [memberOf(value, "oauth"), memberOf(value, "auth")].find(isTable) ?? {};
  const clientId = text(oauth, "clientId", "client_id", "CLIENT_ID");
  if (typeof clientId === "string") options.push(["--client-id", clientId]);
  if (text(oauth, "clientSecret", "client_secret", "CLIENT_SECRET") !== undefined) {
    lost.push({ option: "clientSecret", why: "give the secret with mcp-auth login --client-secret-file" });
  }
  const port = memberOf(oauth, "callbackPort");
  if (typeof port === "number") options.push(["--callback-port", String(port)]);
  const redirectUri = text(oauth, "redirectUri");
  if (typeof redirectUri === "string") options.push(["--redirect-uri", redirectUri]);
  const scopes = memberOf(oauth, "scopes") ?? memberOf(value, "scopes");
  if (Array.isArray(scopes) && scopes.length > 0) options.push(["--scope", scopes.join(" ")]);
  const resource = memberOf(value, "oauth_resource");
  if (typeof resource === "string") options.push(["--resource", resource]);
  for (const name of ["headersHelper", "authProviderType", "tokenParamName"]) {
    if (memberOf(value, name) === undefined && memberOf(oauth, name) === undefined) continue;
    lost.push({ option: name, why: "mcp-auth has nothing like it" });
  }
  return { options, lost };
}

/** A server behind a program that speaks to it; a reason where the command line cannot be understood. */
function byProgram(
  host: Host,
  server: ConfiguredServer,
  value: ConfigTable,
  { mcpRemoteArguments, readMcpRemoteLine }: McpRemoteLines,
): FoundServer | string | undefined {
  const command = commandOf(value);
  if (command === undefined) {
    return memberOf(value, "command") === undefined ? "it names no server" : undefined;
  }
  const variables = textsOf(memberOf(value, "env"));
  // The host fills in its variables first, the program those of its own then.
  const header = (name: string, text: string) => foundHeader(name, text, [host.variables, "braces"]);
  const remote = mcpRemoteArguments(command);
  if (remote !== undefined) {
    const line = readMcpRemoteLine(remote);
    if (line === undefined) return "it starts mcp-remote without a URL";
    const isHeader = ([flag]: OwnOption) => flag === "--header";
    const headers = line.options.filter(isHeader).map(([, text = ""]) => {
      const at = text.indexOf(":");
      return header(text.slice(0, at), text.slice(at + 1).trim());
    });
    if (line.authorization !== undefined) headers.push(header("Authorization", line.authorization));
    return {
      server,
      by: "mcp-remote",
      url: line.url,
      options: line.options.filter((each) => !isHeader(each)),
      headers,
      variables,
      lost: line.lost,
    };
  }
  return byMcpProxy(server, command, variables, header) ??
    bySupergateway(server, command, variables, header) ??
    (command.some((word) => IN_LINE.test(word))
      ? "it starts mcp-remote by a whole command line: write its words one by one in args"
      : undefined);
}

/** A command line in one word, as for a shell. */
const IN_LINE = /(?:^|[\s/\\:"'])mcp-remote(?:@[\w.-]+)?["']?\s.*https?:\/\//s;

type ReadHeader = (name: string, text: string) => FoundHeader;

/** @see mcp-proxy (sparfenyuk), README, 2026-11-21 */
function byMcpProxy(
  server: ConfiguredServer,
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
  header: ReadHeader,
): FoundServer | undefined {
  const args = argumentsOf(command, /^(?:.*[\\/])?mcp-proxy(?:[@=]=?[\w.]+)?(?:\.exe)?$/i);
  if (args === undefined) return undefined;
  const headers: FoundHeader[] = [];
  const lost: Remark[] = [];
  let url: string | undefined;
  let transport = "sse";
  for (let at = 0; at < args.length; at++) {
    const [option = "", given] = splitOption(args[at]!);
    const value = () => given ?? args[++at] ?? "";
    if (option === "--transport") transport = value();
    else if (option === "--headers" || option === "-H") headers.push(header(value(), args[++at] ?? ""));
    else if (/^--(?:client-id|client-secret|token-url)$/.test(option)) {
      lost.push({ option, why: "say it with mcp-auth add --client-credentials" });
      value();
    } else if (!option.startsWith("-") && url === undefined && URL.canParse(option)) url = option;
  }
  if (url === undefined) return undefined;
  const isNamed = headers.some(({ name }) => name.toLowerCase() === "authorization");
  if (Object.hasOwn(variables, "API_ACCESS_TOKEN") && !isNamed) {
    headers.push(header("Authorization", "Bearer ${API_ACCESS_TOKEN}"));
  }
  const options = transport === "sse" ? [["--transport", "sse"] as const] : [];
  return { server, by: "mcp-proxy", url, options, headers, variables, lost };
}

/** @see supergateway 4.0.0, README */
function bySupergateway(
  server: ConfiguredServer,
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
  header: ReadHeader,
): FoundServer | undefined {
  const args = argumentsOf(command, /^(?:.*[\\/])?supergateway(?:@[\w.-]+)?(?:\.cmd)?$/i);
  if (args === undefined) return undefined;
  const headers: FoundHeader[] = [];
  let found: Pick<FoundServer, "url" | "options"> | undefined;
  for (let at = 0; at < args.length; at++) {
    const [option = "", given] = splitOption(args[at]!);
    const value = () => given ?? args[++at] ?? "";
    if (option === "--sse") found = { url: value(), options: [["--transport", "sse"]] };
    else if (option === "--streamableHttp") found = { url: value(), options: [] };
    else if (option === "--oauth2Bearer") headers.push(header("Authorization", `Bearer ${value()}`));
    else if (option === "--header") {
      const [, name = "", text = ""] = /^([^:]*):\s*(.*)$/s.exec(value()) ?? [];
      headers.push(header(name, text));
    }
  }
  return found && { server, by: "supergateway", ...found, headers, variables, lost: [] };
}

/** What follows a program in a command line. */
function argumentsOf(command: readonly string[], program: RegExp): readonly string[] | undefined {
  const at = command.findIndex((word) => program.test(word));
  return at === -1 ? undefined : command.slice(at + 1);
}

/** `--option=value` as its two halves. */
function splitOption(word: string): readonly [option: string, value?: string] {
  const [, option, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  return option === undefined || value === undefined ? [word] : [option, value];
}

/** The members of a table that are texts. */
function textsOf(value: ConfigValue | undefined): Readonly<Record<string, string>> {
  if (!isTable(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((each): each is [string, string] => typeof each[1] === "string"),
  );
}
