/**
 * The sign-in of an entry: how long it lasts, and whether its server takes the token. Nothing is refreshed. The token
 * goes to the entry's own URL and nowhere else, and only while it is fresh. A server that asks for no sign-in is connected
 * to without one: only that tells an MCP server from whatever else answers.
 *
 * @see behaviours rows 7, 8 and 11
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { summarizeChallenges } from "../../primitives/oauth/challenge.ts";
import type { ProofVerdict } from "../../primitives/oauth/dpop.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { ACCOUNT_MAX_CHARS, DIAGNOSIS_REQUEST_MS } from "../../primitives/limits.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import { VERSION } from "../../primitives/version.ts";
import { openConnection } from "../bridge/mod.ts";
import { type Authorizer, bearer, freshnessOf, type Refusal } from "../tokens/mod.ts";
import type { CredentialRecord, ServerRecord } from "../credentials/mod.ts";
import { type Check, check, type CheckHead, failure, type Finding, fine, skipped, warning } from "./check.ts";
import type { ServerPorts, Subject } from "./ports.ts";

const SIGN_IN: CheckHead = { id: "sign-in", title: "Sign-in", group: "sign-in", rule: "rows 5, 7 and 8" };
const EXCHANGE: CheckHead = {
  id: "exchange",
  title: "Authorized request",
  group: "sign-in",
  rule: "C55 and C57",
};
const OPEN_EXCHANGE: CheckHead = { ...EXCHANGE, title: "MCP", rule: "T2 and T9" };

/**
 * Looks at the sign-in.
 *
 * @param ports What it runs on.
 * @param subject The entry, or the URL.
 * @param isOpen Whether the server answers without a sign-in.
 * @param isReachable Whether the server answers at all.
 * @param signal Ends the wait.
 */
export async function examineSignIn(
  ports: ServerPorts,
  subject: Subject,
  { isOpen, isReachable }: { readonly isOpen: boolean; readonly isReachable: boolean },
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const now = ports.clock.now();
  const signIn = await check(SIGN_IN, () => judgeSignIn(subject, isOpen, now));
  const { credential, tryToken } = subject;
  const isFresh = credential !== undefined && freshnessOf(credential, now) === "fresh";
  if (isOpen && !(isFresh && tryToken)) {
    return [signIn, await check(OPEN_EXCHANGE, () => exchangeOnce(ports, subject, undefined, signal))];
  }
  const exchange = await check(EXCHANGE, async () => {
    if (credential === undefined) return skipped("there is no token");
    if (subject.server?.kind === "api") return skipped("no MCP server stands there");
    if (!tryToken) return skipped("left out");
    if (!isReachable) return skipped("the server cannot be asked");
    // With a token that is due, the next use refreshes it, and a diagnosis does not.
    if (!isFresh) return skipped("the token is not fresh: it is not sent");
    return await exchangeOnce(ports, subject, credential, signal);
  });
  return [signIn, exchange];
}

function judgeSignIn({ server, credential }: Subject, isOpen: boolean, now: number): Finding {
  if (server === undefined) return skipped("there is no entry for this URL");
  const login = `Run: ${loginTo(server)}`;
  if (credential === undefined) {
    if (server.signIn === "none") {
      return isOpen ? fine("none is needed") : failure(
        "AUTH_REQUIRED",
        `Cannot use "${server.name}": it was added without a sign-in, and its server asks for one now`,
        login,
      );
    }
    return failure("AUTH_REQUIRED", `Cannot use "${server.name}": nobody is signed in`, login);
  }
  const { account, expiresAt, lastError, pendingRefresh, refreshToken, grant, grantedScopes } = credential;
  const renews = refreshToken !== undefined || grant !== undefined;
  const who = account === undefined ? "" : ` as ${safeText(account, ACCOUNT_MAX_CHARS)}`;
  const scopes = grantedScopes.length === 0 ? "" : `, scopes ${safeText(grantedScopes.join(" "), 200)}`;
  const state = server.signIn === "token"
    ? "a token given by hand"
    : `signed in${who} at ${safeUrl(credential.issuer)}${scopes}`;
  const failed = lastError === undefined
    ? ""
    : `; the last refresh failed ${spanOf(now - lastError.at)} ago: ${safeText(lastError.message)}`;
  const isOver = freshnessOf(credential, now) === "expired";
  if (isOver && !renews) {
    const ended =
      `Cannot use "${server.name}": its sign-in ended ${
        spanOf(now - (expiresAt ?? now))
      } ago, and there is ` +
      `no refresh token${failed}`;
    return failure(lastError === undefined ? "TOKEN_EXPIRED" : "TOKEN_REFRESH_FAILED", ended, login);
  }
  const lasts = expiresAt === undefined
    ? "until the server refuses it"
    : isOver
    ? `expired ${spanOf(now - expiresAt)} ago, to be renewed at its next use`
    : `for ${spanOf(expiresAt - now)}`;
  const words = `${state}: ${lasts}${renews ? ", then renewed" : ", and not renewed"}${failed}`;
  if (lastError !== undefined) {
    return warning(words, `If it stays so: ${loginTo(server)}`);
  }
  if (pendingRefresh !== undefined) return warning(`${words}; a refresh that was begun got no answer`);
  return renews || expiresAt === undefined ? fine(words) : warning(words, `When it ends: ${loginTo(server)}`);
}

