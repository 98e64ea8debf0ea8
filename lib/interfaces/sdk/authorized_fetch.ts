/**
 * A `fetch` with the token of an entry. To a token that is bound to a key it adds a proof for each request, and another
 * where the server wants one with a nonce.
 *
 * @see RFC 9449 sections 7.1 and 9 (X16, X17)
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import type { CredentialRecord, ServerRecord } from "../../services/credentials/mod.ts";
import { bearer, isBound, isRenewable } from "../../services/tokens/mod.ts";
import type { Services } from "../composition/services.ts";

/** What {@linkcode authorizedFetch} takes. */
export interface AuthorizedFetchOptions {
  readonly services: Services;
  /** The entry as it is when a request is made. */
  readonly read: () => Promise<{ server: ServerRecord; credential: CredentialRecord | undefined }>;
  /** The headers that an entry adds to each request. */
  readonly headersOf: (server: ServerRecord) => Readonly<Record<string, string>>;
}

/**
 * Sends one request with the token of an entry, refreshed where due, and once more after a 401 that another token may help
 * against.
 *
 * @throws {McpAuthError} where `fetch` would throw; `UNSAFE_URL` for a URL of another origin than the entry's; what the
 *   token authority throws.
 */
export async function authorizedFetch(
  { services, read, headersOf }: AuthorizedFetchOptions,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<Response> {
  const { server, credential: known } = await read();
  const { authority } = services;
  const { name } = server;
  const request = new Request(input, init);
  const { signal } = request;
  if (new URL(request.url).origin !== new URL(server.url).origin) {
    throw new McpAuthError(
      "UNSAFE_URL",
      `Cannot send the token of "${name}" to "${safeUrl(request.url)}": it is for "${safeUrl(server.url)}"`,
    );
  }
  const http = services.http(server);
  const body = request.body === null ? null : await request.arrayBuffer();
  const send = async (credential: CredentialRecord | undefined) => {
    const proof = credential && await authority.prover(credential);
    const { provenHttp } = await proven();
    return await provenHttp(http, proof, credential?.accessToken)(request.url, {
      method: request.method,
      headers: {
        ...Object.fromEntries(request.headers),
        ...headersOf(server),
        ...(credential === undefined || proof !== undefined ? {} : bearer(credential)),
      },
      body,
      signal,
      timeoutMs: Infinity,
      stream: true,
    });
  };
  if (known === undefined && server.signIn === "none") return await send(undefined);
  const credential = await authority.current(name, { signal, url: server.url });
  const response = await send(credential);
  if (response.status !== 401 || !isRenewable(credential)) return response;
  // A refusal of the proof would be one of the next token's, too.
  if (isBound(credential) && (await proven()).proofErrorOf(response) !== undefined) return response;
  await response.body?.cancel();
  const because = "refused";
  return await send(
    await authority.refresh(name, credential.accessToken, { signal, url: server.url, because }),
  );
}

/** Loaded with the first request: a program that only asks for tokens does without. */
function proven() {
  return import("../../primitives/oauth/proven_http.ts");
}
