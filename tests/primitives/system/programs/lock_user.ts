/**
 * A process that uses locks: `<folder> [--blocking] hold | count <times> | scenario`. With `--blocking` its runtime has
 * no `tryLock`, as Deno 2.6.8.
 *
 * @module
 */
import { fileLocks, type Lock } from "../../../../lib/primitives/system/lock.ts";

const [folder = "", ...words] = Deno.args;
if (words[0] === "--blocking") {
  words.shift();
  delete (Deno.FsFile.prototype as { tryLock?: unknown }).tryLock;
}
const locks = fileLocks(folder);
const [task, times] = words;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Resolves with the code of a wait that is to fail. */
function failure(wait: Promise<Lock>): Promise<string> {
  return wait.then(() => "locked", (error) => error instanceof DOMException ? error.name : error.code);
}

async function inTime(name: string): Promise<Lock> {
  return await locks.acquire(name, 10_000);
}

if (task === "hold") {
  await using _lock = await inTime("one");
  say("held");
  await new Promise((resolve) => setTimeout(resolve, 20_000));
} else if (task === "count") {
  for (let count = 0; count < Number(times); count++) {
    await using _lock = await inTime("one");
    const value = Number(await Deno.readTextFile(`${folder}/count`));
    await new Promise((resolve) => setTimeout(resolve, 1));
    await Deno.writeTextFile(`${folder}/count`, String(value + 1));
  }
} else if (task === "scenario") {
  const held = await inTime("one");
  const started = performance.now();
  const waits = Array.from({ length: 5 }, () => failure(locks.acquire("one", 200)));
  say(`other name: ${await failure(locks.acquire("two", 200))}`);
  waits.push(...Array.from({ length: 15 }, () => failure(locks.acquire("one", 200))));
  const controller = new AbortController();
  const aborted = failure(locks.acquire("one", 5_000, controller.signal));
  controller.abort(new DOMException("Enough", "AbortError"));
  say(`aborted: ${await aborted}`);
  say(`in vain: ${[...new Set(await Promise.all(waits))].join()}`);
  say(`in time: ${performance.now() - started < 2_000}`);
  await Deno.readTextFile(`${folder}/one.lock`);
  await held[Symbol.asyncDispose]();
  await (await inTime("one"))[Symbol.asyncDispose]();
  await (await inTime("one"))[Symbol.asyncDispose]();
  say("free again");
}
Deno.exit(0);
