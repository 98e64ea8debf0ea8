/**
 * Lets time pass for entries, in the store that the environment names: `age_entries.ts <name>...`. Their access tokens
 * are expired then, and no sign-in was tried of late.
 *
 * @module
 */
import { Services } from "../../lib/interfaces/composition/services.ts";
import { systemPorts } from "../../lib/interfaces/composition/system_ports.ts";

using services = new Services(systemPorts());
const { store } = services;
for (const name of Deno.args) {
  const { times, version } = await store.attempts.read(name);
  if (times.length > 0 && !await store.attempts.write(name, [], version)) Deno.exit(1);
  const found = await store.credential(name);
  if (found === undefined) continue;
  const { record } = found;
  const expired = { ...record, obtainedAt: record.obtainedAt - 7_200_000, expiresAt: Date.now() - 1_000 };
  if (await store.changeCredential(name, found.version, expired) === undefined) Deno.exit(1);
}
