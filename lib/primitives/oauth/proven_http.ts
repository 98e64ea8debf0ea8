/**
 * A fetch that proves the possession of a key, for the requests that go out one by one: to the token endpoint and its
 * like, to userinfo, and from programs that embed the library. The bridge, which has more to decide about a refusal, asks
 * its authorizer.
 *
 * @see RFC 9449 sections 5, 7.1, 8 and 9 (X15-X17)
 * @module
 */
import type { Http } from "../http/http.ts";
import { DPOP_RETRIES_MAX, HTTP_TIMEOUT_MS } from "../limits.ts";
import { summarizeChallenges } from "./challenge.ts";
import type { DpopProver, ProofVerdict, ProvenRequest } from "./dpop.ts";

/**
 * A fetch whose requests each carry a proof, and are sent again where the server wants another one: once for each nonce
 * that it gives, within a bound. An answer of that kind has spent neither a code nor a token (RFC 9449 section 8), so
 * that also a request that must not arrive twice may be sent again. The last answer is returned as it is.
 *
 * @param http The one fetch.
 * @param prover Makes the proofs; undefined returns the fetch as it is.
 * @param accessToken The token to send with each request, bound to the prover's key; none at the token endpoint.
 */
export function provenHttp(http: Http, prover: DpopProver | undefined, accessToken?: string): Http {
  if (prover === undefined) return http;
  return async (url, request = {}) => {
    const started = performance.now();
    const { method = "GET", timeoutMs = HTTP_TIMEOUT_MS } = request;
    const leftMs = () => timeoutMs - (performance.now() - started);
    let nonce: string | undefined;
    let arrival = url;
    for (let retries = 0;; retries++) {
      const target = { method, url: arrival, accessToken, nonce };
      const proof = await prover.proof(target);
      const response = await http(url, {
        ...request,
        headers: {
          ...request.headers,
          ...(accessToken === undefined ? {} : { authorization: `DPoP ${accessToken}` }),
          dpop: proof,
        },
        timeoutMs: Math.max(1, Math.ceil(retries === 0 ? timeoutMs : leftMs())),
      });
      const verdict = await verdictOf(prover, target, proof, response);
      const isMoved = verdict.kind === "refused" && response.url !== "" &&
        isElsewhere(response.url, arrival);
      if (verdict.kind !== "again" && !isMoved) return response;
      if (retries >= DPOP_RETRIES_MAX || leftMs() <= 0) return response;
      await response.body?.cancel();
      if (verdict.kind === "again") nonce = verdict.nonce;
      else arrival = response.url;
    }
  };
}

/**
 * The error that a response names for the proof of its request.
 *
 * @param response A response; its body is left unread.
 * @returns `use_dpop_nonce` or `invalid_dpop_proof`; undefined where it is about something else.
 */
export function proofErrorOf(response: Pick<Response, "status" | "headers">): string | undefined {
  if (response.status !== 400 && response.status !== 401) return undefined;
  const error = summarizeChallenges(response.headers.get("www-authenticate")).dpop?.error;
  return error === "use_dpop_nonce" || error === "invalid_dpop_proof" ? error : undefined;
}

/** Whether a redirect led to another path: the proof named the one before, and could not be accepted there. */
function isElsewhere(arrival: string, named: string): boolean {
  const [there, here] = [new URL(arrival), new URL(named)];
  return there.origin === here.origin && there.pathname !== here.pathname;
}

async function verdictOf(
  prover: DpopProver,
  target: ProvenRequest,
  proof: string,
  response: Response,
): Promise<ProofVerdict> {
  const nonce = response.headers.get("dpop-nonce");
  if (response.status !== 400 && response.status !== 401) {
    prover.noteNonce(target, nonce);
    return { kind: "unrelated" };
  }
  // RFC 9449 section 8: an authorization server says it in the body; a resource, which may stream, in the challenge.
  const error = proofErrorOf(response) ??
    (target.accessToken === undefined ? await bodyErrorOf(response) : undefined);
  return prover.judge(target, proof, { error, nonce, date: response.headers.get("date") });
}

async function bodyErrorOf(response: Response): Promise<string | undefined> {
  try {
    const body: unknown = await response.clone().json();
    const error = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}
