/**
 * The discovery of a sign-in, judged step by step. It is the sign-in's own, so that both find the same; where a sign-in
 * ends at the first rule that is broken, a diagnosis looks on, as far as that asks nobody anything it should not.
 *
 * @see MCP 2026-07-28 authorization (C7-C21); behaviours rows 25-29
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { ChallengeSummary } from "../../primitives/oauth/challenge.ts";
import {
  checkResource,
  parseProtectedResource,
  type ProtectedResource,
  protectedResourceUrls,
} from "../../primitives/oauth/protected_resource.ts";
import { waitFor } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import {
  chooseIssuer,
  type DiscoveryStep,
  findResourceDocument,
  givenMetadata,
  noOAuth,
} from "../signin/mod.ts";
import {
  type Check,
  check,
  type CheckHead,
  checkOf,
  type CheckStep,
  failure,
  failureOf,
  type Finding,
  fine,
  skipped,
  warning,
} from "./check.ts";
import { goTo } from "./network.ts";
import { discoverOld } from "./old_server.ts";
import type { ServerPorts, Subject } from "./ports.ts";
import {
  compareIssuer,
  type Discovered,
  ISSUER,
  METADATA,
  nothing,
  readServer,
  shown,
} from "./server_document.ts";

const GROUP = "discovery" as const;
const RESOURCE_METADATA: CheckHead = {
  id: "resource-metadata",
  title: "Resource metadata",
  group: GROUP,
  rule: "C9 and C10, RFC 9728 section 3",
};
const RESOURCE: CheckHead = {
  id: "resource",
  title: "Resource",
  group: GROUP,
  rule: "C11, RFC 9728 section 3.3",
};
const SERVERS: CheckHead = {
  id: "authorization-servers",
  title: "Authorization server",
  group: GROUP,
  rule: "C12, RFC 9728 section 2",
};
/**
 * Runs it.
 *
 * @param ports What it runs on.
 * @param subject The server.
 * @param challenge What its refusal said.
 * @param signal Ends the waits.
 */
export async function discoverInSteps(
  ports: ServerPorts,
  subject: Subject,
  challenge: ChallengeSummary,
  signal: AbortSignal,
): Promise<Discovered> {
  const options = {
    http: ports.http,
    serverUrl: subject.url,
    challenge,
    allowMetadataOrigins: subject.options.allowMetadataOrigins,
    signal,
  };
  const { authorizationServer: given, grant } = subject.options;
  const isApi = subject.server?.kind === "api";
  const steps: DiscoveryStep[] = [];
  let resource: ProtectedResource | undefined;
  const started = performance.now();
  const lookedUp = await (async () => {
    if (isApi) return skipped("no MCP server stands there");
    const found = await findResourceDocument(options, steps);
    if (found === undefined) return skipped("there is none");
    resource = parseProtectedResource(found.json, found.url);
    return fine(`found at ${safeUrl(found.url)}`, { steps: shown(steps) });
  })().catch((error) => failureOf(error, { steps: shown(steps) }));
  const ms = performance.now() - started;
  const head = checkOf(RESOURCE_METADATA, lookedUp, ms);
  if (head.status === "fail" && given === undefined) {
    const because = skipped(`because of: ${RESOURCE_METADATA.title}`);
    return nothing([head, ...[RESOURCE, SERVERS, METADATA, ISSUER].map((each) => checkOf(each, because))]);
  }
  const judged = await check(RESOURCE, () => judgeResource(resource, subject));
  let issuer = resource && chooseIssuer(resource, subject.credential?.issuer);
  let isWhole = false;
  const named = await check(SERVERS, () => {
    if (given !== undefined) {
      const { whole } = givenMetadata(given, grant !== undefined);
      isWhole = whole !== undefined;
      issuer = whole?.issuer ?? given.issuer;
    }
    if (issuer === undefined && (given !== undefined || isApi)) throw tooLittleNamed(subject);
    return judgeServers(resource, issuer, given !== undefined, subject);
  });

  if (issuer === undefined && named.status !== "fail") {
    const old = await discoverOld(ports, options, subject, signal);
    const works = old.checks.every(({ status }) => status !== "fail");
    const found = resource === undefined
      ? checkOf(RESOURCE_METADATA, absent(works, subject.url, challenge, shown(steps)), ms)
      : head;
    return { ...old, resource, checks: [found, judged, named, ...old.checks] };
  }
  const soFar = [head, judged, named];
  if (issuer === undefined || named.status === "fail") {
    const because = skipped(`because of: ${SERVERS.title}`);
    return nothing([...soFar, checkOf(METADATA, because), checkOf(ISSUER, because)], resource);
  }
  if (isWhole) {
    const because = skipped("the entry names the endpoints");
    return {
      checks: [...soFar, checkOf(METADATA, because), checkOf(ISSUER, because)],
      resource,
      issuer,
      document: undefined,
      withoutMetadata: false,
    };
  }
  const way = await wayTo(ports, issuer, subject, signal);
  if (way.broken !== undefined) {
    const because = skipped(`because of: ${way.broken.title} of ${way.broken.subject ?? ""}`);
    return nothing([...soFar, ...way.checks, checkOf(METADATA, because), checkOf(ISSUER, because)], resource);
  }
  const found = await readServer(options, issuer);
  const compared = await compareIssuer(found.document, issuer);
  return {
    checks: [...soFar, ...way.checks, found.check, compared],
    resource,
    issuer,
    document: found.document,
    withoutMetadata: false,
  };
}

