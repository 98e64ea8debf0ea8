/**
 * `mcp-auth audit`: the action. What stands in the log may have been edited by anybody: it is shown like a server's
 * words, and a line that is no event is shown as damaged and stops nothing.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import {
  type AuditEventType,
  type AuditLine,
  readAudit,
  type TrailLine,
  verifyAudit,
} from "../../../../services/audit/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { describeVerification, verificationJson } from "./verification.ts";

/** The flags of the command. */
export type AuditFlags = CommonFlags & {
  readonly since?: string | undefined;
  readonly name?: string | undefined;
  readonly event?: AuditEventType | undefined;
  readonly verify?: boolean | undefined;
};

/** Shows or checks the log. */
export const action: Action<AuditFlags, []> = async (context, flags) => {
  const { since, name, event } = flags;
  if (!flags.verify) return await show(context, flags);
  if ((since ?? name ?? event) !== undefined) {
    throw new McpAuthError("USAGE", "Cannot check a part of the log: each line names the one before it", {
      hint: "Run: mcp-auth audit --verify",
    });
  }
  const verification = await verifyAudit(context.services(flags).auditPlace);
  context.print(flags, verificationJson(verification), describeVerification(verification));
  return verification.intact ? 0 : 1;
};

/** Prints the events as they are read: the log may be long. */
async function show(context: CliContext, flags: AuditFlags): Promise<void> {
  const matches = filterOf(flags, context.clock.now());
  const page = new Page((text) => context.terminal.out(text));
  let shown = 0;
  let damaged = 0;
  if (flags.json) page.add("[");
  for await (const found of readAudit(context.services(flags).auditPlace)) {
    if (found.line === undefined) damaged++;
    if (!matches(found.line)) continue;
    if (flags.json) page.add(`${shown === 0 ? "" : ","}\n${JSON.stringify(toJson(found))}`);
    else page.add(`${shown === 0 ? `${row(HEADING)}\n` : ""}${toText(found)}\n`);
    shown++;
  }
  if (flags.json) page.add(shown === 0 ? "]\n" : "\n]\n");
  page.end();
  if (shown === 0 && !flags.json) context.say("No such events");
  if (damaged > 0) {
    context.say(`${damaged} damaged ${damaged === 1 ? "line" : "lines"}: see mcp-auth audit --verify`);
  }
}

/** Damaged lines belong to no entry and no time: they are shown only among all others. */
function filterOf({ since, name, event }: AuditFlags, now: number): (line: AuditLine | undefined) => boolean {
  const start = since === undefined ? -Infinity : startOf(since, now);
  const isFiltered = (since ?? name ?? event) !== undefined;
  return (line) =>
    line === undefined ? !isFiltered : Date.parse(line.at) >= start &&
      (name === undefined || line.name === name) && (event === undefined || line.event === event);
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A date in ISO 8601, with or without a time; without a zone it is UTC, as what the log shows. */
const DATE = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/i;

function startOf(since: string, now: number): number {
  const [, amount, unit = ""] = /^(\d{1,6})([smhd])$/.exec(since) ?? [];
  if (amount !== undefined) return now - Number(amount) * (UNITS_MS[unit] ?? 0);
  const [, day, time = "00:00", zone = "Z"] = DATE.exec(since) ?? [];
  const start = Date.parse(`${day}T${time}${zone}`);
  if (!Number.isNaN(start)) return start;
  throw new McpAuthError("USAGE", `Cannot read --since "${safeText(since, 60)}": it is no time`, {
    hint: "Write it as 30m, 2h, 7d, 2026-11-21 or 2026-11-21T09:30:00Z",
  });
}

function toJson({ file, number, bytes, line }: TrailLine): unknown {
  return line ?? { damaged: true, file, line: number, text: words(bytes) };
}

const HEADING = ["TIME", "EVENT", "ENTRY", "OUTCOME", "ISSUER", "FINGERPRINTS AND DETAIL"];
/** Known beforehand, so that lines can be printed as they come; a longer cell moves its neighbours. */
const WIDTHS = [20, 17, 14, 20, 22];

function row(cells: readonly string[]): string {
  return cells.map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0)).join("  ").trimEnd();
}

function toText({ file, number, bytes, line }: TrailLine): string {
  if (line === undefined) return `damaged: line ${number} of ${file}: ${words(bytes)}`;
  const { at, event, name, outcome, code, issuer, fingerprints = {}, detail } = line;
  const prints = Object.entries(fingerprints).map(([what, hex]) => `${what}=${hex}`);
  return row([
    at.replace("T", " ").replace(/\.\d+Z$/, "Z"),
    event,
    name ?? "-",
    outcome === "failed" && code !== undefined ? code : outcome,
    issuer === undefined ? "-" : hostOf(issuer),
    [...prints, ...(detail === undefined ? [] : [detail])].join("  "),
  ]);
}

function hostOf(issuer: string): string {
  return URL.canParse(issuer) ? safeText(new URL(issuer).host) : issuer;
}

function words(bytes: Uint8Array): string {
  return safeText(new TextDecoder().decode(bytes), 80);
}

/** Output in larger pieces: each write is one call of the system. */
class Page {
  readonly #out: (text: string) => void;
  #text = "";

  constructor(out: (text: string) => void) {
    this.#out = out;
  }

  add(text: string): void {
    this.#text += text;
    if (this.#text.length > PAGE_CHARS) this.end();
  }

  end(): void {
    if (this.#text !== "") this.#out(this.#text);
    this.#text = "";
  }
}

const PAGE_CHARS = 16_384;
