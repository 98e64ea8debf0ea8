/**
 * What the MCP server says to a request without a token: whether it answers, what its clock says, and whether its
 * refusal tells where to sign in.
 *
 * @see RFC 9728 section 5.1, RFC 6750 section 3 (C8)
 * @module
 */
import { CLOCK_OFF_FAIL_MS, CLOCK_OFF_WARN_MS } from "../../primitives/limits.ts";
import {
  type ChallengeSummary,
  parseChallenges,
  summarizeChallenges,
} from "../../primitives/oauth/challenge.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { probeServer } from "../signin/mod.ts";
import { type Check, check, checkOf, failure, type Finding, fine, skipped, warning } from "./check.ts";
import type { ServerPorts, Subject } from "./ports.ts";

/** What the server said. */
export interface Answer {
  readonly checks: readonly Check[];
  /** Undefined where it did not answer in a way that a diagnosis can go on from. */
  readonly challenge: ChallengeSummary | undefined;
  /** Whether it answers without a sign-in. */
  readonly isOpen: boolean;
}

interface Heard {
  readonly status: number;
  readonly headers: Headers;
  /** When the answer began to come, in ms since the epoch. */
  readonly at: number;
}

const HTTP = { id: "http", title: "Answer", group: "server" } as const;
const CLOCK = { id: "clock", title: "Clock", group: "server", rule: "RFC 9110 section 6.6.1" } as const;
const CHALLENGE = {
  id: "challenge",
  title: "Challenge",
  group: "server",
  rule: "C8, RFC 9728 section 5.1",
} as const;

/**
 * Asks the server.
 *
 * @param ports What it runs on.
 * @param subject The server.
 * @param broken What stands in the way to it, where something does.
 * @param signal Ends the wait.
 */
export async function askServer(
  ports: Pick<ServerPorts, "http" | "clock">,
  subject: Subject,
  broken: Check | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const isApi = subject.server?.kind === "api";
  if (broken !== undefined || isApi) {
    const because = skipped(isApi ? "no MCP server stands there" : `because of: ${broken?.title ?? ""}`);
    const heads = [HTTP, CLOCK, CHALLENGE];
    return {
      checks: heads.map((head) => checkOf(head, because)),
      challenge: broken === undefined ? {} : undefined,
      isOpen: false,
    };
  }
  let heard: Heard | undefined;
  const http = await check({ ...HTTP, subject: subject.url }, async () => {
    const response = await probeServer(ports.http, subject.url, { headers: subject.headers(), signal });
    heard = { status: response.status, headers: response.headers, at: ports.clock.now() };
    await response.body?.cancel();
    return judgeStatus(response, subject);
  });
  if (heard === undefined) {
    const because = skipped(`because of: ${HTTP.title}`);
    return {
      checks: [http, checkOf(CLOCK, because), checkOf(CHALLENGE, because)],
      challenge: undefined,
      isOpen: false,
    };
  }
  const { status, headers, at } = heard;
  const clock = checkOf(CLOCK, judgeClock(headers.get("date"), at));
  const challenge = checkOf(
    CHALLENGE,
    http.status === "fail" ? skipped(`because of: ${HTTP.title}`) : judgeChallenge(status, headers, subject),
  );
  const isUsable = http.status !== "fail" && challenge.status !== "fail";
  return {
    checks: [http, clock, challenge],
    challenge: isUsable ? summarizeChallenges(headers.get("www-authenticate")) : undefined,
    isOpen: isUsable && status !== 401 && status !== 403,
  };
}

function judgeStatus(response: Response, { url }: Subject): Finding {
  const { status, headers } = response;
  const type = safeText(headers.get("content-type") ?? "no content type", 60);
  if (status === 429) {
    const after = headers.get("retry-after");
    return failure(
      "RATE_LIMITED",
      "Cannot ask the server: it answered 429 (too many requests)",
      `Try again later${after === null ? "" : `: it says after ${safeText(after, 40)}`}`,
    );
  }
  if (status >= 500) {
    return failure(
      "SERVER_ERROR",
      `Cannot ask the server: it answered ${status} (${type})`,
      "Try again later",
    );
  }
  const arrival = safeUrl(response.url);
  const isElsewhere = response.url !== "" && arrival !== safeUrl(new URL(url).href);
  return fine(`${status} (${type})${isElsewhere ? `, after a redirect to ${arrival}` : ""}`);
}

