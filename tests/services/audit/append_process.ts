/**
 * A process that writes to an audit log as the program does: `<folder> <prefix> <times> <events each time>`. It prints
 * the prefix of each time once its events are written, and what the log misses.
 *
 * @module
 */
import { systemClock } from "../../../lib/primitives/system/clock.ts";
import { AuditLog } from "../../../lib/services/audit/mod.ts";
import { placeIn, REFRESHED } from "./scene.ts";

const [folder = "", prefix = "", times, each] = Deno.args;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

let missed = false;
const log = new AuditLog({
  place: () => placeIn(folder),
  clock: systemClock,
  log: (line) => {
    missed = true;
    say(`missed ${line}`);
  },
});
for (let time = 0; time < Number(times); time++) {
  missed = false;
  for (let index = 0; index < Number(each); index++) {
    log.record({ ...REFRESHED, name: `${prefix}-${time}-${index}`, detail: "x".repeat(250) });
  }
  await log.flush();
  if (!missed) say(`written ${prefix}-${time}`);
}
