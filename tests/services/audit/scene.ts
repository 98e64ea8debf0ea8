/**
 * An audit log in a folder of its own, and what tests do with it.
 *
 * @module
 */
import { fileLocks } from "../../../lib/primitives/system/lock.ts";
import {
  type AuditEvent,
  AuditLog,
  type AuditPlace,
  readAudit,
  type Verification,
  verifyAudit,
} from "../../../lib/services/audit/mod.ts";
import type { AuditLine } from "../../../lib/services/audit/line.ts";
import { fakeClock } from "../../fakes/clock.ts";

/** An event like others. */
export const REFRESHED: AuditEvent = {
  event: "token_refreshed",
  name: "demo",
  issuer: "https://as.example.com",
  outcome: "done",
};

/** A log and its folder. */
export class Scene implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "mcp-auth-audit-" });
  readonly clock = fakeClock();
  /** What was said under `--verbose`. */
  readonly said: string[] = [];
  readonly place: AuditPlace = placeIn(this.folder);
  readonly log = new AuditLog({
    place: () => this.place,
    clock: this.clock,
    log: (line) => void this.said.push(line),
  });

  /** Notes events and waits until they are written. */
  async write(...events: readonly AuditEvent[]): Promise<void> {
    for (const event of events) this.log.record(event);
    await this.log.flush();
  }

  /** Notes as many events, named `<prefix>1` and so on. */
  async writeMany(count: number, prefix = "entry-", detail?: string): Promise<void> {
    await this.write(
      ...Array.from(
        { length: count },
        (_, index) => ({ ...REFRESHED, name: `${prefix}${index + 1}`, detail }),
      ),
    );
  }

  /** The text of a file. */
  text(name = "audit.jsonl"): Promise<string> {
    return Deno.readTextFile(`${this.folder}/${name}`);
  }

  /** Replaces the text of a file. */
  async edit(change: (text: string) => string, name = "audit.jsonl"): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/${name}`, change(await this.text(name)));
  }

  /** The names of the files of the log. */
  async files(): Promise<readonly string[]> {
    const found = await Array.fromAsync(Deno.readDir(this.folder));
    return found.map(({ name }) => name).filter((name) => name.startsWith("audit")).sort();
  }

  /** The events that can be read. */
  async events(): Promise<readonly AuditLine[]> {
    return (await Array.fromAsync(readAudit(this.place))).flatMap(({ line }) => line ?? []);
  }

  verify(): Promise<Verification> {
    return verifyAudit(this.place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A log in a folder, with the locks that processes share. */
export function placeIn(folder: string): AuditPlace {
  return {
    folder,
    locks: async () => {
      await Deno.mkdir(`${folder}/locks`, { recursive: true, mode: 0o700 });
      return fileLocks(`${folder}/locks`);
    },
  };
}
