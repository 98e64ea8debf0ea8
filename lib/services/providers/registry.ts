/**
 * The providers that are known: those that come with the program, and those that the user has defined, which win.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import type { CredentialStore, ProviderRecord } from "../credentials/mod.ts";
import { checkDefinition, definedTemplate } from "./definition.ts";
import { isOneOf, type ProviderTemplate } from "./template.ts";
import { APIS } from "./templates/apis.ts";
import { MCP_SERVERS } from "./templates/mcp_servers.ts";

/** The providers that come with the program, ordered by name. */
export const BUILT_IN: readonly ProviderTemplate[] = [...APIS, ...MCP_SERVERS].sort((one, other) =>
  one.name < other.name ? -1 : 1
);

/** The providers of a store. */
export class ProviderRegistry {
  readonly #store: Pick<CredentialStore, "providers">;
  /** The user's own, once they were read. */
  #own: Promise<readonly ProviderTemplate[]> | undefined;

  /** @param store Where the user's own are. */
  constructor(store: Pick<CredentialStore, "providers">) {
    this.#store = store;
  }

  /**
   * A provider by its name.
   *
   * @throws {McpAuthError} `NOT_FOUND`, or what the store throws.
   */
  async named(name: string): Promise<ProviderTemplate> {
    const record = await (await this.#store.providers()).read(name);
    const found = record === undefined ? builtIn(name) : templateOf(record);
    if (found !== undefined) return found;
    throw new McpAuthError("NOT_FOUND", `Cannot find provider "${safeText(name, 80)}": there is none`, {
      hint: "See all providers with: mcp-auth provider list; define one with: mcp-auth provider add",
    });
  }

  /** All providers, ordered by name. */
  async all(): Promise<readonly ProviderTemplate[]> {
    const own = await this.#defined();
    const names = new Set(own.map(({ name }) => name));
    return [...own, ...BUILT_IN.filter(({ name }) => !names.has(name))].sort((one, other) =>
      one.name < other.name ? -1 : 1
    );
  }

  /**
   * The provider whose MCP server a URL is; undefined where none is known for it.
   *
   * @param url The server's URL.
   */
  async recognized(url: string): Promise<ProviderTemplate | undefined> {
    const isIts = ({ mcp }: ProviderTemplate) => isOneOf(mcp?.hosts ?? [], url);
    const own = await this.#defined();
    return own.find(isIts) ??
      BUILT_IN.find((each) => isIts(each) && !own.some(({ name }) => name === each.name));
  }

  /**
   * The provider whose authorization server an issuer is; undefined where none is known for it.
   *
   * @param issuer The issuer.
   */
  async ofIssuer(issuer: string): Promise<ProviderTemplate | undefined> {
    const host = URL.parse(issuer)?.host;
    return (await this.all()).find(({ api }) => {
      const named = api?.server.issuer ?? api?.server.tokenEndpoint;
      return host !== undefined && named !== undefined && URL.parse(named)?.host === host;
    });
  }

  /**
   * Defines a provider.
   *
   * @param record What the user says of it.
   * @param options.replace Whether one that the user has defined before may be replaced.
   * @returns What is known of it from now on.
   * @throws {McpAuthError} `USAGE` or `CONFIG_INVALID` for a definition that cannot work; what the store throws.
   */
  async define(
    record: ProviderRecord,
    options: { readonly replace?: boolean } = {},
  ): Promise<ProviderTemplate> {
    const like = record.like === undefined ? undefined : baseOf(record);
    checkDefinition(record, like);
    const records = await this.#store.providers();
    if (options.replace) await records.replace(record);
    else if (!await records.add(record)) {
      throw new McpAuthError(
        "CONFIG_INVALID",
        `Cannot define provider "${record.name}": it is defined already`,
        {
          hint: `To replace it add --force; to see it run: mcp-auth provider show ${record.name}`,
        },
      );
    }
    this.#own = undefined;
    return definedTemplate(record, like);
  }

  /**
   * Forgets a provider that the user has defined; a known one of that name is back then.
   *
   * @throws {McpAuthError} `CONFIG_INVALID` for one that comes with the program, `NOT_FOUND` for none.
   */
  async remove(name: string): Promise<void> {
    this.#own = undefined;
    if (await (await this.#store.providers()).remove(name)) return;
    if (builtIn(name) === undefined) await this.named(name);
    throw new McpAuthError("CONFIG_INVALID", `Cannot remove provider "${name}": it comes with the program`, {
      hint: `Define one of that name in its place with: mcp-auth provider add ${name}`,
    });
  }

  #defined(): Promise<readonly ProviderTemplate[]> {
    this.#own ??= this.#store.providers().then(async (records) => (await records.list()).flatMap(usable));
    return this.#own;
  }
}

/** One that is like a provider that is not there any more does not spoil the others; who names it is told. */
function usable(record: ProviderRecord): readonly ProviderTemplate[] {
  return record.like !== undefined && builtIn(record.like) === undefined ? [] : [templateOf(record)];
}

function templateOf(record: ProviderRecord): ProviderTemplate {
  return definedTemplate(record, record.like === undefined ? undefined : baseOf(record));
}

function builtIn(name: string): ProviderTemplate | undefined {
  return BUILT_IN.find((template) => template.name === name);
}

/** What a definition is like: one of the program's own, so that no chain of them can be a circle. */
function baseOf({ name, like = "" }: ProviderRecord): ProviderTemplate {
  const base = builtIn(like);
  if (base !== undefined) return base;
  throw new McpAuthError(
    "NOT_FOUND",
    `Cannot define provider "${safeText(name, 80)}" like "${
      safeText(like, 80)
    }": no such provider comes with the program`,
    { hint: "See them with: mcp-auth provider list" },
  );
}
