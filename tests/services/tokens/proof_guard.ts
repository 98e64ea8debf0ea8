/**
 * A resource server that takes tokens with proofs of possession alone, and requests that go to it as the bridge's do:
 * through the real transport, with the authorizer of the entry in the scene.
 *
 * @module
 */
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { createDpopKey, jwkThumbprint } from "../../../lib/primitives/oauth/dpop.ts";
import {
  AuthorizedHttp,
  type EndpointRequest,
} from "../../../lib/services/bridge/transports/authorized_http.ts";
import { entryAuthorizer, type SignInNeed } from "../../../lib/services/tokens/mod.ts";
import { DpopGuard } from "../../../scripts/demo/servers/dpop_guard.ts";
import type { Members, Scene } from "./scene.ts";

/** What a test may set. */
export interface ProofGuardOptions {
  /** The tokens that are taken, each with the key that it is bound to. */
  readonly tokens: Readonly<Record<string, JsonWebKey>>;
  /** Whether proofs need a nonce. */
  readonly nonce?: boolean;
  /** Answers in place of the server. */
  readonly script?: (request: Request, index: number) => Response | undefined;
  /** What a sign-in stores; without it nobody may be asked. */
  readonly signIn?: (need: SignInNeed) => Members;
}

/** The server, and a client of it. */
export interface ProofGuard extends AsyncDisposable {
  readonly guard: DpopGuard;
  /** The `Authorization` of each request, in order. */
  readonly authorizations: readonly (string | null)[];
  /** The proofs that arrived, in order. */
  readonly proofs: readonly string[];
  readonly needs: readonly SignInNeed[];
  /** Sends a request; resolves with its status. */
  request(method?: EndpointRequest["method"]): Promise<number>;
}

/** The members of a credential whose token is bound to a new key. */
export async function boundMembers(): Promise<{ readonly tokenType: string; readonly dpopKey: JsonWebKey }> {
  return { tokenType: "dpop", dpopKey: await createDpopKey() };
}

/** Starts both. */
export function guardByProof(scene: Scene, options: ProofGuardOptions): ProofGuard {
  const guard = new DpopGuard(options.nonce ?? false);
  const authorizations: (string | null)[] = [];
  const proofs: string[] = [];
  const needs: SignInNeed[] = [];
  const refused = (error: string, nonce = guard.nonce) =>
    new Response(null, {
      status: 401,
      headers: {
        "www-authenticate": `DPoP error="${error}", algs="ES256"`,
        ...nonce === undefined ? {} : { "dpop-nonce": nonce },
      },
    });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const authorization = request.headers.get("authorization");
    const proof = request.headers.get("dpop");
    authorizations.push(authorization);
    if (proof !== null) proofs.push(proof);
    const scripted = options.script?.(request, authorizations.length - 1);
    if (scripted !== undefined) return scripted;
    const token = /^DPoP (\S+)$/.exec(authorization ?? "")?.[1];
    const key = token === undefined ? undefined : options.tokens[token];
    if (token === undefined || key === undefined) return refused("invalid_token");
    const { method, url } = request;
    const refusal = await guard.refusal(proof, { method, url, token, jkt: await jwkThumbprint(key) });
    if (refusal !== undefined) return refused(refusal.error);
    return new Response("ok", { headers: guard.nonce === undefined ? {} : { "dpop-nonce": guard.nonce } });
  });
  const { signIn } = options;
  const http = new AuthorizedHttp({
    url: `http://127.0.0.1:${server.addr.port}/mcp?tenant=1`,
    http: createHttp(),
    authorizer: entryAuthorizer({
      name: "demo",
      authority: scene.authority,
      clock: scene.clock,
      credential: scene.stored,
      anonymous: false,
      signInCommand: "mcp-auth login demo",
      signIn: signIn === undefined ? undefined : async (need) => {
        needs.push(need);
        await scene.signInElsewhere(signIn(need));
      },
    }),
  });
  return {
    guard,
    authorizations,
    proofs,
    needs,
    request: async (method = "POST") => {
      const response = await http.request({
        method,
        headers: {},
        signal: new AbortController().signal,
        timeoutMs: 5_000,
        operation: () => "tools/list",
      });
      await response.body?.cancel();
      return response.status;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
