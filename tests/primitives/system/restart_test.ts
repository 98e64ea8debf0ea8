/** How a process knows that it is the child of a restart; the restart itself is tested with the whole program. */
import { equal } from "node:assert/strict";
import { RESTARTED_VARIABLE } from "../../../lib/primitives/system/orphan.ts";
import { isRestarted } from "../../../lib/primitives/system/restart.ts";

Deno.test("a process is the child of a restart where the variable is set, and only there", () => {
  equal(Deno.env.get(RESTARTED_VARIABLE), undefined);
  equal(isRestarted(), false);
  Deno.env.set(RESTARTED_VARIABLE, "1");
  try {
    equal(isRestarted(), true);
  } finally {
    Deno.env.delete(RESTARTED_VARIABLE);
  }
});

Deno.test("a sandbox that does not grant the variable counts as not restarted", {
  permissions: { env: false },
}, () => {
  equal(isRestarted(), false);
});
