/**
 * `mcp-auth client register`: the action.
 *
 * @module
 */
import type { ClientAuthMethod } from "../../../../../primitives/oauth/client_auth.ts";
import { safeText, safeUrl } from "../../../../../primitives/untrusted_text.ts";
import { expandHeaders } from "../../../../../services/config/mod.ts";
import { isUrl } from "../../../../../services/signin/mod.ts";
import { Clients } from "../../../../composition/clients.ts";
import { PROGRAM_NAME, registrationHeaders } from "../../../client_flags.ts";
import type { Action, CommonFlags } from "../../../command.ts";
import { requireEntry } from "../../../entry.ts";
import { entryOptions } from "../../../entry_flags.ts";
import { readGiven } from "../../../grant_flags.ts";
import { clientJson } from "../view.ts";

/** The flags of the command. */
export type RegisterFlags = CommonFlags & {
  readonly initialAccessTokenFile?: string | undefined;
  readonly registrationHeader?: readonly string[] | undefined;
  readonly clientName?: string | undefined;
  readonly redirectUri?: readonly string[] | undefined;
  readonly authMethod?: Exclude<ClientAuthMethod, "private_key_jwt"> | undefined;
  readonly scope?: readonly string[] | undefined;
};

/** Registers a client. */
export const action: Action<RegisterFlags, [string]> = async (context, flags, target) => {
  const { clientName, scopes } = await entryOptions({ clientName: flags.clientName, scope: flags.scope });
  const entry = isUrl(target) ? undefined : (await requireEntry(context, flags, target)).record;
  const headers = registrationHeaders(context, flags.registrationHeader);
  const path = flags.initialAccessTokenFile;
  const initialAccessToken = path === undefined
    ? undefined
    : await readGiven(context, path, "initial access token");
  const services = context.services(flags);
  const { signal } = await services.interruption();
  const { client, replaced } = await new Clients(services).register({
    target: entry ?? target,
    entryHeaders: expandHeaders(entry?.options.headers, (name) => context.env.get(name)),
    clientName: clientName ?? entry?.options.clientName ?? PROGRAM_NAME,
    redirectUris: flags.redirectUri,
    authMethod: flags.authMethod,
    scopes,
    initialAccessToken,
    headers,
    signal,
  }, (issuer) => context.say(`Registering a client at ${safeUrl(issuer)}`));
  const id = safeText(client.clientId, 200);
  context.print(
    flags,
    clientJson({ client, entry: entry?.name, usedBy: [] }),
    [
      `✓ Registered client ${id} at ${safeUrl(client.issuer)}`,
      ...client.redirectUris.map((uri) => `  Redirect URI: ${safeUrl(uri)}`),
    ].join("\n"),
  );
  if (replaced !== undefined && replaced.clientId !== client.clientId) {
    context.say(`It takes the place of ${safeText(replaced.clientId, 200)}, which is forgotten here alone`);
  }
  context.say(
    entry === undefined ? "The next sign-in there uses it" : `Sign in with it: mcp-auth login ${entry.name}`,
  );
};
