/**
 * A process that uses leases of a remote store: `<url> <access token> <lease in ms> hold | count <folder> <times>`.
 *
 * @module
 */
import { createHttp } from "../../../../lib/primitives/http/client.ts";
import { openRemoteKv } from "../../../../lib/primitives/kv_connect/remote_kv.ts";
import { leaseLocks } from "../../../../lib/primitives/system/lease.ts";

const [url = "", token = "", leaseMs, task, folder, times] = Deno.args;
using kv = openRemoteKv({ url, token, http: createHttp() });
const locks = leaseLocks({
  kv: () => Promise.resolve(kv),
  prefix: ["lease"],
  leaseMs: Number(leaseMs),
  stepMs: Number(leaseMs) / 2,
});

if (task === "hold") {
  await using lock = await locks.acquire("one", 10_000);
  await lock.assertHeld();
  Deno.stdout.writeSync(new TextEncoder().encode("held\n"));
  await new Promise((resolve) => setTimeout(resolve, 20_000));
} else if (task === "count") {
  for (let count = 0; count < Number(times); count++) {
    await using lock = await locks.acquire("one", 20_000);
    const value = Number(await Deno.readTextFile(`${folder}/count`));
    await new Promise((resolve) => setTimeout(resolve, 1));
    await lock.assertHeld();
    await Deno.writeTextFile(`${folder}/count`, String(value + 1));
  }
}
Deno.exit(0);
