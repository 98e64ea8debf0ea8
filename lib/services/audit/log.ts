/**
 * The audit log as everybody has it at hand: a queue. Reporting an event costs its reporter nothing but the queueing;
 * what writes it is loaded when there is something to write, which for a short command is after its result is out. A
 * log that cannot be written (a full disk, a folder that is read-only, a lock that is held) fails no command and holds
 * none up for more than a second: its events are given up, and said so where the user wants to know (`--verbose`).
 *
 * @module
 */
import { sha256Hex } from "../../primitives/crypto/digest.ts";
import { AUDIT_DELAY_MS, AUDIT_FLUSH_MS, AUDIT_QUEUE_MAX } from "../../primitives/limits.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import type { Locks } from "../../primitives/system/lock.ts";
import type { Audit, AuditEvent } from "./event.ts";

/** Where the log is. */
export interface AuditPlace {
  /** The folder of its files. */
  readonly folder: string;
  /** The locks that all processes with this folder share. */
  readonly locks: () => Promise<Locks>;
}

/** What a log runs on. */
export interface AuditLogOptions {
  /** Asked for when something is to be written; undefined keeps nothing. */
  readonly place: () => AuditPlace | undefined;
  readonly clock: Clock;
  /** Told in one line what could not be written. */
  readonly log?: ((line: string) => void) | undefined;
}

/** An event that waits to be written; secrets are fingerprints already, or are being made so. */
export interface QueuedEvent {
  /** When it happened, in ms since the epoch. */
  readonly at: number;
  readonly event: Omit<AuditEvent, "secrets">;
  readonly fingerprints: Promise<Readonly<Record<string, string>>>;
}

/** The audit log. */
export class AuditLog implements Audit {
  readonly #options: AuditLogOptions;
  #queue: QueuedEvent[] = [];
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #livesLong = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param options Where the log is; nothing is looked at yet. */
  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  record({ secrets = {}, ...event }: AuditEvent): void {
    try {
      if (this.#queue.length >= AUDIT_QUEUE_MAX) {
        this.#dropped++;
        return;
      }
      const fingerprints = fingerprintsOf(secrets);
      fingerprints.catch(() => {});
      this.#queue.push({ at: this.#options.clock.now(), event, fingerprints });
      if (this.#livesLong) this.#timer ??= setTimeout(() => this.#write(), AUDIT_DELAY_MS);
    } catch {
      // Whoever reports has no use for it.
    }
  }

  /** From now on events are written as they come, not at the end: for a program that lives long. */
  writeAsTheyCome(): void {
    this.#livesLong = true;
    if (this.#queue.length > 0) this.#timer ??= setTimeout(() => this.#write(), AUDIT_DELAY_MS);
  }

  /**
   * Writes what is queued.
   *
   * @returns Resolves when that is done, and after a second in any case; undefined where there is nothing to do.
   */
  flush(): Promise<void> | undefined {
    this.#write();
    return this.#writing === undefined ? undefined : withinFlush(this.#writing);
  }

  #write(): void {
    // The first call that has to do with timers costs what handing out a token does.
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#queue.length === 0) return;
    const events = this.#queue.splice(0);
    const dropped = this.#dropped;
    this.#dropped = 0;
    const before = this.#writing;
    const writing = (async () => {
      await before;
      await this.#writeNow(events, dropped);
    })().catch(() => {}).finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
  }

  async #writeNow(events: readonly QueuedEvent[], dropped: number): Promise<void> {
    let lost = dropped;
    let why = "too many at once";
    try {
      const place = this.#options.place();
      if (place === undefined) return;
      const { appendEvents } = await import("./writer.ts");
      await appendEvents(place, events);
    } catch (error) {
      lost += events.length;
      why = error instanceof Error ? error.message : String(error);
    }
    if (lost === 0) return;
    this.#options.log?.(`The audit log misses ${lost} ${lost === 1 ? "event" : "events"}: ${why}`);
  }
}

async function fingerprintsOf(secrets: NonNullable<AuditEvent["secrets"]>): Promise<Record<string, string>> {
  const given = Object.entries(secrets).flatMap(([name, secret]) =>
    secret === undefined ? [] : [[name, secret] as const]
  );
  return Object.fromEntries(
    await Promise.all(given.map(async ([name, secret]) => [name, (await sha256Hex(secret)).slice(0, 8)])),
  );
}

/** By a signal, since the first timer of a process costs several times what writing does. */
async function withinFlush(writing: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const limit = AbortSignal.timeout(AUDIT_FLUSH_MS);
  const onLimit = () => resolve();
  limit.addEventListener("abort", onLimit, { once: true });
  await Promise.race([writing, promise]);
  limit.removeEventListener("abort", onLimit);
}
