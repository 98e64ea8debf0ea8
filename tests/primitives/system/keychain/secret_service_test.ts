/** The keychain of Linux: by a real keyring in a D-Bus session of its own, and by stand-ins for what a real one rarely does. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { Keychain } from "../../../../lib/primitives/system/keychain/keychain.ts";
import { secretService } from "../../../../lib/primitives/system/keychain/secret_service.ts";
import { type RunProgram, runProgram } from "../../../../lib/primitives/system/program.ts";
import { KeyringSession } from "../../../../scripts/demo/keyring_session.ts";
import { StandIns } from "../../../fakes/stand_in.ts";
import { coded } from "../../coded_error.ts";

const ACCOUNT = "0123456789abcdef";
const SECRET = "-s3cr3t_9WQj7lq0nP-uHh8A7y2cXvB1mN4kLzT6oGe";
const unix = { ignore: Deno.build.os === "windows" };

/** Starts programs with some variables set. */
function runWith(variables: Readonly<Record<string, string>>): RunProgram {
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return (program, args, options) => runProgram("env", [...words, program, ...args], options);
}

function testWithKeyring(
  name: string,
  body: (keychain: Keychain, session: KeyringSession) => Promise<void>,
): void {
  const { missing } = KeyringSession;
  Deno.test({
    name: `Secret Service: ${name}${missing === undefined ? "" : ` [skipped: ${missing}]`}`,
    ignore: missing !== undefined,
    async fn() {
      await using session = await KeyringSession.start();
      await body(secretService(runWith(session.environment)), session);
    },
  });
}

function testWithStandIn(
  name: string,
  body: (keychain: Keychain, standIns: StandIns) => Promise<void>,
): void {
  Deno.test({
    name: `Secret Service: ${name}`,
    ...unix,
    async fn() {
      await using standIns = new StandIns();
      await body(secretService(standIns.run), standIns);
    },
  });
}

testWithKeyring("a secret is kept, read, replaced and removed", async (keychain) => {
  equal(await keychain.read(ACCOUNT), undefined);
  await keychain.write(ACCOUNT, SECRET);
  equal(await keychain.read(ACCOUNT), SECRET);
  await keychain.write(ACCOUNT, "another");
  equal(await keychain.read(ACCOUNT), "another");
  await keychain.remove(ACCOUNT);
  equal(await keychain.read(ACCOUNT), undefined);
  await keychain.remove(ACCOUNT);
});

testWithKeyring(
  "a locked keyring is no absence, for reading, writing and removing (row 42)",
  async (keychain, session) => {
    await keychain.write(ACCOUNT, SECRET);
    await session.lock();
    const locked = coded("KEYSTORE_UNAVAILABLE", /^Cannot use the keychain: it is locked$/);
    await rejects(keychain.read(ACCOUNT), locked);
    await rejects(keychain.remove(ACCOUNT), locked);
    await rejects(keychain.write("fedcba9876543210", SECRET), locked);
  },
);

testWithKeyring("a locked keyring still says which items it does not have", async (keychain, session) => {
  await session.lock();
  equal(await keychain.read(ACCOUNT), undefined);
});

testWithKeyring("many who write at once all get what they wrote (row 43)", async (keychain) => {
  const accounts = Array.from({ length: 8 }, (_, index) => `${ACCOUNT.slice(1)}${index}`);
  await Promise.all(accounts.map((account) => keychain.write(account, `${SECRET}${account}`)));
  deepEqual(
    await Promise.all(accounts.map((account) => keychain.read(account))),
    accounts.map((account) => `${SECRET}${account}`),
  );
});

Deno.test({
  name: "Secret Service: without a D-Bus session it cannot be reached, and what helps is named (row 42)",
  ignore: KeyringSession.missing !== undefined,
  async fn() {
    for (const address of ["unix:path=/nowhere/bus", "nonsense", ""]) {
      const keychain = secretService(
        runWith({ DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: "/nowhere", DISPLAY: "" }),
      );
      for (
        const use of [
          () => keychain.read(ACCOUNT),
          () => keychain.write(ACCOUNT, SECRET),
          () => keychain.remove(ACCOUNT),
        ]
      ) {
        await rejects(use(), (error) => {
          coded("KEYSTORE_UNAVAILABLE", /^Cannot use the keychain: ./)(error);
          match(
            (error as { hint: string }).hint,
            /desktop session.*new store.*--keystore passphrase or file/,
          );
          return true;
        });
      }
    }
  },
});

