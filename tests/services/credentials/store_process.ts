/**
 * A process that uses a store as the program would, for tests of what processes do to each other and of what a process
 * meets in a sandbox or on a full disk. It prints one line of JSON: `{"ok":...}`, or the coded error.
 *
 * Arguments: what to do, the store's folder ("" for the one that the environment says), the number of the process, and
 * "programs" where it may start the programs of a keychain. What it has to tell its user goes to standard error.
 *
 * @module
 */
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import { systemEnv } from "../../../lib/primitives/system/env.ts";
import { runProgram } from "../../../lib/primitives/system/program.ts";
import { type CredentialStore, openStore } from "../../../lib/services/credentials/mod.ts";
import { credentialRecord, serverRecord } from "./records.ts";

const TURNS = 25;

const actions: Readonly<Record<string, (store: CredentialStore, number: string) => Promise<unknown>>> = {
  async join(store, number) {
    return await store.putServer(serverRecord(`entry-${number}`), null) !== undefined;
  },
  async increment(store) {
    for (let turn = 0; turn < TURNS;) {
      const { record, version } = (await store.credential("shared"))!;
      const next = { ...record, obtainedAt: record.obtainedAt + 1 };
      if (await store.changeCredential("shared", version, next) !== undefined) turn++;
    }
    return TURNS;
  },
  async token(store) {
    return (await store.serverWithCredential("demo"))?.credential?.record.accessToken;
  },
  async add(store) {
    const credential = credentialRecord("demo");
    return await store.saveSignedIn({ server: serverRecord("demo"), credential, client: credential.client });
  },
  async fill(store) {
    const padding = "x".repeat(40_000);
    for (let number = 0; number < 1_000; number++) {
      await store.putServer({ ...serverRecord(`entry-${number}`), url: `https://${padding}.example/` }, null);
    }
  },
};

async function print(outcome: unknown): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(outcome)}\n`));
}

const [action, home, number = "", programs] = Deno.args;
try {
  using store = openStore({
    env: systemEnv,
    run: programs === "programs" ? runProgram : undefined,
    notice: (line) => void Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`)),
    ...(home ? { home } : {}),
  });
  await print({ ok: await actions[action!]!(store, number) ?? null });
} catch (error) {
  if (!(error instanceof McpAuthError)) throw error;
  await print(error);
}
