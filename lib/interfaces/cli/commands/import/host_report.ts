/**
 * What `import <host>` tells of each server: what it is now, what was left behind, and what has to be done.
 *
 * @module
 */
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { Remark } from "../../../../services/config/mod.ts";
import type { PassedServer } from "../../../../services/hosts/mod.ts";
import { isRenewable } from "../../../../services/tokens/mod.ts";
import type { CliContext } from "../../context.ts";
import { bridgeTo, type Changed, type HostConfig, sharedNotes } from "../../host_config.ts";
import type { ImportFlags } from "./action.ts";
import type { Judged } from "./host_entries.ts";

/** What happened. */
export interface HostImport {
  readonly config: HostConfig;
  readonly judged: readonly Judged[];
  readonly passed: readonly PassedServer[];
  /** Those that the bridge stands in for; none unless that was asked for. */
  readonly moving: readonly Judged[];
  /** What became of the host's file; undefined where it was not to be changed. */
  readonly moved: Changed | undefined;
}

/** Tells what happened. */
export async function reportHost(context: CliContext, flags: ImportFlags, report: HostImport): Promise<void> {
  const { config, judged, passed, moving, moved } = report;
  const { host, file } = config;
  for (const { server, why } of passed) {
    context.say(`"${safeText(server.name, 80)}" is left out: ${why}`);
  }
  // Several servers of the host may be one entry.
  const said = new Set<string>();
  const sayOnce = (text: string) => {
    if (!said.has(text)) context.say(text);
    said.add(text);
  };
  for (const { candidate: { entry, name }, left, withoutTokens } of judged) {
    for (const { option, why } of [...left, ...entry.unneeded]) {
      sayOnce(`"${name}": ${safeText(option, 80)} is not taken over: ${why}`);
    }
    if (withoutTokens !== undefined) {
      sayOnce(`"${name}": its sign-in of mcp-remote is not taken over: ${withoutTokens}`);
    }
    sayVariables(context, flags, report, name);
  }
  const staying = judged.filter((each) => !moving.includes(each));
  if (flags.move) {
    for (const { candidate } of staying) {
      context.say(`"${safeText(candidate.entry.found.server.name, 80)}" stays as it is in ${host.title}`);
    }
    const [first] = moving;
    const notes = first === undefined ? [] : (await bridgeTo(context, flags, first.candidate.name)).notes;
    for (const note of [...notes, ...(moved?.changed ? sharedNotes(config) : [])]) {
      context.say(`Note: ${note}`);
    }
  }
  if (!flags.move && !flags.dryRun && judged.some(isShared)) {
    context.say(
      "Warning: mcp-remote has the same refresh tokens still. Put the bridge in its place with --move: where a server " +
        "rotates refresh tokens, the first refresh of one program ends the sign-in of the other",
    );
  }
  const lines = judged.filter(({ candidate }) => !candidate.isSecond).map((each) => line(each, flags));
  if (flags.move && moving.length > 0) lines.push(movedLine(report, flags));
  if (judged.length === 0) context.say(`${host.title} has no remote servers in ${safeText(file)}`);
  context.print(flags, {
    host: host.id,
    file,
    dry_run: flags.dryRun === true,
    imported: judged.map((each) => json(each, moving.includes(each))),
    skipped: passed.map(({ server, kind, why }) => ({ server: server.name, kind, why })),
    changed: moved?.changed ?? false,
    backup: moved?.backup ?? null,
    next: moved?.changed ? host.next : null,
  }, lines.join("\n"));
}

/** A variable that the host sets is missing where it does not start us. */
function sayVariables(context: CliContext, flags: ImportFlags, { judged }: HostImport, name: string): void {
  const names = judged.filter((each) => each.candidate.name === name)
    .flatMap(({ candidate }) => Object.keys(candidate.entry.variables));
  if (names.length === 0) return;
  const where = flags.move ? "elsewhere than in the host" : "";
  context.say(
    `"${name}": its headers need ${safeText(names.join(", "))} in the environment${
      where === "" ? "" : `, ${where} too`
    }; with --with-headers their values are sealed in the store`,
  );
}

function isShared({ state, whole }: Judged): boolean {
  return state === "signed-in" && whole?.credential?.refreshToken !== undefined;
}

function line({ candidate: { entry, name }, state }: Judged, { dryRun }: ImportFlags): string {
  const what = `${name} (${safeUrl(entry.url)})`;
  if (state === "exists") return `✓ ${what} is an entry already`;
  const how = state === "signed-in"
    ? ", signed in"
    : state === "token"
    ? ", with its token"
    : state === "no-sign-in-needed"
    ? ", no sign-in needed"
    : `. Sign in with: mcp-auth login ${name}`;
  return dryRun ? `Would import ${what}${how}` : `✓ Imported ${what}${how}`;
}

function movedLine({ config, moving, moved }: HostImport, { dryRun }: ImportFlags): string {
  const names = moving.map(({ candidate }) => `"${safeText(candidate.entry.found.server.name, 80)}"`).join(
    ", ",
  );
  const { title, next } = config.host;
  if (dryRun) return `Would put the bridge in the place of ${names} in ${title}`;
  if (!moved?.changed) return `${title} has the bridge in the place of ${names} already`;
  const before = moved.backup === undefined ? "" : ` (before: ${safeText(moved.backup)})`;
  return `✓ ${title} has the bridge in the place of ${names}${before}. ${next}`;
}

function json({ candidate, whole, state, left, withoutTokens }: Judged, moved: boolean) {
  const { entry, name } = candidate;
  const credential = whole?.credential;
  const remark = ({ option, why }: Remark) => ({ what: option, why });
  return {
    name,
    url: entry.url,
    server: entry.found.server.name,
    by: entry.found.by,
    state,
    can_refresh: credential !== undefined && isRenewable(credential),
    without_tokens: withoutTokens ?? null,
    left: left.map(remark),
    moved,
    login: state === "not-signed-in" ? `mcp-auth login ${name}` : null,
  };
}
