/**
 * `mcp-auth rename`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { checkEntryName } from "../../../../services/config/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { requireEntry } from "../../entry.ts";

/** Renames an entry. */
export const action: Action<CommonFlags, [string, string]> = async (context, flags, name, newName) => {
  checkEntryName(newName);
  await requireEntry(context, flags, name);
  if (newName === name) throw new McpAuthError("USAGE", `Cannot rename "${name}": that is its name already`);
  const { authority, audit } = context.services(flags);
  await authority.exclusive(name, () => context.store(flags).rename(name, newName));
  audit.record({ event: "entry_renamed", name, outcome: "done", detail: `now "${newName}"` });
  context.print(flags, { name: newName, old_name: name }, `✓ Renamed ${name} to ${newName}`);
};
