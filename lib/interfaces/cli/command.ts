/**
 * What every command shares: its grammar is a value that knows nothing of the action, the action is imported when it
 * runs, and whatever it throws ends in one place as text or JSON and an exit code.
 *
 * @module
 */
import { buildCommand, type Command, type TypedCommandParameters } from "@stricli/core";
import { asMcpAuthError } from "../../primitives/errors.ts";
import type { KeystoreKind } from "../../services/credentials/mod.ts";
import type { CliContext } from "./context.ts";
import { reportError } from "./output/report.ts";

/** The flags of commands that open the store. */
export type StoreFlags = {
  readonly verbose?: boolean | undefined;
  readonly keystore?: KeystoreKind | undefined;
};

/** The flag of commands that report. */
export type JsonFlag = { readonly json?: boolean | undefined };

/** The flags of most commands. */
export type CommonFlags = StoreFlags & JsonFlag;

/** What a command's action is: it prints its result, throws what went wrong, and may return an exit code. */
export type Action<FLAGS, ARGS extends readonly unknown[]> = (
  context: CliContext,
  flags: FLAGS,
  ...args: ARGS
) => Promise<number | void>;

/** The grammar of a command. */
export interface CommandSpec<FLAGS extends CommonFlags, ARGS extends readonly (string | undefined)[]> {
  /** One line for the list of commands, in the imperative. */
  readonly brief: string;
  /** What it does, in a few sentences. */
  readonly description: string;
  /** Command lines with what each does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  readonly parameters: TypedCommandParameters<FLAGS, ARGS, CliContext>;
  /** The words after the command's name as help shows them, where the grammar does not say it well. */
  readonly usage?: string | undefined;
  readonly load: () => Promise<{ readonly action: Action<FLAGS, ARGS> }>;
}

/** Builds a command from its grammar. */
export function defineCommand<FLAGS extends CommonFlags, ARGS extends readonly (string | undefined)[]>(
  spec: CommandSpec<FLAGS, ARGS>,
): Command<CliContext> {
  return buildCommand<FLAGS, ARGS, CliContext>({
    loader: async () => {
      const { action } = await spec.load();
      return async function (this: CliContext, flags: FLAGS, ...args: ARGS): Promise<void> {
        try {
          this.process.exitCode = await action(this, flags, ...args) ?? 0;
        } catch (error) {
          this.process.exitCode = reportError(
            this.terminal,
            asMcpAuthError(error, "SERVER_ERROR", "finish the command"),
            flags,
          );
        } finally {
          await this.settled();
          this[Symbol.dispose]();
        }
      };
    },
    parameters: spec.parameters,
    docs: {
      brief: spec.brief,
      fullDescription: describe(spec),
      ...(spec.usage === undefined ? {} : { customUsage: [spec.usage] }),
    },
  });
}

/** A description with its examples, as help shows them. */
export function describe(
  { description, examples }: Pick<CommandSpec<never, never>, "description" | "examples">,
): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  ${line.padEnd(width)}  # ${what}`);
  return `${description}\n\nEXAMPLES\n${lines.join("\n")}`;
}
