/** The keychain of macOS, by a stand-in for its `security`: what it is asked, and what its exit codes mean. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { macosKeychain } from "../../../../lib/primitives/system/keychain/macos.ts";
import type { RunProgram } from "../../../../lib/primitives/system/program.ts";
import { StandIns } from "../../../fakes/stand_in.ts";
import { coded } from "../../coded_error.ts";

const ACCOUNT = "0123456789abcdef";
const SECRET = "-s3cr3t_9WQj7lq0nP-uHh8A7y2cXvB1mN4kLzT6oGe";
const unix = { ignore: Deno.build.os === "windows" };

function test(name: string, body: (standIns: StandIns) => Promise<void>): void {
  Deno.test({
    name,
    ...unix,
    async fn() {
      await using standIns = new StandIns();
      await body(standIns);
    },
  });
}

test("macOS: the secret goes to standard input and never into an argument (row 42)", async (standIns) => {
  const keychain = macosKeychain(standIns.run);
  await keychain.write(ACCOUNT, SECRET);
  equal(await keychain.read(ACCOUNT), SECRET);
  await keychain.remove(ACCOUNT);
  const item = ["-s", "mcp-auth", "-a", ACCOUNT];
  const calls = await standIns.calls();
  deepEqual(calls.map(({ argv }) => argv), [
    ["security", "-i"],
    ["security", "find-generic-password", ...item, "-w"],
    ["security", "find-generic-password", ...item, "-w"],
    ["security", "delete-generic-password", ...item],
  ]);
  const line =
    `add-generic-password -U -s mcp-auth -a ${ACCOUNT} -l "mcp-auth: key of a store" -w ${SECRET}\n`;
  deepEqual(calls.map(({ stdin }) => stdin), [line, "", "", ""]);
  ok(line.length < 4_095, "one line of what `security -i` reads");
  for (const { argv, environment } of calls) ok(![...argv, ...environment].join().includes(SECRET));
});

test("macOS: an item that is not there is absent, and removing it is no error", async (standIns) => {
  const keychain = macosKeychain(standIns.run);
  equal(await keychain.read(ACCOUNT), undefined);
  await keychain.remove(ACCOUNT);
});

test("macOS: writing again replaces the secret", async (standIns) => {
  const keychain = macosKeychain(standIns.run);
  await keychain.write(ACCOUNT, SECRET);
  await keychain.write(ACCOUNT, "another");
  equal(await keychain.read(ACCOUNT), "another");
});

for (const mode of ["locked", "refusing"]) {
  test(`macOS: a keychain that is ${mode} is no absence, for reading, writing and removing (row 42)`, async (standIns) => {
    const keychain = macosKeychain(standIns.run);
    await keychain.write(ACCOUNT, SECRET);
    standIns.mode = mode;
    const locked = coded("KEYSTORE_UNAVAILABLE", /^Cannot use the keychain: it is locked$/);
    await rejects(keychain.read(ACCOUNT), locked);
    await rejects(keychain.write("fedcba9876543210", SECRET), locked);
    if (mode === "locked") await rejects(keychain.remove(ACCOUNT), locked);
    standIns.mode = "";
    equal(await keychain.read(ACCOUNT), SECRET);
    equal(await keychain.read("fedcba9876543210"), undefined);
  });
}

for (const mode of ["truncating", "forgetting"]) {
  test(`macOS: a keychain that ends well while ${mode} what it was given is found out (row 43)`, async (standIns) => {
    standIns.mode = mode;
    await rejects(
      macosKeychain(standIns.run).write(ACCOUNT, SECRET),
      coded("KEYSTORE_UNAVAILABLE", /kept something else/),
    );
  });
}

test("macOS: a keychain that hangs is given up after its time (row 42)", async (standIns) => {
  standIns.mode = "hanging";
  const soon: RunProgram = (program, args, options) =>
    standIns.run(program, args, { ...options, timeoutMs: Math.min(options.timeoutMs, 300) });
  const started = performance.now();
  await rejects(macosKeychain(soon).read(ACCOUNT), (error) => {
    coded("KEYSTORE_UNAVAILABLE", /"security" did not answer within 3 s/)(error);
    ok((error as { hint: string }).hint.includes("security unlock-keychain"));
    return true;
  });
  ok(performance.now() - started < 3_000);
});

Deno.test("macOS: a keychain program that is missing or not allowed is named", async () => {
  const outcome = (kind: "missing" | "denied"): RunProgram => () => Promise.resolve({ kind });
  await rejects(
    macosKeychain(outcome("missing")).read(ACCOUNT),
    coded("KEYSTORE_UNAVAILABLE", /no program "security"/),
  );
  await rejects(macosKeychain(outcome("denied")).read(ACCOUNT), (error) => {
    coded("PERMISSION_DENIED", /sandbox does not allow "security"/)(error);
    ok((error as { hint: string }).hint.includes("--allow-run=security"));
    return true;
  });
});
