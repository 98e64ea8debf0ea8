/**
 * The diagnosis of one server, from the machine to the token: what depends on nothing else runs at once, what cannot be
 * looked at says why, and the whole has an end. It is the sign-in's own way as far as a sign-in asks and nobody has to
 * answer.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Http } from "../../primitives/http/http.ts";
import { DIAGNOSIS_REQUEST_MS, DIAGNOSIS_TOTAL_MS } from "../../primitives/limits.ts";
import { allowingFor, knownQuirks } from "../signin/mod.ts";
import { type Answer, askServer } from "./answer.ts";
import { judgeServer } from "./authorization_server.ts";
import type { Check } from "./check.ts";
import { discoverInSteps } from "./discovery.ts";
import { examineMachine } from "./machine.ts";
import { goTo } from "./network.ts";
import { openPlan, planOf, type PlanParts, scopeCheck, tokenPlan } from "./plan.ts";
import type { MachinePorts, ServerPorts, Subject } from "./ports.ts";
import { seat } from "./registration.ts";
import { type Diagnosis, firstFailure, type Plan } from "./report.ts";
import { examineSignIn } from "./sign_in.ts";

/**
 * Diagnoses the machine alone.
 *
 * @param ports What it runs on.
 * @param signal Ends it.
 */
export async function diagnoseMachine(ports: MachinePorts, signal?: AbortSignal): Promise<Diagnosis> {
  const checks = await examineMachine(ports, undefined, bounded(signal));
  return {
    name: undefined,
    url: undefined,
    checks,
    firstToFix: firstFailure(checks),
    plan: undefined,
  };
}

/**
 * Diagnoses a server, and the machine with it.
 *
 * @param ports What it runs on; without those of the machine, that is left out.
 * @param subject The server.
 * @param signal Ends it.
 * @throws {McpAuthError} nothing but the signal's reason.
 */
export async function diagnose(
  ports: { readonly machine?: MachinePorts; readonly server: ServerPorts },
  subject: Subject,
  signal?: AbortSignal,
): Promise<Diagnosis> {
  const limit = bounded(signal);
  const url = new URL(subject.url);
  const server: ServerPorts = { ...ports.server, http: hurried(ports.server.http) };
  const [machine, found] = await Promise.all([
    ports.machine === undefined ? [] : examineMachine(ports.machine, url, limit),
    examineServer(server, subject, limit),
  ]);
  signal?.throwIfAborted();
  const checks = [...machine, ...found.checks];
  return {
    name: subject.server?.name,
    url: subject.url,
    checks,
    firstToFix: firstFailure(checks),
    plan: found.plan,
  };
}

async function examineServer(
  ports: ServerPorts,
  subject: Subject,
  signal: AbortSignal,
): Promise<{ readonly checks: readonly Check[]; readonly plan: Plan | undefined }> {
  const way = await goTo(ports, new URL(subject.url), "server", signal);
  const answer = await askServer(ports, subject, way.broken, signal);
  const state = { isOpen: answer.isOpen, isReachable: answer.challenge !== undefined };
  // The token's exchange needs nothing of the discovery.
  const signedIn = examineSignIn(ports, subject, state, signal);
  const rest = answer.challenge === undefined
    ? NOTHING
    : answer.isOpen
    ? { checks: [], plan: (await signedIn).some(isFailed) ? undefined : openPlan(subject) }
    : subject.server?.signIn === "token"
    ? { checks: [], plan: tokenPlan(subject) }
    : await examineDiscovery(ports, subject, answer.challenge, signal);
  return { checks: [...way.checks, ...answer.checks, ...rest.checks, ...await signedIn], plan: rest.plan };
}

const isFailed = ({ status }: Check) => status === "fail";

const NOTHING = { checks: [], plan: undefined } as const;

async function examineDiscovery(
  ports: ServerPorts,
  asked: Subject,
  challenge: NonNullable<Answer["challenge"]>,
  signal: AbortSignal,
): Promise<{ readonly checks: readonly Check[]; readonly plan: Plan | undefined }> {
  const found = await discoverInSteps(ports, asked, challenge, signal);
  const quirks = knownQuirks(asked.options, found.issuer ?? "");
  const subject = { ...asked, options: { ...allowingFor(quirks, asked.options), quirks: [...quirks] } };
  const judged = await judgeServer(ports, subject, found, challenge, signal);
  const seating = await seat(ports, subject, judged.server, signal);
  const { server } = judged;
  const { surroundings } = ports;
  const parts: PlanParts | undefined = server === undefined
    ? undefined
    : { subject, challenge, resource: found.resource, server, seating, surroundings };
  const [registration, ...others] = seating.checks;
  const checks = [
    ...found.checks,
    ...judged.checks,
    ...(registration === undefined ? [] : [registration]),
    scopeCheck(parts),
    ...others,
  ];
  const isBlocked = checks.some(isFailed);
  return { checks, plan: parts === undefined || isBlocked ? undefined : planOf(parts) };
}

/** A server that answers slowly is what is to be found out, soon. */
function hurried(http: Http): Http {
  return (url, request = {}) =>
    http(url, { ...request, timeoutMs: Math.min(request.timeoutMs ?? Infinity, DIAGNOSIS_REQUEST_MS) });
}

function bounded(signal: AbortSignal | undefined): AbortSignal {
  const controller = new AbortController();
  const over = () =>
    controller.abort(
      new McpAuthError("TIMEOUT", `Cannot go on with the diagnosis: it took ${DIAGNOSIS_TOTAL_MS / 1000} s`, {
        hint: "Something in between answers very slowly",
      }),
    );
  const timer = AbortSignal.timeout(DIAGNOSIS_TOTAL_MS);
  timer.addEventListener("abort", over, { once: true });
  return signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]);
}
