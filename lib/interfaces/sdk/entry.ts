/**
 * The entry that a program signs in to: the one that is stored, or a new one as it asks for it.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import type { ServerOptions, ServerRecord } from "../../services/credentials/mod.ts";
import { noSuchEntry } from "../../services/tokens/mod.ts";
import type { Services } from "../composition/services.ts";
import type { AuthenticateOptions } from "./options.ts";

/**
 * Refuses a sign-in to an entry that is not what the caller takes it for.
 *
 * @throws {McpAuthError} `CONFIG_INVALID`.
 */
export function checkSameEntry(server: ServerRecord, { url, provider }: AuthenticateOptions): void {
  if (url !== undefined && url !== server.url) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot sign in to "${server.name}" at "${safeUrl(url)}": it is an entry for "${safeUrl(server.url)}"`,
      { hint: "Take another name, or leave out the URL" },
    );
  }
  if (provider === undefined || provider === server.options.provider) return;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot sign in to "${server.name}" by provider "${safeText(provider, 80)}": it is an entry of ${
      server.options.provider === undefined ? "none" : `"${server.options.provider}"`
    }`,
    { hint: "Take another name, or leave out the provider" },
  );
}

/**
 * A new entry: an MCP server at a URL, or without one the API of a provider.
 *
 * @throws {McpAuthError} `NOT_FOUND` where neither is given or the provider is not there, `UNSAFE_URL` or `USAGE` for a URL
 *   that cannot be used, `CONFIG_MISSING` for a parameter that the provider needs.
 */
export async function newEntry(
  services: Services,
  name: string,
  { url, provider, options = {} }: AuthenticateOptions,
): Promise<ServerRecord> {
  const chosen: ServerOptions = provider === undefined ? options : { ...options, provider };
  const record = { name, createdAt: services.ports.clock.now(), signIn: "oauth", options: chosen } as const;
  if (url !== undefined) return { ...record, url: checkUrl(url) };
  if (provider === undefined) throw noSuchEntry(name);
  const { apiUrlOf } = await import("../../services/providers/mod.ts");
  const template = await (await services.providers()).named(provider);
  return { ...record, url: checkUrl(apiUrlOf(template, chosen.providerParameters ?? {})), kind: "api" };
}

function checkUrl(url: string): string {
  parseWebUrl(url, "server URL");
  if (url.includes("#")) throw new McpAuthError("USAGE", "Cannot use the server URL: it has a fragment");
  return url;
}
