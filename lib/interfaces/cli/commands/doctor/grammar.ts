/**
 * `mcp-auth doctor`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { clientFlags, entryFlags } from "../../entry_flags.ts";
import { jsonFlag, storeFlags } from "../../flags.ts";
import type { DoctorFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<DoctorFlags, [string?]>({
  brief: "Find out why a server cannot be connected to",
  description:
    "Goes the way of a sign-in step by step, says what each step found and by which rule it is judged, what add or " +
    "login would do, and what to fix first. Nobody is asked, no browser opens, no client is registered, nothing is " +
    "stored, and no token is refreshed; one that is fresh is tried at the entry's own server and nowhere else. " +
    "Without a name it looks at this machine, and at all entries in short. The exit code is 0 where nothing fails, " +
    "else that of the first failure.",
  examples: [
    ["mcp-auth doctor", "this machine, and all entries in short"],
    ["mcp-auth doctor heptabase", "an entry, with its own options"],
    ["mcp-auth doctor https://api.heptabase.com/mcp", "before adding it"],
    ["mcp-auth doctor https://mcp.corp.example/mcp --ca-file ca.pem", "with the options that add would get"],
    ["mcp-auth doctor heptabase --json", "for scripts and bug reports"],
  ],
  parameters: {
    flags: {
      token: {
        kind: "boolean",
        brief: "Try a fresh token at its server (--no-token: leave that out)",
        optional: true,
      },
      ...clientFlags,
      ...entryFlags,
      ...jsonFlag,
      ...storeFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "Name of the entry, or a URL; this machine and all entries without it",
        parse: String,
        placeholder: "name",
        optional: true,
      }],
    },
  },
  load: () => import("./action.ts"),
});
