/**
 * An entry of a server that was found in a host's configuration: its options in the words of `add`, its headers as far as
 * they may be taken over, and what is left behind with the reason.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../../../primitives/web_url.ts";
import { expandHeaders, parseHeader, type Remark } from "../../../../services/config/mod.ts";
import type { ServerOptions } from "../../../../services/credentials/mod.ts";
import type { FoundHeader, FoundServer } from "../../../../services/hosts/mod.ts";
import { readToken } from "../../../../services/signin/mod.ts";
import { type EntryFlags, entryFlags, entryOptions } from "../../entry_flags.ts";
import { readWebSocketUrl } from "../../websocket_flags.ts";

/** What a found server is as an entry. */
export interface FoundEntry {
  readonly found: FoundServer;
  /** The http or https URL of the server. */
  readonly url: string;
  readonly options: ServerOptions;
  /** A token that stands in the configuration, where it is to be taken over. */
  readonly token: string | undefined;
  /** Variables that the headers need, of those that the host sets for the server; a bridge in its place keeps them. */
  readonly variables: Readonly<Record<string, string>>;
  /** What is left behind: with any of it, the bridge would not do what the host's entry does. */
  readonly left: readonly Remark[];
  /** What is left behind and missed by nobody. */
  readonly unneeded: readonly Remark[];
}

/** Options of mcp-remote without which a server can be reached as well. */
const MINOR: ReadonlySet<string> = new Set(["--auth-success-url", "--ipv4", "--disable-cookies"]);
/** Options of a sign-in and of a process: they are for the command that it is done with, and no part of an entry. */
const PASSING: ReadonlySet<string> = new Set(["--timeout", "--device", "--verbose"]);

/**
 * Makes an entry of a found server.
 *
 * @param found The server.
 * @param withHeaders Whether values of headers that may be secrets are taken over.
 * @throws {McpAuthError} `UNSAFE_URL` for a URL that is none to be used.
 */
export async function foundEntry(found: FoundServer, withHeaders: boolean): Promise<FoundEntry> {
  const { words: [url], flags: ofUrl } = readWebSocketUrl({}, found.url);
  parseWebUrl(url, "server URL");
  const left = found.lost.filter(({ option }) => !MINOR.has(option));
  const unneeded = found.lost.filter(({ option }) => MINOR.has(option));
  const headers: Record<string, string> = {};
  const variables: Record<string, string> = {};
  let token: string | undefined;
  for (const header of found.headers) {
    const taken = takenHeader(header, found.variables, withHeaders);
    if ("why" in taken) {
      left.push({ option: `header ${safeText(header.name, 80)}`, why: taken.why });
    } else if (taken.token !== undefined) token = taken.token;
    else {
      headers[header.name] = taken.value;
      Object.assign(variables, taken.variables);
    }
  }
  const { options, lost } = await ownOptions(found, ofUrl);
  return {
    found,
    url,
    options: { ...options, ...(Object.keys(headers).length === 0 ? {} : { headers }) },
    token,
    variables,
    left: [...left, ...lost],
    unneeded,
  };
}

type Taken =
  | { readonly why: string }
  | { readonly token: string }
  | {
    readonly token?: undefined;
    readonly value: string;
    readonly variables: Readonly<Record<string, string>>;
  };

function takenHeader(
  header: FoundHeader,
  given: Readonly<Record<string, string>>,
  withHeaders: boolean,
): Taken {
  if (header.problem !== undefined) return { why: header.problem };
  const own = header.variables.filter((name) => Object.hasOwn(given, name));
  const isKnown = own.length === header.variables.length;
  // With what the host sets for it, the value is whole, and can be sealed.
  const resolves = withHeaders && isKnown && (header.isLiteral || own.length > 0);
  const value = resolves ? filledIn(header.value, given) : header.value;
  if (header.name.toLowerCase() === "authorization") return takenToken(header, value, withHeaders, isKnown);
  if (header.isLiteral && !withHeaders) {
    return { why: "its value may be a secret: seal it in the store with --with-headers" };
  }
  try {
    parseHeader(`${header.name}: ${value}`);
    if (!resolves) expandHeaders({ [header.name]: value }, () => "", () => "");
  } catch (error) {
    const { message } = asMcpAuthError(error, "CONFIG_INVALID", "use it");
    return { why: message.includes("sets it itself") ? "mcp-auth sets it itself" : "it cannot be sent" };
  }
  const variables = resolves ? {} : Object.fromEntries(own.map((name) => [name, given[name]!]));
  return { value, variables };
}

/** What is sent as a bearer token is a sign-in, and no header. */
function takenToken(
  { isLiteral, variables }: FoundHeader,
  value: string,
  withHeaders: boolean,
  isKnown: boolean,
): Taken {
  if (!isLiteral && !(isKnown && variables.length > 0)) {
    const names = variables.join(", ");
    return { why: `the token is in ${names}: give it with mcp-auth add <name> <url> --token-stdin` };
  }
  if (!withHeaders) return { why: "it is a token: seal it in the store with --with-headers" };
  if (!/^Bearer\s/i.test(value)) return { why: "mcp-auth sends bearer tokens only" };
  try {
    return { token: readToken(value, "the configuration") };
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    return { why: "it is no token" };
  }
}

function filledIn(value: string, variables: Readonly<Record<string, string>>): string {
  return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (all, name: string) => variables[name] ?? all);
}

/** Options by the grammar of `add`. */
async function ownOptions({ options: given, variables }: FoundServer, ofUrl: EntryFlags) {
  const lost: Remark[] = [];
  const flags: Record<string, unknown> = {};
  let clientId: string | undefined;
  for (const [option, text = ""] of given) {
    if (PASSING.has(option)) continue;
    // mcp-remote fills in variables of its own there, and nowhere else.
    const value = option === "--client-id" ? filledIn(text, variables) : text;
    if (/\$\{|^\$[A-Za-z_]\w*$/.test(value)) {
      lost.push({ option, why: "it has a variable that only the host can fill in" });
      continue;
    }
    if (option === "--client-id") {
      clientId = value;
      continue;
    }
    const name = option.slice(2).replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase());
    const spec: FlagSpec | undefined = Object.hasOwn(entryFlags, name)
      ? entryFlags[name as keyof typeof entryFlags]
      : undefined;
    if (spec !== undefined) {
      const read = readValue(spec, value);
      if (read === undefined) lost.push({ option, why: "its value cannot be used" });
      else flags[name] = spec.variadic ? [...flags[name] as unknown[] ?? [], read] : read;
    } else lost.push({ option, why: `say it with mcp-auth add ${option}` });
  }
  try {
    const options = await entryOptions({ ...flags as EntryFlags, ...ofUrl });
    return { options: { ...options, ...(clientId === undefined ? {} : { clientId }) }, lost };
  } catch (error) {
    const { message } = asMcpAuthError(error, "CONFIG_INVALID", "use its options");
    return { options: {}, lost: [...lost, { option: "options", why: message }] };
  }
}

interface FlagSpec {
  readonly kind: string;
  readonly parse?: (text: string) => unknown;
  readonly values?: readonly string[];
  readonly variadic?: boolean;
}

function readValue({ kind, parse, values }: FlagSpec, value: string): unknown {
  if (kind === "boolean") return true;
  if (kind === "enum") return values?.includes(value) ? value : undefined;
  try {
    return parse?.(value);
  } catch {
    return undefined;
  }
}
