/** The keychain of Windows, by a stand-in for its PowerShell: what it is asked, what is kept, what its failures mean. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { windowsKeychain } from "../../../../lib/primitives/system/keychain/windows.ts";
import type { RunProgram } from "../../../../lib/primitives/system/program.ts";
import { StandIns } from "../../../fakes/stand_in.ts";
import { coded } from "../../coded_error.ts";

const ACCOUNT = "0123456789abcdef";
const SECRET = "-s3cr3t_9WQj7lq0nP-uHh8A7y2cXvB1mN4kLzT6oGe";
const unix = { ignore: Deno.build.os === "windows" };

function test(name: string, body: (standIns: StandIns, folder: string) => Promise<void>): void {
  Deno.test({
    name,
    ...unix,
    async fn() {
      await using standIns = new StandIns();
      const parent = await Deno.makeTempDir();
      try {
        await body(standIns, `${parent}/home`);
      } finally {
        await Deno.remove(parent, { recursive: true });
      }
    },
  });
}

test(
  "Windows: the secret goes to standard input and never into an argument or a file (row 42)",
  async (standIns, folder) => {
    const keychain = windowsKeychain(standIns.run, folder);
    await keychain.write(ACCOUNT, SECRET);
    equal(await keychain.read(ACCOUNT), SECRET);
    const file = `${folder}/key-${ACCOUNT}.dpapi`;
    equal((await Deno.stat(folder)).mode! & 0o777, 0o700);
    equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    const kept = await Deno.readTextFile(file);
    match(kept, /^[A-Za-z0-9+/]+={0,2}\n$/);
    ok(!atob(kept.trim()).includes(SECRET));

    const calls = await standIns.calls();
    deepEqual(calls.map(({ argv }) => argv.slice(0, 5)), [
      ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command"],
      ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command"],
      ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command"],
    ]);
    const methods = calls.map(({ argv }) =>
      /\]::(\w+)\(\$bytes, \$null, 'CurrentUser'\)/.exec(argv[5]!)?.[1]
    );
    deepEqual(methods, ["Protect", "Unprotect", "Unprotect"]);
    deepEqual(calls.map(({ stdin }) => stdin), [btoa(SECRET), kept.trim(), kept.trim()]);
    for (const { argv, environment } of calls) {
      const open = [...argv, ...environment].join();
      for (const text of [SECRET, btoa(SECRET), kept.trim()]) ok(!open.includes(text));
      ok(!/["\n]/.test(argv[5]!), "nothing that Windows' command line takes apart");
    }
  },
);

test(
  "Windows: an item that is not there starts no program, and removing it is no error",
  async (standIns, folder) => {
    const keychain = windowsKeychain(standIns.run, folder);
    equal(await keychain.read(ACCOUNT), undefined);
    await keychain.remove(ACCOUNT);
    deepEqual(await standIns.calls(), []);
  },
);

test("Windows: a removed item is gone", async (standIns, folder) => {
  const keychain = windowsKeychain(standIns.run, folder);
  await keychain.write(ACCOUNT, SECRET);
  await keychain.remove(ACCOUNT);
  equal(await keychain.read(ACCOUNT), undefined);
});

test(
  "Windows: what another user or machine sealed is an error with what to do (row 42)",
  async (standIns, folder) => {
    const keychain = windowsKeychain(standIns.run, folder);
    await keychain.write(ACCOUNT, SECRET);
    standIns.user = "somebody else";
    await rejects(keychain.read(ACCOUNT), (error) => {
      coded("KEYSTORE_UNAVAILABLE", /Key not valid for use in specified state/)(error);
      match((error as { hint: string }).hint, /user who made the store/);
      return true;
    });
  },
);

for (
  const [mode, message] of [
    ["truncating", /kept something else/],
    ["silent", /"powershell.exe" ended with 0/],
    ["constrained", /language mode/],
  ] as const
) {
  test(`Windows: a PowerShell that is ${mode} is found out (row 43)`, async (standIns, folder) => {
    standIns.mode = mode;
    await rejects(
      windowsKeychain(standIns.run, folder).write(ACCOUNT, SECRET),
      coded("KEYSTORE_UNAVAILABLE", message),
    );
  });
}

test("Windows: a damaged file is reported and stays", async (standIns, folder) => {
  const keychain = windowsKeychain(standIns.run, folder);
  await keychain.write(ACCOUNT, SECRET);
  const file = `${folder}/key-${ACCOUNT}.dpapi`;
  for (const text of ["", "not base64!", "AAAA"]) {
    await Deno.writeTextFile(file, text);
    await rejects(keychain.read(ACCOUNT), coded("KEYSTORE_UNAVAILABLE"));
    equal(await Deno.readTextFile(file), text);
  }
});

test("Windows: a PowerShell that hangs is given up after its time (row 42)", async (standIns, folder) => {
  standIns.mode = "hanging";
  const soon: RunProgram = (program, args, options) =>
    standIns.run(program, args, { ...options, timeoutMs: Math.min(options.timeoutMs, 300) });
  await rejects(
    windowsKeychain(soon, folder).write(ACCOUNT, SECRET),
    coded("KEYSTORE_UNAVAILABLE", /"powershell.exe" did not answer within 3 s/),
  );
  await rejects(Deno.stat(`${folder}/key-${ACCOUNT}.dpapi`), Deno.errors.NotFound);
});
