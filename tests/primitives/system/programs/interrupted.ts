/**
 * A process that signals reach: `wait`, `shield`, `parent` or `environment`. It tells on standard output what it sees.
 *
 * @module
 */
import { childEnvironment, interruptible, watchParent } from "../../../../lib/primitives/system/process.ts";

const [task] = Deno.args;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Waits for a line on standard input; false at its end. */
async function line(): Promise<boolean> {
  return await Deno.stdin.read(new Uint8Array(100)) !== null;
}

if (task === "environment") {
  say(JSON.stringify(childEnvironment()));
} else if (task === "gone") {
  watchParent(() => {
    say("gone");
    Deno.exit(0);
  });
  say("ready");
  setTimeout(() => Deno.exit(9), 10_000);
} else {
  const interruption = interruptible({ parent: task === "parent" });
  interruption.signal.addEventListener("abort", () => say(`aborted: ${interruption.signal.reason.code}`));
  const timer = setTimeout(() => Deno.exit(9), 10_000);
  say("ready");
  if (task === "shield") {
    await interruption.shield(async () => {
      await line();
      say("written");
    });
    say("after the shield");
  }
  while (await line()) say("alive");
  interruption[Symbol.dispose]();
  clearTimeout(timer);
  say("ended by itself");
}
