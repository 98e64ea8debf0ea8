/**
 * What a sign-in would do now, in its order, from what the diagnosis has found.
 *
 * @module
 */
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import { offersDeviceFlow } from "../../primitives/oauth/device.ts";
import type { ProtectedResource } from "../../primitives/oauth/protected_resource.ts";
import { selectScopes } from "../../primitives/oauth/scope.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { Surroundings } from "../../primitives/system/surroundings.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { type Check, checkOf, fine, skipped, warning } from "./check.ts";
import type { Subject } from "./ports.ts";
import type { Seating } from "./registration.ts";
import type { Plan } from "./report.ts";

/** What a plan is made of. */
export interface PlanParts {
  readonly subject: Subject;
  readonly challenge: ChallengeSummary;
  readonly resource: ProtectedResource | undefined;
  readonly server: ServerMetadata;
  readonly seating: Seating;
  readonly surroundings: Surroundings;
}

/** The scopes that a sign-in would ask for. */
function scopesOf(
  { subject, challenge, resource, server }: Omit<PlanParts, "seating" | "surroundings">,
): readonly string[] {
  const { options, credential } = subject;
  return selectScopes({
    asked: options.scopes,
    challenged: challenge.scopes,
    resource: resource?.scopesSupported ?? subject.fallbackScopes,
    server: options.grant === undefined ? server.scopes_supported : undefined,
    earlier: credential?.issuer === server.issuer && options.scopes === undefined
      ? credential.requestedScopes
      : undefined,
  });
}

/**
 * The check of the scopes.
 *
 * @param parts What was found; undefined where there is no server to ask.
 */
export function scopeCheck(parts: Omit<PlanParts, "seating" | "surroundings"> | undefined): Check {
  const head = {
    id: "scopes",
    title: "Scopes",
    group: "authorization-server",
    rule: "C43 to C45 and C61",
  } as const;
  if (parts === undefined) return checkOf(head, skipped("because of: the discovery"));
  const { subject, challenge, server } = parts;
  const scopes = scopesOf(parts);
  const source = subject.options.scopes !== undefined
    ? "as the entry says"
    : challenge.scopes !== undefined
    ? "as the challenge says"
    : "as the resource's metadata says";
  const listsOffline = server.scopes_supported?.includes("offline_access") === true;
  const offline = listsOffline && !scopes.includes("offline_access")
    ? "; the server knows offline_access, which is not asked for"
    : "";
  if (scopes.length === 0) return checkOf(head, fine(`none is named: the server chooses${offline}`));
  const unknown = scopes.filter((scope) =>
    scope !== "offline_access" && server.scopes_supported?.includes(scope) === false
  );
  const words = `${safeText(scopes.join(" "))}, ${source}${offline}`;
  return checkOf(
    head,
    unknown.length === 0
      ? fine(words)
      : warning(`${words}; the authorization server does not list: ${safeText(unknown.join(" "), 200)}`),
  );
}

/** Makes the plan for a server that needs no sign-in. */
export function openPlan(subject: Subject): Plan {
  return {
    ...NOBODY,
    command: commandOf(subject),
    way: "none",
    steps: ["Connect without a sign-in: none is needed"],
  };
}

/** Makes the plan for an entry whose token was given by hand: another one has to be given when it ends. */
export function tokenPlan(subject: Subject): Plan {
  return {
    ...NOBODY,
    command: `${commandOf(subject)} --token-stdin`,
    way: "token",
    steps: ["Take another token from standard input, and ask no authorization server"],
  };
}

const NOBODY = {
  issuer: undefined,
  client: undefined,
  scopes: [],
  resource: undefined,
  redirectUri: undefined,
} as const;

/** Makes the plan. */
export function planOf(parts: PlanParts): Plan {
  const { subject, server, seating } = parts;
  const scopes = scopesOf(parts);
  const way = wayOf(parts);
  const resource = subject.options.resource ??
    (subject.options.quirks?.includes("omit-resource") ? undefined : parts.resource?.resource);
  const isByBrowser = way === "browser" || way === "paste-back";
  return {
    command: commandOf(subject),
    way,
    issuer: server.issuer,
    client: seating.client,
    scopes,
    resource,
    redirectUri: isByBrowser ? seating.redirectUri : undefined,
    steps: [
      `${WAYS[way]} at ${safeUrl(server.issuer)}`,
      ...(seating.client === undefined ? [] : [`Sign in as ${seating.client}`]),
      scopes.length === 0 ? "Ask for no scope by name" : `Ask for the scopes ${safeText(scopes.join(" "))}`,
      ...(isBound(parts) ? ["Bind the tokens to a key of the entry (DPoP)"] : []),
      ...(resource === undefined ? [] : [`Name the resource ${safeUrl(resource)}`]),
      ...(isByBrowser && seating.redirectUri !== undefined
        ? [
          `Take the answer at ${safeUrl(seating.redirectUri)}${
            way === "paste-back" ? ", or as it is pasted" : ""
          }`,
        ]
        : []),
      ...(subject.server?.kind === "api" ? [] : ["Connect, and list the tools"]),
    ],
  };
}

function isBound({ subject, challenge, resource }: PlanParts): boolean {
  return subject.options.dpop === true || challenge.dpop?.only === true ||
    resource?.dpopBoundAccessTokensRequired === true;
}

const WAYS: Readonly<Record<Plan["way"], string>> = {
  none: "Connect",
  browser: "Open the browser",
  device: "Show a code to enter on any device",
  "paste-back": "Print the URL to open",
  "client-credentials": "Get a token by the client's own credentials",
  "workload-identity": "Get a token by the identity of the workload",
  enterprise: "Get a token by the identity that the enterprise vouches for",
  token: "Use the token that was given by hand",
};

function wayOf({ subject, server, surroundings }: PlanParts): Plan["way"] {
  if (subject.options.grant !== undefined) return subject.options.grant.kind;
  if (server.authorization_endpoint === undefined) return "device";
  if (surroundings.opensBrowser) return "browser";
  return offersDeviceFlow(server) ? "device" : "paste-back";
}

function commandOf({ server, url }: Subject): string {
  return server === undefined ? `mcp-auth add ${safeUrl(url)}` : `mcp-auth login ${server.name}`;
}
