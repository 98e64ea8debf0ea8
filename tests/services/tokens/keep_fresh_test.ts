/**
 * The timer of long-running commands: tokens are fresh before anybody asks, whatever clocks and servers do.
 *
 * @see behaviours row 5
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { KEEP_FRESH_TICK_MIN_MS, KEEP_FRESH_TICK_MS } from "../../../lib/primitives/limits.ts";
import { pauseIdly } from "../../../lib/primitives/system/clock.ts";
import { HOUR, MINUTE, type Scene, type SceneOptions, setScene } from "./scene.ts";
import { refusal, tokens } from "./token_endpoint.ts";

/** What the timer did in some hours of the scene's clock. */
interface Watched {
  readonly sleeps: readonly number[];
  readonly lines: readonly string[];
}

/**
 * Keeps an entry fresh for a while.
 *
 * @param ms How long, by the scene's clock; it moves only while the timer sleeps.
 * @param meanwhile Runs after each sleep.
 */
async function watch(
  scene: Scene,
  ms: number,
  meanwhile: (slept: number) => void | Promise<void> = () => {},
): Promise<Watched> {
  const ended = new AbortController();
  const sleeps: number[] = [];
  const lines: string[] = [];
  const end = scene.clock.now() + ms;
  await scene.authority.keepFresh(["demo"], {
    signal: ended.signal,
    log: (line) => lines.push(line),
    pause: async (sleepMs) => {
      sleeps.push(sleepMs);
      scene.clock.time += sleepMs;
      await meanwhile(sleepMs);
      if (scene.clock.now() >= end) ended.abort();
    },
  });
  return { sleeps, lines };
}

async function inScene(options: SceneOptions, test: (scene: Scene) => Promise<void>): Promise<void> {
  await using scene = await setScene(options);
  await test(scene);
}

Deno.test("row 5: over five hours no token ever gets into its last minutes, and each is refreshed once", () =>
  inScene({}, async (scene) => {
    const { sleeps, lines } = await watch(scene, 5 * HOUR, async () => {
      const { expiresAt } = (await scene.stored())!;
      ok(expiresAt! - scene.clock.now() > 4 * MINUTE);
    });
    equal(scene.endpoint.presented.length, 5);
    equal(new Set(scene.endpoint.presented).size, 5);
    deepEqual(lines, []);
    ok(sleeps.every((ms) => ms <= KEEP_FRESH_TICK_MS), "a laptop that sleeps is noticed soon");
    ok(sleeps.length < 5 * 3600 / 20, `${sleeps.length} looks`);
    ok(new Set(sleeps).size > sleeps.length / 2, "siblings do not look at the same moment");
  }));

Deno.test("row 5: after a laptop has slept past the expiry, the next look refreshes", () =>
  inScene({}, async (scene) => {
    let slept = false;
    await watch(scene, 10 * HOUR, () => {
      if (!slept) scene.clock.time += 9 * HOUR;
      slept = true;
    });
    equal(scene.endpoint.presented.length >= 1, true);
    equal(scene.endpoint.presented[0], "rt-0");
    ok((await scene.stored())!.expiresAt! > scene.clock.now());
  }));

Deno.test("row 5: a clock that is set back by a day costs one refresh and holds up none", () =>
  inScene({}, async (scene) => {
    scene.clock.time -= 24 * HOUR;
    await watch(scene, 3 * HOUR);
    deepEqual(scene.endpoint.presented, ["rt-0", "rt-1", "rt-2", "rt-3"]);
  }));

Deno.test("tokens that live seconds are refreshed in time, and looked at once a second at most", () =>
  inScene(
    { script: ({ index }) => tokens({ access_token: `t-${index}`, expires_in: 10 }) },
    async (scene) => {
      scene.clock.time += HOUR;
      const { sleeps } = await watch(scene, MINUTE, async () => {
        ok((await scene.stored())!.expiresAt! > scene.clock.now());
      });
      ok(sleeps.every((ms) => ms >= KEEP_FRESH_TICK_MIN_MS));
      ok(scene.endpoint.presented.length >= 5 && scene.endpoint.presented.length <= 8);
    },
  ));

Deno.test("row 3: failures are left to their pause, said once, and over when they are over", () =>
  inScene({ script: () => new Response(null, { status: 500 }) }, async (scene) => {
    const { lines } = await watch(scene, 2 * HOUR);
    equal(lines.length, 1);
    match(lines[0]!, /^Cannot reach the server|^Cannot refresh/);
    const asked = scene.endpoint.presented.length;
    ok(asked <= 3600 / 15 + 5, `${asked} requests`);
    scene.endpoint.script = undefined;
    await watch(scene, 2 * MINUTE);
    ok((await scene.stored())!.expiresAt! > scene.clock.now());
  }));

Deno.test("a sign-in that has ended is said once, no more is sent, and the next sign-in is taken up", () =>
  inScene({ script: () => refusal("invalid_grant") }, async (scene) => {
    let looks = 0;
    const { lines } = await watch(scene, 3 * HOUR, async () => {
      if (++looks !== 200) return;
      scene.endpoint.script = () => tokens({ access_token: "at-2" });
      const now = scene.clock.now();
      await scene.signInElsewhere({
        accessToken: "at-1",
        refreshToken: "rt-1",
        obtainedAt: now,
        expiresAt: now + HOUR,
      });
    });
    equal(lines.length, 1);
    match(lines[0]!, /ended the sign-in: invalid_grant$/);
    deepEqual(scene.endpoint.presented.slice(0, 2), ["rt-0", "rt-1"]);
  }));

Deno.test("an entry that nobody is signed in to is left alone until somebody is", () =>
  inScene({ credential: null }, async (scene) => {
    deepEqual((await watch(scene, HOUR)).lines, []);
    await scene.store.removeEntry("demo");
    deepEqual((await watch(scene, HOUR)).lines, []);
    deepEqual(scene.endpoint.presented, []);
  }));

Deno.test("a token without an expiry or a refresh token needs no keeping", async () => {
  for (const members of [{ expiresAt: undefined }, { refreshToken: undefined }]) {
    await inScene({ credential: members }, async (scene) => {
      const { lines } = await watch(scene, 2 * HOUR);
      deepEqual(scene.endpoint.presented, []);
      equal(lines.length, "expiresAt" in members ? 0 : 1);
    });
  }
});

Deno.test("it ends at once with its signal, and a process ends without waiting for it", async () => {
  await using scene = await setScene();
  const ended = new AbortController();
  const keeping = scene.authority.keepFresh(["demo"], { signal: ended.signal, log: () => {} });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const started = performance.now();
  ended.abort();
  await keeping;
  ok(performance.now() - started < 500);
  await scene.authority.keepFresh(["demo"], { signal: AbortSignal.abort(), log: () => {} });

  const program = `
    import { pauseIdly } from ${
    JSON.stringify(import.meta.resolve("../../../lib/primitives/system/clock.ts"))
  };
    void pauseIdly(60_000, new AbortController().signal);
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", program],
    stderr: "piped",
  });
  const outcome = await child.output();
  equal(outcome.code, 0, new TextDecoder().decode(outcome.stderr));
  ok(performance.now() - started < 20_000);
  await pauseIdly(1, ended.signal).then(() => ok(false), (reason) => equal(reason, ended.signal.reason));
});
