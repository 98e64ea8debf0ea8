/**
 * Flags that say how far the discovery of an entry may go.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";
import { listFlag } from "./flags.ts";

/** What is allowed to a discovery. */
export type DiscoveryFlags = { readonly allowMetadataOrigin?: readonly string[] | undefined };

/** The grammar of {@linkcode DiscoveryFlags}. */
export const discoveryFlags = {
  allowMetadataOrigin: listFlag("Origin other than the server's that it may name its metadata at", "origin"),
} as const;

/**
 * The options that the flags stand for.
 *
 * @throws {McpAuthError} `USAGE` for what is no origin: a path would promise a limit that is not there.
 */
export function discoveryOptions({ allowMetadataOrigin }: DiscoveryFlags): ServerOptions {
  return allowMetadataOrigin === undefined
    ? {}
    : { allowMetadataOrigins: allowMetadataOrigin.map(readOrigin) };
}

function readOrigin(given: string): string {
  const url = URL.canParse(given) ? parseWebUrl(given, "--allow-metadata-origin") : undefined;
  if (url !== undefined && url.href === `${url.origin}/`) return url.origin;
  throw new McpAuthError(
    "USAGE",
    `Cannot use --allow-metadata-origin "${safeUrl(given)}": not an origin`,
    { hint: "Write it as --allow-metadata-origin https://metadata.example.com" },
  );
}
