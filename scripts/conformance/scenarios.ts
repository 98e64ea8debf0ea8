/**
 * The client scenarios of the suite that are about authorization, and the tables that they are run in, as data. Every
 * scenario has to pass in every table, except where the suite itself says that it is not of the table's revision.
 *
 * @module
 */

/** Where a scenario belongs. */
export type Group = "auth" | "backcompat" | "draft" | "extensions";

/** The revisions that a scenario can be run at: with `initialize`, and without. */
export type Wire = "2025-11-25" | "2026-07-28";

/** One scenario. */
export interface Scenario {
  /** As the suite calls it. */
  readonly name: string;
  readonly group: Group;
  /** The revision that it runs at unless another is asked for. */
  readonly wire: Wire;
}

/** All 33, in the order of the suite's documentation. */
export const SCENARIOS: readonly Scenario[] = [
  ...scenarios(
    "auth",
    "2025-11-25",
    "metadata-default",
    "metadata-var1",
    "metadata-var2",
    "metadata-var3",
    "basic-cimd",
    "scope-from-www-authenticate",
    "scope-from-scopes-supported",
    "scope-omitted-when-undefined",
    "scope-step-up",
    "scope-retry-limit",
    "token-endpoint-auth-basic",
    "token-endpoint-auth-post",
    "token-endpoint-auth-none",
    "pre-registration",
  ),
  ...scenarios(
    "backcompat",
    "2025-11-25",
    "2025-03-26-oauth-metadata-backcompat",
    "2025-03-26-oauth-endpoint-fallback",
  ),
  ...scenarios(
    "draft",
    "2026-07-28",
    "offline-access-scope",
    "offline-access-not-supported",
    "authorization-server-migration",
    "iss-supported",
    "iss-not-advertised",
    "resource-mismatch",
    "iss-supported-missing",
    "iss-wrong-issuer",
    "iss-unexpected",
    "iss-normalized",
    "metadata-issuer-mismatch",
  ),
  ...scenarios(
    "extensions",
    "2025-11-25",
    "client-credentials-jwt",
    "client-credentials-basic",
    "enterprise-managed-authorization",
    "dpop",
    "dpop-nonce",
    "wif-jwt-bearer",
  ),
];

/** What a table's scenarios are run at: the suite's own options. */
export interface Revision {
  /** The revision to run at; each scenario's own when left out. */
  readonly specVersion?: string | undefined;
  /** Whether to run what the suite says is not of that revision. */
  readonly force?: boolean | undefined;
}

/** One table. */
export interface Table extends Revision {
  readonly title: string;
}

/** The three tables, which are run unless the command line describes one. */
export const TABLES: readonly Table[] = [
  { title: "each at its own wire" },
  tableOf({ specVersion: "2026-07-28" }),
  tableOf({ specVersion: "2025-11-25", force: true }),
];

/** The table of one revision. */
export function tableOf(revision: Revision): Table {
  const { specVersion, force } = revision;
  const at = specVersion === undefined ? "each at its own wire" : `at ${specVersion}`;
  return { ...revision, title: force ? `${at}, all of them` : at };
}

/**
 * The scenarios of these names.
 *
 * @param names As the suite calls them, with or without `auth/`; all when there are none.
 * @throws Error for a name that is none.
 */
export function scenariosCalled(names: readonly string[]): readonly Scenario[] {
  const isCalled = ({ name }: Scenario, wanted: string) => name === wanted || name === `auth/${wanted}`;
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => isCalled(scenario, name)));
  if (unknown !== undefined) throw new Error(`Unknown scenario "${unknown}"`);
  return SCENARIOS.filter((each) => names.length === 0 || names.some((name) => isCalled(each, name)));
}

function scenarios(group: Group, wire: Wire, ...names: readonly string[]): Scenario[] {
  return names.map((name) => ({ group, wire, name: `auth/${name}` }));
}
