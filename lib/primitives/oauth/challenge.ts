/**
 * Reads `WWW-Authenticate`. A field may hold several challenges of any scheme, with quoted and unquoted parameters in
 * any order; what does not parse is skipped rather than refused, because the header only ever points the way and
 * everything it names is checked again.
 *
 * @see RFC 9110 section 11.6.1
 * @see RFC 9728 section 5.1, RFC 6750 section 3 (C8, X20)
 * @module
 */
import { CHALLENGE_MAX_CHARS } from "../limits.ts";

/** One challenge. */
export interface Challenge {
  /** The scheme in lower case, such as `bearer` or `dpop`. */
  readonly scheme: string;
  /** Parameters by their lower-case name; the first wins where one is repeated. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The credentials-like form that some schemes use in place of parameters. */
  readonly token68?: string;
}

/** What an MCP client takes from all challenges of a response together. */
export interface ChallengeSummary {
  /** Where the protected resource metadata is, as sent; not checked yet. */
  readonly resourceMetadata?: string;
  /** The scopes needed for this request, in the order given. */
  readonly scopes?: readonly string[];
  /** An error code of RFC 6750 section 3.1, such as `insufficient_scope`. */
  readonly error?: string;
  /** The server's words; untrusted. */
  readonly errorDescription?: string;
  /** What it says of tokens that are bound to a key, where it has a challenge of that scheme (RFC 9449 section 7.1). */
  readonly dpop?: DpopChallenge;
  /** The schemes, in lower case and untrusted, where none is of OAuth and no metadata is named: `basic`, `negotiate`. */
  readonly otherSchemes?: readonly string[];
}

/** The challenges of scheme `DPoP` together. */
export interface DpopChallenge {
  /** There is no `Bearer` challenge beside: no other tokens are taken. */
  readonly only: boolean;
  /** Such as `use_dpop_nonce`. */
  readonly error?: string;
  /** The JWS algorithms that it takes in proofs; absent where it does not say. */
  readonly algorithms?: readonly string[];
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`^(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, "s");
const SCHEME = new RegExp(`^(${TOKEN})(?=[ \\t,]|$)`);
const TOKEN68 = /^[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|$)/;

/**
 * Splits a `WWW-Authenticate` value into its challenges.
 *
 * @param value The field value; several fields joined by commas, as `Headers.get` gives them; null for none.
 */
export function parseChallenges(value: string | null): readonly Challenge[] {
  let rest = (value ?? "").slice(0, CHALLENGE_MAX_CHARS);
  const challenges: { scheme: string; parameters: Record<string, string>; token68?: string }[] = [];
  const take = (length: number) => {
    rest = rest.slice(length);
  };
  while (rest !== "") {
    const gap = /^[\s,]+/.exec(rest);
    if (gap !== null) {
      take(gap[0].length);
      continue;
    }
    const current = challenges.at(-1);
    const parameter = PARAMETER.exec(rest);
    if (parameter !== null) {
      const name = (parameter[1] ?? "").toLowerCase();
      if (current !== undefined) {
        current.parameters[name] ??= parameter[2]?.replace(/\\(.)/gs, "$1") ?? parameter[3] ?? "";
      }
      take(parameter[0].length);
      continue;
    }
    const scheme = SCHEME.exec(rest);
    if (scheme !== null) {
      take(scheme[0].length);
      const token68 = TOKEN68.exec(rest);
      if (token68 !== null) take(token68[0].length);
      challenges.push({
        scheme: (scheme[1] ?? "").toLowerCase(),
        parameters: Object.create(null),
        ...(token68?.[1] === undefined ? {} : { token68: token68[1] }),
      });
      continue;
    }
    const next = rest.indexOf(",");
    take(next === -1 ? rest.length : next + 1);
  }
  return challenges;
}

/**
 * Takes what a client needs from the challenges of a 401 or 403: the first that names each thing, OAuth schemes before
 * others.
 *
 * @param value As for {@linkcode parseChallenges}.
 */
export function summarizeChallenges(value: string | null): ChallengeSummary {
  const challenges = [...parseChallenges(value)].sort((a, b) => rank(a) - rank(b));
  const first = (name: string) =>
    challenges.map((challenge) => challenge.parameters[name]).find((found) =>
      found !== undefined && found !== ""
    );
  const resourceMetadata = first("resource_metadata");
  const scopes = first("scope")?.split(/\s+/).filter((each) => each !== "") ?? [];
  const error = first("error");
  const errorDescription = first("error_description");
  const dpop = dpopChallenge(challenges);
  const isOther = challenges.length > 0 && resourceMetadata === undefined &&
    challenges.every((challenge) => rank(challenge) === 2);
  return {
    ...(resourceMetadata === undefined ? {} : { resourceMetadata }),
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(error === undefined ? {} : { error }),
    ...(errorDescription === undefined ? {} : { errorDescription }),
    ...(dpop === undefined ? {} : { dpop }),
    ...(isOther ? { otherSchemes: [...new Set(challenges.map(({ scheme }) => scheme))] } : {}),
  };
}

function dpopChallenge(challenges: readonly Challenge[]): DpopChallenge | undefined {
  const own = challenges.filter(({ scheme }) => scheme === "dpop");
  if (own.length === 0) return undefined;
  const error = own.find(({ parameters }) => parameters.error)?.parameters.error;
  const algorithms = own.flatMap(({ parameters }) => parameters.algs?.split(/\s+/) ?? [])
    .filter((each) => each !== "");
  return {
    only: !challenges.some(({ scheme }) => scheme === "bearer"),
    ...(error === undefined ? {} : { error }),
    ...(algorithms.length === 0 ? {} : { algorithms }),
  };
}

function rank(challenge: Challenge): number {
  return challenge.scheme === "bearer" ? 0 : challenge.scheme === "dpop" ? 1 : 2;
}
