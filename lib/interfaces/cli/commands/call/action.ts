/**
 * `mcp-auth call`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { isObject } from "../../../../primitives/oauth/json.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import type { Connection, OnRequest } from "../../../../services/bridge/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import { rememberingConnectionTo } from "../../connection.ts";
import { targetEntry } from "../../hand_token.ts";
import { readWords, type Written } from "./argument_words.ts";
import { partsOf, placeOf, save, textOf } from "./content.ts";
import { CallScreen } from "./progress.ts";

/** The flags of the command. */
export type CallFlags = CommonFlags & {
  readonly output?: string | undefined;
  readonly force?: boolean | undefined;
  readonly timeout?: number | undefined;
};

/** A server reports progress only to who gives a token for it (MCP, Progress). */
const PROGRESS_TOKEN = 1;

/** Calls a tool. */
export const action: Action<CallFlags, string[]> = async (context, flags, name, tool, ...words) => {
  if (name === undefined || tool === undefined) throw incomplete(name === undefined ? "name" : "tool");
  if (flags.force && flags.output === undefined) {
    throw new McpAuthError("USAGE", "Cannot use --force without --output: nothing is written", {
      hint: "Add --output, or leave it out",
    });
  }
  const written = await readWords(context, words);
  const record = await targetEntry(context, flags, name);
  const place = flags.output === undefined ? undefined : await placeOf(flags.output, flags.force === true);
  const screen = new CallScreen(context.terminal);
  // Ctrl-C in a question, where the terminal makes no signal of it.
  const stopped = new AbortController();
  const connection = await rememberingConnectionTo(
    context,
    flags,
    record,
    context.services(flags).authorizer(record),
    {
      listens: true,
      // Who writes the arguments there cannot type answers as well.
      ...(context.terminal.isInteractive() && words[0] !== "-"
        ? questions(record.name, screen, stopped)
        : {}),
    },
  );
  try {
    const args = await argumentsFor(connection, written, tool);
    const { signal } = await context.services(flags).interruption();
    const result = await call(flags, connection, { tool, args, screen, stopped, signal });
    screen.clear();
    const parts = partsOf(result);
    const saved = place === undefined ? [] : await save(parts, tool, place);
    for (const { path, title } of saved) context.say(`Saved ${title} as ${safeText(path)}`);
    if (place !== undefined && saved.length === 0) context.say("Nothing to save: the result is text");
    const shown = saved.length === 0 ? parts : parts.filter((part) => "text" in part);
    context.print(flags, result, textOf(shown));
    return isObject(result) && result.isError === true ? 1 : 0;
  } finally {
    screen.clear();
    await connection.close();
  }
};

/** What the client says that it can be asked, in `initialize` and in each request of the stateless era. */
const ELICITATION = { elicitation: { form: {}, url: {} } } as const;

/** What a person at a terminal can be asked. */
function questions(
  entry: string,
  screen: CallScreen,
  stopped: AbortController,
): { readonly capabilities: Readonly<Record<string, unknown>>; readonly onRequest: OnRequest } {
  /** One question at a time: they share a terminal. */
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (params: Readonly<Record<string, unknown>>, signal: AbortSignal) => {
    try {
      const { askPerson } = await import("./question.ts");
      return await screen.held(() => askPerson(entry, params, signal));
    } catch (error) {
      if (error instanceof McpAuthError && error.code === "AUTH_CANCELLED" && !signal.aborted) {
        stopped.abort(error);
      }
      throw error;
    }
  };
  return {
    capabilities: ELICITATION,
    onRequest: (method, params, signal) => {
      if (method !== "elicitation/create") return undefined;
      const answer = last.then(() => ask(params, signal));
      last = answer.catch(() => {});
      return answer;
    },
  };
}

interface OneCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly screen: CallScreen;
  readonly stopped: AbortController;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Calls, within the time that the person gives it; the server is told where nobody waits any more. */
async function call(
  flags: CallFlags,
  connection: Connection,
  { tool, args, screen, stopped, signal }: OneCall,
): Promise<unknown> {
  if (flags.verbose && !connection.stateless && offersLogging(connection)) {
    await connection.request("logging/setLevel", { level: "debug" }).catch(() => {});
  }
  const { timeout } = flags;
  const timer = timeout === undefined ? undefined : setTimeout(() => {
    stopped.abort(
      new McpAuthError("TIMEOUT", `Cannot complete "${safeText(tool, 128)}": no answer within ${timeout} s`, {
        hint: "Try again with a longer --timeout; whether the server has carried it out is not known",
      }),
    );
  }, timeout * 1_000);
  try {
    return await connection.request("tools/call", {
      name: tool,
      arguments: args,
      _meta: {
        progressToken: PROGRESS_TOKEN,
        // Servers of this era log for who asks for it (T10).
        ...(connection.stateless ? { [LOG_LEVEL]: flags.verbose ? "debug" : "info" } : {}),
      },
    }, {
      signal: AbortSignal.any([stopped.signal, signal]),
      onNotification: (method, params) => screen.take(method, params),
    });
  } finally {
    clearTimeout(timer);
  }
}

const LOG_LEVEL = "io.modelcontextprotocol/logLevel";

function offersLogging({ server: { capabilities } }: Connection): boolean {
  return isObject(capabilities) && isObject(capabilities.logging);
}

/** The arguments of a call; the server is asked what its tool takes where that says what the words mean. */
async function argumentsFor(
  connection: Connection,
  written: Written,
  name: string,
): Promise<Readonly<Record<string, unknown>>> {
  if ("whole" in written) return written.whole;
  const { makeArguments } = await import("./arguments.ts");
  const { findTool } = await import("../../tool_list.ts");
  return makeArguments(written.pairs, await findTool(connection, name));
}

/** The words that were left out; the command-line library counts them, and knows no names for them. */
function incomplete(word: string): McpAuthError {
  return new McpAuthError("USAGE", `Cannot read the command line: expected argument for ${word}`, {
    hint: "Run: mcp-auth call --help",
  });
}
