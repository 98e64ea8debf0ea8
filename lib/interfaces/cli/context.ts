/**
 * What every action gets: the streams, the services over the store that its flags name, and where to print.
 *
 * @module
 */
import type { CommandContext, StricliProcess } from "@stricli/core";
import type { McpAuthError } from "../../primitives/errors.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Env } from "../../primitives/system/env.ts";
import type { LineQueue } from "../../primitives/system/error_queue.ts";
import { ERROR_FLUSH_MS } from "../../primitives/limits.ts";
import type { Terminal } from "../../primitives/system/terminal.ts";
import type { CredentialStore, KeystoreKind } from "../../services/credentials/mod.ts";
import type { Ports } from "../composition/ports.ts";
import { Services } from "../composition/services.ts";
import type { JsonFlag, StoreFlags } from "./command.ts";

/** What the program runs on. */
export interface World {
  readonly ports: Ports;
  readonly terminal: Terminal;
  /** Reads a text file that the user named; undefined when there is none. */
  readonly readTextFile: (path: string) => Promise<string | undefined>;
  /** Starts what opening the store will have to wait for, by the value of `--keystore`, before the code for it is loaded. */
  readonly anticipate?: (keystore: string | undefined) => Promise<void>;
}

/** The variables that bring tokens, or the means to get some, from where a machine runs. */
const TOKEN_VARIABLES = ["MCP_AUTH_ACCESS_TOKEN", "MCP_AUTH_GRANT"] as const;

/** The context of one command. */
export class CliContext implements CommandContext, Disposable {
  readonly process: StricliProcess;
  readonly world: World;
  /** The command line as it was typed, from the command's name on. */
  readonly args: readonly string[];
  #services: Services | undefined;
  #terminal: Terminal | undefined;
  #lines: Promise<LineQueue> | undefined;
  #record: ((line: string) => void) | undefined;

  /**
   * @param world What the program runs on.
   * @param complain Gets what the command-line library writes to standard error.
   * @param args The command line as it was typed.
   */
  constructor(world: World, complain: (text: string) => void, args: readonly string[] = []) {
    this.world = world;
    this.args = args;
    this.process = {
      stdout: { write: (text) => world.terminal.out(text) },
      stderr: { write: complain },
      env: {},
    };
  }

  get terminal(): Terminal {
    return this.#terminal ?? this.world.terminal;
  }

  get env(): Env {
    return this.world.ports.env;
  }

  get clock(): Clock {
    return this.world.ports.clock;
  }

  /** The services over the store that the flags name; ended with the command. */
  services(flags: StoreFlags): Services {
    return this.#services ??= this.#make(flags, flags.keystore);
  }

  /** The same, and nobody is asked for the passphrase of the store; to be called before anything else. */
  servicesUnasked(flags: StoreFlags): Services {
    return this.#services ??= this.#make(flags, flags.keystore, false);
  }

  /**
   * Services over a store of this command's own from here on, which ends with it: for an entry that is not to be kept.
   * What was opened before is closed.
   */
  servicesInMemory(flags: StoreFlags): Services {
    this.#services?.[Symbol.dispose]();
    return this.#services = this.#make(flags, "memory");
  }

  #make(flags: StoreFlags, keystore: KeystoreKind | undefined, mayAsk = true): Services {
    return new Services(this.world.ports, {
      keystore,
      passingVariables: TOKEN_VARIABLES,
      askPassphrase: async (question) =>
        mayAsk && this.terminal.isInteractive()
          ? await (await import("./output/prompt.ts")).askPassphrase(question)
          : undefined,
      notice: (line) => this.say(line),
      log: flags.verbose ? (line) => this.say(line) : this.#record,
    });
  }

  /** The store that the flags name. */
  store(flags: StoreFlags): CredentialStore {
    return this.services(flags).store;
  }

  /** Writes one line to standard error. */
  say(line: string): void {
    this.#record?.(line);
    this.terminal.err(`${line}\n`);
  }

  /** Has every line that is said, and all that `--verbose` would say, noted as well; to be called before anything else. */
  alsoTo(record: (line: string) => void): void {
    this.#record = record;
  }

  /** From here on nothing for standard error waits for its reader: a host that has none must not stop us (row 38). */
  sayWithoutWaiting(): void {
    const { terminal } = this.world;
    const { errQueue } = terminal;
    if (errQueue === undefined) return;
    const err = (text: string) =>
      void (this.#lines ??= errQueue()).then((lines) => lines.push(text), () => {});
    this.#terminal = { ...terminal, err };
  }

  /** Prints a result: as JSON with `--json`, else as text. */
  print(flags: JsonFlag, json: unknown, text: string): void {
    this.terminal.out(flags.json ? `${JSON.stringify(json)}\n` : text === "" ? "" : `${text}\n`);
  }

  /** Waits for what has to be stored although nobody waits for it any more, such as the answer to a refresh. */
  async settled(): Promise<void> {
    await this.#services?.settled();
    await (await this.#lines)?.flushed(ERROR_FLUSH_MS);
  }

  /** Ends the services. */
  [Symbol.dispose](): void {
    this.#services?.[Symbol.dispose]();
  }
}

/** A warning is an error that did not stop anything: its words, and its hint. */
export function warningText(error: McpAuthError): string {
  return `Warning: ${error.message}${error.hint === undefined ? "" : `. ${error.hint}`}`;
}
