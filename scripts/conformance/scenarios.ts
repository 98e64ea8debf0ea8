/**
 * The client scenarios of the suite and the tables that they are run in, as data: those about authorization, and those
 * about the protocol itself. Every scenario has to pass in every table, except where the suite itself says that it is not
 * of the table's revision.
 *
 * @module
 */

/** Where a scenario belongs. */
export type Group = "auth" | "backcompat" | "draft" | "extensions" | "protocol" | "skills";

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

/** All 33 about authorization, in the order of the suite's documentation. */
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

/** All 15 about the protocol and the skills, in the same order. */
export const PROTOCOL_SCENARIOS: readonly Scenario[] = [
  ...named(
    "protocol",
    "2025-11-25",
    "initialize",
    "tools_call",
    "elicitation-sep1034-client-defaults",
    "sse-retry",
  ),
  ...named(
    "protocol",
    "2026-07-28",
    "request-metadata",
    "sep-2322-client-request-state",
    "http-standard-headers",
    "http-custom-headers",
    "http-invalid-tool-headers",
    "json-schema-ref-no-deref",
  ),
  ...named("protocol", "2025-11-25", "json-schema-2020-12-preservation"),
  ...named(
    "skills",
    "2025-11-25",
    "sep-2640-client-no-prefetch",
    "sep-2640-client-verify-digest",
    "sep-2640-client-verify-size",
    "sep-2640-client-verify-frontmatter",
  ),
];

/** The era of a host; that of the wire unless a table says otherwise. */
export type HostEra = "stateful" | "stateless";

/** The environment variable that tells the client of the protocol scenarios which kind of host to be. */
export const HOST_ERA = "MCP_CONFORMANCE_HOST_ERA";

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
  /** What is run in it. */
  readonly scenarios: readonly Scenario[];
  /** Set where the host is of another era than the wire. */
  readonly host?: HostEra;
}

/** The three tables, which are run unless the command line describes one. */
export const TABLES: readonly Table[] = [
  tableOf({}),
  tableOf({ specVersion: "2026-07-28" }),
  tableOf({ specVersion: "2025-11-25", force: true }),
];

/**
 * The tables of the protocol scenarios: each at every wire that it is defined for, and with a host of the other era where
 * that is possible: `request-metadata` and `http-standard-headers` judge the headers of every message, and the first one
 * of a stateful host is an `initialize`, which has none of them.
 */
export const PROTOCOL_TABLES: readonly Table[] = [
  { title: "protocol, each at its own wire", scenarios: PROTOCOL_SCENARIOS },
  {
    title: "protocol, at 2026-07-28",
    specVersion: "2026-07-28",
    scenarios: PROTOCOL_SCENARIOS,
  },
  { title: "protocol, at 2025-11-25", specVersion: "2025-11-25", scenarios: PROTOCOL_SCENARIOS },
  {
    title: "skills, at 2026-07-28",
    specVersion: "2026-07-28",
    force: true,
    host: "stateless",
    scenarios: PROTOCOL_SCENARIOS.filter(({ group }) => group === "skills"),
  },
  {
    title: "protocol, a stateful host at 2026-07-28",
    specVersion: "2026-07-28",
    host: "stateful",
    scenarios: scenariosCalled([
      "tools_call",
      "sep-2322-client-request-state",
      "http-custom-headers",
      "http-invalid-tool-headers",
      "json-schema-ref-no-deref",
      "json-schema-2020-12-preservation",
    ], PROTOCOL_SCENARIOS),
  },
  {
    title: "protocol, a stateless host at 2025-11-25",
    specVersion: "2025-11-25",
    host: "stateless",
    scenarios: scenariosCalled([
      "initialize",
      "tools_call",
      "elicitation-sep1034-client-defaults",
      "sse-retry",
      "json-schema-2020-12-preservation",
    ], PROTOCOL_SCENARIOS),
  },
];

/** The table of one revision. */
export function tableOf(revision: Revision): Table {
  const { specVersion, force } = revision;
  const at = specVersion === undefined ? "each at its own wire" : `at ${specVersion}`;
  return { ...revision, scenarios: SCENARIOS, title: force ? `${at}, all of them` : at };
}

/**
 * The scenarios of these names.
 *
 * @param names As the suite calls them, with or without `auth/`; all when there are none.
 * @param from What to choose from.
 * @throws Error for a name that is none.
 */
export function scenariosCalled(
  names: readonly string[],
  from: readonly Scenario[] = SCENARIOS,
): readonly Scenario[] {
  const isCalled = ({ name }: Scenario, wanted: string) => name === wanted || name === `auth/${wanted}`;
  const all = [...SCENARIOS, ...PROTOCOL_SCENARIOS];
  const unknown = names.find((name) => !all.some((scenario) => isCalled(scenario, name)));
  if (unknown !== undefined) throw new Error(`Unknown scenario "${unknown}"`);
  return from.filter((each) => names.length === 0 || names.some((name) => isCalled(each, name)));
}

function scenarios(group: Group, wire: Wire, ...names: readonly string[]): Scenario[] {
  return named(group, wire, ...names.map((name) => `auth/${name}`));
}

function named(group: Group, wire: Wire, ...names: readonly string[]): Scenario[] {
  return names.map((name) => ({ group, wire, name }));
}
