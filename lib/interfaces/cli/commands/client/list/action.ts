/**
 * `mcp-auth client list`: the action.
 *
 * @module
 */
import { safeText, safeUrl } from "../../../../../primitives/untrusted_text.ts";
import { Clients } from "../../../../composition/clients.ts";
import type { Action, CommonFlags } from "../../../command.ts";
import { table } from "../../../output/table.ts";
import { relativeTime } from "../../../output/time.ts";
import { clientJson } from "../view.ts";

/** Lists all clients. */
export const action: Action<CommonFlags, []> = async (context, flags) => {
  const known = await new Clients(context.services(flags)).list();
  if (known.length === 0 && !flags.json) {
    return context.say("No clients yet: sign-ins register what they need");
  }
  const now = context.clock.now();
  const rows = known.map(({ client, entry, usedBy }) => [
    safeText(client.clientId, 40),
    `${client.source}${client.byHand ? " (by hand)" : ""}`,
    client.clientSecretExpiresAt === undefined ? "-" : relativeTime(client.clientSecretExpiresAt, now),
    entry ?? "all",
    usedBy.length === 0 ? "-" : usedBy.join(","),
    safeUrl(client.issuer),
  ]);
  context.print(
    flags,
    known.map(clientJson),
    table([["CLIENT", "SOURCE", "SECRET EXPIRES", "FOR", "USED BY", "ISSUER"], ...rows]),
  );
};
