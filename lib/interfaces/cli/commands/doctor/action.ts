/**
 * `mcp-auth doctor`: the action. Its exit code is that of the first failure, so that a script can tell "try again" from
 * "sign in" and from what somebody has to mend.
 *
 * @module
 */
import { CLIENT_METADATA_URL } from "../../../../primitives/oauth/client_metadata.ts";
import { DIAGNOSES_AT_ONCE_MAX } from "../../../../primitives/limits.ts";
import { asMcpAuthError } from "../../../../primitives/errors.ts";
import type { ServerRecord } from "../../../../services/credentials/mod.ts";
import type { Check, Diagnosis } from "../../../../services/diagnosis/mod.ts";
import { Diagnoses, type DiagnosisOptions } from "../../../composition/diagnosis.ts";
import { PROGRAM_NAME } from "../../client_flags.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry } from "../../entry.ts";
import { type ClientFlags, type EntryFlags, signInOptions } from "../../entry_flags.ts";
import { exitCodeOf } from "../../exit_code.ts";
import { diagnosisJson, firstJson } from "./json.ts";
import { diagnosisText, overviewText } from "./text.ts";

/** The flags of the command. */
export type DoctorFlags = CommonFlags & EntryFlags & ClientFlags & {
  readonly token?: boolean | undefined;
};

/** Diagnoses. */
export const action: Action<DoctorFlags, [string?]> = async (context, flags, nameOrUrl) => {
  const services = context.servicesUnasked(flags);
  const { signal } = await services.interruption();
  const diagnoses = new Diagnoses(services);
  const options: DiagnosisOptions = {
    signal,
    tryToken: flags.token !== false,
    document: CLIENT_METADATA_URL,
    clientName: PROGRAM_NAME,
    options: {
      ...await signInOptions(context, flags),
      ...(flags.clientId === undefined ? {} : { clientId: flags.clientId }),
    },
  };
  if (nameOrUrl === undefined) return await overview(context, flags, diagnoses, options);
  const diagnosis = /^https?:/i.test(nameOrUrl)
    ? await diagnoses.ofUrl(nameOrUrl, options)
    : await ofEntry(context, flags, diagnoses, nameOrUrl, options);
  context.print(flags, diagnosisJson(diagnosis), diagnosisText(diagnosis, flags.verbose === true));
  return exitCode([diagnosis]);
};

/** An entry; where the store cannot be opened, the machine, which says why. */
async function ofEntry(
  context: CliContext,
  flags: DoctorFlags,
  diagnoses: Diagnoses,
  name: string,
  options: DiagnosisOptions,
): Promise<Diagnosis> {
  let server: ServerRecord;
  try {
    server = (await requireEntry(context, flags, name)).record;
  } catch (error) {
    if (asMcpAuthError(error, "STORE_UNAVAILABLE", "read the entry").code === "NOT_FOUND") throw error;
    const machine = await diagnoses.ofMachine(options);
    if (machine.firstToFix === undefined) throw error;
    return machine;
  }
  return await diagnoses.ofEntry(server, options);
}

async function overview(
  context: CliContext,
  flags: DoctorFlags,
  diagnoses: Diagnoses,
  options: DiagnosisOptions,
): Promise<number> {
  const machine = await diagnoses.ofMachine(options);
  const isOpen = machine.checks.some(({ id, status }) => id === "store" && status !== "skip");
  const servers = isOpen ? (await context.store(flags).servers()).map(({ record }) => record) : [];
  const entries: Diagnosis[] = [];
  const waiting = servers.entries();
  // In short no token is sent: that is for a look at one entry.
  const short = { ...options, serverOnly: true, tryToken: false };
  await Promise.all(Array.from({ length: DIAGNOSES_AT_ONCE_MAX }, async () => {
    for (const [index, server] of waiting) entries[index] = await diagnoses.ofEntry(server, short);
  }));
  const first = firstToFix([machine, ...entries]);
  context.print(
    flags,
    {
      ok: first === undefined,
      checks: diagnosisJson(machine).checks,
      entries: entries.map(diagnosisJson),
      first_to_fix: firstJson(first),
    },
    overviewText(machine, entries, flags.verbose === true),
  );
  return exitCode([machine, ...entries]);
}

function firstToFix(diagnoses: readonly Diagnosis[]): Check | undefined {
  return diagnoses.map((each) => each.firstToFix).find((first) => first !== undefined);
}

function exitCode(diagnoses: readonly Diagnosis[]): number {
  const first = firstToFix(diagnoses);
  return first === undefined ? 0 : exitCodeOf(first.code ?? "SERVER_ERROR");
}
