/**
 * One authorization: the URL, the browser, the answer, the exchange. Where it fails because the server does not accept
 * the client, the outcome says which client may fare better, and the caller decides whether there is another round.
 *
 * @see RFC 6749 sections 4.1 and 5.2; behaviours rows 9 and 22
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import {
  AuthorizationRefusal,
  createState,
  validateAuthorizationResponse,
} from "../../primitives/oauth/authorization.ts";
import { otherAuthMethod } from "../../primitives/oauth/client_auth.ts";
import { createPkce, type Pkce } from "../../primitives/oauth/pkce.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import { requireAuthorizationEndpoint } from "../../primitives/oauth/server_metadata.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { ClientRecord, ServerOptions } from "../credentials/mod.ts";
import { type AuthorizationPage, authorizationPage } from "./authorization_page.ts";
import type { CallbackResponse, CallbackServer } from "./callback_server.ts";
import type { Discovery } from "./discovery.ts";
import { exchangeTolerantly } from "./quirks.ts";
import {
  type PastedResponse,
  type PasteExpectation,
  type PasteRefusal,
  waitForPaste,
} from "./pasted_response.ts";
import type { SignInPorts } from "./sign_in.ts";

/** What an authorization is for. */
export interface Round {
  readonly entry: { readonly name: string; readonly options: ServerOptions };
  readonly discovery: Discovery;
  readonly callback: CallbackServer;
  readonly client: ClientRecord;
  /** The client is a dynamic registration of an earlier sign-in, which the server may have lost. */
  readonly isReused: boolean;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  /** Proves the possession of the key to bind the tokens to; undefined for bearer tokens. */
  readonly proof?: DpopProver | undefined;
  readonly timeoutS?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How an authorization ended. */
export type RoundOutcome =
  | {
    readonly kind: "granted";
    readonly tokens: TokenSet;
    /** The client, with the way to authenticate that worked. */
    readonly client: ClientRecord;
    /** The server refused the resource at the exchange, and gave the tokens without it. */
    readonly withoutResource?: true | undefined;
  }
  | {
    /** `forgotten`: the server has lost the registration. `spent`: the code is gone, and `client` is accepted. */
    readonly kind: "forgotten" | "spent";
    readonly client: ClientRecord;
    /** What to say where there is no other round. */
    readonly error: McpAuthError;
  };

/**
 * Authorizes once.
 *
 * @throws {McpAuthError} whatever went wrong, where another client would not help; `REGISTRATION_FAILED` where the server
 *   does not accept a client that is not ours to replace.
 */
export async function authorizeOnce(ports: SignInPorts, round: Round): Promise<RoundOutcome> {
  const { discovery, callback, timeoutS, signal } = round;
  const { server } = discovery;
  const pkce = await createPkce();
  const state = createState();
  signal?.throwIfAborted();
  // A page of this machine or its network is not opened for a server that is not there itself (C68, C70).
  await ports.guard(new URL(requireAuthorizationEndpoint(server)));
  const page = await authorizationPage(ports, round, pkce, state).catch((error) =>
    refusedClient(round, error)
  );
  if ("kind" in page) return page;
  const expectation: Expectation = {
    url: page.url,
    redirectUri: callback.redirectUri,
    server,
    state,
    listens: callback.port !== undefined,
  };
  const over = new AbortController();
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const listening = callback.wait(state, timeoutS, either);
  let arrived: CallbackResponse | undefined;
  listening.then((response) => arrived = response, () => {});
  let succeeded = false;
  let opening: Promise<void> | undefined;
  try {
    for (;;) {
      const answer = firstAnswer(ports, listening, expectation, either);
      answer.catch(() => {}); // Reported by the await below, also when the browser fails first.
      opening ??= openBrowser(ports, page, callback, server.issuer);
      // An opener is watched for a moment; a browser that is signed in already can be faster.
      await Promise.race([opening, answer]);
      const response = await answer.catch((error) => {
        throw round.isReused ? withReRegisterHint(error, round.entry.name) : error;
      });
      ports.tell({ kind: "received" });
      try {
        const outcome = await redeem(ports, { ...round, client: page.client }, response, pkce, state);
        succeeded = outcome.kind === "granted";
        return outcome;
      } catch (error) {
        // A slip of the person's: nothing was spent, and the right answer may still come, or have come meanwhile.
        if (!response.isBareCode || !isInvalidGrant(error)) return refusedClient(round, error);
        ports.tell({ kind: "paste-refused", reason: "unknown-code" });
      }
    }
  } finally {
    over.abort(new McpAuthError("AUTH_CANCELLED", "The wait is over"));
    // The browser is told how it went, also where a paste was faster.
    await arrived?.settle(succeeded);
  }
}

/** What an answer is judged against, and whether one can come but by a paste. */
type Expectation = PasteExpectation & { readonly listens: boolean };

/** Waits for the browser and for the person; whoever comes first ends the wait for a paste. */
async function firstAnswer(
  ports: SignInPorts,
  listening: Promise<CallbackResponse>,
  expectation: Expectation,
  signal: AbortSignal,
): Promise<PastedResponse> {
  const other = new AbortController();
  const either = AbortSignal.any([signal, other.signal]);
  const refused = (reason: PasteRefusal) => ports.tell({ kind: "paste-refused", reason });
  const answers: readonly Promise<Pick<PastedResponse, "parameters"> & Partial<PastedResponse>>[] = [
    listening,
    ...(ports.paste === undefined ? [] : [waitForPaste(ports.paste, expectation, refused, either)]),
  ];
  for (const answer of answers) answer.catch(() => {});
  try {
    return { isBareCode: false, ...await Promise.race(answers) };
  } finally {
    other.abort(new McpAuthError("AUTH_CANCELLED", "Another answer came first"));
  }
}

/** What a refusal of the client means; throws what is no such refusal, or where no other client would help. */
function refusedClient(round: Round, error: unknown): RoundOutcome {
  const { client } = round;
  if (!isClientRefusal(error)) throw error;
  if (round.isReused) return { kind: "forgotten", client, error };
  throw client.source === "dynamic" ? error : notAccepted(round, error);
}

async function redeem(
  ports: SignInPorts,
  round: Round,
  { parameters }: PastedResponse,
  pkce: Pkce,
  state: string,
): Promise<RoundOutcome> {
  const { entry, discovery, callback, client, resource, proof, signal } = round;
  const { server, withoutMetadata, issuerUnknown } = discovery;
  const grant = {
    response: validateAuthorizationResponse(parameters, {
      server,
      clientId: client.clientId,
      state,
      issuerUnknown: issuerUnknown ?? withoutMetadata,
    }),
    redirectUri: callback.redirectUri,
    codeVerifier: pkce.codeVerifier,
  };
  const exchangeAs = async (client: ClientRecord): Promise<RoundOutcome> => ({
    kind: "granted",
    client,
    ...await exchangeTolerantly(
      { http: ports.http, server, client, resource, proof, signal },
      grant,
      entry.options,
    ),
  });
  try {
    return await exchangeAs(client);
  } catch (error) {
    // A registration that was good for a sign-in before was good with its method, too.
    const method = round.isReused ? undefined : otherAuthMethod(client);
    if (method === undefined || !isClientRefusal(error)) throw error;
    // RFC 6749 section 4.1.3 has the client authenticated before the code is looked at: the code should be good still.
    const other: ClientRecord = { ...client, tokenEndpointAuthMethod: method };
    try {
      return await exchangeAs(other);
    } catch (second) {
      if (isInvalidGrant(second)) return { kind: "spent", client: other, error };
      throw error;
    }
  }
}

async function openBrowser(
  ports: SignInPorts,
  { url, expiresInS }: AuthorizationPage,
  { redirectUri, port }: CallbackServer,
  issuer: string,
): Promise<void> {
  const opened = ports.browser !== undefined;
  const pasting = ports.paste !== undefined;
  ports.tell({ kind: "authorize", url, issuer, opened, expiresInS, redirectUri, port, pasting });
  try {
    await ports.browser?.open(url);
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code === "UNSAFE_URL") throw error;
    ports.tell({ kind: "no-browser", error });
  }
}

