/**
 * `mcp-auth import`: the action, for the file of an export.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { EXPORT_MAX_BYTES } from "../../../../primitives/limits.ts";
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import { expandHeaders } from "../../../../services/config/mod.ts";
import type { WholeEntry } from "../../../../services/credentials/mod.ts";
import { isHostId } from "../../../../services/hosts/mod.ts";
import { importEntries, readExport, renameEntries } from "../../../../services/transfer/mod.ts";
import { isRenewable } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import type { HostFileFlags } from "../../host_flags.ts";
import { isoTime } from "../../output/time.ts";
import { exportPassphrase, transferPorts } from "../../transfer.ts";

/** The flags of the command. */
export type ImportFlags = CommonFlags & HostFileFlags & {
  readonly withHeaders?: boolean | undefined;
  readonly move?: boolean | undefined;
  readonly login?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly name?: readonly string[] | undefined;
  readonly passphraseFile?: string | undefined;
  readonly issuer?: string | undefined;
};

/** Imports entries. */
export const action: Action<ImportFlags, string[]> = async (context, flags, source, ...more) => {
  if (isHostId(source)) {
    refuseFlag(flags.passphraseFile, "--passphrase-file", "a host seals nothing");
    if (!flags.move) refuseFlags(flags, MOVE_FLAGS, "it is for --move");
    const { importFromHost } = await import("./host.ts");
    return await importFromHost(context, flags, source, more);
  }
  refuseFlags(flags, HOST_FLAGS, "it is for hosts");
  if (source === "mcp-remote") {
    refuseFlag(flags.passphraseFile, "--passphrase-file", "mcp-remote seals nothing");
    const { importMcpRemote } = await import("./mcp_remote.ts");
    return await importMcpRemote(context, flags, more);
  }
  if (more.length > 0) {
    throw new McpAuthError("USAGE", "Cannot import several files at once", {
      hint: "Import one after the other",
    });
  }
  refuseFlag(flags.issuer, "--issuer", "an export notes the issuer");
  return await importFile(context, flags, source ?? "");
};

async function importFile(context: CliContext, flags: ImportFlags, file: string): Promise<void> {
  const names = newNames(flags);
  const text = await readFile(context, flags, file);
  const passphrase = await exportPassphrase(context, flags.passphraseFile, false);
  const entries = renameEntries(await readExport(text, passphrase), names);
  warnOfVariables(context, entries);
  const { signal } = await context.services(flags).interruption();
  const replaced = flags.dryRun ? await existing(context, flags, entries) : await importEntries(
    transferPorts(context, flags),
    { entries, replace: flags.force === true, source: "an export", signal },
  );
  context.print(flags, {
    dry_run: flags.dryRun === true,
    imported: entries.map(({ server, credential }) => ({
      name: server.name,
      url: server.url,
      tokens: credential !== undefined,
      can_refresh: credential !== undefined && isRenewable(credential),
      expires_at: isoTime(credential?.expiresAt),
      replaces: replaced.includes(server.name),
    })),
  }, entries.length === 0 ? "The export holds no entries" : lines(entries, replaced, flags).join("\n"));
}

/** Whoever made the file may have named a variable or a file of this machine that its server should never see. */
export function warnOfVariables(context: CliContext, entries: readonly Pick<WholeEntry, "server">[]): void {
  for (const { server: { name, url, options } } of entries) {
    const variables = new Set<string>();
    const files = new Set<string>();
    expandHeaders(
      options.headers,
      (variable) => (variables.add(variable), ""),
      (path) => (files.add(path), ""),
    );
    const warn = (what: string, sources: ReadonlySet<string>) => {
      if (sources.size === 0) return;
      const words = safeText([...sources].join(", "));
      context.say(
        `Warning: "${name}": its headers send ${what} of this machine to ${safeUrl(url)}: ${words}`,
      );
    };
    warn("variables", variables);
    warn("files", files);
    if (options.clientCertificate === undefined) continue;
    const file = safeText(options.clientCertificate.certFile);
    context.say(
      `Warning: "${name}": it shows the certificate of this machine in "${file}" to ${safeUrl(url)}`,
    );
  }
}

/**
 * The new names by the old ones.
 *
 * @throws {McpAuthError} `USAGE` for what has not the form `old=new`, or names one twice.
 */
export function newNames({ name }: Pick<ImportFlags, "name">): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const pair of name ?? []) {
    const at = pair.lastIndexOf("=");
    const [from, to] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at > 0 && to !== "" && !names.has(from)) {
      names.set(from, to);
      continue;
    }
    throw new McpAuthError(
      "USAGE",
      `Cannot use --name "${safeText(pair, 200)}": not of the form old=new, or twice`,
      {
        hint: "Write it as --name old=new",
      },
    );
  }
  return names;
}

/** What only has a meaning where the source is a host, and where its file is changed. */
const MOVE_FLAGS = { login: "--login", yes: "--yes" } as const;
const HOST_FLAGS = {
  ...MOVE_FLAGS,
  withHeaders: "--with-headers",
  move: "--move",
  scope: "--scope",
  configFile: "--config-file",
} as const;

function refuseFlags(
  flags: ImportFlags,
  refused: Readonly<Partial<Record<keyof ImportFlags, string>>>,
  why: string,
): void {
  for (const [name, flag] of Object.entries(refused)) {
    const value = flags[name as keyof ImportFlags];
    refuseFlag(value === undefined || value === false ? undefined : String(value), flag, why);
  }
}

function refuseFlag(value: string | undefined, flag: string, why: string): void {
  if (value === undefined) return;
  throw new McpAuthError("USAGE", `Cannot use ${flag} here: ${why}`, { hint: "Leave it out" });
}

async function readFile(context: CliContext, flags: ImportFlags, file: string): Promise<string> {
  const { readCapped, readDocument } = await import("../../../../primitives/system/documents.ts");
  if (file !== "-") return new TextDecoder().decode(await readDocument(file, EXPORT_MAX_BYTES));
  if (flags.passphraseFile === "-") {
    throw new McpAuthError("USAGE", "Cannot read both the export and the passphrase from standard input", {
      hint: "Give one of them as a file",
    });
  }
  return new TextDecoder().decode(
    await readCapped(context.terminal.input(), EXPORT_MAX_BYTES, "standard input"),
  );
}

async function existing(
  context: CliContext,
  flags: ImportFlags,
  entries: readonly WholeEntry[],
): Promise<readonly string[]> {
  const stored = new Set((await context.store(flags).servers()).map(({ record }) => record.name));
  return entries.map(({ server }) => server.name).filter((name) => stored.has(name));
}

function lines(
  entries: readonly WholeEntry[],
  replaced: readonly string[],
  { dryRun, force }: ImportFlags,
): readonly string[] {
  return entries.map(({ server, credential }) => {
    const { name, url, signIn } = server;
    const remarks = [
      ...(replaced.includes(name) ? [!dryRun ? "replaced" : force ? "replaces one" : "exists"] : []),
      ...(credential === undefined && signIn === "oauth" ? [`sign in with: mcp-auth login ${name}`] : []),
    ];
    const what = `${name} (${safeUrl(url)})${remarks.length === 0 ? "" : `: ${remarks.join(", ")}`}`;
    return dryRun ? `Would import ${what}` : `✓ Imported ${what}`;
  });
}
