/**
 * One run of an entry's grant: from what the machine has to an access token. A sign-in and a renewal are the same run. It
 * asks nobody, spends nothing that would have to be kept, and repeats nothing that a server has refused.
 *
 * @see RFC 6749 section 4.4, RFC 7523 section 2.1, RFC 8693 (X1-X14, X21-X24)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { type Http, UnsentError } from "../../primitives/http/http.ts";
import type { ClientIdentity } from "../../primitives/oauth/client_auth.ts";
import type { DpopProver } from "../../primitives/oauth/dpop.ts";
import { claimsOf } from "../../primitives/oauth/id_token.ts";
import { byAssertion, byClientCredentials } from "../../primitives/oauth/machine_grants.ts";
import { OAuthResponseError } from "../../primitives/oauth/response_error.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import type { TokenSet } from "../../primitives/oauth/token.ts";
import type { Clock } from "../../primitives/system/clock.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord, Grant } from "../credentials/mod.ts";
import { type AssertionPorts, readAssertion, sourceWords } from "./assertion_source.ts";
import { identityAssertion } from "./identity_provider.ts";

/** What a grant runs on. */
export interface GrantPorts extends AssertionPorts {
  /** The fetch of the entry: its MCP server has named the authorization server. */
  readonly http: Http;
  readonly clock: Clock;
  /**
   * The tokens of an entry that is signed in at an identity provider, with an ID token that has not expired.
   *
   * Throws `McpAuthError` where there is no such entry, or no such token any more.
   */
  readonly identity: (name: string, signal?: AbortSignal) => Promise<CredentialRecord>;
}

/** What a run is for. */
export interface GrantRun {
  /** The entry, for messages. */
  readonly name: string;
  /** The command that signs in to it with another client, up to the flags that name one. */
  readonly again: string;
  readonly grant: Grant;
  /** The `aud` of the assertion to ask for, in place of the server's issuer. */
  readonly assertionAudience?: string | undefined;
  readonly server: ServerMetadata;
  /** The client; one without an id where the assertion alone speaks. */
  readonly client: ClientIdentity;
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
  /** Proves the possession of the key that the token is to be bound to; undefined for bearer tokens. */
  readonly proof?: DpopProver | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for each exchange. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Gets an access token.
 *
 * @param ports What it runs on.
 * @param run What it is for.
 * @returns The token, without a refresh token: the same run brings the next.
 * @throws {McpAuthError} `CONFIG_MISSING` or `CONFIG_INVALID` where something is missing here, `AUTH_FAILED`, what the fetch
 *   throws; `OAuthResponseError` for a refusal, with the next step as its hint.
 */
export async function runGrant(ports: GrantPorts, run: GrantRun): Promise<TokenSet> {
  const { grant } = run;
  const request = { ...run, http: ports.http };
  switch (grant.kind) {
    case "client-credentials": {
      if (run.client.clientId === "" || run.client.tokenEndpointAuthMethod === "none") {
        throw noCredentials(run);
      }
      return await byClientCredentials(request).catch((error) => {
        throw withHint(error, clientHint(run));
      });
    }
    case "workload-identity": {
      const audience = run.assertionAudience ?? run.server.issuer;
      const { signal, timeoutMs } = run;
      const wish = { source: grant.assertion, audience, what: "the assertion", signal, timeoutMs };
      const assertion = await readAssertion(ports, wish);
      checkAudience(run, assertion, sourceWords(grant.assertion));
      return await byAssertion(request, assertion).catch((error) => {
        throw withHint(error, assertionHint(assertion, sourceWords(grant.assertion), ports.clock.now()));
      });
    }
    case "enterprise": {
      const { identityProvider } = grant;
      const { idToken } = identityProvider;
      const assertion = await identityAssertion(ports, run, identityProvider).catch((error) => {
        throw withHint(
          error,
          idToken.from === "entry"
            ? `If the identity provider no longer accepts it, run: mcp-auth login ${idToken.name}`
            : `Put a new ID token of client "${identityProvider.clientId}" into ${sourceWords(idToken)}`,
        );
      });
      return await byAssertion(request, assertion).catch((error) => {
        throw withHint(error, clientHint(run));
      });
    }
  }
}

/** Only a refusal is about what was presented. */
function withHint(error: unknown, hint: string): unknown {
  if (!(error instanceof OAuthResponseError) || error.hint !== undefined) return error;
  return new OAuthResponseError(error.code, error.message, error, { hint, cause: error.cause });
}

function clientHint({ again, client, grant }: GrantRun): string {
  const proof = client.tokenEndpointAuthMethod === "private_key_jwt"
    ? "--private-key <file>"
    : "--client-secret-file <file>";
  const other = grant.kind === "enterprise"
    ? "The server's operator has to trust the identity provider, for this client"
    : "The client has to be registered there for this grant";
  return `${other}; with another secret or key, run: ${again} --client-id <id> ${proof}`;
}

/**
 * Refuses to present an assertion at a server that it is not for: whoever gets it could use it where it is for. The
 * audience may be the server's issuer, its token endpoint, or what the user says (X22).
 */
function checkAudience({ server, assertionAudience }: GrantRun, assertion: string, source: string): void {
  const { issuer, token_endpoint } = server;
  const accepted = assertionAudience === undefined
    ? [issuer, `${issuer}/`, issuer.replace(/\/$/, ""), token_endpoint]
    : [assertionAudience];
  const audiences = [claimsOf(assertion)?.aud].flat();
  if (audiences.some((audience) => typeof audience === "string" && accepted.includes(audience))) return;
  throw new UnsentError(
    new McpAuthError(
      "ISSUER_MISMATCH",
      `Cannot use the assertion from ${source} at "${safeUrl(issuer)}": it is for "${
        safeText(audiences.join(" "), 200)
      }"`,
      {
        hint: "Have one made for this server; if the server wants that audience, name it with " +
          "--assertion-audience <audience>, at add or set",
      },
    ),
  );
}

function assertionHint(assertion: string, source: string, now: number): string {
  const { exp } = claimsOf(assertion) ?? {};
  return typeof exp === "number" && exp * 1000 < now
    ? `The assertion from ${source} has expired: have a new one written there`
    : "The server's operator has to trust the issuer of the assertion, for this subject";
}

function noCredentials({ name, again }: GrantRun): McpAuthError {
  return new McpAuthError(
    "CONFIG_MISSING",
    `Cannot sign in to "${name}" by client credentials: there is no secret and no private key`,
    { hint: `Run: ${again} --client-id <id> --client-secret-file <file>, or with --private-key <file>` },
  );
}