testWithStandIn(
  "the secret goes to standard input and never into an argument (row 42)",
  async (keychain, standIns) => {
    await keychain.write(ACCOUNT, SECRET);
    equal(await keychain.read(ACCOUNT), SECRET);
    await keychain.remove(ACCOUNT);
    const item = ["service", "mcp-auth", "account", ACCOUNT];
    const calls = await standIns.calls();
    deepEqual(calls.map(({ argv }) => argv), [
      ["secret-tool", "store", "--label=mcp-auth: key of a store", ...item],
      ["secret-tool", "lookup", ...item],
      ["secret-tool", "lookup", ...item],
      ["secret-tool", "clear", ...item],
    ]);
    deepEqual(calls.map(({ stdin }) => stdin), [SECRET, "", "", ""]);
    for (const { argv, environment } of calls) ok(![...argv, ...environment].join().includes(SECRET));
  },
);

testWithStandIn("a read is one program that is started (row 42)", async (keychain, standIns) => {
  await keychain.write(ACCOUNT, SECRET);
  const before = (await standIns.calls()).length;
  await keychain.read(ACCOUNT);
  equal((await standIns.calls()).length, before + 1);
});

for (const mode of ["truncating", "forgetting", "lying"]) {
  testWithStandIn(
    `a keyring that is ${mode} is found out, and nothing is left in it (row 43)`,
    async (keychain, standIns) => {
      standIns.mode = mode;
      await rejects(keychain.write(ACCOUNT, SECRET), (error) => {
        coded("KEYSTORE_UNAVAILABLE", /"secret-tool" kept something else/)(error);
        ok(!JSON.stringify(error).includes(SECRET.slice(0, 10)));
        return true;
      });
      deepEqual(await standIns.accounts(), []);
    },
  );
}

testWithStandIn("warnings of its libraries are no failure", async (keychain, standIns) => {
  standIns.mode = "warning";
  equal(await keychain.read(ACCOUNT), undefined);
  await keychain.write(ACCOUNT, SECRET);
  equal(await keychain.read(ACCOUNT), SECRET);
});

testWithStandIn("what it says is made fit to be shown", async (keychain, standIns) => {
  standIns.mode = "hostile";
  await rejects(keychain.read(ACCOUNT), coded("KEYSTORE_UNAVAILABLE", /nothing to see here/));
});

Deno.test({
  name: "Secret Service: one that hangs is given up after its time, and killed (row 42)",
  ...unix,
  async fn() {
    await using standIns = new StandIns();
    standIns.mode = "hanging";
    const soon: RunProgram = (program, args, options) => {
      equal(options.timeoutMs, 3_000);
      return standIns.run(program, args, { ...options, timeoutMs: 300 });
    };
    await rejects(secretService(soon).read(ACCOUNT), (error) => {
      coded("KEYSTORE_UNAVAILABLE", /"secret-tool" did not answer within 3 s/)(error);
      match((error as { hint: string }).hint, /^Unlock the keyring, then try again/);
      return true;
    });
  },
});

Deno.test("Secret Service: a program that is missing or not allowed is named, with what to do", async () => {
  const outcome = (kind: "missing" | "denied"): RunProgram => () => Promise.resolve({ kind });
  await rejects(secretService(outcome("missing")).read(ACCOUNT), (error) => {
    coded("KEYSTORE_UNAVAILABLE", /no program "secret-tool"/)(error);
    match((error as { hint: string }).hint, /apt install libsecret-tools/);
    return true;
  });
  await rejects(secretService(outcome("denied")).read(ACCOUNT), (error) => {
    coded("PERMISSION_DENIED", /sandbox does not allow "secret-tool"/)(error);
    match((error as { hint: string }).hint, /--allow-run=secret-tool/);
    return true;
  });
});
