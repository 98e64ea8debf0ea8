/**
 * The identity provider of a company: where it is, as which client it is asked, and whose ID token is presented. An entry
 * that is signed in there brings all three, and renews the ID token by its own refresh.
 *
 * @see RFC 8414, OpenID Connect Discovery 1.0; Enterprise-Managed Authorization (X7, X8)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { readJson } from "../../primitives/http/body.ts";
import { type Http, UnsentError } from "../../primitives/http/http.ts";
import { type ClientIdentity, clientIdentity } from "../../primitives/oauth/client_auth.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import {
  parseServerMetadata,
  type ServerMetadata,
  serverMetadataUrls,
} from "../../primitives/oauth/server_metadata.ts";
import { exchangeIdToken } from "../../primitives/oauth/token_exchange.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord, IdentityProvider } from "../credentials/mod.ts";
import { readAssertion } from "./assertion_source.ts";
import type { GrantPorts, GrantRun } from "./grant_run.ts";

/**
 * Has the identity provider vouch for the person.
 *
 * @param ports What it runs on.
 * @param run What the tokens are for.
 * @param provider The provider.
 * @returns The identity assertion, for the authorization server of the run alone.
 * @throws {McpAuthError} What reading the ID token, finding the provider and the exchange throw.
 */
export async function identityAssertion(
  ports: GrantPorts,
  run: GrantRun,
  provider: IdentityProvider,
): Promise<string> {
  const { signal } = run;
  const { idToken, credential } = await personOf(ports, run, provider);
  const named = provider.tokenEndpoint ?? provider.issuer ?? credential?.issuer;
  if (named === undefined) throw incomplete("it has neither an issuer nor a token endpoint");
  if (credential !== undefined) checkOwnPlace(named, credential);
  const http = ports.httpAt(named);
  const server = await findProvider(http, provider, credential, signal);
  return await exchangeIdToken({
    http,
    server,
    client: await clientOf(provider, credential, server),
    idToken,
    audience: run.server.issuer,
    resource: run.resource,
    scopes: run.scopes,
    clientId: run.client.clientId === "" ? undefined : run.client.clientId,
    signal,
    timeoutMs: run.timeoutMs,
  });
}

/** The ID token and the client of an entry go to nobody but the provider that the entry is signed in at. */
function checkOwnPlace(named: string, { name, issuer, authorizationServer }: CredentialRecord): void {
  const own = [issuer, authorizationServer.token_endpoint].map((url) => URL.parse(String(url))?.origin);
  if (own.includes(new URL(named).origin)) return;
  throw new UnsentError(
    new McpAuthError(
      "ISSUER_MISMATCH",
      `Cannot use the identity of "${name}" at "${safeUrl(named)}": it is from "${safeUrl(issuer)}"`,
      { hint: "Name an entry that is signed in there, as --enterprise <entry>" },
    ),
  );
}

interface Person {
  readonly idToken: string;
  /** Of the entry that the ID token comes from. */
  readonly credential?: CredentialRecord;
}

async function personOf(ports: GrantPorts, run: GrantRun, { idToken }: IdentityProvider): Promise<Person> {
  if (idToken.from === "entry") {
    const credential = await ports.identity(idToken.name, run.signal);
    return { idToken: credential.idToken ?? "", credential };
  }
  const { signal, timeoutMs } = run;
  const wish = { source: idToken, audience: "", what: "the ID token", signal, timeoutMs };
  return { idToken: await readAssertion(ports, wish) };
}

async function findProvider(
  http: Http,
  { tokenEndpoint, issuer }: IdentityProvider,
  credential: CredentialRecord | undefined,
  signal: AbortSignal | undefined,
): Promise<ServerMetadata> {
  if (tokenEndpoint !== undefined) {
    return { issuer: issuer ?? new URL(tokenEndpoint).origin, token_endpoint: tokenEndpoint };
  }
  if (issuer === undefined || issuer === credential?.issuer) {
    return credential?.authorizationServer as unknown as ServerMetadata;
  }
  const tried: string[] = [];
  for (const url of serverMetadataUrls(issuer)) {
    const response = await http(url, { headers: { accept: "application/json" }, signal });
    const json = response.status === 200 ? await readJson(response) : undefined;
    if (isObject(json)) return parseServerMetadata(json, issuer, url);
    if (response.status >= 500 || response.status === 429) throw unwell(issuer, response.status);
    tried.push(`${safeUrl(url)} (${response.status})`);
  }
  throw new McpAuthError(
    "DISCOVERY_FAILED",
    `Cannot find the identity provider "${safeUrl(issuer)}": it has no metadata at ${tried.join(", ")}`,
    { hint: "Give its token endpoint in place of its issuer, as --enterprise https://.../token" },
  );
}

function unwell(issuer: string, status: number): McpAuthError {
  return new McpAuthError(
    status === 429 ? "RATE_LIMITED" : "SERVER_ERROR",
    `Cannot ask the identity provider "${safeUrl(issuer)}": it answered ${status}`,
    { hint: "Try again later" },
  );
}

async function clientOf(
  { clientId, clientSecret }: IdentityProvider,
  credential: CredentialRecord | undefined,
  server: ServerMetadata,
): Promise<ClientIdentity> {
  const isEntrys = clientId === undefined ||
    (clientSecret === undefined && clientId === credential?.client.clientId);
  if (credential !== undefined && isEntrys) return credential.client;
  if (clientId === undefined) throw incomplete("no client is named for it");
  return await clientIdentity({ clientId, clientSecret }, server);
}

function incomplete(why: string): McpAuthError {
  return new McpAuthError("CONFIG_MISSING", `Cannot use the identity provider: ${why}`, {
    hint: "Name both with --enterprise <issuer> --idp-client-id <id>",
  });
}
