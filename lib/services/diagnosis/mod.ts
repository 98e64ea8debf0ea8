/**
 * Diagnoses: why a sign-in would not work, held to the rules that it follows, and what it would do where it does.
 *
 * @module
 */
export type { Check, CheckGroup, CheckStatus, CheckStep, Finding } from "./check.ts";
export { diagnose, diagnoseMachine } from "./diagnose.ts";
export type { MachinePorts, OwnDocumentFacts, RouteFacts, ServerPorts, Subject } from "./ports.ts";
export { type Diagnosis, firstFailure, type Plan } from "./report.ts";
