/**
 * `mcp-auth token`: the action.
 *
 * @module
 */
import { bearer, isBound } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";

/** The flags of the command. */
export type TokenFlags = CommonFlags & { readonly header?: boolean | undefined };

/**
 * Prints a valid access token. One that is bound to a key is printed for whoever wants to look into it, and never as a
 * header, which would be of no use.
 */
export const action: Action<TokenFlags, [string]> = async (context, flags, nameOrUrl) => {
  const name = /^https?:/i.test(nameOrUrl)
    ? await (await import("../../hand_token.ts")).targetName(context, flags, nameOrUrl)
    : nameOrUrl;
  const credential = await context.services(flags).authority.current(name);
  const bound = isBound(credential);
  if (bound && flags.header) bearer(credential);
  if (bound && !flags.json) {
    context.say(
      `Note: this token is bound to a key that mcp-auth keeps (DPoP); servers refuse it without a proof`,
    );
  }
  if (flags.json) {
    context.print(flags, {
      name,
      access_token: credential.accessToken,
      token_type: bound ? "DPoP" : "Bearer",
      expires_at: credential.expiresAt === undefined ? null : new Date(credential.expiresAt).toISOString(),
      scope: credential.grantedScopes.join(" "),
      resource: credential.resource ?? null,
    }, "");
  } else {
    context.terminal.out(`${flags.header ? "Authorization: Bearer " : ""}${credential.accessToken}\n`);
  }
};
