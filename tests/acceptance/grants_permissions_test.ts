/**
 * The flags that `permissions` prints for an entry of a machine, in Deno's sandbox: with them it signs in and renews, and
 * without the one that its assertion takes it says what is missing.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startWorkloadIssuer } from "../../scripts/demo/servers/workload_issuer.ts";
import { startMachines } from "./machines.ts";
import { assertError } from "./outcome.ts";
import { checkoutPath, Home } from "./program.ts";

const TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

Deno.test("a workload renews and signs in again under exactly the printed permissions, and no browser is among them", async () => {
  await using ci = await startWorkloadIssuer();
  await using machines = await startMachines({ as: { workloads: [ci] } });
  await using home = await Home.make();
  const github = {
    ACTIONS_ID_TOKEN_REQUEST_URL: ci.requestUrl,
    [TOKEN]: ci.requestToken,
  };
  const file = await home.file("token", await ci.token(machines.as.issuer));
  const cases = [
    ["file", `file:${file}`, {}, `--allow-read=`],
    ["github", "github", github, TOKEN],
  ] as const;
  for (const [name, source, env, needed] of cases) {
    const added = await home.run(["add", name, machines.mcp.url, "--workload-identity", source], { env });
    assert.equal(added.code, 0, added.stderr);
    for (const command of ["refresh", "login"]) {
      await home.file("token", await ci.token(machines.as.issuer));
      const printed = await home.run(["permissions", name, "--command", command, "--json"], { env });
      assert.deepEqual(printed.json.notes, []);
      const flags: string[] = printed.json.flags;
      assert.ok(flags.some((flag) => flag.includes(needed)), flags.join(" "));
      assert.ok(!flags.some((flag) => flag.startsWith("--allow-run")), flags.join(" "));
      const under = (flags: readonly string[]) => ({
        env,
        command: [Deno.execPath(), "run", ...flags, checkoutPath("main.ts")],
      });
      const done = await home.run([command, name, "--json"], under(flags));
      assert.equal(done.code, 0, done.stdout + done.stderr);
      const less = flags.map((flag) => {
        const [option = "", values] = flag.split("=");
        const kept = values?.split(",").filter((each) => each !== file && each !== TOKEN);
        return kept === undefined ? option : `${option}=${kept.join(",")}`;
      });
      const failed = await home.run([command, name, "--json"], under(less));
      if (name === "file") assertError(failed, "PERMISSION_DENIED", 1);
      else assertError(failed, "CONFIG_MISSING", 5, /id-token: write/);
    }
  }
});
