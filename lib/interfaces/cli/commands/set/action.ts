/**
 * `mcp-auth set`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { parseWebUrl } from "../../../../primitives/web_url.ts";
import { safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { ServerOptions, ServerRecord } from "../../../../services/credentials/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { withOptions } from "../../callback_flags.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry } from "../../entry.ts";
import { type GrantFlags, grantOptions, shownGrant } from "../../grant_flags.ts";
import { UNSETTABLE_BRIDGE } from "../../bridge_flags.ts";
import { UNSETTABLE_PROVIDER } from "../../provider_flags.ts";
import { withoutTransport } from "../../transport_flags.ts";
import { readWebSocketUrl } from "../../websocket_flags.ts";
import { type EntryFlags, entryOptions, type UNSETTABLE } from "../../entry_flags.ts";

/** The flags of the command. */
export type SetFlags = CommonFlags & EntryFlags & GrantFlags & {
  readonly url?: string | undefined;
  readonly unset?: readonly (typeof UNSETTABLE[number])[] | undefined;
};

const OPTION_OF: Readonly<Record<typeof UNSETTABLE[number], keyof ServerOptions>> = {
  "scope": "scopes",
  "resource": "resource",
  "client-id": "clientId",
  "client-metadata-url": "clientMetadataUrl",
  "callback-port": "callbackPorts",
  "callback-host": "callbackHost",
  "redirect-uri": "redirectUri",
  "listen": "listen",
  "header": "headers",
  "ca-file": "caFile",
  "client-cert": "clientCertificate",
  "transport": "transport",
  "websocket-auth": "websocketAuth",
  "allow-private-host": "allowPrivateHosts",
  "allow-metadata-origin": "allowMetadataOrigins",
  "assume-pkce": "allowMissingPkceMetadata",
  "dpop": "dpop",
  "authorize-param": "authorizeParameters",
  "client-name": "clientName",
  "grant": "grant",
  "assertion-audience": "assertionAudience",
  ...UNSETTABLE_BRIDGE,
  ...UNSETTABLE_PROVIDER,
};

/** Changes an entry. */
export const action: Action<SetFlags, [string]> = async (context, typed, name) => {
  const { flags: read, words: [url] } = readWebSocketUrl(typed, typed.url);
  const flags = { ...read, url };
  const { record, version } = await requireEntry(context, flags, name);
  const given = { ...await entryOptions(flags), ...await grantOptions(context, flags, undefined) };
  const toChange = [flags.unset, flags.url, flags.transport, ...Object.values(given)];
  if (toChange.every((each) => each === undefined)) {
    throw new McpAuthError("USAGE", `Cannot change "${name}": nothing to change was given`, {
      hint: "Run: mcp-auth set --help",
    });
  }
  const forgotten: readonly string[] = (flags.unset ?? []).map((flag) => OPTION_OF[flag]);
  const kept = Object.fromEntries(
    Object.entries(record.options).filter(([option]) => !forgotten.includes(option)),
  );
  const next: ServerRecord = { ...record, options: withOptions(withoutTransport(kept, flags), given) };
  const moved = flags.url === undefined
    ? next
    : { ...next, url: await checkMove(context, flags, record, flags.url) };
  if (await context.store(flags).putServer(moved, version) === undefined) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot change "${name}": it was changed by another command meanwhile`,
      {
        hint: "Run the command again",
      },
    );
  }
  const { headers, grant, ...options } = moved.options;
  context.print(
    flags,
    {
      name,
      url: moved.url,
      options: {
        ...options,
        ...(headers && { headers: Object.keys(headers) }),
        ...(grant && { grant: shownGrant(grant) }),
      },
    },
    `✓ Changed ${name}`,
  );
};

/** Tokens were issued for the old place: they must not go to another origin because a setting changed. */
async function checkMove(
  context: CliContext,
  flags: CommonFlags,
  record: ServerRecord,
  url: string,
): Promise<string> {
  const target = parseWebUrl(url, "server URL");
  if (target.origin === new URL(record.url).origin) return url;
  if (await context.store(flags).credential(record.name) === undefined) return url;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot move "${record.name}" to "${safeUrl(url)}": it is signed in at another origin`,
    { hint: `Run first: mcp-auth logout ${record.name}` },
  );
}
