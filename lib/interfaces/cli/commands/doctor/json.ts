/**
 * A diagnosis as `--json` gives it. Its members are stable: new ones may come, none goes or changes its meaning.
 *
 * @module
 */
import { safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { Check, Diagnosis } from "../../../../services/diagnosis/mod.ts";

/**
 * A diagnosis.
 *
 * @param diagnosis What was found.
 */
export function diagnosisJson({ name, url, checks, plan, firstToFix: first }: Diagnosis) {
  return {
    name: name ?? null,
    url: url === undefined ? null : safeUrl(url),
    ok: first === undefined,
    checks: checks.map(checkJson),
    plan: plan === undefined ? null : {
      command: plan.command,
      way: plan.way,
      issuer: plan.issuer ?? null,
      client: plan.client ?? null,
      scope: plan.scopes.join(" "),
      resource: plan.resource ?? null,
      redirect_uri: plan.redirectUri ?? null,
      steps: plan.steps,
    },
    first_to_fix: firstJson(first),
  };
}

/** The check to begin with. */
export function firstJson(check: Check | undefined) {
  if (check === undefined) return null;
  const { id, title, detail, hint, code } = check;
  return { id, title, detail, hint: hint ?? null, code: code ?? null };
}

function checkJson(check: Check) {
  const { id, group, title, subject, status, detail, rule, hint, code, ms, steps } = check;
  return {
    id,
    group,
    title,
    subject: subject ?? null,
    status,
    detail,
    rule: rule ?? null,
    hint: hint ?? null,
    code: code ?? null,
    ms,
    steps: (steps ?? []).map(({ url, status, type, verdict, rule }) => ({
      url,
      status: status ?? null,
      type: type ?? null,
      verdict,
      rule: rule ?? null,
    })),
  };
}
