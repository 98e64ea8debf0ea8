/**
 * A bridge whose connections die without a word: while the machine sleeps, while nothing is said, and while a call runs.
 * Left alone, a request on such a connection waits for as long as the system sends it again, which is a quarter of an
 * hour; and an answer on one is waited for without end.
 *
 * @see behaviours row 37
 * @module
 */
import assert from "node:assert/strict";
import type { CutOff } from "./cut_off.ts";
import { checkoutPath } from "./program.ts";

Deno.test("row 37: on connections that died without a word every call is answered, or fails with a code, in time", async () => {
  const { stdout, stderr, success } = await new Deno.Command("unshare", {
    args: [
      ...["--net", "--", Deno.execPath(), "run", "-A", "--no-check", "--quiet"],
      ...["--config", checkoutPath("tests/deno.json"), checkoutPath("tests/acceptance/cut_off.ts")],
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const { afterSleep, positions, afterSilence, vanished, back }: CutOff = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  assert.equal(afterSleep.came, "done");
  assert.ok(afterSleep.tookMs < 5_000, `after the sleep: ${afterSleep.tookMs} ms`);
  assert.deepEqual(positions.slice(0, 2), [null, "e1"], "the stream was opened again from where it was");
  assert.equal(afterSilence.came, "done");
  assert.ok(afterSilence.tookMs < 5_000, `after the silence: ${afterSilence.tookMs} ms`);
  assert.equal(vanished.came, "NETWORK_ERROR");
  assert.ok(vanished.tookMs < 100_000, `to a server that vanished: ${vanished.tookMs} ms`);
  assert.equal(back.came, "done");
  assert.ok(back.tookMs < 10_000, `to the same server, back again: ${back.tookMs} ms`);
});
