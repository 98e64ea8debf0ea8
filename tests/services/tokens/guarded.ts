/**
 * A resource server that decides about each token, and requests that go to it as the bridge's do: through the real
 * transport, with the authorizer of the entry in the scene.
 *
 * @module
 */
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { AuthorizedHttp } from "../../../lib/services/bridge/transports/authorized_http.ts";
import type { CredentialRecord } from "../../../lib/services/credentials/mod.ts";
import { type Authorizer, entryAuthorizer, type SignInNeed } from "../../../lib/services/tokens/mod.ts";
import { HOUR, type Members, type Scene } from "./scene.ts";

/** The verdict on a token: accepted, or the status and challenge of the refusal. */
export type Verdict = "accept" | readonly [status: 401 | 403, challenge?: string];

/** What a test may set. */
export interface GuardedOptions {
  /** Decides about a token ("" for none) and an operation. */
  readonly judge: (token: string, operation: string) => Verdict;
  /** What a sign-in stores; the number is that of the sign-in, from 1. It may throw. Without it nobody may be asked. */
  readonly signIn?: (number: number, need: SignInNeed) => Members | Promise<Members>;
  readonly anonymous?: boolean;
  /** Gets more scopes without a person. */
  readonly stepUp?: (need: SignInNeed) => Promise<void>;
}

/** A resource server, and a client of it. */
export interface Guarded extends AsyncDisposable {
  readonly authorizer: Authorizer;
  /** What each sign-in was for. */
  readonly needs: readonly SignInNeed[];
  /** The tokens that arrived, in order. */
  readonly tokens: readonly string[];
  /** How often the credential was read. */
  readonly reads: { count: number };
  /** Sends a request; resolves with its status. */
  request(operation?: string, signal?: AbortSignal): Promise<number>;
}

/** Starts both. */
export function guard(scene: Scene, options: GuardedOptions): Guarded {
  const needs: SignInNeed[] = [];
  const tokens: string[] = [];
  const reads = { count: 0 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
    tokens.push(token);
    const verdict = options.judge(token, request.headers.get("x-operation") ?? "");
    if (verdict === "accept") return new Response("ok");
    const [status, challenge] = verdict;
    return new Response(null, {
      status,
      headers: challenge === undefined ? {} : { "www-authenticate": challenge },
    });
  });
  const credential = async (): Promise<CredentialRecord | undefined> => {
    reads.count++;
    return await scene.stored();
  };
  const { signIn } = options;
  const authorizer = entryAuthorizer({
    name: "demo",
    authority: scene.authority,
    clock: scene.clock,
    credential,
    anonymous: options.anonymous ?? false,
    signInCommand: "mcp-auth login demo",
    stepUp: options.stepUp,
    signIn: signIn === undefined ? undefined : async (need) => {
      needs.push(need);
      const number = needs.length;
      const now = scene.clock.now();
      const members = { accessToken: `signed-in-${number}`, obtainedAt: now, expiresAt: now + HOUR };
      // A person takes a moment, and others come meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 10));
      await scene.signInElsewhere({ ...members, ...await signIn(number, need) });
    },
  });
  const http = new AuthorizedHttp({
    url: `http://127.0.0.1:${server.addr.port}/mcp`,
    http: createHttp(),
    authorizer,
  });
  return {
    authorizer,
    needs,
    tokens,
    reads,
    request: async (operation = "tools/list", signal = new AbortController().signal) => {
      const response = await http.request({
        method: "POST",
        headers: { "x-operation": operation },
        signal,
        timeoutMs: 5_000,
        operation: () => operation,
      });
      await response.body?.cancel();
      return response.status;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Accepts these tokens and answers 401 to all others. */
export function only(...accepted: readonly string[]): GuardedOptions["judge"] {
  return (token) => accepted.includes(token) ? "accept" : [401, 'Bearer error="invalid_token"'];
}

/** Accepts a token where the scopes that it has suffice; the scopes of each token are named in it, as in `at:read+write`. */
export function scoped(wanted: Readonly<Record<string, readonly string[]>>): GuardedOptions["judge"] {
  return (token, operation) => {
    const missing = (wanted[operation] ?? []).filter((scope) =>
      !token.split(":")[1]?.split("+").includes(scope)
    );
    return missing.length === 0
      ? "accept"
      : [403, `Bearer error="insufficient_scope", scope="${missing.join(" ")}"`];
  };
}