function tooLittleNamed({ server }: Subject): McpAuthError {
  return new McpAuthError(
    "CONFIG_MISSING",
    "Cannot tell where to sign in: too little of the authorization server was named",
    { hint: `Run: mcp-auth set ${server?.name ?? "<name>"} --authorization-server <issuer>` },
  );
}

/** Of another origin than the MCP server's the way is looked at first: a failed fetch says less. */
async function wayTo(
  ports: ServerPorts,
  issuer: string,
  { url }: Subject,
  signal: AbortSignal,
): Promise<{ readonly checks: readonly Check[]; readonly broken: Check | undefined }> {
  const target = new URL(issuer);
  if (target.origin === new URL(url).origin) return { checks: [], broken: undefined };
  const allowed = await addressCheck(ports, target, "authorization server", signal);
  if (allowed.status === "fail") return { checks: [allowed], broken: allowed };
  const way = await goTo(ports, target, GROUP, signal);
  return { checks: [allowed, ...way.checks], broken: way.broken };
}

/**
 * Holds a URL that a server named to the address rule.
 *
 * @param ports The rule.
 * @param url What the server named.
 * @param what What it is for.
 */
function addressCheck(
  ports: Pick<ServerPorts, "guard">,
  url: URL,
  what: string,
  signal: AbortSignal,
): Promise<Check> {
  return check({
    id: "address",
    title: "Address rule",
    group: GROUP,
    subject: url.origin,
    rule: "C68 and C70, RFC 9728 section 7.7",
  }, async () => {
    await waitFor(ports.guard(url), signal);
    return fine(`${what} "${safeText(url.host, 200)}" may be asked`);
  });
}

function absent(
  works: boolean,
  url: string,
  { otherSchemes }: ChallengeSummary,
  steps: readonly CheckStep[],
): Finding {
  if (works) return warning("there is none: the server is taken for one of 2025-03-26", undefined, { steps });
  if (otherSchemes !== undefined) return failureOf(noOAuth(url, otherSchemes), { steps });
  return failure(
    "DISCOVERY_FAILED",
    `Cannot find out who authorizes access to "${safeUrl(url)}": it publishes no metadata that can be used`,
    `The server's operator has to publish it as JSON at ${safeUrl(protectedResourceUrls(url)[0])}`,
    { steps },
  );
}

function judgeResource(resource: ProtectedResource | undefined, { url, options }: Subject): Finding {
  if (resource === undefined) return skipped("no document names one");
  const own = options.resource === undefined ? "" : `; "${safeUrl(options.resource)}" is sent (--resource)`;
  checkResource(resource.resource, url);
  if (resource.resource === url) return fine(`"${safeUrl(url)}"${own}`);
  const isSlash = resource.resource.replace(/\/$/, "") === url.replace(/\/$/, "");
  return warning(
    `"${safeUrl(resource.resource)}" is not the server's URL itself: it is accepted as ${
      isSlash ? "only the final slash differs" : "it is above it at the same origin (C11a)"
    }, and sent as it is${own}`,
  );
}

function judgeServers(
  resource: ProtectedResource | undefined,
  issuer: string | undefined,
  isGiven: boolean,
  { credential }: Subject,
): Finding {
  if (issuer === undefined) {
    return resource === undefined
      ? skipped("no document names one: the server's own origin is asked")
      : warning("the document names none: the server's own origin is asked");
  }
  parseWebUrl(issuer, "authorization server");
  if (isGiven) return fine(`"${safeUrl(issuer)}", as the entry or its provider says`);
  const others = (resource?.authorizationServers ?? []).filter((each) => each !== issuer);
  const more = others.length === 0
    ? ""
    : `; also listed: ${
      others.slice(0, 5).map((each) => safeUrl(each)).join(", ")
    } (--authorization-server <issuer> chooses one)`;
  if (credential !== undefined && credential.issuer !== issuer) {
    return warning(
      `"${safeUrl(issuer)}"${more}; the sign-in is of "${safeUrl(credential.issuer)}"`,
      "The server has changed its authorization server: make sure that this is right before you sign in again",
    );
  }
  return fine(`"${safeUrl(issuer)}"${more}`);
}
