/**
 * A server of MCP 2025-03-26, which is its own authorization server: with metadata at its origin, or with none and the
 * endpoints of that revision. One that only looks so is told from one that works by asking its token endpoint.
 *
 * @see MCP 2025-03-26 authorization (C20, C21)
 * @module
 */
import { readJson } from "../../primitives/http/body.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { fallbackServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { type DiscoveryOptions, type DiscoveryStep, findServerDocument, noOAuth } from "../signin/mod.ts";
import {
  check,
  type CheckHead,
  checkOf,
  failure,
  failureOf,
  type Finding,
  fine,
  skipped,
  warning,
} from "./check.ts";
import type { ServerPorts, Subject } from "./ports.ts";
import { compareIssuer, type Discovered, ISSUER, METADATA, nothing, shown } from "./server_document.ts";

const ENDPOINTS: CheckHead = {
  id: "default-endpoints",
  title: "Default endpoints",
  group: "discovery",
  rule: "C21, MCP 2025-03-26",
};

/** What a token endpoint says of a request without a code: a server that refuses everything says something else. */
const ERRORS: ReadonlySet<string> = new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
]);

/**
 * Looks for its metadata, else for its token endpoint.
 *
 * @param ports What it runs on.
 * @param options What is looked for.
 * @param subject The server.
 * @param signal Ends the waits.
 */
export async function discoverOld(
  ports: ServerPorts,
  options: DiscoveryOptions,
  subject: Subject,
  signal: AbortSignal,
): Promise<Discovered> {
  const { origin } = new URL(subject.url);
  const head = { ...METADATA, rule: "C20, MCP 2025-03-26" };
  const steps: DiscoveryStep[] = [];
  const started = performance.now();
  const ended = (finding: Finding) => checkOf(head, finding, performance.now() - started);
  try {
    const document = await findServerDocument(options, undefined, steps);
    if (document !== undefined) {
      const compared = await compareIssuer(document, origin);
      return {
        checks: [ended(fine(`found at ${safeUrl(document.url)}`, { steps: shown(steps) })), compared],
        resource: undefined,
        issuer: origin,
        document,
        withoutMetadata: false,
      };
    }
  } catch (error) {
    return nothing([
      ended(failureOf(error, { steps: shown(steps) })),
      checkOf(ISSUER, skipped(`because of: ${METADATA.title}`)),
    ]);
  }
  const { otherSchemes } = options.challenge;
  const endpoints = otherSchemes === undefined
    ? await check(ENDPOINTS, () => askTokenEndpoint(ports, origin, signal))
    : checkOf(ENDPOINTS, failureOf(noOAuth(subject.url, otherSchemes)));
  const works = endpoints.status !== "fail";
  return {
    checks: [
      ended(
        works
          ? warning("there is none: the default endpoints of MCP 2025-03-26 are used", undefined, {
            steps: shown(steps),
          })
          : failure(
            "DISCOVERY_FAILED",
            `Cannot find the metadata of an authorization server at "${safeUrl(origin)}"`,
            "The server's operator has to publish it (RFC 8414)",
            { steps: shown(steps) },
          ),
      ),
      checkOf(ISSUER, skipped("there is no document that names one")),
      endpoints,
    ],
    resource: undefined,
    issuer: works ? origin : undefined,
    document: undefined,
    withoutMetadata: works,
  };
}

/** Whether something that can be a token endpoint answers: a request without a code, which no server grants. */
async function askTokenEndpoint(ports: ServerPorts, origin: string, signal: AbortSignal): Promise<Finding> {
  const { token_endpoint: url } = fallbackServerMetadata(origin);
  const response = await ports.http(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: "grant_type=authorization_code",
    signal,
  });
  const { status } = response;
  const type = safeText(response.headers.get("content-type") ?? "no content type", 60);
  const answer = await readJson(response);
  const error = isObject(answer) ? answer.error : undefined;
  const isRefusal = status === 400 || status === 401;
  if (isRefusal && typeof error === "string" && ERRORS.has(error)) {
    return fine(`${safeUrl(url)} answers ${status} (${error})`);
  }
  return failure(
    "DISCOVERY_FAILED",
    `Cannot find a token endpoint at "${safeUrl(url)}": it answered ${status} (${type})${
      isRefusal ? ", not as one does" : ""
    }`,
    "The server's operator has to publish metadata (RFC 9728)",
  );
}
