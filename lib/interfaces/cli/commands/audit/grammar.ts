/**
 * `mcp-auth audit`: the grammar.
 *
 * @module
 */
import { AUDIT_EVENTS } from "../../../../services/audit/mod.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import type { AuditFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<AuditFlags, []>({
  brief: "Show what happened to credentials",
  description:
    "Shows the events of this machine's audit log, the oldest first: what happened, to which entry, how it ended, " +
    "and the fingerprints (8 hex digits of the SHA-256) of the secrets concerned. It keeps six files of 1 MiB. " +
    "With --verify it checks that the log is as it was written, and exits with 1 where it is not. Its chain has " +
    "no key: it shows accidents and careless edits, and neither an attacker who rewrites the log nor lines cut off " +
    "at its end.",
  examples: [
    ["mcp-auth audit --since 2d", "the last two days"],
    ["mcp-auth audit --name heptabase --event refresh_failed", "why its refreshes fail"],
    ["mcp-auth audit --json --since 2026-11-01", "for scripts"],
    ["mcp-auth audit --verify", "check the log"],
  ],
  parameters: {
    flags: {
      since: valueFlag("Only events of the last 30m, 2h or 7d, or since an ISO date (UTC) or time", "time"),
      name: valueFlag("Only events of this entry", "entry"),
      event: { kind: "enum", values: AUDIT_EVENTS, brief: "Only events of this kind", optional: true },
      verify: switchFlag("Check that no line was changed, removed or added"),
      ...jsonFlag,
      ...storeFlags,
    },
    positional: { kind: "tuple", parameters: [] },
  },
  load: () => import("./action.ts"),
});
