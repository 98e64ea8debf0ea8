/**
 * `mcp-auth client metadata`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../../primitives/errors.ts";
import {
  checkClientMetadataUrl,
  CLIENT_METADATA_URL,
  clientMetadataDocument,
} from "../../../../../primitives/oauth/client_metadata.ts";
import { safeText } from "../../../../../primitives/untrusted_text.ts";
import { checkRedirectUri } from "../../../../../primitives/oauth/redirect_uri.ts";
import { Clients } from "../../../../composition/clients.ts";
import { PROGRAM_NAME } from "../../../client_flags.ts";
import type { Action, CommonFlags } from "../../../command.ts";
import type { CliContext } from "../../../context.ts";
import { entryOptions } from "../../../entry_flags.ts";

/** The flags of the command. */
export type MetadataFlags = CommonFlags & {
  readonly url?: string | undefined;
  readonly check?: string | undefined;
  readonly clientName?: string | undefined;
  readonly redirectUri?: readonly string[] | undefined;
  readonly callbackPort?: readonly number[] | undefined;
  readonly jwksFile?: string | undefined;
  readonly caFile?: string | undefined;
};

/** The flags that say what a document is to say. */
const WRITING = {
  url: "--url",
  clientName: "--client-name",
  redirectUri: "--redirect-uri",
  callbackPort: "--callback-port",
  jwksFile: "--jwks-file",
} as const;

/** Prints a document, or judges one. */
export const action: Action<MetadataFlags, []> = async (context, flags) => {
  if (flags.check !== undefined) return await check(context, flags, flags.check);
  if (flags.caFile !== undefined) {
    throw new McpAuthError("USAGE", "Cannot use --ca-file without --check: nothing is fetched");
  }
  const { clientName = PROGRAM_NAME } = await entryOptions({ clientName: flags.clientName });
  const document = clientMetadataDocument({
    url: flags.url ?? CLIENT_METADATA_URL,
    clientName,
    redirectUris: flags.redirectUri?.map(checkRedirectUri),
    callbackPorts: flags.callbackPort?.filter((port) => port !== 0),
    jwks: await readKeys(context, flags.jwksFile),
  });
  context.print(flags, document, JSON.stringify(document, undefined, 2));
  return 0;
};

async function check(context: CliContext, flags: MetadataFlags, url: string): Promise<number> {
  for (const [name, flag] of Object.entries(WRITING)) {
    if (flags[name as keyof typeof WRITING] === undefined) continue;
    throw new McpAuthError("USAGE", `Cannot use ${flag} with --check: it says what a new document is to say`);
  }
  checkClientMetadataUrl(url);
  const services = context.services(flags);
  const { signal } = await services.interruption();
  const verdicts = await new Clients(services).judgeDocument(url, flags.caFile, signal);
  const isSound = verdicts.every(({ ok }) => ok);
  const lines = verdicts.map(({ check, ok, detail }) => `${ok ? "✓" : "✗"} ${check}: ${detail}`);
  context.print(
    flags,
    { url, ok: isSound, verdicts },
    [...lines, isSound ? "✓ Servers can use it" : "✗ Servers will refuse it"].join("\n"),
  );
  return isSound ? 0 : 1;
}

async function readKeys(context: CliContext, path: string | undefined): Promise<unknown> {
  if (path === undefined) return undefined;
  const text = await context.world.readTextFile(path);
  if (text === undefined) {
    throw new McpAuthError("CONFIG_MISSING", `Cannot read the keys: there is no file "${safeText(path)}"`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new McpAuthError("CONFIG_INVALID", `Cannot read the keys: "${safeText(path)}" is not JSON`, {
      hint: "Write them as a JWK, or a set of them (RFC 7517)",
    });
  }
}
