/** What is to be told of this machine. */
import { deepEqual, equal } from "node:assert/strict";
import { systemMachine } from "../../../lib/primitives/system/machine.ts";
import { fakeEnv } from "../../fakes/env.ts";

Deno.test("the facts are those of this process", () => {
  const facts = systemMachine.facts();
  equal(facts.deno, Deno.version.deno);
  equal(facts.os, Deno.build.os);
  equal(facts.place, "checkout");
  equal(facts.hasKv, true);
});

Deno.test("an access that the sandbox grants in part or not at all is told, and nobody is asked", async () => {
  const script = `
    import { systemMachine as machine } from ${
    JSON.stringify(import.meta.resolve("../../../lib/primitives/system/machine.ts"))
  };
    const states = [{ name: "net", target: "a.example:443" }, { name: "net", target: "b.example:443" }, { name: "net" },
      { name: "read", target: "/" }, { name: "run", target: "sh" }, { name: "env", target: "A" }];
    console.log(JSON.stringify(states.map((each) => machine.access(each))));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net=a.example:443", "--allow-env=A", "--ext=ts", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  const { stdout } = await child.output();
  deepEqual(JSON.parse(new TextDecoder().decode(stdout)), [
    "granted",
    "denied",
    "denied",
    "denied",
    "denied",
    "granted",
  ]);
});

Deno.test("modes are permission bits, and what is not there has none", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o750);
  equal(systemMachine.modeOf(folder), 0o750);
  await Deno.remove(folder);
  equal(systemMachine.modeOf(folder), undefined);
});

Deno.test("a program is looked for on PATH alone", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/opener`;
  await Deno.writeTextFile(path, "");
  const env = fakeEnv({ PATH: `/nowhere:${folder}` });
  equal(systemMachine.findProgram("opener", env), path);
  equal(systemMachine.findProgram(path, fakeEnv()), path);
  equal(systemMachine.findProgram("opener", fakeEnv({ PATH: "/nowhere" })), undefined);
  equal(systemMachine.findProgram("opener", fakeEnv()), undefined);
  await Deno.remove(folder, { recursive: true });
});
