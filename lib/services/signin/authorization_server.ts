/**
 * Which authorization server an entry signs in at: the one that its user named, else the one that is discovered.
 *
 * @module
 */
import { discover, type Discovery } from "./discovery.ts";
import type { SignInPorts, SignInRequest } from "./sign_in.ts";

/**
 * Finds the authorization server of a sign-in.
 *
 * @throws {McpAuthError} what the discovery throws.
 */
export async function findAuthorizationServer(
  ports: Pick<SignInPorts, "http">,
  request: SignInRequest,
): Promise<Discovery> {
  return await discover({
    http: ports.http,
    serverUrl: request.entry.url,
    challenge: request.challenge,
    preferredIssuer: request.earlier?.issuer,
    signal: request.signal,
  });
}
