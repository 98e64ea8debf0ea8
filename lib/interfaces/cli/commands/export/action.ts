/**
 * `mcp-auth export`: the action. What cannot be is refused before a passphrase is asked for.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { type ExportedEntry, exportEntries } from "../../../../services/transfer/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry } from "../../entry.ts";
import { exportPassphrase, transferPorts } from "../../transfer.ts";

/** The flags of the command. */
export type ExportFlags = CommonFlags & {
  readonly all?: boolean | undefined;
  readonly out?: string | undefined;
  readonly move?: boolean | undefined;
  readonly withoutTokens?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly passphraseFile?: string | undefined;
};

/** Exports entries. */
export const action: Action<ExportFlags, string[]> = async (context, flags, ...given) => {
  const file = outputFile(context, flags);
  checkFlags(flags, given, file);
  const names = await namesOf(context, flags, given);
  const documents = await import("../../../../primitives/system/documents.ts");
  if (file !== undefined && !flags.force) await documents.refuseExisting(file);
  const passphrase = await exportPassphrase(context, flags.passphraseFile, true);
  const { signal, shield } = await context.services(flags).interruption();
  signal.throwIfAborted();
  const exported = await shield(() =>
    exportEntries(transferPorts(context, flags), {
      names,
      passphrase,
      tokens: flags.withoutTokens ? "none" : flags.move ? "move" : "copy",
      write: async (document) => {
        if (file === undefined) await context.terminal.write(new TextEncoder().encode(document));
        else await documents.writeDocument(file, document, flags.force === true);
      },
      signal,
    })
  );
  tellTokens(context, exported);
  if (file === undefined) return;
  const count = `${exported.length} ${exported.length === 1 ? "entry" : "entries"}`;
  context.print(
    flags,
    { file, entries: exported.map(({ name, tokens }) => ({ name, tokens })) },
    `✓ Exported ${count} to ${safeText(file, 1_000)}`,
  );
};

/** Undefined for standard output, which a person's terminal is only when asked for. */
function outputFile(context: CliContext, { out }: ExportFlags): string | undefined {
  if (out === "-") return undefined;
  if (out !== undefined || !context.terminal.isOutTerminal()) return out;
  throw new McpAuthError("USAGE", "Cannot export to the terminal: no file is named", {
    hint: "Add --out <file>; --out - writes to the terminal nevertheless",
  });
}

function checkFlags(flags: ExportFlags, given: readonly string[], file: string | undefined): void {
  const mistake = (message: string, hint: string) => new McpAuthError("USAGE", message, { hint });
  if (flags.all && given.length > 0) {
    throw mistake("Cannot export all entries and some by name", "Leave out --all, or the names");
  }
  if (!flags.all && given.length === 0) {
    throw mistake("Cannot export: no entry is named", "Name the entries, or add --all");
  }
  if (flags.move && flags.withoutTokens) {
    throw mistake("Cannot use --move with --without-tokens", "Leave out one of them");
  }
  if (flags.move && file === undefined) {
    throw mistake(
      "Cannot use --move without a file: nobody knows whether all of it arrives",
      "Add --out <file>",
    );
  }
  if (flags.move && flags.force) {
    throw mistake(
      "Cannot use --move with --force: a file of an earlier move may be all that has the tokens in it",
      "Write to a file of another name",
    );
  }
}

async function namesOf(
  context: CliContext,
  flags: ExportFlags,
  given: readonly string[],
): Promise<readonly string[]> {
  if (!flags.all) {
    for (const name of given) await requireEntry(context, flags, name);
    return given;
  }
  const names = (await context.store(flags).servers()).map(({ record }) => record.name);
  if (names.length > 0) return names;
  throw new McpAuthError("NOT_FOUND", "Cannot export: there are no entries", {
    hint: "Add one with: mcp-auth add <name> <url>",
  });
}

function tellTokens(context: CliContext, exported: readonly ExportedEntry[]): void {
  const shared = exported.filter(({ tokens, refreshable }) => tokens === "copied" && refreshable);
  if (shared.length > 0) {
    context.say(
      `Warning: ${
        nameList(shared)
      }: the refresh tokens are on this machine and in the export now. Where the ` +
        "server rotates them, the first refresh on one machine ends the sign-in of the other. " +
        "Use one of the two, or export with --move or --without-tokens",
    );
  }
  const changed = exported.filter(({ tokens }) => tokens === "changed");
  if (changed.length > 0) {
    context.say(
      `Warning: ${
        nameList(changed)
      }: signed in anew during the export. The new tokens stay here, and those in ` +
        "the export may be of no use: export again",
    );
  }
}

function nameList(entries: readonly ExportedEntry[]): string {
  return entries.map(({ name }) => `"${name}"`).join(", ");
}
