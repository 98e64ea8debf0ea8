/**
 * A provider applied to an entry: the options that a sign-in goes by, which are the entry's own with what is known of the
 * provider beneath them. Nothing of it is stored, so that an entry follows its provider's data as that is corrected.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { isQuirk, type QuirkName, quirksOfIssuer } from "../../primitives/oauth/quirks/table.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerOptions, ServerRecord } from "../credentials/mod.ts";
import type { ProviderRegistry } from "./registry.ts";
import { filled, filledServer, isOneOf, NO_PROVIDER, type ProviderTemplate } from "./template.ts";

/** The part of an entry that decides about its provider. */
export type ProvidedEntry = Pick<ServerRecord, "name" | "url" | "kind" | "options">;

/** What a sign-in goes by. */
export interface AppliedProvider {
  readonly template: ProviderTemplate;
  /** Whether the host was recognized; otherwise the entry names the provider. */
  readonly recognized: boolean;
  /** The entry's options over those of the provider. */
  readonly options: ServerOptions;
  /** What is asked for where nobody else says. */
  readonly scopes: readonly string[] | undefined;
  /** Where the sites of an account are listed. */
  readonly sitesUrl: string | undefined;
  /** The page where a client is registered by hand. */
  readonly setUpPage: string | undefined;
  /** Whether a client that is meant for this provider goes nowhere else in this sign-in. */
  readonly trusted: boolean;
  /** What the provider adds to the sign-in, in a few words each; empty where it adds nothing. */
  readonly adds: readonly string[];
}

/**
 * The provider of an entry: the one that it names, else the one whose host its URL has.
 *
 * @throws {McpAuthError} `NOT_FOUND` for a provider that is not there.
 */
export async function providerOf(
  registry: ProviderRegistry,
  { url, kind, options }: ProvidedEntry,
): Promise<ProviderTemplate | undefined> {
  if (options.provider === NO_PROVIDER) return undefined;
  if (options.provider !== undefined) return await registry.named(options.provider);
  return kind === "api" ? undefined : await registry.recognized(url);
}

/**
 * Applies a provider to an entry.
 *
 * @param template The provider.
 * @param entry The entry; what it says wins.
 * @throws {McpAuthError} `CONFIG_MISSING` where a placeholder has no value.
 */
export function applyProvider(template: ProviderTemplate, entry: ProvidedEntry): AppliedProvider {
  const { options } = entry;
  const values = options.providerParameters ?? {};
  const isVendors = entry.kind !== "api" && isOneOf(template.mcp?.hosts ?? [], entry.url);
  const side = isVendors ? template.mcp : template.api;
  const server = options.authorizationServer ??
    (side?.server === undefined ? undefined : filledServer(template, side.server, values));
  const parameters = side?.authorizeParameters ?? {};
  const quirks = template.quirks ?? [];
  // A redirect URI of the user's own says host and port itself.
  const redirect = options.redirectUri === undefined ? template.redirect : undefined;
  const effective: ServerOptions = {
    ...(redirect?.host === undefined ? {} : { callbackHost: redirect.host }),
    ...(redirect?.ports === undefined ? {} : { callbackPorts: redirect.ports }),
    ...(entry.kind === "api" && side?.scopes !== undefined ? { scopes: side.scopes } : {}),
    ...options,
    ...(server === undefined ? {} : { authorizationServer: server }),
    ...(Object.keys(parameters).length === 0
      ? {}
      : { authorizeParameters: { ...parameters, ...options.authorizeParameters } }),
    ...(quirks.length === 0 ? {} : { quirks: [...new Set([...quirks, ...options.quirks ?? []])] }),
  };
  return {
    template,
    recognized: options.provider === undefined,
    options: effective,
    scopes: side?.scopes,
    sitesUrl: entry.kind === "api" && template.api?.sitesUrl !== undefined
      ? filled(template, template.api.sitesUrl, values)
      : undefined,
    setUpPage: template.setUpPage === undefined
      ? undefined
      : maybeFilled(template, template.setUpPage, values),
    trusted: options.authorizationServer === undefined && (isVendors || side?.server !== undefined),
    adds: additions(template, side?.server !== undefined, parameters, options),
  };
}

/**
 * The quirks that an entry's sign-ins and refreshes allow for beside those of every server, as far as they are known
 * before anybody is asked.
 *
 * @param entry The entry.
 * @param template Its provider, where it has one.
 * @param credential Its tokens, where it has some.
 */
export function quirksOf(
  entry: Pick<ProvidedEntry, "options">,
  template?: ProviderTemplate,
  credential?: Pick<CredentialRecord, "issuer" | "quirks">,
): readonly QuirkName[] {
  const names = [
    ...entry.options.quirks ?? [],
    ...(entry.options.allowMissingPkceMetadata ? ["assume-pkce"] : []),
    ...template?.quirks ?? [],
    ...credential?.quirks ?? [],
    ...(credential === undefined ? [] : quirksOfIssuer(credential.issuer)),
  ];
  return [...new Set(names.filter(isQuirk))];
}

/**
 * The URL of a provider's API.
 *
 * @param template The provider.
 * @param values By placeholder.
 * @throws {McpAuthError} `CONFIG_INVALID` where the provider has MCP servers alone; `CONFIG_MISSING` for a value.
 */
export function apiUrlOf(template: ProviderTemplate, values: Readonly<Record<string, string>>): string {
  if (template.api !== undefined) return filled(template, template.api.url, values);
  const [host] = template.mcp?.hosts ?? [];
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot add an entry for the API of ${safeText(template.title, 80)}: only its MCP servers are known`,
    {
      hint: `Give the URL of its MCP server${
        host === undefined || host.startsWith("*.") ? "" : `, at ${host}`
      }; or define its API with: mcp-auth provider add`,
    },
  );
}

function maybeFilled(
  template: ProviderTemplate,
  text: string,
  values: Readonly<Record<string, string>>,
): string | undefined {
  try {
    return filled(template, text, values);
  } catch {
    return undefined;
  }
}

function additions(
  { redirect, quirks = [] }: ProviderTemplate,
  isNamed: boolean,
  parameters: Readonly<Record<string, string>>,
  options: ServerOptions,
): readonly string[] {
  const own = options.authorizeParameters ?? {};
  const callback = options.redirectUri !== undefined ||
      (options.callbackHost !== undefined && options.callbackPorts !== undefined) || redirect === undefined
    ? undefined
    : [options.callbackHost ?? redirect.host ?? "127.0.0.1", (options.callbackPorts ?? redirect.ports)?.[0]];
  return [
    ...(isNamed && options.authorizationServer === undefined ? ["where to sign in"] : []),
    ...Object.entries(parameters).filter(([name]) => !Object.hasOwn(own, name)).map((each) => each.join("=")),
    ...(callback === undefined
      ? []
      : [`callback at ${callback.filter((part) => part !== undefined && part !== 0).join(":")}`]),
    ...quirks.map((quirk) => `quirk ${quirk}`),
  ];
}
