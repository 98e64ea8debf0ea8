/**
 * The table of commands: the tree of `commands/` is the command line. A grammar is loaded when its command is run, and
 * all of them only for help and for suggestions, so that no command pays for another.
 *
 * @module
 */
import {
  type Application,
  buildApplication,
  buildRouteMap,
  type Command,
  ExitCode,
  help,
  type RouteMap,
  run as runApplication,
  text_en,
  version,
} from "@stricli/core";
import { McpAuthError } from "../../primitives/errors.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { VERSION } from "../../primitives/version.ts";
import { CliContext, type World } from "./context.ts";
import { EXEC_FAILED } from "./exit_code.ts";
import { reportError } from "./output/report.ts";

/** A command, or a group of them. */
export type Target = Command<CliContext> | RouteMap<CliContext>;

type Load = () => Promise<{ readonly command: Target }>;

/** Every command, in the order of help. */
export const COMMANDS: Readonly<Record<string, Load>> = {
  add: () => import("./commands/add/grammar.ts"),
  login: () => import("./commands/login/grammar.ts"),
  logout: () => import("./commands/logout/grammar.ts"),
  list: () => import("./commands/list/grammar.ts"),
  status: () => import("./commands/status/grammar.ts"),
  doctor: () => import("./commands/doctor/grammar.ts"),
  token: () => import("./commands/token/grammar.ts"),
  exec: () => import("./commands/exec/grammar.ts"),
  refresh: () => import("./commands/refresh/grammar.ts"),
  bridge: () => import("./commands/bridge/grammar.ts"),
  install: () => import("./commands/install/grammar.ts"),
  tools: () => import("./commands/tools/grammar.ts"),
  call: () => import("./commands/call/grammar.ts"),
  set: () => import("./commands/set/grammar.ts"),
  rename: () => import("./commands/rename/grammar.ts"),
  remove: () => import("./commands/remove/grammar.ts"),
  client: () => import("./commands/client/grammar.ts"),
  provider: () => import("./commands/provider/grammar.ts"),
  keystore: () => import("./commands/keystore/grammar.ts"),
  export: () => import("./commands/export/grammar.ts"),
  import: () => import("./commands/import/grammar.ts"),
  audit: () => import("./commands/audit/grammar.ts"),
  permissions: () => import("./commands/permissions/grammar.ts"),
  help: () => import("./commands/help/grammar.ts"),
  version: () => import("./commands/version/grammar.ts"),
};

/** Says whether a word is a command. */
export function isCommand(name: string | undefined): name is string {
  return name !== undefined && Object.hasOwn(COMMANDS, name);
}

/**
 * Parses and runs one command line. Mistakes in it are errors like all others, with a code and the next command to run.
 *
 * @param argv The arguments, without the program's name; none asks for help.
 * @param world What it runs on.
 * @returns The exit code.
 */
export async function runProgram(argv: readonly string[], world: World): Promise<number> {
  const args = argv.length === 0 ? ["--help"] : argv;
  const name = args[0];
  const complaints: string[] = [];
  const context = new CliContext(world, (text) => complaints.push(text), args);
  const program = await loadProgram(name);
  await runApplication(program, args, context);
  const { exitCode } = context.process;
  if (typeof exitCode !== "number" || exitCode >= 0) {
    for (const text of complaints) world.terminal.err(text);
    return typeof exitCode === "number" ? exitCode : 0;
  }
  const words = safeText(complaints.join(" "), WORDS_MAX_CHARS);
  const fromMcpRemote = name === "bridge" && exitCode === ExitCode.InvalidArgument
    ? await (await import("./mcp_remote_words.ts")).mcpRemoteError(args.slice(1))
    : undefined;
  const error = fromMcpRemote !== undefined
    ? fromMcpRemote
    : exitCode === ExitCode.InvalidArgument || exitCode === ExitCode.UnknownCommand
    ? new McpAuthError("USAGE", words, {
      hint: `Run: ${["mcp-auth", ...commandWords(program.root, args), "--help"].join(" ")}`,
    })
    : new McpAuthError("SERVER_ERROR", `Cannot start the command: ${sentence(words)}`);
  const code = reportError(world.terminal, error, { json: name !== "exec" && args.includes("--json") });
  return name === "exec" ? EXEC_FAILED : code;
}

/**
 * The words at the start of a command line that name a command or a group of commands.
 *
 * @param target Where the words lead on from.
 * @param args The command line.
 */
export function commandWords(target: Target, args: readonly string[]): readonly string[] {
  const [word = "", ...rest] = args;
  const next = "getAllEntries" in target ? target.getRoutingTargetForInput(word) : undefined;
  return next === undefined ? [] : [word, ...commandWords(next, rest)];
}

/** Loads the grammars that a command line needs: all where it names no command. */
async function loadProgram(name: string | undefined): Promise<Application<CliContext>> {
  const names = isCommand(name) ? [name] : Object.keys(COMMANDS);
  const routes = await Promise.all(
    names.map(async (each) => [each, (await COMMANDS[each]!()).command] as const),
  );
  return buildProgram(Object.fromEntries(routes));
}

/**
 * Builds the program.
 *
 * @param routes The commands by their names.
 */
export function buildProgram(routes: Readonly<Record<string, Target>>): Application<CliContext> {
  return buildApplication(
    buildRouteMap<string, CliContext>({
      routes,
      docs: {
        brief: "Credentials for every OAuth-protected MCP server you use",
        fullDescription: DESCRIPTION,
      },
    }),
    {
      name: "mcp-auth",
      scanner: {
        caseStyle: "allow-kebab-for-camel",
        allowArgumentEscapeSequence: true,
        distanceOptions: NEAR,
      },
      localization: {
        text: {
          ...text_en,
          noCommandRegisteredForInput: ({ input, corrections }) =>
            `Unknown command "${input}"${
              corrections.length === 0 ? "" : `, did you mean ${oneOf(corrections)}?`
            }`,
          exceptionWhileParsingArguments: (error) =>
            `Cannot read the command line: ${sentence(text_en.exceptionWhileParsingArguments(error, false))}`,
        },
      },
    },
    {
      help: help({
        brief: "Print help and exit",
        defaultForRouteMap: true,
        formatting: {
          caseStyle: "convert-camel-to-kebab",
          useAliasInUsageLine: false,
          onlyRequiredInUsageLine: true,
        },
      }),
      version: version({
        brief: "Print the version and exit",
        alias: false,
        info: { currentVersion: VERSION },
      }),
    },
  );
}

/** A mistake repeats what was typed: this much of it. */
const WORDS_MAX_CHARS = 1_000;

/** What counts as a slip: two letters left out, one too many or wrong, neighbours swapped. */
const NEAR = { threshold: 2, weights: { insertion: 1, deletion: 2, substitution: 2, transposition: 1 } };

const DESCRIPTION =
  `Signs in to remote MCP servers, keeps their tokens sealed and fresh, and hands them to hosts and scripts.

EXAMPLES
  mcp-auth add heptabase https://api.heptabase.com/mcp   # the browser opens, you approve
  mcp-auth bridge heptabase                              # a stdio MCP server in front of it
  curl -H "$(mcp-auth token heptabase --header)" ...     # for scripts and CI`;

/** The library has put each word in backticks. */
function oneOf(words: readonly string[]): string {
  return words.map((word) => `"${word.replaceAll("`", "")}"`).join(" or ");
}

/** The library's sentences start with a capital letter and may quote with backticks. */
function sentence(text: string): string {
  return (text.charAt(0).toLowerCase() + text.slice(1)).replaceAll("`", '"');
}
