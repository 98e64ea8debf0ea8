/**
 * `mcp-auth client delete`: the action.
 *
 * @module
 */
import { safeText, safeUrl } from "../../../../../primitives/untrusted_text.ts";
import type { ClientDeletion } from "../../../../../services/signin/mod.ts";
import { Clients } from "../../../../composition/clients.ts";
import type { Action, CommonFlags } from "../../../command.ts";

/** The flags of the command. */
export type DeleteFlags = CommonFlags & { readonly force?: boolean | undefined };

/** Deletes a client. */
export const action: Action<DeleteFlags, [string]> = async (context, flags, target) => {
  const clients = new Clients(context.services(flags));
  const known = await clients.find(target);
  const { client } = known;
  const deletion = await clients.delete(known, { force: flags.force === true });
  const { outcome, usedBy, error } = deletion;
  context.print(flags, {
    issuer: client.issuer,
    client_id: client.clientId,
    outcome,
    used_by: usedBy,
    ...(error === undefined ? {} : { error }),
  }, `✓ Client ${safeText(client.clientId, 200)} ${describe(deletion, safeUrl(client.issuer))}`);
  for (const name of usedBy) context.say(`"${name}" has to sign in again: mcp-auth login ${name}`);
};

function describe({ outcome, error }: ClientDeletion, issuer: string): string {
  switch (outcome) {
    case "deleted":
      return `deleted at ${issuer}, and forgotten here`;
    case "gone":
      return `forgotten here; ${issuer} did not know it any more`;
    case "unsupported":
      return `forgotten here; it stays at ${issuer}, which offers no way to delete it`;
    case "failed":
      return `forgotten here; it was not deleted at ${issuer} (${error?.message ?? "failed"})`;
    case "forgotten":
      return "forgotten here";
  }
}
