/**
 * The exchange of an ID token for an identity assertion (ID-JAG) at a company's identity provider: the provider says by
 * it to one authorization server that this person may be served by this client. What it gives is looked at before it is
 * presented anywhere: an assertion for another server could be used there by the one that gets it.
 *
 * @see RFC 8693 section 2; Identity Assertion JWT Authorization Grant, sections 3 and 4 (X8-X10)
 * @module
 */
import * as oauth from "oauth4webapi";
import { type ErrorCode, McpAuthError } from "../errors.ts";
import type { Http } from "../http/http.ts";
import { readJson } from "../http/body.ts";
import { ASSERTION_MAX_CHARS, REFRESH_TIMEOUT_MS } from "../limits.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import { clientAuthentication, type ClientIdentity, toOAuthClient } from "./client_auth.ts";
import { overHttp } from "./fetch_adapter.ts";
import { claimsOf } from "./id_token.ts";
import { isObject } from "./json.ts";
import { endpointError, type EndpointFailure } from "./response_error.ts";
import type { ServerMetadata } from "./server_metadata.ts";

/** RFC 8693 section 2.1. */
const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
/** RFC 8693 section 3. */
const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";
/** ID-JAG section 4.3. */
const ID_JAG = "urn:ietf:params:oauth:token-type:id-jag";
const ID_JAG_TYPE = "oauth-id-jag+jwt";

/** What is exchanged, where, and for whom. */
export interface IdentityExchange {
  /** A fetch that may reach the identity provider. */
  readonly http: Http;
  /** The identity provider. */
  readonly server: ServerMetadata;
  /** The client that the identity is had by, there. */
  readonly client: ClientIdentity;
  readonly idToken: string;
  /** The issuer of the authorization server that the assertion is for. */
  readonly audience: string;
  /** The identifier of the MCP server, verbatim; undefined for servers that predate it. */
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
  /** The client's id at that authorization server, where it has one. */
  readonly clientId: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * Exchanges an ID token for an assertion.
 *
 * @param exchange What is exchanged.
 * @returns The assertion: a secret as long as it lives, good for the one authorization server.
 * @throws {McpAuthError} `AUTH_FAILED`, `ISSUER_MISMATCH` and `RESOURCE_MISMATCH` for an assertion that is none, or is for
 *   another server, or what the fetch throws; `OAuthResponseError` for a refusal.
 */
export async function exchangeIdToken(exchange: IdentityExchange): Promise<string> {
  const { http, server, client, idToken, audience, resource, scopes, signal } = exchange;
  const secrets: (string | null | undefined)[] = [idToken, client.clientSecret];
  const failure: EndpointFailure = {
    code: "AUTH_FAILED",
    action: "get an identity assertion",
    endpoint: server.token_endpoint,
    secrets,
  };
  const authenticate = clientAuthentication(client);
  const response = await oauth.genericTokenEndpointRequest(
    server,
    toOAuthClient(client),
    async (server, identity, body, headers) => {
      await authenticate(server, identity, body, headers);
      secrets.push(body.get("client_assertion"));
    },
    TOKEN_EXCHANGE,
    {
      requested_token_type: ID_JAG,
      audience,
      ...(resource === undefined ? {} : { resource }),
      ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
      subject_token: idToken,
      subject_token_type: ID_TOKEN,
    },
    overHttp(http, signal, exchange.timeoutMs ?? REFRESH_TIMEOUT_MS),
  );
  if (response.status !== 200) throw await endpointError(response, failure);
  const body = await readJson(response);
  if (isObject(body) && typeof body.error === "string") {
    throw await endpointError(Response.json(body, { status: 400 }), failure);
  }
  return checkAssertion(isObject(body) ? body : {}, exchange);
}

/** RFC 8693 section 2.2.1, ID-JAG section 4.3.3. */
function checkAssertion(body: Record<string, unknown>, exchange: IdentityExchange): string {
  const { audience, resource, clientId } = exchange;
  const refuse = refusal(exchange.server);
  const { access_token: assertion, issued_token_type: type, token_type: use } = body;
  if (type !== ID_JAG) {
    throw refuse(`it issued "${safeText(type ?? "no type", 100)}", not an identity assertion (ID-JAG)`);
  }
  if (typeof use === "string" && use.toLowerCase() !== "n_a") {
    throw refuse(`its token_type is "${safeText(use, 40)}", not N_A`);
  }
  if (typeof assertion !== "string" || assertion === "") throw refuse("there is no assertion in the answer");
  if (assertion.length > ASSERTION_MAX_CHARS) {
    throw refuse(`the assertion has more than ${ASSERTION_MAX_CHARS} characters`);
  }
  const claims = claimsOf(assertion);
  const header = headerOf(assertion);
  if (claims === undefined || header === undefined) throw refuse("the assertion is no signed JWT");
  const typ = typeof header.typ === "string" ? header.typ.toLowerCase().replace(/^application\//, "") : "";
  if (typ !== ID_JAG_TYPE) {
    throw refuse(`the assertion is of type "${safeText(header.typ ?? "none", 60)}", not "${ID_JAG_TYPE}"`);
  }
  const audiences = [claims.aud].flat();
  if (audiences.length !== 1 || !isSameIssuer(audiences[0], audience)) {
    throw refuse(
      `the assertion is for "${safeText(audiences.join(" "), 200)}", not for "${safeUrl(audience)}"`,
      "ISSUER_MISMATCH",
    );
  }
  const resources = claims.resource === undefined ? [] : [claims.resource].flat();
  if (resource !== undefined && resources.length > 0 && !resources.includes(resource)) {
    throw refuse(
      `the assertion is for the resource "${safeText(resources.join(" "), 200)}", not for "${
        safeUrl(resource)
      }"`,
      "RESOURCE_MISMATCH",
    );
  }
  if (clientId !== undefined && claims.client_id !== undefined && claims.client_id !== clientId) {
    throw refuse(
      `the assertion is for the client "${safeText(claims.client_id, 100)}", not for "${
        safeText(clientId, 100)
      }"`,
    );
  }
  return assertion;
}

/** The identity provider may have been told the issuer with its final slash, or without. */
function isSameIssuer(audience: unknown, issuer: string): boolean {
  return audience === issuer || audience === `${issuer}/` || `${String(audience)}/` === issuer;
}

function headerOf(jwt: string): Readonly<Record<string, unknown>> | undefined {
  const [header = ""] = jwt.split(".");
  return claimsOf(`.${header}.`);
}

function refusal({ token_endpoint }: ServerMetadata) {
  return (why: string, code: ErrorCode = "AUTH_FAILED") =>
    new McpAuthError(
      code,
      `Cannot use the identity assertion of "${safeUrl(token_endpoint)}": ${why}`,
      { hint: "The operator of the identity provider has to set up this server and this client there" },
    );
}
