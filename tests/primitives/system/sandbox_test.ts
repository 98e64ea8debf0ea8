/** What of this machine decides which permissions are needed. */
import { deepEqual, equal } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { browserNeeds, programPlace } from "../../../lib/primitives/system/sandbox.ts";
import { fakeEnv } from "../../fakes/env.ts";

const MODULE = "lib/interfaces/cli/commands/permissions/action.ts";

Deno.test("a checkout reads its own modules, a package and a binary do not", () => {
  const at = (base: string, os = "linux") => programPlace(`${base}/${MODULE}`, { os, standalone: false });
  deepEqual(at("file:///home/u/mcp-auth"), { kind: "checkout", folder: "/home/u/mcp-auth/lib" });
  deepEqual(at("file:///home/u/my%20lib/lib/mcp%2Cauth"), {
    kind: "checkout",
    folder: "/home/u/my lib/lib/mcp,auth/lib",
  });
  deepEqual(at("file:///C:/Users/u/mcp-auth", "windows"), {
    kind: "checkout",
    folder: "C:\\Users\\u\\mcp-auth\\lib",
  });
  deepEqual(at("https://jsr.io/@x/mcp-auth/0.1.0"), { kind: "package" });
  deepEqual(at("file:///home/u/app/node_modules/@x/mcp-auth"), { kind: "package" });
  deepEqual(programPlace(`file:///tmp/deno-compile-mcp-auth/${MODULE}`, { standalone: true }), {
    kind: "binary",
  });
});

Deno.test("this is a checkout", () => {
  const here = new URL(`../../../${MODULE}`, import.meta.url).href;
  deepEqual(programPlace(here), {
    kind: "checkout",
    folder: fileURLToPath(new URL("../../../lib", import.meta.url)),
  });
});

Deno.test("a browser needs its program and the way to the screen", () => {
  deepEqual(browserNeeds(fakeEnv(), "linux").programs, ["xdg-open"]);
  deepEqual(browserNeeds(fakeEnv(), "darwin").programs, ["open"]);
  deepEqual(browserNeeds(fakeEnv(), "windows").programs, ["rundll32"]);
  deepEqual(browserNeeds(fakeEnv({ BROWSER: "firefox:chromium --new" }), "linux").programs, [
    "firefox",
    "chromium",
  ]);
  deepEqual(browserNeeds(fakeEnv({ BROWSER: "/opt/fire fox" }), "darwin"), {
    programs: ["/opt/fire"],
    variables: ["BROWSER"],
    isDeno: false,
  });
  equal(browserNeeds(fakeEnv(), "linux").variables.includes("DISPLAY"), true);
});

for (
  const [browser, os] of [
    ["deno run -A x.ts", "linux"],
    ["/usr/bin/deno run x", "linux"],
    ["firefox:deno run x", "darwin"],
    ["C:\\bin\\Deno.exe run", "windows"],
  ] as const
) {
  Deno.test(`"${browser}" starts Deno, which may not be granted`, () => {
    equal(browserNeeds(fakeEnv({ BROWSER: browser }), os).isDeno, true);
  });
}
