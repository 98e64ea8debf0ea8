/**
 * A diagnosis as a person reads it: one line for each check, aligned, with a sign in front; the places that were asked,
 * and hints, below.
 *
 * @module
 */
import { safeUrl } from "../../../../primitives/untrusted_text.ts";
import {
  type Check,
  type CheckGroup,
  type CheckStatus,
  type Diagnosis,
  firstFailure,
} from "../../../../services/diagnosis/mod.ts";

const SIGNS: Readonly<Record<CheckStatus, string>> = { ok: "✓", warn: "!", fail: "✗", skip: "-" };

const GROUPS: Readonly<Record<CheckGroup, string>> = {
  machine: "This machine",
  server: "The way to the server",
  discovery: "Who authorizes access",
  "authorization-server": "The authorization server",
  "sign-in": "The sign-in",
};

/**
 * A diagnosis of one server, or of the machine.
 *
 * @param diagnosis What was found.
 * @param verbose Also name the rule of each check, and how long it took.
 */
export function diagnosisText(diagnosis: Diagnosis, verbose: boolean): string {
  const { name, url, checks, plan } = diagnosis;
  const title = url === undefined ? [] : [`${name === undefined ? "" : `${name}: `}${safeUrl(url)}`, ""];
  const steps = plan === undefined
    ? []
    : [`${plan.command} would`, ...plan.steps.map((step, index) => `  ${index + 1}. ${step}`), ""];
  return [...title, ...groupLines(checks, verbose), ...steps, ...endLines(checks)].join("\n");
}

/**
 * The machine, and entries in short.
 *
 * @param machine What was found of the machine.
 * @param entries What was found of each entry.
 * @param verbose As for {@linkcode diagnosisText}.
 */
export function overviewText(machine: Diagnosis, entries: readonly Diagnosis[], verbose: boolean): string {
  const width = Math.max(0, ...entries.map(({ name }) => name?.length ?? 0));
  const lines = entries.map(({ name = "", checks, firstToFix }) => {
    const signIn = checks.find(({ id }) => id === "sign-in");
    const told = firstToFix ?? checks.find(({ status }) => status === "warn") ?? signIn;
    return `  ${SIGNS[told?.status ?? "skip"]} ${name.padEnd(width)}  ${told?.detail ?? ""}`;
  });
  const none = "No entries yet. Add one with: mcp-auth add <name> <url>";
  const shown = entries.length === 0 ? [none, ""] : ["Entries", ...lines, ""];
  const all = [machine, ...entries];
  const failing = all.find(({ firstToFix }) => firstToFix !== undefined);
  const more = failing?.name === undefined ? [] : [`  More: mcp-auth doctor ${failing.name}`];
  return [
    ...groupLines(machine.checks, verbose),
    ...shown,
    ...endLines(all.flatMap(({ checks }) => checks), failing?.name),
    ...more,
  ].join("\n");
}

function groupLines(checks: readonly Check[], verbose: boolean): readonly string[] {
  const width = Math.max(0, ...checks.map(({ title }) => title.length));
  return (Object.keys(GROUPS) as CheckGroup[]).flatMap((group) => {
    const own = checks.filter((check) => check.group === group);
    if (own.length === 0) return [];
    return [GROUPS[group], ...own.flatMap((check) => checkLines(check, width, verbose)), ""];
  });
}

function checkLines(check: Check, width: number, verbose: boolean): readonly string[] {
  const { title, status, detail, rule, hint, ms, steps, subject, group } = check;
  const about = subject === undefined || group === "server" ? "" : `${safeUrl(subject)}: `;
  const by = rule !== undefined && (verbose || status === "warn" || status === "fail") ? ` [${rule}]` : "";
  const time = verbose && status !== "skip" ? ` (${ms} ms)` : "";
  const indent = " ".repeat(width + 6);
  const isShown = verbose || status === "warn" || status === "fail" || (steps?.length ?? 0) > 1;
  return [
    `  ${SIGNS[status]} ${title.padEnd(width)}  ${about}${detail}${by}${time}`,
    ...(isShown ? steps ?? [] : []).map(({ url, status, type, verdict, rule }) => {
      const answer = [status ?? "-", type].filter((part) => part !== undefined).join(" ");
      const told = verdict === String(status) ? "not there" : verdict;
      return `${indent}${url}: ${answer}, ${told}${verbose && rule !== undefined ? ` [${rule}]` : ""}`;
    }),
    ...(hint !== undefined && (status === "warn" || status === "fail") ? [`${indent}Hint: ${hint}`] : []),
  ];
}

function endLines(checks: readonly Check[], name?: string): readonly string[] {
  const first = firstFailure(checks);
  if (first === undefined) return ["Nothing to fix"];
  return [
    `First thing to fix: ${name === undefined ? "" : `${name}: `}${first.title}: ${first.detail}`,
    ...(first.hint === undefined ? [] : [`  ${first.hint}`]),
  ];
}
