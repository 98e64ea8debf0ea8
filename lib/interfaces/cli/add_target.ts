/**
 * What `add` is to add: an MCP server by its URL, or the API of a provider, which has no URL to be given.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import { checkEntryName, entryNameFor } from "../../services/config/mod.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { StoreFlags } from "./command.ts";
import type { CliContext } from "./context.ts";
import { valueFlag } from "./flags.ts";
import { type ProviderFlags, providerOptions } from "./provider_flags.ts";

/** The flag for an API at a URL of its own. */
export type ApiFlags = { readonly api?: string | undefined };

/** The grammar of {@linkcode ApiFlags}. */
export const apiFlags = {
  api: valueFlag("URL of an API that is no MCP server, in place of the provider's", "url"),
} as const;

/** What is to be added. */
export interface AddTarget extends Pick<ServerRecord, "name" | "url" | "kind"> {
  /** Whether the name was given; otherwise it follows from the URL. */
  readonly named: boolean;
}

/**
 * Reads the positional arguments of `add`.
 *
 * @param context The command's context.
 * @param flags The flags that decide about it.
 * @param first The name of the entry; the URL, where it is alone and is one.
 * @param second The URL.
 * @throws {McpAuthError} `USAGE`, `UNSAFE_URL`, or what the provider throws.
 */
export async function addTarget(
  context: CliContext,
  flags: StoreFlags & ProviderFlags & ApiFlags,
  first: string,
  second: string | undefined,
): Promise<AddTarget> {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(first);
  const isNamed = flags.provider !== undefined && flags.provider !== "none";
  if (second !== undefined || flags.api === undefined && (isUrl || !isNamed)) {
    if (flags.api !== undefined) {
      throw new McpAuthError("USAGE", `Cannot add "${first}": it is an MCP server or an API, not both`, {
        hint: "Leave out --api or the URL",
      });
    }
    if (second === undefined && !isUrl) {
      throw new McpAuthError("USAGE", `Cannot add "${safeText(first, 80)}": its URL is missing`, {
        hint: "Give the URL after the name; an API is added with --provider <name> or --api <url>",
      });
    }
    const url = checkUrl(second ?? first);
    return {
      name: checkEntryName(second === undefined ? entryNameFor(url) : first),
      url,
      named: second !== undefined,
    };
  }
  const name = checkEntryName(first);
  if (flags.api !== undefined) return { name, url: checkUrl(flags.api), kind: "api", named: true };
  const { provider = "", providerParameters = {} } = await providerOptions(flags);
  const { apiUrlOf } = await import("../../services/providers/mod.ts");
  const template = await (await context.services(flags).providers()).named(provider);
  return { name, url: checkUrl(apiUrlOf(template, providerParameters)), kind: "api", named: true };
}

function checkUrl(url: string): string {
  parseWebUrl(url, "server URL");
  if (url.includes("#")) throw new McpAuthError("USAGE", "Cannot use the server URL: it has a fragment");
  return url;
}

/**
 * Refuses an entry that is no MCP server.
 *
 * @param server The entry.
 * @throws {McpAuthError} `USAGE`.
 */
export function requireMcpServer({ name, url, kind }: Pick<ServerRecord, "name" | "url" | "kind">): void {
  if (kind !== "api") return;
  throw new McpAuthError(
    "USAGE",
    `Cannot talk MCP to "${name}": it is an entry for an API, ${safeUrl(url)}, and no MCP server`,
    { hint: `Use its token: mcp-auth token ${name}, or mcp-auth exec ${name} -- <command>` },
  );
}
