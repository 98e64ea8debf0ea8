/** The flags of the bridge: what they become, what they keep with an entry, and what mcp-remote's come to. */
import { deepEqual, equal, match, throws } from "node:assert/strict";
import { bridgeWishOptions } from "../../../lib/interfaces/cli/bridge_flags.ts";
import { testWorld, withHome } from "./world.ts";

Deno.test("what is not said is no option, and nought is one: it overrides what an entry has", () => {
  deepEqual(bridgeWishOptions({}), {});
  deepEqual(bridgeWishOptions({ allowTool: ["a*"], ignoreTool: ["b"], keepAlive: 0 }), {
    allowTools: ["a*"],
    ignoreTools: ["b"],
    keepAliveSeconds: 0,
  });
});

for (const pattern of ["", "a\nb", " a", "x".repeat(201)]) {
  Deno.test(`"${pattern.slice(0, 9)}" is no pattern of tools`, () => {
    throws(() => bridgeWishOptions({ ignoreTool: ["fine", pattern] }), {
      code: "USAGE",
      message: /--ignore-tool/,
    });
  });
}

Deno.test("an entry keeps its choice of tools and its keep-alive, and forgets them when told to", async () => {
  await withHome(async ({ world, store }) => {
    const url = "http://127.0.0.1:9/mcp";
    await store((use) =>
      use.putServer({ name: "demo", url, createdAt: 1, signIn: "none", options: {} }, null)
    );
    const set = async (...flags: readonly string[]) =>
      JSON.parse((await world.run("set", "demo", ...flags, "--json")).out).options;
    deepEqual(await set("--allow-tool", "get*", "--ignore-tool", "*_x", "--keep-alive", "30"), {
      allowTools: ["get*"],
      ignoreTools: ["*_x"],
      keepAliveSeconds: 30,
    });
    deepEqual(await set("--keep-alive", "0", "--unset", "allow-tool"), {
      ignoreTools: ["*_x"],
      keepAliveSeconds: 0,
    });
    deepEqual(await set("--unset", "ignore-tool", "--unset", "keep-alive"), {});
  });
});

for (
  const [words, message, hint] of [
    [["--auth-timeout", "60"], /"--auth-timeout", an option of mcp-remote/, "Write --timeout"],
    [["--debug"], /"--debug", an option of mcp-remote/, "Write --verbose, or --log-file <file>"],
    [["--enable-proxy"], /are always used$/, "Leave it out"],
    [["--keep-alive", "--login"], /"--keep-alive", an option of mcp-remote/, "Write --keep-alive <seconds>"],
    [["--static-oauth-client-info", '{"client_secret":"hunter2"}'], /^(?!.*hunter2)/, /--client-secret-file/],
    [["65536"], /Cannot use port 65536/, undefined],
    [["3334", "extra"], /too many arguments/, /after --/],
  ] as const
) {
  Deno.test(`bridge <url> ${words.map((word) => word.slice(0, 26)).join(" ")} is told what it is here`, async () => {
    const { code, err, out } = await testWorld().run("bridge", "https://mcp.example.com/mcp", ...words);
    equal(code, 2);
    equal(out, "");
    match(/^Error: (.*) \[USAGE\]$/m.exec(err)?.[1] ?? err, message);
    if (hint !== undefined) match(err, typeof hint === "string" ? new RegExp(`^Hint: ${hint}$`, "m") : hint);
  });
}
