/**
 * One home in which commands are killed one after the other. Several lanes run beside each other, each with servers of
 * its own, so that the ledger of one tells of one home alone.
 *
 * @module
 */
import type { Home } from "./home.ts";
import { objectionsToEnd } from "./judge.ts";
import { pause } from "../../lib/primitives/system/clock.ts";
import type { Run, RunOptions } from "./process.ts";
import type { Random } from "./random.ts";
import { noteKeys } from "./secret_search.ts";
import type { World } from "./world.ts";

/** What kills are counted as. */
export const KILLED = "killed";

/** An entry with its refresh token as the server issued it last. */
export interface Entry {
  readonly name: string;
  refreshToken: string;
}

/** Where in the life of a command it is killed. */
export interface Blow {
  /** The requests at which it may be; none where the command makes none. */
  readonly targets: readonly string[];
  /** How long the command takes when it is left alone, in ms. */
  readonly usualMs: number;
}

/** What a killed command left. */
export interface Struck {
  readonly run: Run;
  /** Whether it was killed; it may have ended before. */
  readonly killed: boolean;
  /** When, in ms since the epoch. */
  readonly at: number;
}

/** Share of the blows that come while a request is under way, where there is one. */
const IN_FLIGHT_SHARE = 0.6;
/** How long a request is waited for, in ms. */
const ARRIVAL_MS = 10_000;
/** How long a command may need after an answer to write it down, in ms. */
const PERSIST_MS = 60;

/** One home and its entries. */
export class Lane {
  readonly world: World;
  readonly home: Home;
  readonly entries: Entry[] = [];
  /** What a command takes when nobody kills it, in ms. */
  readonly usualMs = new Map<string, number>();
  /** The variables of each run: the key that the store is sealed by now, where it is in one. */
  env: NonNullable<RunOptions["env"]> = { MCP_AUTH_KEYSTORE: undefined };
  #made = 0;

  constructor(world: World, home: Home) {
    this.world = world;
    this.home = home;
  }

  /** A name that no entry has had. */
  newName(): string {
    return `entry-${++this.#made}`;
  }

  /** Runs a command of this home. */
  run(args: readonly string[]): Promise<Run> {
    return this.home.run(args, { env: this.env });
  }

  /** Signs in to a new entry. */
  async signIn(options: readonly string[] = []): Promise<Entry> {
    const name = this.newName();
    const mark = this.world.ledger.length;
    const run = await this.home.must(["add", name, this.world.mcp.url, ...options], { env: this.env });
    this.usualMs.set("add", run.ms);
    return this.keep(name, mark);
  }

  /** Takes an entry up that was added since a mark. */
  keep(name: string, mark: number): Entry {
    const refreshToken = this.world.ledger.signedIn(mark);
    if (refreshToken === undefined) throw new Error(`Nobody signed in to "${name}"`);
    const entry = { name, refreshToken };
    this.entries.push(entry);
    return entry;
  }

  /** Gives an entry up, and has another in its place. */
  async replace(entry: Entry): Promise<void> {
    this.entries.splice(this.entries.indexOf(entry), 1);
    await this.home.must(["remove", entry.name], { env: this.env });
    await this.signIn();
  }

  /** Notes how the server has replaced the refresh token of an entry. */
  follow(entry: Entry): void {
    for (;;) {
      const next = this.world.ledger.successor(entry.refreshToken)?.refresh;
      if (next === undefined || next === entry.refreshToken) return;
      entry.refreshToken = next;
    }
  }

  /** Starts a command and kills it: at any moment, or while a request of it is under way. */
  async strike(args: readonly string[], blow: Blow, random: Random, env = this.env): Promise<Struck> {
    const { as, arena } = this.world;
    const target = random.chance(IN_FLIGHT_SHARE) && blow.targets.length > 0
      ? random.pick(blow.targets)
      : undefined;
    const delayMs = random.pick([0, 30, 200]);
    const waitMs = target === undefined
      ? random.between(0.1, 1.1) * blow.usualMs
      : random.between(0, delayMs + PERSIST_MS);
    const arrived = Promise.withResolvers<void>();
    const order = target === undefined ? undefined : as.fail(target, 1, {
      until: async () => {
        arrived.resolve();
        await pause(delayMs);
      },
    });
    const running = this.home.start(args, { env });
    if (order !== undefined) {
      const giveUp = new AbortController();
      const given = pause(ARRIVAL_MS, giveUp.signal).catch(() => {});
      await Promise.race([arrived.promise, running.outcome, given]);
      giveUp.abort();
    }
    await Promise.race([pause(waitMs, arena.signal), running.outcome]);
    running.kill();
    const at = Date.now();
    const run = await running.outcome;
    order?.end();
    await this.home.quiet(arena.signal);
    return { run, killed: run.code === undefined, at };
  }

  /** Whether the store opens and everything in it is whole; tells of what is not. */
  async isWhole(round: number, struck: Struck): Promise<boolean> {
    noteKeys(this.world, this.home);
    const listed = await this.run(["list", "--json"]);
    const names = listed.code === 0
      ? (JSON.parse(listed.stdout) as { name: string }[]).map(({ name }) => name)
      : [];
    const missing = this.entries.filter(({ name }) => !names.includes(name));
    const runs = [listed, struck.run];
    if (listed.code !== 0) {
      const [objection] = objectionsToEnd(listed);
      this.world.fail("broken", round, objection?.what ?? "the store does not open", runs);
      return false;
    }
    if (missing.length > 0) {
      this.world.fail("loss", round, `entries are gone: ${missing.map(({ name }) => name).join(", ")}`, runs);
    }
    return missing.length === 0;
  }
}
