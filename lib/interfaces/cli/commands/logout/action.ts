/**
 * `mcp-auth logout`: the action.
 *
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../../../primitives/errors.ts";
import { safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerRecord } from "../../../../services/credentials/mod.ts";
import type { ClientRemoval, SignOutReport } from "../../../../services/signin/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry, worstExitCode } from "../../entry.ts";
import { exitCodeOf } from "../../exit_code.ts";
import { errorText } from "../../output/error.ts";
import { describeRevocations } from "../../output/revocations.ts";

/** The flags of the command. */
export type LogoutFlags = CommonFlags & {
  readonly all?: boolean | undefined;
  readonly localOnly?: boolean | undefined;
  readonly client?: boolean | undefined;
};

/** Signs out. */
export const action: Action<LogoutFlags, [string?]> = async (context, flags, name) => {
  if (flags.all ? name !== undefined : name === undefined) {
    throw new McpAuthError(
      "USAGE",
      flags.all ? "Cannot use --all with the name of an entry" : "Cannot sign out: no entry is named",
      { hint: "Run: mcp-auth logout <name>, or: mcp-auth logout --all" },
    );
  }
  if (name === undefined) return await signOutOfAll(context, flags);
  const { record } = await requireEntry(context, flags, name);
  const { json, text } = await signOut(context, flags, record);
  context.print(flags, json, text);
  return 0;
};

/** Each entry in turn, whatever becomes of the one before. */
async function signOutOfAll(context: CliContext, flags: LogoutFlags): Promise<number> {
  const { signal } = await context.services(flags).interruption();
  const servers = await context.store(flags).servers();
  const [results, exitCodes]: [unknown[], number[]] = [[], []];
  for (const { record } of servers) {
    try {
      signal.throwIfAborted();
      const { json, text } = await signOut(context, flags, record);
      results.push(json);
      if (!flags.json) context.print({}, undefined, text);
    } catch (error) {
      const coded = asMcpAuthError(error, "STORE_UNAVAILABLE", `sign out of "${record.name}"`);
      exitCodes.push(exitCodeOf(coded.code));
      results.push({ name: record.name, signed_out: false, error: coded.toJSON() });
      if (!flags.json) context.terminal.err(errorText(coded, flags.verbose));
    }
  }
  if (flags.json) context.print(flags, results, "");
  else if (servers.length === 0) context.say("No entries yet. Add one with: mcp-auth add <name> <url>");
  return worstExitCode(exitCodes);
}

async function signOut(
  context: CliContext,
  flags: LogoutFlags,
  server: ServerRecord,
): Promise<{ readonly json: unknown; readonly text: string }> {
  const { name } = server;
  const credential = flags.client ? (await context.store(flags).credential(name))?.record : undefined;
  const localOnly = flags.localOnly === true;
  const report = await context.services(flags).signOut(server, { localOnly, client: flags.client });
  return { json: toJson(name, report), text: toText(name, report, localOnly, credential) };
}

function toJson(name: string, { signedOut, revocations, client }: SignOutReport): unknown {
  return {
    name,
    signed_out: signedOut,
    revocations,
    ...(client === undefined ? {} : {
      client: {
        outcome: client.outcome,
        ...(client.usedBy === undefined ? {} : { used_by: client.usedBy }),
        ...(client.error === undefined ? {} : { error: client.error }),
      },
    }),
  };
}

function toText(
  name: string,
  { signedOut, revocations, client }: SignOutReport,
  localOnly: boolean,
  credential: CredentialRecord | undefined,
): string {
  const tokens = signedOut
    ? `✓ Signed out of ${name}${describeRevocations(revocations, localOnly)}`
    : `"${name}" was not signed in`;
  if (client === undefined) return tokens;
  const issuer = credential === undefined ? "" : ` at ${safeUrl(credential.issuer)}`;
  return `${tokens}\n${describeRemoval(name, client, issuer)}`;
}

function describeRemoval(name: string, { outcome, usedBy, error }: ClientRemoval, issuer: string): string {
  switch (outcome) {
    case "deleted":
      return `✓ Client registration deleted${issuer}`;
    case "forgotten":
      return "✓ Client forgotten here";
    case "unsupported":
      return `✓ Client registration forgotten here; it stays${issuer}, which offers no way to delete it`;
    case "in-use": {
      const others = (usedBy ?? []).map((other) => `"${other}"`).join(", ");
      return `✓ Client registration forgotten here; it stays${issuer}, since ${others} would be signed out with it`;
    }
    case "failed":
      return `✓ Client registration forgotten here; it was not deleted${issuer} (${
        error?.message ?? "failed"
      })`;
    case "unknown":
      return `Its client is not known while it is signed out; for a new one run: mcp-auth login ${name} --re-register`;
  }
}