function judgeClock(date: string | null, at: number): Finding {
  const time = Date.parse(date ?? "");
  if (Number.isNaN(time)) return skipped("the server sends no Date to compare with");
  // The field has whole seconds: on average it is half of one behind.
  const off = at - (time + 500);
  const amount = Math.abs(off);
  const words = `this machine is ${amountOf(amount)} ${off > 0 ? "ahead of" : "behind"} the server`;
  if (amount > CLOCK_OFF_FAIL_MS) {
    return failure("CONFIG_INVALID", `Cannot rely on the clock: ${words}`, "Set this machine's clock (NTP)");
  }
  if (amount > CLOCK_OFF_WARN_MS) return warning(words, "Set this machine's clock (NTP)");
  return fine("as the server's");
}

function amountOf(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 2 * 3600 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function judgeChallenge(status: number, headers: Headers, { url }: Subject): Finding {
  const type = headers.get("content-type") ?? "";
  const isPage = /html/i.test(type);
  if (status === 401 || status === 403) return judgeRefusal(status, headers, url);
  if (status >= 300 && status < 400) {
    const target = URL.parse(headers.get("location") ?? "", url);
    const isElsewhere = target !== null && target.origin !== new URL(url).origin;
    return failure(
      "CONFIG_INVALID",
      `Cannot use "${safeUrl(url)}" as an MCP server: it redirects (${status}) to "${
        safeUrl(target?.href ?? "")
      }"${isElsewhere ? ", which may be a page for people to sign in at" : ""}`,
      "Use the URL that the server's documentation gives for MCP clients",
    );
  }
  if (status === 404 || status === 405 || status === 410) {
    return failure(
      "CONFIG_INVALID",
      `Cannot use "${safeUrl(url)}" as an MCP server: it answered ${status} to initialize`,
      status === 405
        ? "Nothing takes POST there: check the path; servers of 2024-11-05 (HTTP+SSE) have another endpoint"
        : "Check the path of the URL: many servers have theirs at /mcp",
    );
  }
  if (isPage) {
    return failure(
      "CONFIG_INVALID",
      `Cannot use "${safeUrl(url)}" as an MCP server: it answers with a page (${status}, ${
        safeText(type, 60)
      })`,
      "Check the path of the URL: many servers have theirs at /mcp",
    );
  }
  // A server that knows only the stateless way refuses initialize so; the exchange says whether it is one.
  if (status >= 400) return fine(`none: it answered ${status} without asking for a sign-in`);
  return fine("none: the server needs no sign-in");
}

function judgeRefusal(status: number, headers: Headers, url: string): Finding {
  const value = headers.get("www-authenticate");
  const challenges = parseChallenges(value);
  const said = summarizeChallenges(value);
  if (status === 403 && said.resourceMetadata === undefined && said.error !== "insufficient_scope") {
    return failure(
      "AUTH_FAILED",
      `Cannot use "${safeUrl(url)}": the server forbids the request (403) and asks for no sign-in`,
      /html/i.test(headers.get("content-type") ?? "")
        ? "It is a page that answers: a firewall, a list of allowed addresses (VPN) or a check against robots stands before the server"
        : "A firewall or a list of allowed addresses may stand before it (VPN); it may want an API key: --header",
    );
  }
  if (challenges.length === 0) {
    return warning(
      `${status} without WWW-Authenticate: nothing says where to sign in`,
      "The server's operator has to send a Bearer challenge with it that names resource_metadata",
    );
  }
  const { resourceMetadata, scopes, error } = said;
  const schemes = [...new Set(challenges.map(({ scheme }) => safeText(scheme, 30)))].join(", ");
  const words = [
    `${status} ${schemes}`,
    ...(resourceMetadata === undefined ? [] : [`resource_metadata ${safeUrl(resourceMetadata)}`]),
    ...(scopes === undefined ? [] : [`scope "${safeText(scopes.join(" "))}"`]),
    ...(error === undefined ? [] : [`error "${safeText(error, 60)}"`]),
  ].join(", ");
  if (said.otherSchemes !== undefined) {
    return warning(words, "The server asks for another kind of sign-in than OAuth: check the URL");
  }
  return resourceMetadata === undefined && status === 401
    ? warning(`${words}, without resource_metadata: the well-known places are tried`)
    : fine(words);
}
