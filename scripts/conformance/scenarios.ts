/**
 * The client scenarios of the suite that are about authorization, as data: where each comes from, at which revisions of
 * the protocol it has to pass, and why not at the others.
 *
 * @module
 */

/** Where a scenario belongs. */
export type Group = "auth" | "backcompat" | "draft" | "extensions";

/** The revisions that a scenario can be run at: with `initialize`, and without. */
export type Wire = "2025-11-25" | "2026-07-28";

/** What the scenarios of one kind have in common. */
interface Kind {
  readonly group: Group;
  /** The revision they run at unless another is asked for. */
  readonly wire: Wire;
  /** The revisions they have to pass at. */
  readonly required: readonly Wire[];
  /** Why they need not pass at the others, where there are any. */
  readonly notYet?: string;
}

/** One scenario. */
export interface Scenario extends Kind {
  /** As the suite calls it. */
  readonly name: string;
}

const BOTH: readonly Wire[] = ["2025-11-25", "2026-07-28"];

/** All 33, in the order of the suite's documentation. */
export const SCENARIOS: readonly Scenario[] = [
  ...scenarios(
    { group: "auth", wire: "2025-11-25", required: BOTH },
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
    { group: "backcompat", wire: "2025-11-25", required: ["2025-11-25"] },
    "2025-03-26-oauth-metadata-backcompat",
    "2025-03-26-oauth-endpoint-fallback",
  ),
  ...scenarios(
    { group: "draft", wire: "2026-07-28", required: BOTH },
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
    extension("the client credentials grant is not built yet (RFC 6749 section 4.4)"),
    "client-credentials-jwt",
    "client-credentials-basic",
  ),
  ...scenarios(
    extension("the identity assertion grant is not built yet (RFC 8693, RFC 7523)"),
    "enterprise-managed-authorization",
  ),
  ...scenarios(extension("proof of possession is not built yet (RFC 9449)"), "dpop", "dpop-nonce"),
  ...scenarios(extension("workload identity is not built yet (RFC 7523)"), "wif-jwt-bearer"),
];

function extension(notYet: string): Kind {
  return { group: "extensions", wire: "2025-11-25", required: [], notYet };
}

function scenarios(kind: Kind, ...names: readonly string[]): Scenario[] {
  return names.map((name) => ({ ...kind, name: `auth/${name}` }));
}