async function exchangeOnce(
  ports: ServerPorts,
  subject: Subject,
  credential: CredentialRecord | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const { url, headers, server, options } = subject;
  const connection = await openConnection({
    url,
    http: ports.http,
    authorizer: credential === undefined
      ? presentNothing(subject)
      : await presentOnly(ports, subject, credential),
    transport: options.transport,
    openSocket: ports.openSocket,
    webSocketAuth: options.websocketAuth,
    headers: headers(),
    clientInfo: { name: "mcp-auth", version: VERSION },
    answerMs: DIAGNOSIS_REQUEST_MS,
    signal,
  }).catch((error) => {
    const { code, message, hint } = asMcpAuthError(
      error,
      "SERVER_ERROR",
      `connect to "${server?.name ?? url}"`,
    );
    throw new McpAuthError(code, message, { hint, cause: error });
  });
  try {
    const { protocolVersion, serverInfo } = connection.server;
    const { name, version } = isObject(serverInfo) ? serverInfo : {};
    return fine(
      `accepted by ${safeText(name ?? "the server", 80)} ${safeText(version ?? "", 40)}, MCP ${
        safeText(protocolVersion ?? "", 20)
      }`,
    );
  } finally {
    await connection.close();
  }
}

/** For a server that asks for nothing. */
function presentNothing({ url, server }: Subject): Authorizer {
  return {
    headers: () => Promise.resolve({}),
    noteNonce: () => {},
    refused: ({ status }) =>
      Promise.reject(
        new McpAuthError(
          "AUTH_REQUIRED",
          `Cannot use "${server?.name ?? safeUrl(url)}": the server asks for a sign-in after all (${status})`,
          { hint: `Run: mcp-auth ${server === undefined ? `add ${safeUrl(url)}` : `login ${server.name}`}` },
        ),
      ),
  };
}

/** Presents a token, and does nothing about its refusal but to send another proof where the server wants one. */
async function presentOnly(
  ports: ServerPorts,
  subject: Subject,
  credential: CredentialRecord,
): Promise<Authorizer> {
  const { accessToken } = credential;
  const prover = await ports.prover(credential);
  return {
    headers: async (target) =>
      prover === undefined
        ? bearer(credential)
        : { authorization: `DPoP ${accessToken}`, dpop: await prover.proof({ ...target, accessToken }) },
    noteNonce: (nonce, target) => prover?.noteNonce({ ...target, accessToken }, nonce),
    refused: (refusal) => {
      const { status, sent, proof, dpopNonce: nonce } = refusal;
      const challenge = summarizeChallenges(refusal.wwwAuthenticate);
      const verdict = status !== 401 || proof === undefined || sent.dpop === undefined
        ? undefined
        : prover?.judge({ ...proof.target, accessToken }, sent.dpop, {
          error: challenge.dpop?.error,
          nonce,
          date: proof.date,
        });
      if (verdict?.kind === "again") return Promise.resolve({ nonce: verdict.nonce });
      return Promise.reject(
        verdict?.kind === "refused"
          ? refusedProof(verdict, subject)
          : refusedToken(refusal, subject, prover === undefined && challenge.dpop?.only === true),
      );
    },
  };
}

function refusedProof(
  { why, hint }: Extract<ProofVerdict, { kind: "refused" }>,
  { server }: Subject,
): McpAuthError {
  return new McpAuthError("AUTH_FAILED", `Cannot use "${server?.name ?? ""}": ${why} (401)`, {
    hint: hint ?? "The server's operator has to correct it",
  });
}

function refusedToken(
  { status }: Refusal,
  { server, credential }: Subject,
  wantsBound: boolean,
): McpAuthError {
  const name = server?.name ?? "";
  const login = server === undefined ? "" : loginTo(server);
  const isRenewed = credential?.refreshToken !== undefined || credential?.grant !== undefined;
  if (wantsBound) {
    return new McpAuthError(
      "AUTH_REQUIRED",
      `Cannot use "${name}": the server takes only tokens that are bound to a key (DPoP), and this one is not`,
      { hint: `Run: ${login}` },
    );
  }
  return status === 401
    ? new McpAuthError(
      "AUTH_REQUIRED",
      `Cannot use "${name}": the server no longer accepts its token (401)`,
      {
        hint: `Run: ${isRenewed ? `mcp-auth refresh ${name}; where that does not help: ` : ""}${login}`,
      },
    )
    : new McpAuthError(
      "INSUFFICIENT_SCOPE",
      `Cannot use "${name}": the server refuses its token (${status})`,
      {
        hint: `Run: ${login}`,
      },
    );
}

/** The command that brings another token. */
function loginTo({ name, signIn }: ServerRecord): string {
  return `mcp-auth login ${name}${signIn === "token" ? " --token-stdin" : ""}`;
}

function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return seconds < 36 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
