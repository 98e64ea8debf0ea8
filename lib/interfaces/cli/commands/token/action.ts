/**
 * `mcp-auth token`: the action.
 *
 * @module
 */
import type { Action, CommonFlags } from "../../command.ts";

/** The flags of the command. */
export type TokenFlags = CommonFlags & { readonly header?: boolean | undefined };

/** Prints a valid access token. */
export const action: Action<TokenFlags, [string]> = async (context, flags, name) => {
  const credential = await context.services(flags).authority.current(name);
  if (flags.json) {
    context.print(flags, {
      name,
      access_token: credential.accessToken,
      token_type: "Bearer",
      expires_at: credential.expiresAt === undefined ? null : new Date(credential.expiresAt).toISOString(),
      scope: credential.grantedScopes.join(" "),
      resource: credential.resource ?? null,
    }, "");
  } else {
    context.terminal.out(`${flags.header ? "Authorization: Bearer " : ""}${credential.accessToken}\n`);
  }
};
