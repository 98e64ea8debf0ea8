/** Names are resolved by the system's own resolver, without a word of the runtime's on standard error. */
import { equal, ok, rejects } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { lookupAddresses } from "../../../lib/primitives/system/network.ts";

Deno.test("a name has its addresses, and one that nobody knows has none", async () => {
  const found = await lookupAddresses("localhost");
  ok(found.some((address) => address === "127.0.0.1" || address === "::1"), String(found));
  await rejects(lookupAddresses("no-such-host.invalid"));
});

Deno.test("the first look-up of a process warns of nothing, and leaves what others are warned of as it was", async () => {
  const module = fileURLToPath(new URL("../../../lib/primitives/system/network.ts", import.meta.url));
  const program = `
    const { lookupAddresses } = await import(${JSON.stringify(module)});
    await lookupAddresses("localhost");
    console.log(process.noDeprecation ?? false);
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", program],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  equal(new TextDecoder().decode(stderr), "");
  equal(new TextDecoder().decode(stdout), "false\n");
});
