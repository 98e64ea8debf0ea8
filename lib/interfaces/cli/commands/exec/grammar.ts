/**
 * `mcp-auth exec`: the grammar.
 *
 * @module
 */
import { defineCommand } from "../../command.ts";
import { numberFlag, storeFlags, switchFlag, valueFlag } from "../../flags.ts";
import type { ExecFlags } from "./action.ts";

/** The command. */
export const command = defineCommand<ExecFlags, string[]>({
  brief: "Run a command with an access token",
  description:
    "Runs a command that gets a valid access token, refreshed first where that is due, in a variable " +
    "(MCP_ACCESS_TOKEN) or by a descriptor to read it from. The command has this terminal, gets the signals, and " +
    "its exit code is returned, or 125 where it could not be run. No secret of mcp-auth is in its environment but " +
    "that token, which is not refreshed while it runs. By a descriptor it can be read once, as in <&3, and not by " +
    "a path such as /dev/fd/3; Windows has only the variable.",
  examples: [
    ["mcp-auth exec heptabase -- ./sync.sh", "the token is in $MCP_ACCESS_TOKEN"],
    ["mcp-auth exec heptabase --env API_TOKEN -- npm run import", "in a variable of your choice"],
    [
      "mcp-auth exec heptabase --header --fd 3 -- sh -c 'curl -H @- https://api.heptabase.com/mcp <&3'",
      "as a header, in no environment",
    ],
  ],
  parameters: {
    flags: {
      env: valueFlag("Variable that holds the token; MCP_ACCESS_TOKEN unless set", "name"),
      fd: numberFlag("Descriptor to read the token from, in place of a variable", "number", 3, 255),
      header: switchFlag('Give it as "Authorization: Bearer ..."'),
      ...storeFlags,
    },
    positional: {
      kind: "array",
      parameter: {
        brief: "Name of the entry, and after -- the command with its arguments",
        parse: String,
        placeholder: "word",
      },
    },
  },
  usage: "[--env name | --fd number] [--header] <name> -- <command> <argument>...",
  load: () => import("./action.ts"),
});
