/**
 * `mcp-auth client show`: the action. A server that cannot be asked is no reason to hide what is known.
 *
 * @module
 */
import { asMcpAuthError } from "../../../../../primitives/errors.ts";
import type { RegistrationReading } from "../../../../../primitives/oauth/registration_management.ts";
import { safeText } from "../../../../../primitives/untrusted_text.ts";
import { Clients } from "../../../../composition/clients.ts";
import type { Action, CommonFlags } from "../../../command.ts";
import { warningText } from "../../../context.ts";
import { clientJson, clientRows } from "../view.ts";

/** Shows a client. */
export const action: Action<CommonFlags, [string]> = async (context, flags, target) => {
  const clients = new Clients(context.services(flags));
  const known = await clients.find(target);
  const reading = await clients.read(known).catch((error) => {
    const coded = asMcpAuthError(error, "SERVER_ERROR", "read the client registration");
    if (coded.code === "AUTH_CANCELLED" || coded.code === "STORE_UNAVAILABLE") throw coded;
    context.say(warningText(coded));
    return undefined;
  });
  const rows = [...clientRows(known, context.clock.now()), ["At server", describe(reading)] as const];
  const members = reading?.kind === "read" ? Object.entries(reading.members) : [];
  context.print(
    flags,
    {
      ...clientJson(known),
      at_server: reading?.kind ?? "unknown",
      registration: reading?.kind === "read" ? reading.members : null,
    },
    [
      ...rows.map(([label, value]) => `${`${label}:`.padEnd(12)}${value}`),
      ...members.map(([name, value]) => `  ${name}: ${safeText(value)}`),
    ].join("\n"),
  );
};

function describe(reading: RegistrationReading | undefined): string {
  switch (reading?.kind) {
    case "read":
      return "registered, as follows";
    case "gone":
      return `not known any more (${reading.status}); for a new one: mcp-auth login <name> --re-register`;
    case "unsupported":
      return "cannot be asked about it";
    case undefined:
      return "not known: see the warning";
  }
}