function isInvalidGrant(error: unknown): boolean {
  return error instanceof OAuthResponseError && error.oauthError === "invalid_grant";
}

/** Whether a failure is the server's word that it does not accept the client: at the redirect, or at the exchange. */
function isClientRefusal(error: unknown): error is McpAuthError {
  if (error instanceof AuthorizationRefusal) {
    return error.oauthError === "invalid_client" || error.oauthError === "unauthorized_client";
  }
  return error instanceof OAuthResponseError && error.oauthError === "invalid_client";
}

function notAccepted({ entry, client, discovery }: Round, cause: McpAuthError): McpAuthError {
  return new McpAuthError(
    "REGISTRATION_FAILED",
    `Cannot sign in as client "${safeText(client.clientId, 200)}": "${
      safeUrl(discovery.server.issuer)
    }" does not accept it: ${cause.message}`,
    {
      hint: `Check its id and its secret there, then run: mcp-auth login ${entry.name} --client-id <id>`,
      cause,
    },
  );
}

/** No answer may mean that the browser shows a page about a client that nobody knows, in words of its own. */
function withReRegisterHint(error: unknown, name: string): unknown {
  if (!(error instanceof McpAuthError) || error.code !== "TIMEOUT") return error;
  return new McpAuthError(error.code, error.message, {
    hint:
      `${error.hint}. If the browser showed that the client is unknown, run: mcp-auth login ${name} --re-register`,
    cause: error,
  });
}
