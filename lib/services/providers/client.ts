/**
 * The client of a provider from the environment: `GITHUB_CLIENT_ID` and `GITHUB_CLIENT_SECRET` for provider `github`. A
 * secret goes only to the provider that it is named after, so it is not used where the sign-in could lead elsewhere.
 *
 * @module
 */
import type { Env } from "../../primitives/system/env.ts";
import type { AppliedProvider } from "./applied.ts";

/**
 * The variables of a provider.
 *
 * @param name Such as `work-okta`, which has `WORK_OKTA_CLIENT_ID`.
 */
export function clientVariables(name: string): { readonly id: string; readonly secret: string } {
  const prefix = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
  return { id: `${prefix}_CLIENT_ID`, secret: `${prefix}_CLIENT_SECRET` };
}

/**
 * The client for a sign-in.
 *
 * @param env The environment.
 * @param applied The provider as it is applied.
 * @returns Undefined where the environment names none, or the sign-in may go to another server than the provider's.
 */
export function clientFromEnvironment(
  env: Env,
  { template, trusted }: AppliedProvider,
): { readonly clientId: string; readonly clientSecret?: string | undefined } | undefined {
  if (!trusted) return undefined;
  const { id, secret } = clientVariables(template.name);
  const clientId = env.get(id);
  return clientId === undefined || clientId === ""
    ? undefined
    : { clientId, clientSecret: env.get(secret) || undefined };
}
