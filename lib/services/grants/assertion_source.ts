/**
 * Where assertions come from: a file, a variable, or the endpoint of a CI that signs what it runs. They are read anew for
 * each use and never kept, since who gives them replaces them: a token in a file of Kubernetes is another one after an
 * hour, and one of a CI is good for minutes.
 *
 * GitHub Actions (and Forgejo, which does as it does) names its endpoint and a token for it in the environment of jobs
 * with `permissions: id-token: write`. GitLab has no such endpoint: it puts tokens into variables that the job names under
 * `id_tokens`, with their audience; the one that is taken there is {@linkcode GITLAB_VARIABLE}.
 *
 * @see RFC 7523 section 3 (X22); GitHub "OpenID Connect reference", GitLab "ID token authentication"
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { readJson } from "../../primitives/http/body.ts";
import { type Http, UnsentError } from "../../primitives/http/http.ts";
import { ASSERTION_MAX_CHARS, ASSERTION_READ_MS, REFRESH_TIMEOUT_MS } from "../../primitives/limits.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { endpointError } from "../../primitives/oauth/response_error.ts";
import { waitFor } from "../../primitives/system/clock.ts";
import type { Env } from "../../primitives/system/env.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { AssertionSource } from "../credentials/mod.ts";

/** What reading an assertion takes. */
export interface AssertionPorts {
  readonly env: Env;
  /** Reads a file that the user named. */
  readonly readFile: (path: string, maxBytes: number) => Promise<Uint8Array<ArrayBuffer>>;
  /** A fetch that may reach the host of a URL that the user, or their machine, named. */
  readonly httpAt: (url: string) => Http;
}

/** An assertion to be read. */
export interface AssertionWish {
  readonly source: AssertionSource;
  /** Whom it is for, where that can be asked for. */
  readonly audience: string;
  /** What it is, for messages, such as `the assertion`. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the endpoint of a CI. */
  readonly timeoutMs?: number | undefined;
}

/** The variable that a job in GitLab puts its token into. */
export const GITLAB_VARIABLE = "MCP_AUTH_ASSERTION";

const GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/**
 * Reads an assertion.
 *
 * @param ports Where from.
 * @param wish Which.
 * @returns A JWT: a secret as long as it lives.
 * @throws {McpAuthError} `CONFIG_MISSING` where there is none, `CONFIG_INVALID` where it is no JWT, `PERMISSION_DENIED`, what
 *   the fetch throws. Where nothing has left this machine it is an {@linkcode UnsentError}.
 */
export async function readAssertion(ports: AssertionPorts, wish: AssertionWish): Promise<string> {
  const { source } = wish;
  switch (source.from) {
    case "file":
      return checked(await readFile(ports, wish, source.path), wish);
    case "environment":
      return checked(readVariable(ports, wish, source.variable), wish);
    case "gitlab":
      return checked(readVariable(ports, wish, GITLAB_VARIABLE, gitLabHint(wish.audience)), wish);
    case "github-actions":
      return checked(await askGitHub(ports, wish), wish);
  }
}

/** A source in the words of the command line. */
export function sourceWords(source: AssertionSource): string {
  switch (source.from) {
    case "file":
      return `file "${safeText(source.path)}"`;
    case "environment":
      return `variable ${safeText(source.variable, 100)}`;
    case "gitlab":
      return `variable ${GITLAB_VARIABLE}`;
    case "github-actions":
      return "GitHub Actions";
  }
}

async function readFile(ports: AssertionPorts, wish: AssertionWish, path: string): Promise<string> {
  const ended = new AbortController();
  const end = () => ended.abort(new DOMException("Timed out", "TimeoutError"));
  const timer = setTimeout(end, ASSERTION_READ_MS);
  try {
    // A pipe that nobody writes to can be opened for ever.
    const bytes = await waitFor(ports.readFile(path, ASSERTION_MAX_CHARS), anyOf(wish.signal, ended.signal));
    return new TextDecoder().decode(bytes);
  } catch (error) {
    const coded = asMcpAuthError(error, "CONFIG_INVALID", `read ${wish.what} from "${safeText(path)}"`);
    if (coded.code !== "CONFIG_MISSING") throw new UnsentError(coded);
    throw missing(
      wish,
      `there is no file "${safeText(path)}"`,
      "Have it written there, or name another file",
    );
  } finally {
    clearTimeout(timer);
  }
}

function readVariable(
  { env }: AssertionPorts,
  wish: AssertionWish,
  variable: string,
  hint = "Set it, or name another variable",
): string {
  const value = env.get(variable);
  if (value !== undefined) return value;
  throw missing(wish, `the variable ${safeText(variable, 100)} is not set, or may not be read`, hint);
}

/** The token for that endpoint goes there and nowhere else, by no redirect either. */
async function askGitHub(ports: AssertionPorts, wish: AssertionWish): Promise<string> {
  const base = ports.env.get(GITHUB_URL);
  const requestToken = ports.env.get(GITHUB_TOKEN);
  const url = base === undefined ? undefined : URL.parse(base);
  if (url == null || requestToken === undefined) {
    throw missing(
      wish,
      `${GITHUB_URL} and ${GITHUB_TOKEN} are not set, or may not be read`,
      'In GitHub Actions, give the job "permissions: id-token: write"',
    );
  }
  url.searchParams.set("audience", wish.audience);
  const response = await ports.httpAt(url.href)(url.href, {
    headers: { authorization: `Bearer ${requestToken}`, accept: "application/json" },
    signal: wish.signal,
    timeoutMs: wish.timeoutMs ?? REFRESH_TIMEOUT_MS,
  });
  const action = `get ${wish.what} from GitHub Actions`;
  if (response.status !== 200) {
    throw await endpointError(response, {
      code: "AUTH_FAILED",
      action,
      endpoint: `${url.origin}${url.pathname}`,
      hint: 'The job needs "permissions: id-token: write"',
      secrets: [requestToken],
    });
  }
  const answer = await readJson(response);
  if (isObject(answer) && typeof answer.value === "string") return answer.value;
  throw new McpAuthError("AUTH_FAILED", `Cannot ${action}: "${safeUrl(url.origin)}" answered without one`);
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

function checked(text: string, { what, source }: AssertionWish): string {
  const assertion = text.trim();
  if (assertion.length <= ASSERTION_MAX_CHARS && JWT.test(assertion)) return assertion;
  const why = assertion === ""
    ? "it is empty"
    : assertion.length > ASSERTION_MAX_CHARS
    ? `it has more than ${ASSERTION_MAX_CHARS} characters`
    : "it is no signed JWT";
  throw new UnsentError(
    new McpAuthError("CONFIG_INVALID", `Cannot use ${what} from ${sourceWords(source)}: ${why}`),
  );
}

function missing({ what }: AssertionWish, why: string, hint: string): McpAuthError {
  return new UnsentError(new McpAuthError("CONFIG_MISSING", `Cannot read ${what}: ${why}`, { hint }));
}

function gitLabHint(audience: string): string {
  return `In .gitlab-ci.yml, give the job "id_tokens: { ${GITLAB_VARIABLE}: { aud: ${safeUrl(audience)} } }"`;
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}
