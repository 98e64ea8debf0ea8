/**
 * The part of `oidc-provider` that the demo authorization server uses, typed: the package brings no types.
 * `lib/provider.js` is imported in place of the package's index because the index prints a warning under Deno.
 *
 * @module
 */

import { Provider as UntypedProvider } from "oidc-provider/lib/provider.js";
import type { IncomingMessage, ServerResponse } from "node:http";

/** A JSON object. */
export type Json = Record<string, unknown>;

/** A pause of the flow in which a person has to do something. */
export interface Interaction {
  /** The id in the interaction's path. */
  readonly uid: string;
  /** What is wanted, and why. */
  readonly prompt: {
    readonly name: "login" | "consent";
    readonly details: {
      readonly missingOIDCScope?: readonly string[];
      readonly missingOIDCClaims?: readonly string[];
      readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
    };
  };
  /** The authorization request. */
  readonly params: Readonly<Record<string, string | string[] | undefined>> & { readonly client_id: string };
  /** The signed-in session, once there is one. */
  readonly session?: { readonly accountId: string };
  /** The grant this client already has from this person in this session. */
  readonly grantId?: string;
}

/** What a person has allowed one client. */
export interface Grant {
  addOIDCScope(scope: string): void;
  addOIDCClaims(claims: readonly string[]): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}

/** The request context of Koa, as far as middleware here needs it. */
export interface Context {
  body: unknown;
  type: string;
  readonly status: number;
  readonly path: string;
  readonly oidc?: { readonly route?: string; readonly client?: { readonly clientName?: string } };
}

/** The provider. */
export interface Provider {
  callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  on(event: "error" | "server_error", listener: (...args: unknown[]) => void): void;
  use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): void;
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: Json,
    options?: { mergeWithLastSubmission: boolean },
  ): Promise<void>;
  readonly Client: { find(id: string): Promise<{ readonly clientName?: string } | undefined> };
  readonly Grant: {
    new (properties: { accountId: string; clientId: string }): Grant;
    find(id: string): Promise<Grant | undefined>;
  };
}

/**
 * Makes a provider.
 *
 * @param issuer the issuer identifier
 * @param configuration the configuration, as `oidc-provider` documents it
 * @returns the provider
 * @throws TypeError or AssertionError when the configuration does not fit together
 */
export function makeProvider(issuer: string, configuration: Json): Provider {
  return new UntypedProvider(issuer, configuration);
}
