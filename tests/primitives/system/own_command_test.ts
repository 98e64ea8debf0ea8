/** How the program is started again: as a binary, from a registry, from a checkout. */
import { deepEqual } from "node:assert/strict";
import { ownCommand } from "../../../lib/primitives/system/own_command.ts";
import { VERSION } from "../../../lib/primitives/version.ts";
import { fakeEnv } from "../../fakes/env.ts";

const NO_PATH = fakeEnv();

Deno.test("row 47: a binary is started by its path, on Windows with blanks in it", () => {
  deepEqual(ownCommand(NO_PATH, { standalone: true, execPath: "/opt/mcp auth/mcp-auth" }), {
    command: "/opt/mcp auth/mcp-auth",
    args: [],
  });
  const execPath = "C:\\Program Files\\mcp-auth.exe";
  deepEqual(ownCommand(NO_PATH, { standalone: true, os: "windows", execPath }), {
    command: execPath,
    args: [],
  });
});

Deno.test("a package is started by Deno, in this version, and reads no configuration of where it is started", () => {
  const moduleUrl = `https://jsr.io/@x/mcp-auth/${VERSION}/lib/primitives/system/own_command.ts`;
  deepEqual(ownCommand(NO_PATH, { moduleUrl, execPath: "/usr/bin/deno", standalone: false }), {
    command: "/usr/bin/deno",
    args: [
      ...["run", "-A", "--no-config", "--unstable-kv", "--unstable-lazy-dynamic-imports"],
      ...["--v8-flags=--max-semi-space-size=4", `jsr:@x/mcp-auth@${VERSION}`],
    ],
  });
  const elsewhere = "https://example.com/lib/primitives/system/own_command.ts";
  const mainModule = "https://example.com/main.ts";
  deepEqual(
    ownCommand(NO_PATH, { moduleUrl: elsewhere, mainModule, execPath: "/d", standalone: false }).args.at(-1),
    mainModule,
  );
});

Deno.test("a start as a package has every flag that a restart would add", async () => {
  const restart = await Deno.readTextFile(
    new URL("../../../lib/primitives/system/restart.ts", import.meta.url),
  );
  const moduleUrl = "https://jsr.io/@x/mcp-auth/1.0.0/lib/x.ts";
  const { args } = ownCommand(NO_PATH, { moduleUrl, execPath: "/d", standalone: false });
  const flags = [...restart.matchAll(/"(--(?:unstable|v8)[^"]*)"/g)].map(([, flag]) => flag);
  deepEqual([flags.length >= 3, flags.filter((flag) => !args.includes(flag!))], [true, []]);
});

Deno.test("a checkout is started with its own configuration, by absolute paths", () => {
  const moduleUrl = "file:///home/u/my%20code/lib/primitives/system/own_command.ts";
  deepEqual(ownCommand(NO_PATH, { moduleUrl, execPath: "/d", standalone: false, os: "linux" }).args, [
    "run",
    "-A",
    "--config",
    "/home/u/my code/deno.json",
    "/home/u/my code/main.ts",
  ]);
  const windows = "file:///C:/code/lib/primitives/system/own_command.ts";
  deepEqual(
    ownCommand(NO_PATH, { moduleUrl: windows, execPath: "C:\\d.exe", standalone: false, os: "windows" }).args,
    [
      "run",
      "-A",
      "--config",
      "C:\\code\\deno.json",
      "C:\\code\\main.ts",
    ],
  );
});

Deno.test("a link on PATH that outlives an update goes before the folder of a version", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${folder}/1.2.3`);
    await Deno.mkdir(`${folder}/bin`);
    await Deno.mkdir(`${folder}/other`);
    const execPath = `${folder}/1.2.3/mcp-auth`;
    await Deno.writeTextFile(execPath, "");
    await Deno.writeTextFile(`${folder}/other/mcp-auth`, "");
    await Deno.symlink("../1.2.3/mcp-auth", `${folder}/bin/mcp-auth`);
    const command = (path: string) =>
      ownCommand(fakeEnv({ PATH: path }), { standalone: true, execPath }).command;
    deepEqual(command(`relative:${folder}/nowhere:${folder}/other:${folder}/bin`), `${folder}/bin/mcp-auth`);
    deepEqual(command(`${folder}/1.2.3:${folder}/bin`), execPath);
    deepEqual(command(`${folder}/other`), execPath);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
