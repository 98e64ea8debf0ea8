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
  authorizationUrl,
  createState,
  validateAuthorizationResponse,
} from "../../primitives/oauth/authorization.ts";
import { otherAuthMethod } from "../../primitives/oauth/client_auth.ts";
import { createPkce, type Pkce } from "../../primitives/oauth/pkce.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import { exchangeCode, type TokenSet } from "../../primitives/oauth/token.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { ClientRecord, ServerOptions } from "../credentials/mod.ts";
import type { CallbackResponse, CallbackServer } from "./callback_server.ts";
import type { Discovery } from "./discovery.ts";
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
  }
  | {
    /** `forgotten`: the server has lost the registration. `spent`: the code is gone, and `client` is accepted. */
    readonly kind: "forgotten" | "spent";
    readonly client: ClientRecord;
    /** What to say where there is no other round. */
    readonly error: McpAuthError;
  };

/** The authorization URL of a round. */
export function roundUrl(round: Round, pkce: Pkce, state: string): string {
  const { entry, discovery, callback, client, scopes, resource } = round;
  return authorizationUrl(discovery.server, {
    clientId: client.clientId,
    redirectUri: callback.redirectUri,
    codeChallenge: pkce.codeChallenge,
    state,
    scopes,
    resource,
    promptConsent: scopes.includes("offline_access"),
    parameters: entry.options.authorizeParameters,
  });
}

/**
 * Authorizes once.
 *
 * @throws {McpAuthError} whatever went wrong, where another client would not help; `REGISTRATION_FAILED` where the server
 *   does not accept a client that is not ours to replace.
 */
export async function authorizeOnce(ports: SignInPorts, round: Round): Promise<RoundOutcome> {
  const { discovery, callback, client, signal } = round;
  const { server } = discovery;
  const pkce = await createPkce();
  const state = createState();
  signal?.throwIfAborted();
  const answer = callback.wait(state, round.timeoutS, signal);
  answer.catch(() => {}); // Reported by the await below, also when the browser fails first.
  // An opener is watched for a moment; a browser that is signed in already can be faster.
  await Promise.race([openBrowser(ports, roundUrl(round, pkce, state), server.issuer), answer]);
  const response = await answer.catch((error) => {
    throw round.isReused ? withReRegisterHint(error, round.entry.name) : error;
  });
  ports.tell({ kind: "received" });
  try {
    const outcome = await redeem(ports, round, response, pkce, state);
    await response.settle(outcome.kind === "granted");
    return outcome;
  } catch (error) {
    await response.settle(false);
    if (!isClientRefusal(error)) throw error;
    if (round.isReused) return { kind: "forgotten", client, error };
    throw client.source === "dynamic" ? error : notAccepted(round, error);
  }
}

async function redeem(
  ports: SignInPorts,
  round: Round,
  { parameters }: CallbackResponse,
  pkce: Pkce,
  state: string,
): Promise<RoundOutcome> {
  const { discovery: { server, withoutMetadata }, callback, client, resource, signal } = round;
  const grant = {
    response: validateAuthorizationResponse(parameters, {
      server,
      clientId: client.clientId,
      state,
      issuerUnknown: withoutMetadata,
    }),
    redirectUri: callback.redirectUri,
    codeVerifier: pkce.codeVerifier,
  };
  const exchangeAs = async (client: ClientRecord): Promise<RoundOutcome> => ({
    kind: "granted",
    client,
    tokens: await exchangeCode({ http: ports.http, server, client, resource, signal }, grant),
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
      const isSpent = second instanceof OAuthResponseError && second.oauthError === "invalid_grant";
      if (isSpent) return { kind: "spent", client: other, error };
      throw error;
    }
  }
}

async function openBrowser(ports: SignInPorts, url: string, issuer: string): Promise<void> {
  ports.tell({ kind: "authorize", url, issuer, opened: ports.browser !== undefined });
  try {
    await ports.browser?.open(url);
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code === "UNSAFE_URL") throw error;
    ports.tell({ kind: "no-browser", error });
  }
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
