/**
 * The ports of the machine that services run on. What is costly to load is a function, so that who does not need it
 * does not pay for it.
 *
 * @module
 */
import type { Lookup } from "../../primitives/http/address.ts";
import type { Browser } from "../../primitives/system/browser.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Env } from "../../primitives/system/env.ts";
import type { Listen } from "../../primitives/system/listener.ts";
import type { Locks } from "../../primitives/system/lock.ts";
import type { Interruption } from "../../primitives/system/process.ts";
import type { RunProgram } from "../../primitives/system/program.ts";
import type { Surroundings } from "../../primitives/system/surroundings.ts";

/** The machine. */
export interface Ports {
  readonly env: Env;
  readonly clock: Clock;
  readonly browser: () => Promise<Browser>;
  readonly listen: () => Promise<Listen>;
  /** Where the person sits. */
  readonly surroundings: () => Promise<Surroundings>;
  readonly lookup: () => Promise<Lookup>;
  /** The locks that all processes with the store in this folder share. */
  readonly locks: (home: string) => Promise<Locks>;
  /**
   * Holds room on the disk of the store in this folder, for new tokens of the entry with this lock; the one who holds the
   * lock may ask.
   */
  readonly room: (home: string, lockName: string) => Promise<Disposable>;
  /** Starts the programs of the keychain. */
  readonly run: RunProgram;
  /** Turns signals, and the death of the parent where asked for, into an abort. */
  readonly interruption: (options: { readonly parent: boolean }) => Promise<Interruption>;
}
