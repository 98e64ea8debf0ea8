/**
 * What the servers of one run have done, in a file: they are killed without notice, and what they have carried out must
 * be known all the same. One line for each thing, written before it has an effect.
 *
 * @module
 */

/** What was carried out. */
export interface Ledger {
  /** The ports that each call was carried out over, by its key: one for each time. */
  readonly executions: ReadonlyMap<string, readonly number[]>;
  /** The ports that answers were resumed over. */
  readonly resumptions: ReadonlySet<number>;
}

/** Writes the ledger, in the server's process. */
export class LedgerWriter {
  readonly #file: Deno.FsFile;
  readonly #encoder = new TextEncoder();

  /** @param path The file, of all servers of a run. */
  constructor(path: string) {
    this.#file = Deno.openSync(path, { append: true, create: true });
  }

  /** A call is being carried out that came over a connection from this port. */
  executed(key: string, port: number): void {
    this.#write(`call ${port} ${key}`);
  }

  /** A stream is being resumed over a connection from this port. */
  resumed(port: number): void {
    this.#write(`resume ${port}`);
  }

  #write(line: string): void {
    // One write is one line, however many append.
    this.#file.writeSync(this.#encoder.encode(`${line}\n`));
  }
}

/** Reads the lines of a ledger; one that a kill has cut short is none. */
export function readLedger(text: string): Ledger {
  const executions = new Map<string, number[]>();
  const resumptions = new Set<number>();
  for (const line of text.split("\n").slice(0, -1)) {
    const [what, port, key] = line.split(" ");
    if (what === "resume") resumptions.add(Number(port));
    if (what !== "call" || key === undefined) continue;
    const ports = executions.get(key) ?? [];
    ports.push(Number(port));
    executions.set(key, ports);
  }
  return { executions, resumptions };
}
