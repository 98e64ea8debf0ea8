/** Files that people name: read whole within a bound, and an error where that cannot be. */
import { equal, match, throws } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { readNamedFile } from "../../../lib/primitives/system/named_file.ts";
import { coded } from "../coded_error.ts";

const USE = { namedBy: "--ca-file", contents: "certificates", maxBytes: 100_000 };

async function withFolder(test: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "mcp-auth-named-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a file is read up to its bound, and a longer one not at all", async () => {
  await withFolder((folder) => {
    const path = `${folder}/file`;
    const text = "\u00e4".repeat(50_000);
    Deno.writeTextFileSync(path, text);
    equal(readNamedFile(path, USE), text);
    Deno.writeTextFileSync(path, `${text}x`);
    throws(() => readNamedFile(path, USE), coded("CONFIG_INVALID", /longer than 100000 bytes$/));
  });
});

Deno.test("what is no file is refused, and a pipe that nobody writes to holds nothing up", async () => {
  await withFolder(async (folder) => {
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    for (const path of [folder, `${folder}/pipe`]) {
      throws(() => readNamedFile(path, USE), coded("CONFIG_INVALID", /is no file$/));
    }
    throws(
      () => readNamedFile(`${folder}/none`, USE),
      coded("CONFIG_MISSING", /^Cannot read the certificates that/),
    );
    throws(() => readNamedFile(`${folder}/pipe/x`, USE), coded("CONFIG_INVALID"));
  });
});

Deno.test("what a shell hands over as a file is read", async () => {
  const program = `
    import { readNamedFile } from ${
    JSON.stringify(new URL("../../../lib/primitives/system/named_file.ts", import.meta.url).href)
  };
    Deno.stdout.writeSync(new TextEncoder().encode(readNamedFile(Deno.args[0], ${JSON.stringify(USE)})));`;
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/program.ts`, program);
    const { stdout } = await new Deno.Command("bash", {
      args: [
        "-c",
        `"$0" run -A --no-config "$1" <(echo handed over)`,
        Deno.execPath(),
        `${folder}/program.ts`,
      ],
    }).output();
    equal(new TextDecoder().decode(stdout), "handed over\n");
  });
});

Deno.test({
  name: "in the sandbox the error names the flag",
  permissions: { read: false },
  fn: () => {
    throws(() => readNamedFile("/etc/hostname", USE), (error) => {
      coded("PERMISSION_DENIED", /does not allow to read "\/etc\/hostname"$/)(error);
      match((error as McpAuthError).hint ?? "", /--allow-read=\/etc\/hostname$/);
      return true;
    });
  },
});
