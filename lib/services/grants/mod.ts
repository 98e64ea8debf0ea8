/**
 * Tokens without a person: the grants of machines, and where their assertions come from.
 *
 * @module
 */
export type { AssertionPorts } from "./assertion_source.ts";
export { type GrantPorts, type GrantRun, runGrant } from "./grant_run.ts";
