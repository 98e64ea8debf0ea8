/**
 * The suite, told apart from a run that has shown nothing: one scenario through both drivers, and the words by which the
 * suite excuses one.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { runScenario, verdictIn } from "../../../scripts/conformance/scenario_run.ts";
import {
  PROTOCOL_SCENARIOS,
  PROTOCOL_TABLES,
  SCENARIOS,
  scenariosCalled,
  tableOf,
  TABLES,
} from "../../../scripts/conformance/scenarios.ts";

const SKIPPED = "SKIPPED: scenario 'auth/a' is not applicable at spec version 2026-07-28 (removed in 1).";

const words: readonly (readonly [string, boolean, string])[] = [
  ["✓ 3 passed", true, "pass"],
  ["✗ 1 failed", false, "fail"],
  [SKIPPED, true, "skip"],
  [SKIPPED, false, "fail"],
  ["SKIPPED: scenario 'auth/b' is not applicable at spec version 2026-07-28", true, "fail"],
  ["SKIPPED: scenario 'auth/a' needs --client-id", true, "fail"],
];

for (const [said, success, verdict] of words) {
  Deno.test(`"${said}" with ${success ? "success" : "failure"} is a ${verdict}`, () => {
    equal(verdictIn(said, "auth/a", success), verdict);
  });
}

Deno.test("there are 15 scenarios about the protocol, at every wire and with hosts of both eras", () => {
  equal(new Set(PROTOCOL_SCENARIOS.map(({ name }) => name)).size, 15);
  deepEqual(
    PROTOCOL_TABLES.map(({ specVersion, host, scenarios }) => [specVersion, host, scenarios.length]),
    [
      [undefined, undefined, 15],
      ["2026-07-28", undefined, 15],
      ["2025-11-25", undefined, 15],
      ["2026-07-28", "stateless", 4],
      ["2026-07-28", "stateful", 6],
      ["2025-11-25", "stateless", 5],
    ],
  );
});

Deno.test("a scenario that the client did nothing in has not passed, though the suite lets it", async () => {
  // No such revision of the skills is run unless it is forced: the suite says so, and nothing else.
  const [skill] = PROTOCOL_SCENARIOS.filter(({ group }) => group === "skills");
  const idle = await runScenario(skill!.name, "bridge", {}, new AbortController().signal);
  equal(idle.verdict, "fail");
  ok(
    idle.failures.some(({ message }) => message.includes("all were skipped")),
    JSON.stringify(idle.failures),
  );
});

Deno.test("there are 33 scenarios and three tables, and each scenario can be called by its short name", () => {
  equal(new Set(SCENARIOS.map(({ name }) => name)).size, 33);
  deepEqual(TABLES.map(({ specVersion, force }) => [specVersion, force]), [
    [undefined, undefined],
    ["2026-07-28", undefined],
    ["2025-11-25", true],
  ]);
  equal(new Set(TABLES.map(({ title }) => title)).size, 3);
  equal(tableOf({ force: true }).force, true);
  deepEqual(scenariosCalled(["dpop", "auth/basic-cimd"]).map(({ name }) => name), [
    "auth/basic-cimd",
    "auth/dpop",
  ]);
  equal(scenariosCalled([]).length, 33);
});

for (const driver of ["terminal", "bridge"] as const) {
  Deno.test(`the suite passes what the product does, and fails what it does not (${driver})`, async () => {
    const { signal } = new AbortController();
    const passed = await runScenario("auth/pre-registration", driver, {}, signal);
    deepEqual(passed.failures, []);
    equal(passed.verdict, "pass");
    const skipped = await runScenario(
      "auth/2025-03-26-oauth-endpoint-fallback",
      driver,
      { specVersion: "2026-07-28" },
      signal,
    );
    equal(skipped.verdict, "skip");
    const none = await runScenario("auth/no-such-scenario", driver, {}, signal);
    equal(none.verdict, "fail");
    ok(none.failures.length > 0);
  });
}

Deno.test("a run that is interrupted ends at once, with the reason", async () => {
  const interrupted = new AbortController();
  const running = runScenario("auth/metadata-default", "terminal", {}, interrupted.signal);
  setTimeout(() => interrupted.abort(new Error("Interrupted")), 200);
  await running.then(() => ok(false), (error) => equal(error.message, "Interrupted"));
});
