/**
 * What is known of a provider beforehand: where it signs people in where nothing can be discovered, what it wants beside
 * the standard, where clients are registered by hand. It is data with a date and a source, small, shown on request, and
 * everything in it gives way to what the user says.
 *
 * A provider has up to two sides. Its *API* has no MCP discovery: the authorization server is named. Its *MCP servers*
 * are known by their hosts and discovered like all others; only what discovery does not say is added.
 *
 * @see behaviours rows 8, 16, 18, 30 and section 2
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { QuirkName } from "../../primitives/oauth/quirks/table.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { CallbackHost, GivenServer } from "../credentials/mod.ts";

/** What is known of a provider. URLs may have placeholders such as `{domain}`. */
export interface ProviderTemplate {
  /** `[a-z0-9][a-z0-9._-]{0,63}`. */
  readonly name: string;
  /** The name that people know. */
  readonly title: string;
  /**
   * Where this is written; undefined for a provider that the user defined. `url` is the page that says the most of it,
   * `also` are those that say what it does not; what none of them says has no place here. `checked` is the day on which
   * they were last looked up, as an ISO date: the pages, never the provider's servers.
   */
  readonly source:
    | { readonly url: string; readonly also?: readonly string[]; readonly checked: string }
    | undefined;
  /** The page where a client is registered by hand. */
  readonly setUpPage?: string;
  /** What a redirect URI that is registered there has to look like. */
  readonly redirect?: { readonly host?: CallbackHost; readonly ports?: readonly number[] };
  /** What the placeholders stand for. */
  readonly parameters?: Readonly<Record<string, ProviderParameter>>;
  /** The quirks that its servers have, of the table of quirks. */
  readonly quirks?: readonly QuirkName[];
  /** Its MCP servers. */
  readonly mcp?: McpSide;
  /** Its API. */
  readonly api?: ApiSide;
  /** What a person should know, in sentences. */
  readonly notes?: readonly string[];
}

/** A placeholder. */
export interface ProviderParameter {
  /** What it is, in a few words. */
  readonly brief: string;
  /** What it is where the user does not say. */
  readonly default?: string;
}

/** The provider's MCP servers. */
export interface McpSide {
  /** Their hosts; `*.` at the start stands for one or more labels. With a port only where it is not the usual one. */
  readonly hosts: readonly string[];
  /** Where people sign in, where a provider's discovery cannot succeed, or a user says so. Others are discovered. */
  readonly server?: GivenServer;
  /** What is asked for where neither the challenge nor the resource's metadata says. */
  readonly scopes?: readonly string[];
  /** Parameters to add to each authorization request. */
  readonly authorizeParameters?: Readonly<Record<string, string>>;
}

/** The provider's API. */
export interface ApiSide {
  /** Its URL; tokens are sent to its origin. */
  readonly url: string;
  /** Where its people sign in. */
  readonly server: GivenServer;
  /** The scopes to ask for, where the user names none. */
  readonly scopes?: readonly string[];
  /** Parameters to add to each authorization request. */
  readonly authorizeParameters?: Readonly<Record<string, string>>;
  /** Where the sites of an account are listed, of which one is chosen after the sign-in: a JSON list of id, name, url. */
  readonly sitesUrl?: string;
}

/** A value of a placeholder: a host, or a word; nothing that could leave its place in a URL. */
const VALUE = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,252}(:\d{1,5})?$/;

/** The value for a provider that is to be none. */
export const NO_PROVIDER = "none";

/**
 * Reads `--provider-param domain=example.okta.com`.
 *
 * @throws {McpAuthError} `USAGE`.
 */
export function parseProviderParameter(text: string): readonly [name: string, value: string] {
  const end = text.indexOf("=");
  const [name, value] = [text.slice(0, Math.max(0, end)), text.slice(end + 1)];
  if (/^[a-z][a-z0-9_-]{0,31}$/.test(name) && VALUE.test(value)) return [name, value];
  throw new McpAuthError(
    "USAGE",
    `Cannot use provider parameter "${safeText(text, 80)}": not a name with a host or a word`,
    { hint: "Write it as --provider-param domain=example.okta.com" },
  );
}

/**
 * Puts the values into a text of a template.
 *
 * @param template The provider.
 * @param text The text, such as `https://{domain}/`.
 * @param values By placeholder.
 * @throws {McpAuthError} `CONFIG_MISSING` for a placeholder without a value.
 */
export function filled(
  template: Pick<ProviderTemplate, "name" | "parameters">,
  text: string,
  values: Readonly<Record<string, string>>,
): string {
  return text.replaceAll(/\{([a-z][a-z0-9_-]*)\}/g, (_, name: string) => {
    const parameter = template.parameters?.[name];
    const value = (Object.hasOwn(values, name) ? values[name] : undefined) ?? parameter?.default;
    if (value !== undefined && VALUE.test(value)) return value;
    throw new McpAuthError(
      "CONFIG_MISSING",
      `Cannot use provider "${template.name}": its "${name}" is not known${
        parameter === undefined ? "" : `: ${parameter.brief}`
      }`,
      { hint: `Add --provider-param ${name}=<value>` },
    );
  });
}

/** A server with the values put into its URLs. */
export function filledServer(
  template: Pick<ProviderTemplate, "name" | "parameters">,
  server: GivenServer,
  values: Readonly<Record<string, string>>,
): GivenServer {
  return Object.fromEntries(
    Object.entries(server).map(([member, text]) => [member, filled(template, text, values)]),
  );
}

/**
 * Says whether a host is one of a list.
 *
 * @param hosts Such as `mcp.slack.com` and `*.mcp.cloudflare.com`.
 * @param url Any URL on the host.
 */
export function isOneOf(hosts: readonly string[], url: string): boolean {
  const parsed = URL.parse(url);
  if (parsed === null) return false;
  return hosts.some((host) =>
    host.startsWith("*.")
      ? parsed.host.endsWith(host.slice(1)) && parsed.host.length > host.length - 1
      : parsed.host === host
  );
}
